"""A mail submission server with STARTTLS that throws everything away. Usage: submission.py HOST PORT PEM"""
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[3])
Controller(Sink(), hostname=sys.argv[1], port=int(sys.argv[2]), tls_context=context, server_hostname="mail.lab.example").start()
while True:
    time.sleep(60)
