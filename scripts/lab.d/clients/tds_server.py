"""Stands in for Microsoft SQL Server: answers the pre-login, any login, and every batch with one row holding 1.

Usage: tds_server.py HOST PORT. Layout: [MS-TDS] sections 2.2.3 (packet header), 2.2.6.5 (PRELOGIN), 2.2.7 (token streams).
Encryption is refused (ENCRYPT_NOT_SUP), so that logins stay readable.
"""
import socketserver
import struct
import sys

PRELOGIN, LOGIN, BATCH, RPC, ATTENTION, ANSWER = 0x12, 0x10, 0x01, 0x03, 0x06, 0x04
ENVCHANGE, LOGINACK, DONE, DONEPROC, COLMETADATA, ROW, RETURNSTATUS = 0xE3, 0xAD, 0xFD, 0xFE, 0x81, 0xD1, 0x79


def packet(body):
    return struct.pack(">BBHHBB", ANSWER, 1, len(body) + 8, 0, 1, 0) + body


def wide(text):
    return text.encode("utf-16-le")


def prelogin():
    values = [(0, bytes([16, 0, 16, 0, 0, 0])), (1, b"\x02"), (2, b"\x00"), (3, b""), (4, b"\x00")]
    at, head, body = 5 * len(values) + 1, b"", b""
    for token, value in values:
        head += struct.pack(">BHH", token, at + len(body), len(value))
        body += value
    return head + b"\xff" + body


def environment(kind, new, old):
    body = bytes([kind, len(new)]) + wide(new) + bytes([len(old)]) + wide(old)
    return struct.pack("<BH", ENVCHANGE, len(body)) + body


def done(token=DONE, status=0, rows=0):
    return struct.pack("<BHHQ", token, status, 0xC1, rows)


def login():
    name = "Microsoft SQL Server"
    body = b"\x01" + bytes([0x74, 0, 0, 4, len(name)]) + wide(name) + bytes([16, 0, 16, 0])
    acknowledged = struct.pack("<BH", LOGINACK, len(body)) + body
    return environment(1, "master", "master") + acknowledged + environment(4, "4096", "4096") + done()


def one_row(procedure):
    column = struct.pack("<BHIHBB", COLMETADATA, 1, 0, 9, 0x26, 4) + bytes([1]) + wide("n")
    row = struct.pack("<BBi", ROW, 4, 1)
    if procedure:
        return column + row + done(0xFF, 0x11, 1) + struct.pack("<Bi", RETURNSTATUS, 0) + done(DONEPROC)
    return column + row + done(DONE, 0x10, 1)


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            kind, last = None, False
            while not last:
                head = self.rfile.read(8)
                if len(head) < 8:
                    return
                kind, status, size = struct.unpack_from(">BBH", head)
                self.rfile.read(size - 8)
                last = bool(status & 1)
            if kind == PRELOGIN:
                answer = prelogin()
            elif kind == LOGIN:
                answer = login()
            elif kind in (BATCH, RPC):
                answer = one_row(kind == RPC)
            elif kind == ATTENTION:
                answer = done(DONE, 0x20)
            else:
                answer = environment(8, "\x01", "") + done() if kind == 14 else done()
            self.wfile.write(packet(answer))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


Server((sys.argv[1], int(sys.argv[2])), Session).serve_forever()
