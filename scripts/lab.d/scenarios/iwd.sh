# Intelligent Workload Distribution with its data mart and e-mail: mail servers, Redis, PostgreSQL, Elasticsearch's REST.

TABLE=genesys/iwd
SHOWS="every documented connection of IWD, IWD Data Mart and Email, then each way to depart from the table"
SOFTWARE="aiosmtpd (25, 587), Dovecot (993), nginx, curl, elasticsearch-py, Redis 7, PostgreSQL 15, Prometheus, node exporter, OpenSSH"
STANDS_IN="nginx for IWD, the application gateway, GWS, Digital Channels and Elasticsearch; node exporter for IWD's metrics"
NEEDS="pip:aiosmtpd pip:elasticsearch tcpdump ethtool socat curl openssl postgresql-15 redis-server redis-tools dovecot-imapd dovecot-pop3d nginx prometheus openssh-server openssh-client python3 prometheus-node-exporter"

DEVIATE_FROM=iwd DEVIATE_TO=database DEVIATE_PORT=5432 OTHER_PORT=5433 DEVIATE_ROWS=8 DEVIATE_PROTOCOL=postgresql BYSTANDER=email

speak() { sql "$1" disable trusted "$2" "$3" iwd "select label from item limit 2"; }

scenario_nodes() {
  node email 10
  node provider 11
  node source 12
  node gateway 13
  node iwd 14
  node datamart 15
  node gcxi 16
  node elastic 20
  node redis 21
  node gws 22
  node digital 23
  node database 30 31 32
  node martdb 35
  node tenantdb 36
  node prometheus 50
  node stranger 60
  node passer 61
  overlay iwd database
}

scenario_servers() {
  PG_LISTEN=$(overlay_address 10.92.0 database),$(overlay_address 10.93.0 database) postgres_start database 5432 on iwd
  postgres_start database 5433 off iwd
  postgres_start martdb 5432 on gim
  postgres_start tenantdb 5432 on iwddm
  submission_start provider 25
  submission_start provider 587
  imap_start provider
  nginx_start provider "server { listen $(address provider):443 ssl http2; location / { return 200 \"graph\\n\"; } }"
  nginx_start gateway 'server { listen 443 ssl http2; location / { return 200 "accepted\n"; } } server { listen 8443; location / { return 200 "plain\n"; } }'
  nginx_start iwd 'server { listen 4024; default_type application/json; location / { return 200 "{\"items\":[]}\n"; } }'
  nginx_start elastic 'server { listen 9200; default_type application/json; location / { add_header X-elastic-product Elasticsearch; return 200 "{\"version\":{\"number\":\"8.15.0\"}}"; } }'
  nginx_start gws 'server { listen 80; default_type application/json; location / { return 200 "{}\n"; } }'
  nginx_start digital 'server { listen 80; default_type application/json; location / { return 200 "{}\n"; } }'
  redis_start redis
  metrics_start iwd 10052
}

mail() { on email timeout 20 python3 "$LAB/clients/smtp.py" "$(address provider)" "$1" "$2" >>"$WORK/log/mail" 2>&1; }

