"""Logs in and counts. Usage: pop.py HOST plain|starttls"""
import poplib
import ssl
import sys

box = poplib.POP3(sys.argv[1])
if sys.argv[2] == "starttls":
    box.stls(ssl._create_unverified_context())
box.user("user")
box.pass_("pw")
print(box.stat())
box.quit()
