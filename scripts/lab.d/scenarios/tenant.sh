# Tenant Service: proprietary ports, PostgreSQL, Kafka on two ports, Redis here and in another region.

TABLE=genesys/tenant
SHOWS="every documented connection of the Tenant Service that names a port, then each way to depart from the table"
SOFTWARE="PostgreSQL 15, librdkafka's mock cluster behind a relay, librdkafka, Redis 7, nginx, curl, Prometheus, node exporter, OpenSSH"
STANDS_IN="a line of text on 8888, 8000, 2060, 5050 and 7120, whose protocols are Genesys' own; nginx on 5580; node exporter on 15000"
NEEDS="pip:confluent-kafka tcpdump ethtool socat curl openssl postgresql-15 redis-server redis-tools nginx prometheus openssh-server openssh-client python3 prometheus-node-exporter"

DEVIATE_FROM=tenant DEVIATE_TO=database DEVIATE_PORT=5432 OTHER_PORT=5433 DEVIATE_ROWS=15,17 DEVIATE_PROTOCOL=postgresql BYSTANDER=pulse

speak() { sql "$1" disable trusted "$2" "$3" tenant "select label from item limit 2"; }

scenario_nodes() {
  node tenant 10
  node billing 11
  node pulse 12
  node interaction 13
  node gws 14
  node auth 15
  node gplus 16
  node engagement 17
  node voice 18
  node kafka 20
  node kafka-http 22
  node database 30 31 32
  node redis 40
  node redis-remote 42
  node prometheus 50
  node stranger 60
  node passer 61
  overlay tenant database
}

scenario_servers() {
  PG_LISTEN=$(overlay_address 10.92.0 database),$(overlay_address 10.93.0 database) postgres_start database 5432 on tenant
  postgres_start database 5433 off tenant
  mock_start kafka
  mock_listen kafka 9092
  mock_listen kafka 9093 tls
  nginx_start kafka-http 'server { listen 9092; location / { return 200 "{}\n"; } }'
  redis_start redis
  redis_start redis-remote
  plain_start tenant "Tenant Service" 8888 8000 2060 5050
  plain_start interaction "Interaction Server" 7120
  plain_start voice "a Voice Microservice" 7000
  nginx_start tenant "server { listen $(address tenant):5580; default_type application/json; location / { return 200 \"{}\\n\"; } }"
  metrics_start tenant 15000
}

scenario_clean() {
  local from port row
  while read -r from port row; do
    flow "$from" tenant "$port" - no - allowed match "$row" "a stand-in for Genesys' own protocol"
    plain "$from" tenant "$port"
  done <<C
billing 8888 1
pulse 8888 2
pulse 8000 3
interaction 8888 4
interaction 2060 6
gws 8888 7
gws 8000 8
gws 2060 9
gws 5050 10
auth 8888 11
gplus 8888 12
gplus 8000 13
C
  flow tenant interaction 7120 - no - allowed match 5 "a stand-in for Genesys' own protocol"
  plain tenant interaction 7120
  flow prometheus tenant 15000 http no - allowed match 14 "metrics"
  prometheus_start prometheus tenant:15000
  prometheus_stop prometheus
  flow tenant database 5432 postgresql no "database=tenant;user=trusted" allowed match "15,17" "provisioning and campaigns: one wire, two rows"
  speak tenant "$(address database)" 5432
  flow engagement tenant 5580 http no - allowed match 16 "a routing request"
  http engagement -d '{}' "http://$(address tenant):5580/route"
  flow tenant kafka 9092 kafka no "client_id=tenant" allowed match 19 "outbound reporting in plaintext"
  mock_client tenant kafka 9092 "$PYTHON" "$LAB/clients/confluent.py" produce outbound 2 "bootstrap.servers=$(address kafka):9092" client.id=tenant
  flow tenant kafka 9093 tls direct - allowed match 19 "outbound reporting over TLS"
  mock_client tenant kafka 9093 "$PYTHON" "$LAB/clients/confluent.py" produce outbound 2 "bootstrap.servers=$(address kafka):9093" client.id=tenant \
    security.protocol=SSL enable.ssl.certificate.verification=false
  flow tenant redis 6379 redis no - allowed match "20,21" "call control and configuration: one wire, two rows"
  printf 'XADD calls * state ringing\nGET config\n' | on tenant redis-cli -h "$(address redis)" >/dev/null
  flow tenant redis-remote 6379 redis no - allowed match 22 "the other region's Redis, RESP3"
  printf 'XADD calls * state ringing\n' | on tenant redis-cli -3 -h "$(address redis-remote)" >/dev/null
}

scenario_deviations() {
  deviate
  flow tenant voice 7000 - no - undetermined ambiguous-document 18 "a row that refers to a document which is not at hand"
  plain tenant voice 7000
  flow tenant kafka-http 9092 http no - not-allowed wrong-protocol 19 "another protocol on the port: HTTP"
  http tenant "http://$(address kafka-http):9092/metrics"
  flow billing tenant 8000 - no - not-allowed wrong-port 1 "a port that is documented for others, not for this source"
  plain billing tenant 8000
  flow kafka tenant 8888 - no - not-allowed wrong-direction 19 "Kafka's host begins"
  plain kafka tenant 8888
}

scenario_site() {
  cat <<C
tables = ["genesys/tenant"]

[networks]
cluster = ["10.91.0.0/24", "10.92.0.0/24", "10.93.0.0/24"]

[roles]
"Tenant Service" = $(role_deviate_from)
"Billing Data Service" = $(role_addresses billing)
"Genesys Pulse" = $(role_addresses pulse)
"Interaction Server" = $(role_addresses interaction)
"Genesys Web Services and Applications" = $(role_addresses gws)
"Genesys Authentication" = $(role_addresses auth)
"Gplus Adapters for WFM" = $(role_addresses gplus)
"Genesys Engagement Service" = $(role_addresses engagement)
"Voice Microservices" = $(role_addresses voice)
"Kafka" = $(role_addresses kafka kafka-http)
"PostgreSQL" = $(role_deviate_to)
"Redis" = $(role_addresses redis)
"Prometheus" = $(role_addresses prometheus)

[rows."genesys/tenant"."22"]
destination = $(role_addresses redis-remote)
C
}

scenario_rows() {
  seen 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 19 20 21 22
  not_observable documented-elsewhere 18
}