scenario_clean() {
  flow email provider 25 smtp starttls - allowed match 1 "SMTP with STARTTLS"
  mail 25 starttls
  flow email provider 443 http2 direct "sni=graph.example.com" allowed match 1 "Graph, over HTTPS"
  http email --resolve "graph.example.com:443:$(address provider)" https://graph.example.com/v1.0/me/messages
  flow email provider 587 smtp starttls - allowed match 1 "submission with STARTTLS"
  mail 587 starttls
  flow email provider 993 tls direct - allowed match 1 "IMAP over TLS"
  on email timeout 20 python3 "$LAB/clients/imap.py" "$(address provider)" 993 tls >>"$WORK/log/mail" 2>&1
  flow email iwd 4024 http no - allowed match "2" "e-mail items"
  http email -d '{"item":1}' "http://$(address iwd):4024/iwd/v1/items"
  flow source gateway 443 http2 direct "sni=iwd.example.com" allowed match 3 "work items"
  http source --resolve "iwd.example.com:443:$(address gateway)" -d '{"item":2}' https://iwd.example.com/items
  flow gateway iwd 4024 http no - allowed match "4" "work items"
  http gateway "http://$(address iwd):4024/iwd/v1/items"
  flow iwd elastic 9200 http no - allowed match 6 "work items are indexed"
  on iwd timeout 20 "$PYTHON" -c "
from elasticsearch import Elasticsearch
e = Elasticsearch('http://$(address elastic):9200'); e.index(index='items', document={'item': 1})" >>"$WORK/log/elastic" 2>&1
  flow iwd redis 6379 redis no - allowed match 7 "runtime cache"
  printf 'SET item:1 new\nGET item:1\n' | on iwd redis-cli -h "$(address redis)" >/dev/null
  flow iwd database 5432 postgresql no "database=iwd;user=trusted" allowed match 8 "work items"
  speak iwd "$(address database)" 5432
  flow datamart iwd 4024 http no - allowed match "9" "reporting events"
  http datamart "http://$(address iwd):4024/iwd/v1/events"
  flow prometheus iwd 10052 http no - allowed match 10 "metrics"
  prometheus_start prometheus iwd:10052
  prometheus_stop prometheus
  flow iwd gws 80 http no - allowed match 11 "a task is submitted"
  http iwd -d '{}' "http://$(address gws)/workitems"
  flow iwd digital 80 http no - allowed match 12 "configuration is fetched"
  http iwd "http://$(address digital)/config"
  flow datamart gws 80 http no - allowed match 13 "a token is asked for"
  http datamart -d grant_type=client_credentials "http://$(address gws)/auth/v3/oauth/token"
  flow datamart martdb 5432 postgresql sslrequest - allowed match 14 "agent details"
  sql datamart require scram martdb 5432 gim "select 1"
  flow gcxi tenantdb 5432 postgresql no "database=iwddm;user=trusted" allowed match 15 "reports"
  sql gcxi disable trusted tenantdb 5432 iwddm "select count(*) from item"
  flow datamart tenantdb 5432 postgresql no "database=iwddm;user=trusted" allowed match 16 "aggregated events"
  sql datamart disable trusted tenantdb 5432 iwddm "insert into item(label) values('aggregated')"
}

scenario_deviations() {
  deviate
  flow email provider 587 smtp no - not-allowed plaintext-where-tls 1 "submission without STARTTLS"
  mail 587 plain
  flow email provider 25 smtp no - not-allowed plaintext-where-tls 1 "SMTP without STARTTLS: a warning, for such relays exist"
  mail 25 plain
  flow email provider 143 imap no - not-allowed wrong-port 1 "IMAP in plaintext on a port that is not documented"
  on email timeout 20 python3 "$LAB/clients/imap.py" "$(address provider)" 143 plain >>"$WORK/log/mail" 2>&1
  flow source gateway 8443 http no - not-allowed wrong-port 3 "plaintext HTTP on another port"
  http source "http://$(address gateway):8443/items"
  flow iwd redis 6380 - - - not-allowed wrong-port 7 "refused: no TLS port at this Redis"
  connect_only iwd redis 6380
}

scenario_site() {
  cat <<C
tables = ["genesys/iwd"]

[networks]
cluster = ["10.91.0.0/24", "10.92.0.0/24", "10.93.0.0/24", "10.96.0.0/12"]

[roles]
"Email" = $(role_addresses email)
"Email Service Provider" = $(role_addresses provider)
"Intelligent Workload Distribution" = $(role_deviate_from)
"Source system" = $(role_addresses source)
"Application Gateway" = $(role_addresses gateway)
"IWD Service (Cluster IP)" = ["10.96.40.24"]
"Elasticsearch" = $(role_addresses elastic)
"Redis" = $(role_addresses redis)
"PostgreSQL" = $(role_deviate_to)
"IWD Data Mart" = $(role_addresses datamart)
"Prometheus" = $(role_addresses prometheus)
"Genesys Web Services and Applications" = $(role_addresses gws)
"Digital Channels" = $(role_addresses digital)
"Genesys Info Mart Postgres DB" = $(role_addresses martdb)
"Genesys Customer Experience Insights" = $(role_addresses gcxi)
"IWD Datamart Tenant Postgres DB" = $(role_addresses tenantdb)
C
}

scenario_rows() {
  seen 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
}
