"""Says one line to a stand-in. Usage: plain_client.py HOST PORT WHO"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as end:
    end.sendall(b"laboratory exchange from %s, not a real protocol\n" % sys.argv[3].encode())
    print(end.recv(256))
