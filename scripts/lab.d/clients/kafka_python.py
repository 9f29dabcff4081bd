"""A producer by kafka-python. Usage: kafka_python.py HOST:PORT TOPIC COUNT CLIENT-ID"""
import sys

from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers=sys.argv[1], client_id=sys.argv[4])
for number in range(int(sys.argv[3])):
    producer.send(sys.argv[2], b"record %d" % number)
producer.flush(20)
producer.close()
