"""Asks a DNS server. Usage: dns_query.py HOST PORT [--tcp] NAME[:TYPE]..."""
import socket
import struct
import sys

host, port, names = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
tcp = "--tcp" in names
for number, name in enumerate(n for n in names if n != "--tcp"):
    name, _, kind = name.partition(":")
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack(">HHHHHH", 0x1000 + number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", int(kind or 1), 1)
    if tcp:
        with socket.create_connection((host, port), 5) as end:
            end.sendall(struct.pack(">H", len(query)) + query)
            print(end.recv(2048))
    else:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.settimeout(5)
            end.sendto(query, (host, port))
            print(end.recv(2048))
