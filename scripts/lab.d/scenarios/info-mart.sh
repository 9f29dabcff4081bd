# Genesys Info Mart: Flink, Kafka, PostgreSQL with and without TLS, object storage, Prometheus.

TABLE=genesys/info-mart
SHOWS="every documented connection of Genesys Info Mart, then each way to depart from the table"
SOFTWARE="Flink (job manager, task manager, its Prometheus reporter), Kafka 0.9.0.1 and librdkafka's mock cluster, librdkafka, kafkajs, PostgreSQL 15, nginx, curl, Prometheus, node exporter, dnsmasq, OpenSSH"
STANDS_IN="nginx for the object storage and node exporter for GIM's metrics; the clients are those of the same protocols, not Genesys' own"

DEVIATE_FROM=gca DEVIATE_TO=configdb DEVIATE_PORT=5432 OTHER_PORT=5433 DEVIATE_ROWS=3 DEVIATE_PROTOCOL=postgresql BYSTANDER=prometheus
BROKER=kafka.infra.svc.cluster.local

speak() { sql "$1" disable trusted "$2" "$3" config "select label from item limit 2"; }

scenario_nodes() {
  node dns 2
  node gsp 10
  node gsp-task 11
  node gca 12
  node gim 13
  node kafka 20
  node kafka-new 21
  node kafka-http 22
  node configdb 30 31 32
  node martdb 35
  node martdb-old 36
  node store 40
  node prometheus 50
  node stranger 60
  node passer 61
  overlay gca configdb
