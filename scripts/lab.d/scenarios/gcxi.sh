# Genesys Customer Experience Insights: an ingress controller in front of a web application, PostgreSQL, Prometheus.

TABLE=genesys/gcxi
SHOWS="every documented connection of GCXI that has a port, then each way to depart from the table"
SOFTWARE="nginx (as gateway, ingress controller and application), curl, PostgreSQL 15, Prometheus, node exporter, OpenSSH"
STANDS_IN="nginx for GCXI and Genesys Authentication, a line of text on 34952 for MicroStrategy, node exporter for the metrics"
NEEDS="tcpdump ethtool socat curl openssl postgresql-15 nginx prometheus openssh-server openssh-client python3 prometheus-node-exporter"

DEVIATE_FROM=gcxi DEVIATE_TO=shared DEVIATE_PORT=5432 OTHER_PORT=5433 DEVIATE_ROWS=7 DEVIATE_PROTOCOL=postgresql BYSTANDER=prometheus

speak() { sql "$1" disable trusted "$2" "$3" meta "select label from item limit 2"; }

scenario_nodes() {
  node internet 3
  node gateway 4
  node proxy 5
  node jump 6
  node ingress 7
  node gcxi 10
  node raa 11
  node auth 20
  node logging 21
  node shared 30 31 32
  node iwddb 35
  node martdb 36
  node prometheus 50
  node stranger 60
  node passer 61
  overlay gcxi shared
  # Addresses for documentation (RFC 5737) stand for the public Internet.
  on internet ip address add 203.0.113.5/24 dev eth0
  on gateway ip address add 203.0.113.10/24 dev eth0
}

scenario_servers() {
  PG_LISTEN=$(overlay_address 10.92.0 shared),$(overlay_address 10.93.0 shared) postgres_start shared 5432 on meta
  postgres_start shared 5433 off meta
  postgres_start iwddb 5432 on iwd
  postgres_start martdb 5432 on gim
  nginx_start gateway 'server { listen 443 ssl http2; location / { return 200 "gateway\n"; } }'
  nginx_start ingress "server { listen 443 ssl http2; location / { proxy_http_version 1.1; proxy_pass http://$(address gcxi):8080; } }
    server { listen $(address ingress):80; location / { return 200 \"ingress\\n\"; } }"
  nginx_start proxy 'server { listen 443; location / { return 200 "plain\n"; } }'
  nginx_start gcxi 'server { listen 8080; location / { return 200 "reports\n"; } }'
  nginx_start auth 'server { listen 80; default_type application/json; location / { return 200 "{\"user\":\"lab\"}\n"; } }'
  nginx_start logging 'server { listen 9200; default_type application/json; location / { return 200 "{}\n"; } }'
  plain_start ingress "MicroStrategy, through the ingress controller" 34952
  plain_start gcxi "MicroStrategy, straight to the application" 34952
  metrics_start gcxi 9101
  metrics_start raa 9101
}

scenario_clean() {
  flow 203.0.113.5 203.0.113.10 443 http2 direct "sni=reports.example.com" allowed match 1 "web traffic from outside"
  http internet --resolve reports.example.com:443:203.0.113.10 https://reports.example.com/
  flow jump ingress 34952 - no - allowed match 2 "MicroStrategy Developer through the ingress controller"
  plain jump ingress 34952
  flow jump gcxi 34952 - no - allowed match 2 "the same past the ingress controller, as the footnote allows"
  plain jump gcxi 34952
  flow proxy ingress 443 http2 direct "sni=gcxi.example.com" allowed match 3 "web traffic to the ingress controller"
  flow ingress gcxi 8080 http no - allowed match 4 "and from there to GCXI, which nginx opens itself"
  http proxy --resolve "gcxi.example.com:443:$(address ingress)" https://gcxi.example.com/MicroStrategy
  flow gcxi auth 80 http no - allowed match 5 "who is this user"
  http gcxi "http://$(address auth)/auth/v3/userinfo"
  flow gcxi shared 5432 postgresql no "database=meta;user=trusted" allowed match 7 "the metadata database"
  speak gcxi "$(address shared)" 5432
  flow gcxi iwddb 5432 postgresql sslrequest - allowed match 8 "the iWD database, with TLS"
  sql gcxi require scram iwddb 5432 iwd "select 1"
  flow gcxi martdb 5432 postgresql sslrequest - allowed match 9 "the Info Mart database, with TLS"
  sql gcxi require scram martdb 5432 gim "select 1"
  flow raa martdb 5432 postgresql no "database=gim;user=trusted" allowed match 10 "aggregation"
  sql raa disable trusted martdb 5432 gim "update item set label = 'aggregated' where id = 1"
  flow prometheus gcxi 9101 http no - allowed match 11 "metrics"
  flow prometheus raa 9101 http no - allowed match 12 "metrics"
  prometheus_start prometheus gcxi:9101 raa:9101
  prometheus_stop prometheus
  flow raa logging 9200 http no - allowed match 13 "a row without a port, to which the site file pins 9200"
  http raa -d '{"message":"lab"}' -H 'content-type: application/json' "http://$(address logging):9200/logs/_doc"
}

scenario_deviations() {
  deviate
  flow gcxi logging 9200 http no - undetermined ambiguous-document 6 "a row without a port, and no pin: the document does not say"
  http gcxi -d '{"message":"lab"}' "http://$(address logging):9200/logs/_doc"
  flow gateway proxy 443 http no - not-allowed undocumented-pair - "two roles that no row connects, with plaintext HTTP on 443"
  http gateway "http://$(address proxy):443/"
  flow proxy ingress 80 http no - not-allowed wrong-port 3 "plaintext HTTP on port 80 where HTTPS on 443 is documented"
  http proxy "http://$(address ingress)/"
  flow 203.0.113.5 203.0.113.10 22 - - - not-allowed wrong-port 1 "an attempt from outside at a closed port"
  connect_only internet 203.0.113.10 22
}

scenario_site() {
  cat <<C
tables = ["genesys/gcxi"]

[networks]
cluster = ["10.91.0.0/24", "10.92.0.0/24", "10.93.0.0/24"]

[roles]
"Inbound Gateway" = ["$(address gateway)", "203.0.113.10"]
"Windows Jump" = $(role_addresses jump)
"Ingress Proxy" = $(role_addresses proxy)
"Ingress controller" = $(role_addresses ingress)
"GCXI StatefulSet" = $(role_deviate_from)
"RAA StatefulSet" = $(role_addresses raa)
"GAuth: Authorization Service" = $(role_addresses auth)
"Logging destination, such as ElasticSearch" = $(role_addresses logging)
"GCXI Shared PostgreSQL (Database per tenant)" = $(role_deviate_to)
"IWD Database" = $(role_addresses iwddb)
"Genesys Info Mart Database" = $(role_addresses martdb)
"Prometheus" = $(role_addresses prometheus)

[ports."genesys/gcxi"]
"13" = [9200]
C
}

scenario_rows() {
  seen 1 2 3 4 5 7 8 9 10 11 12 13
  not_observable logical-only 6 14 15 16
}
