// A producer by kafkajs. Usage: node kafkajs.js HOST:PORT TOPIC COUNT CLIENT-ID
const { Kafka, logLevel } = require("kafkajs");

const [broker, topic, count, clientId] = process.argv.slice(2);
const kafka = new Kafka({ clientId, brokers: [broker], logLevel: logLevel.NOTHING, retry: { retries: 3 } });

(async () => {
  const producer = kafka.producer();
  await producer.connect();
  const messages = [...Array(Number(count)).keys()].map((n) => ({ value: `record ${n}` }));
  await producer.send({ topic, messages });
  await producer.disconnect();
})().catch((trouble) => {
  console.error(trouble);
  process.exit(1);
});
