"""Logs in and looks at the inbox. Usage: imap.py HOST PORT plain|starttls|tls"""
import imaplib
import ssl
import sys

host, port, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl._create_unverified_context()
box = imaplib.IMAP4_SSL(host, port, ssl_context=context) if how == "tls" else imaplib.IMAP4(host, port)
if how == "starttls":
    box.starttls(context)
print(box.login("user", "pw"), box.select())
box.logout()
