"""Asks PostgreSQL for GSSAPI encryption and goes on without it when it is refused. Usage: gssenc.py HOST PORT USER DATABASE

Layout: PostgreSQL documentation, "Message Formats": GSSENCRequest, StartupMessage, Query, Terminate.
"""
import socket
import struct
import sys

host, port, user, database = sys.argv[1:]
with socket.create_connection((host, int(port)), 5) as end:
    end.sendall(struct.pack(">ii", 8, 80877104))
    assert end.recv(1) == b"N"
    body = struct.pack(">i", 196608) + b"user\0%s\0database\0%s\0\0" % (user.encode(), database.encode())
    end.sendall(struct.pack(">i", len(body) + 4) + body)
    end.recv(4096)
    query = b"select 1\0"
    end.sendall(b"Q" + struct.pack(">i", len(query) + 4) + query)
    end.recv(4096)
    end.sendall(b"X" + struct.pack(">i", 4))
