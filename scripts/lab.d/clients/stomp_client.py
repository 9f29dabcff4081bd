"""STOMP clients of the given versions: send one message and read it back. Usage: stomp_client.py HOST PORT VERSION..."""
import sys
import threading

import stomp

host, port = sys.argv[1], int(sys.argv[2])
for version in sys.argv[3:]:
    arrived = threading.Event()

    class Listener(stomp.ConnectionListener):
        def on_message(self, frame):
            arrived.set()

    kind = {"1.0": stomp.Connection10, "1.1": stomp.Connection11, "1.2": stomp.Connection12}[version]
    connection = kind([(host, port)])
    connection.set_listener("", Listener())
    connection.connect(wait=True)
    connection.subscribe("/queue/lab", id="1", ack="auto")
    connection.send("/queue/lab", "hello")
    arrived.wait(5)
    connection.disconnect()
