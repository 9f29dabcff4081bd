# GVP Reporting Server: ActiveMQ, SNMP by AgentX, Prometheus with the SNMP exporter, probes of a kubelet.

TABLE=genesys/gvp-reporting-server
SHOWS="every documented connection of the GVP Reporting Server, then each way to depart from the table"
SOFTWARE="ActiveMQ 5.17 with its Java client, Net-SNMP (master and sub-agent by AgentX), Prometheus, SNMP exporter, FreeTDS, nginx, curl, OpenSSH"
STANDS_IN="a small TDS server for Microsoft SQL Server, a line of text on 8888 for the Config Server"
NEEDS="tcpdump ethtool socat curl openssl openjdk-17-jdk-headless activemq nginx snmpd snmp prometheus prometheus-snmp-exporter freetds-bin openssh-server openssh-client python3"

DEVIATE_FROM=rs DEVIATE_TO=sqlserver DEVIATE_PORT=1433 OTHER_PORT=1434 DEVIATE_ROWS=2 DEVIATE_PROTOCOL=tds BYSTANDER=mcp

speak() {
  printf 'select 1\ngo\nexit\n' | on "$1" timeout 15 env TDSVER=7.4 tsql -H "$2" -p "$3" -U sa -P pw >>"$WORK/log/tsql" 2>&1
}

scenario_nodes() {
  node rs 10
  node rs-other 11
  node init 12
  node config 13
  node master 14
  node kubelet 15
  node rm 16
  node mcp 17
  node exporter 18
  node sqlserver 30 31 32
  node prometheus 50
  node stranger 60
  node passer 61
  overlay rs sqlserver
}

scenario_servers() {
  local at
  for at in "$(address sqlserver) 1433" "$(address sqlserver) 1434" "$(overlay_address 10.92.0 sqlserver) 1433" "$(overlay_address 10.93.0 sqlserver) 1433"; do
    # shellcheck disable=SC2086
    background sqlserver sqlserver-tds python3 "$LAB/clients/tds_server.py" $at
  done
  ready sqlserver 1433
  activemq_start rs
  nginx_start rs 'server { listen 8080; location / { return 200 "ready\n"; } }'
  nginx_start rs-other 'server { listen 61616; location / { return 200 "not a broker\n"; } }'
  plain_start config "GVP Config Server" 8888
  snmpd_start master "master agentx" "agentXSocket tcp:$(address master):1705"
  SNMP_TARGET=127.0.0.1
  snmpd_start exporter "agentaddress udp:127.0.0.1:161" "view systemonly included .1"
  background exporter exporter-snmp prometheus-snmp-exporter --config.file=/etc/prometheus/snmp.yml --web.listen-address="$(address exporter):9116"
  ready exporter 9116
}

scenario_clean() {
  flow rs config 8888 - no - allowed match 1 "a stand-in for Genesys' own protocol"
  plain rs config 8888
  flow rs sqlserver 1433 tds no - allowed match 2 "a login and a query; the server is a stand-in"
  speak rs "$(address sqlserver)" 1433
  flow rs master 1705 agentx no - allowed match 3 "a sub-agent registers at the master agent"
  mkdir -p "$WORK/subagent"
  background rs rs-subagent env MIBS= SNMP_PERSISTENT_DIR="$WORK/subagent" snmpd -f -Le -X -x "tcp:$(address master):1705" -C -p "$WORK/subagent/pid"
  flow kubelet rs 61616 openwire no - allowed match-transport-only 4 "liveness: a connect; the broker alone speaks"
  connect_and_hear kubelet rs 61616
  flow kubelet rs 8080 http no - allowed match 4 "readiness"
  http kubelet -A kube-probe/1.29 "http://$(address rs):8080/health"
  flow prometheus exporter 9116 http no - allowed match 5 "metrics by way of the SNMP exporter"
  prometheus_start prometheus exporter:9116/snmp
  prometheus_stop prometheus
  flow init config 8888 - no - allowed match 6 "a stand-in for Genesys' own protocol"
  plain init config 8888
  flow rm rs 61616 openwire no - allowed match 7 "billing data, tight encoding"
  jms rm "tcp://$(address rs):61616" 1
  flow mcp rs 61616 openwire no - allowed match 8 "billing data, loose encoding"
  jms mcp "tcp://$(address rs):61616?wireFormat.tightEncodingEnabled=false" 1
}

scenario_deviations() {
  deviate
  flow rm rs-other 61616 http no - not-allowed wrong-protocol 7 "another protocol on the port: HTTP"
  http rm "http://$(address rs-other):61616/"
  flow rm rs 8080 http no - not-allowed wrong-port 7 "the readiness port, which is the kubelet's"
  http rm "http://$(address rs):8080/"
  flow mcp config 8888 - no - not-allowed undocumented-pair - "two roles that no row connects"
  plain mcp config 8888
}

scenario_site() {
  cat <<C
tables = ["genesys/gvp-reporting-server"]

[networks]
cluster = ["10.91.0.0/24", "10.92.0.0/24", "10.93.0.0/24"]

[roles]
"RS" = $(role_deviate_from rs-other)
"RS-Init" = $(role_addresses init)
"Config Server" = $(role_addresses config)
"SQL Server" = $(role_deviate_to)
"Master Agent" = $(role_addresses master)
"Kubelet" = $(role_addresses kubelet)
"Prometheus" = $(role_addresses prometheus)
"SNMP Exporter" = $(role_addresses exporter)
"RM" = $(role_addresses rm)
"MCP" = $(role_addresses mcp)
C
}

scenario_rows() {
  seen 1 2 3 4 5 6 7 8
}
