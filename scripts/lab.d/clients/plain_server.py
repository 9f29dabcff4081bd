"""Stands in for a proprietary server: greets, acknowledges one line, closes. Usage: plain_server.py HOST NAME PORT..."""
import socketserver
import sys
import threading

host, name, ports = sys.argv[1], sys.argv[2], sys.argv[3:]


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline()
        self.wfile.write(b"laboratory stand-in for %s, not its real protocol; got %d bytes\n" % (name.encode(), len(line)))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


for port in ports:
    threading.Thread(target=Server((host, int(port)), Session).serve_forever).start()
