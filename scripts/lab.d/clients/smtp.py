"""Sends one mail. Usage: smtp.py HOST PORT plain|starttls|tls"""
import smtplib
import ssl
import sys

host, port, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl._create_unverified_context()
name = "client.lab.example"
session = smtplib.SMTP_SSL(host, port, name, context=context) if how == "tls" else smtplib.SMTP(host, port, name)
if how == "starttls":
    session.starttls(context=context)
session.sendmail("a@example.org", ["root@lab.example"], "Subject: lab\r\n\r\nhello\r\n")
session.quit()
