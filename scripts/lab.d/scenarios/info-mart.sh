# Genesys Info Mart: Flink, Kafka, PostgreSQL with and without TLS, object storage, Prometheus.

TABLE=genesys/info-mart
SHOWS="every documented connection of Genesys Info Mart, then each way to depart from the table"
SOFTWARE="Flink (job manager, task manager, its Prometheus reporter), Kafka 0.9.0.1 and librdkafka's mock cluster, librdkafka, kafkajs, PostgreSQL 15, nginx, curl, Prometheus, node exporter, dnsmasq, OpenSSH"
STANDS_IN="nginx for the object storage and node exporter for GIM's metrics; the clients are those of the same protocols, not Genesys' own"
NEEDS="kafka kafkajs flink pip:confluent-kafka tcpdump ethtool socat curl openssl openjdk-17-jdk-headless postgresql-15 nodejs nginx prometheus dnsmasq-base openssh-server openssh-client python3 prometheus-node-exporter"

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
  echo "nameserver $(address dns)" >"/etc/netns/$RUN-gim/resolv.conf"
}

scenario_servers() {
  dns_start dns "host-record=$BROKER,$(address kafka)"
  kafka_start kafka &
  flink_start gsp &
  PG_LISTEN=$(overlay_address 10.92.0 configdb),$(overlay_address 10.93.0 configdb) postgres_start configdb 5432 off config
  postgres_start configdb 5433 off config
  postgres_start martdb 5432 on gim
  postgres_start martdb 5433 on gim
  postgres_start martdb-old 5432 off gim
  mock_start kafka-new
  mock_listen kafka-new 9092
  nginx_start kafka-http 'server { listen 9092; location / { return 200 "{}\n"; } }'
  nginx_start store 'server { listen 443 ssl http2; location / { return 200 "stored\n"; } }'
  metrics_start gim 8249
  wait
  ready kafka 9092 120 && ready gsp 8081 120
}

scenario_clean() {
  local mock
  mock="$(address kafka-new):9092"
  flow gsp-task gsp 6123 pekko no - allowed match internal-6123 "a task manager registers at the job manager"
  flow gsp-task gsp 6124 - no - allowed match internal-6124 "the task manager fetches the job's jar"
  flow gsp-task gsp 8081 http no - allowed match internal-8081 "REST: a job is uploaded and started"
  flow gsp gsp-task 6122 pekko no - allowed match internal-6122 "RPC to the task manager"
  flink_taskmanager gsp-task gsp
  until_true 60 on gsp sh -c "curl -s http://$(address gsp):8081/taskmanagers | grep -q freeSlots"
  sleep 1
  flink_job gsp-task gsp
  flink_probe gsp gsp-task

  flow gsp store 443 http2 direct "sni=gsp-state.s3.example.com" allowed match 1 "a checkpoint"
  http gsp --resolve "gsp-state.s3.example.com:443:$(address store)" -T /etc/hostname https://gsp-state.s3.example.com/checkpoint
  flow gca store 443 http direct "sni=gca-snapshot.s3.example.com" allowed match 2 "a snapshot"
  http gca --http1.1 --resolve "gca-snapshot.s3.example.com:443:$(address store)" -T /etc/hostname https://gca-snapshot.s3.example.com/snapshot
  flow gca configdb 5432 postgresql no "database=config;user=trusted" allowed match 3 "configuration data"
  sql gca disable trusted configdb 5432 config "select label from item limit 2"
  flow gca martdb 5432 postgresql no "database=gim;user=trusted" allowed match 4 "the snapshot is synchronised"
  sql gca disable trusted martdb 5432 gim "select count(*) from item"
  flow gim martdb 5432 postgresql sslrequest - allowed match 5 "transformed data, sslmode=require"
  sql gim require scram martdb 5432 gim "select count(*) from item"
  flow gim store 443 http2 direct "sni=gim-export.s3.example.com" allowed match 6 "an export; TLS where print says HTTP"
  http gim --resolve "gim-export.s3.example.com:443:$(address store)" -T /etc/hostname https://gim-export.s3.example.com/export
  flow prometheus gsp 9249 http no - allowed match 7 "Flink's own metrics"
  flow prometheus gim 8249 http no - allowed match 8 "metrics"
  prometheus_start prometheus gsp:9249 gim:8249
  prometheus_stop prometheus

  flow gsp kafka-new 9092 kafka no "client_id=gsp" allowed match 9 "librdkafka produces, modern versions"
  mock_client gsp kafka-new 9092 "$PYTHON" "$LAB/clients/confluent.py" produce events 3 "bootstrap.servers=$mock" client.id=gsp
  flow gca kafka-new 9092 kafka no "client_id=gca" allowed match 10 "kafkajs produces"
  mock_client gca kafka-new 9092 env NODE_PATH="$KAFKAJS" node "$LAB/clients/kafkajs.js" "$mock" config 2 gca
  flow gim dns 53/udp dns no - allowed match platform/kubernetes:dns-udp "the broker's name is asked for"
  flow gim kafka 9092 kafka no - allowed match 11 "librdkafka produces at a real broker, found by name"
  on gim timeout 60 "$PYTHON" "$LAB/clients/confluent.py" produce mart 2 "bootstrap.servers=$BROKER:9092" broker.address.family=v4 client.id=gim \
    api.version.request=false broker.version.fallback=0.9.0 >>"$WORK/log/confluent" 2>&1
}

scenario_deviations() {
  deviate
  flow gim martdb 5432 postgresql no "database=gim;user=trusted" not-allowed plaintext-where-tls 5 "sslmode=disable where SSL is documented"
  sql gim disable trusted martdb 5432 gim "select 1"
  flow gim martdb-old 5432 postgresql no "database=gim;user=trusted" not-allowed plaintext-where-tls 5 "sslmode=prefer at a server without TLS: refused, then plaintext"
  sql gim prefer trusted martdb-old 5432 gim "select 1"
  flow gim martdb 5433 postgresql sslrequest - not-allowed wrong-port 5 "a read replica that the site file accepts"
  sql gim require scram martdb 5433 gim "select 1"
  flow gim kafka-http 9092 http no - not-allowed wrong-protocol 11 "another protocol on the port: HTTP"
  http gim "http://$(address kafka-http):9092/metrics"
  flow gim stranger 9092 - - - not-allowed unknown-destination 11 "a destination that fills no role"
  connect_only gim stranger 9092
}

scenario_site() {
  cat <<C
tables = ["genesys/info-mart", "platform/kubernetes"]

[networks]
cluster = ["10.91.0.0/24", "10.92.0.0/24", "10.93.0.0/24"]

[roles]
"GIM Stream Processor" = $(role_addresses gsp gsp-task)
"GIM Config Adapter" = $(role_deviate_from)
"GIM" = $(role_addresses gim)
"Kafka" = [{ name = "$BROKER" }, "$(address kafka-new)", "$(address kafka-http)"]
"Configuration Database" = $(role_deviate_to)
"Info Mart database" = $(role_addresses martdb martdb-old)
"Object storage" = [{ sni = "*.s3.example.com" }]
"Prometheus" = $(role_addresses prometheus)
"Cluster DNS" = $(role_addresses dns)

[[waiver]]
reason = "wrong-port"
initiator = "GIM"
responder = "$(address martdb)"
port = 5433
because = "read replica, until the move to the new cluster"
owner = "dba@example.com"
until = 2099-12-31
C
}

scenario_rows() {
  seen 1 2 3 4 5 6 7 8 9 10 11 internal-6122 internal-6123 internal-6124 internal-8081
}
