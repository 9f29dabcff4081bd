"""A mail server with STARTTLS, or with TLS at once, that throws everything away. Usage: submission.py HOST PORT PEM [tls]"""
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[3])
how = {"ssl_context": context} if "tls" in sys.argv[4:] else {"tls_context": context}
Controller(Sink(), hostname=sys.argv[1], port=int(sys.argv[2]), server_hostname="mail.lab.example", **how).start()
while True:
    time.sleep(60)
