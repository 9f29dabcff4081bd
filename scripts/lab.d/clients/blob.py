"""Asks Flink's blob server for a blob that it does not have. Usage: blob.py HOST PORT

Layout: org.apache.flink.runtime.blob, BlobServerProtocol and BlobClient.sendGetHeader: operation GET (1), job-unrelated
content (0), then a permanent key (1), 20 bytes of hash and 16 of identity.
"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as end:
    end.sendall(b"\x01\x00" + bytes([0]) + b"lab blob hash 20byte" + b"lab identity 16b")
    print(end.recv(256))
