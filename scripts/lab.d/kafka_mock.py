"""librdkafka's own mock cluster with one broker, on the loopback. Writes its port to a file and stays."""
import sys
import time

from confluent_kafka import Producer

cluster = Producer({"bootstrap.servers": "unused:1", "test.mock.num.brokers": 1, "log_level": 0})
brokers = cluster.list_topics(timeout=20).brokers.values()
with open(sys.argv[1], "w") as file:
    file.write(str(next(iter(brokers)).port))
while True:
    time.sleep(60)
