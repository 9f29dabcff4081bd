"""A producer or a consumer by librdkafka. Usage: confluent.py produce|consume TOPIC COUNT KEY=VALUE..."""
import sys
import time

from confluent_kafka import Consumer, Producer

what, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
settings = dict(pair.split("=", 1) for pair in sys.argv[4:])
if what == "produce":
    producer = Producer({"message.timeout.ms": 20000, **settings})
    for number in range(count):
        producer.produce(topic, key=str(number), value="record %d" % number)
    left = producer.flush(25)
    sys.exit("not delivered: %d" % left if left else 0)
consumer = Consumer({"group.id": "lab", "auto.offset.reset": "earliest", "session.timeout.ms": 10000, **settings})
consumer.subscribe([topic])
end, seen = time.time() + 40, 0
while seen < count and time.time() < end:
    got = consumer.poll(0.5)
    seen += 1 if got and not got.error() else 0
consumer.close()
sys.exit(0 if seen >= count else "consumed %d of %d" % (seen, count))
