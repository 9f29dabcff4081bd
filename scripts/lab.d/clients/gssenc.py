"""Asks PostgreSQL for GSSAPI encryption, reads the answer and gives up. Usage: gssenc.py HOST PORT

Layout: PostgreSQL documentation, "Message Formats": GSSENCRequest.
"""
import socket
import struct
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as end:
    end.sendall(struct.pack(">ii", 8, 80877104))
    assert end.recv(1) == b"G"
