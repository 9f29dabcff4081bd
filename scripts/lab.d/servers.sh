# Starting real servers inside nodes. Each function returns when its server answers.

PG=/usr/lib/postgresql/15/bin

# A certificate for every name of the laboratory, made once a run. EC keeps the handshakes small.
certificate() {
  [ -f "$WORK/server.crt" ] && return
  openssl req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 3650 -nodes -subj "/CN=lab.example" \
    -addext "subjectAltName=DNS:*.lab.example,DNS:*.s3.example.com,DNS:*.example.com" \
    -keyout "$WORK/server.key" -out "$WORK/server.crt" 2>/dev/null
  chmod 644 "$WORK/server.key"
  cat "$WORK/server.key" "$WORK/server.crt" >"$WORK/server.pem"
  openssl pkcs12 -export -in "$WORK/server.crt" -inkey "$WORK/server.key" -name lab -out "$WORK/server.p12" -passout pass:changeit
}

# postgres_start NODE PORT SSL(on|off) [DATABASE...]
# Users: trusted (no password), scram and md5 (password pw), replica (may replicate).
postgres_start() {
  local node=$1 port=$2 ssl=$3 data="$WORK/postgres-$1-$2" name; shift 3
  certificate
  if [ ! -d "$WORK/postgres-template" ]; then
    install -d -o postgres "$WORK/postgres-template"
    runuser -u postgres -- $PG/initdb -D "$WORK/postgres-template" -A trust --no-sync -E UTF8 >"$WORK/log/initdb" 2>&1
  fi
  cp -a "$WORK/postgres-template" "$data"
  install -o postgres -m 600 "$WORK/server.key" "$data/server.key"
  install -o postgres -m 600 "$WORK/server.crt" "$data/server.crt"
  cat >>"$data/postgresql.conf" <<C
listen_addresses = '$(address "$node")${PG_LISTEN:+,$PG_LISTEN}'
port = $port
unix_socket_directories = '$data'
ssl = $ssl
shared_buffers = 16MB
wal_level = logical
max_wal_senders = 4
fsync = off
max_connections = 40
C
  cat >"$data/pg_hba.conf" <<C
local all all trust
local replication all trust
host all trusted 0.0.0.0/0 trust
host all trusted ::/0 trust
host all scram 0.0.0.0/0 scram-sha-256
host all md5 0.0.0.0/0 md5
host replication replica 0.0.0.0/0 scram-sha-256
host all replica 0.0.0.0/0 scram-sha-256
C
  background "$node" "$node-postgres" runuser -u postgres -- $PG/postgres -D "$data"
  until_true 60 on "$node" $PG/pg_isready -q -h "$data" -p "$port"
  { echo "create user trusted; create user scram password 'pw'; create user replica replication password 'pw';"
    echo "set password_encryption = 'md5'; create user md5 password 'pw';"
    for name in "$@"; do
      echo "create database $name; \\c $name"
      echo "create table item(id serial primary key, label text); insert into item(label) select 'row ' || n from generate_series(1, 20) n;"
      echo "grant all on all tables in schema public to public; grant all on all sequences in schema public to public;"
    done
  } | on "$node" psql -q -h "$data" -p "$port" -U postgres postgres >>"$WORK/log/$node-psql" 2>&1
}

# sql NODE SSLMODE USER HOST PORT DATABASE STATEMENT...: psql in a node.
sql() {
  local node=$1 mode=$2 user=$3 host=$4 port=$5 database=$6 one; shift 6
  local -a statements=()
  for one in "$@"; do statements+=(-c "$one"); done
  on "$node" env PGPASSWORD=pw PGSSLMODE="$mode" PGGSSENCMODE="${GSS:-disable}" PGCONNECT_TIMEOUT=10 \
    timeout 60 psql -qAt -h "$(address "$host")" -p "$port" -U "$user" "$database" "${statements[@]}" >>"$WORK/log/psql" 2>&1
}

kafka_classpath() { find "$KAFKA" -name '*.jar' ! -name '*doc*' ! -name '*sources*' ! -name '*test*' -printf '%p:'; }

java_small() { echo "java -Xmx${HEAP:-160m} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto"; }

# kafka_start NODE [PORT]: Kafka 0.9 with its ZooKeeper; plain on PORT (9092), TLS 1.2 on PORT + 1.
# ZOOKEEPER=public lets ZooKeeper listen on the node's address instead of the loopback.
kafka_start() {
  local node=$1 port=${2:-9092} home="$WORK/kafka-$1" zoo=127.0.0.1
  [ -n "${ZOOKEEPER:-}" ] && zoo=$(address "$node")
  certificate
  mkdir -p "$home"
  cat >"$home/zookeeper.properties" <<C
dataDir=$home/zookeeper
clientPort=2181
clientPortAddress=$zoo
tickTime=2000
C
  cat >"$home/server.properties" <<C
broker.id=0
listeners=PLAINTEXT://$(address "$node"):$port,SSL://$(address "$node"):$((port + 1))
zookeeper.connect=$zoo:2181
log.dirs=$home/logs
num.partitions=1
num.network.threads=1
num.io.threads=2
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
ssl.keystore.location=$WORK/server.p12
ssl.keystore.type=PKCS12
ssl.keystore.password=changeit
ssl.key.password=changeit
ssl.enabled.protocols=TLSv1.2
controlled.shutdown.enable=false
log.cleaner.enable=false
C
  cat >"$home/log4j.properties" <<C
log4j.rootLogger=WARN, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
C
  HEAP=64m
  # shellcheck disable=SC2046
  background "$node" "$node-zookeeper" $(java_small) -Dlog4j.configuration="file:$home/log4j.properties" -cp "$(kafka_classpath)" \
    org.apache.zookeeper.server.quorum.QuorumPeerMain "$home/zookeeper.properties"
  until_true 60 on "$node" timeout 2 bash -c "exec 3<>/dev/tcp/$zoo/2181"
  HEAP=192m
  # shellcheck disable=SC2046
  background "$node" "$node-kafka" $(java_small) -Dlog4j.configuration="file:$home/log4j.properties" -cp "$(kafka_classpath)" \
    kafka.Kafka "$home/server.properties"
  ready "$node" "$port" 120 && ready "$node" $((port + 1)) 60
}

# kafka_java NODE CLASS ARGUMENT...: one of Kafka 0.9's own console clients.
kafka_java() {
  local node=$1 class=$2; shift 2
  # shellcheck disable=SC2046
  HEAP=96m on "$node" timeout 60 $(java_small) -Dlog4j.configuration="file:$(echo "$WORK"/kafka-*/log4j.properties | cut -d' ' -f1)" \
    -cp "$(kafka_classpath)" "kafka.tools.$class" "$@" >>"$WORK/log/kafka-java" 2>&1
}

# mock_start NODE: librdkafka's own cluster of one broker (modern versions), on the node's loopback; then
# mock_listen NODE PORT [tls] [sasl] offers it on the node's address.
mock_start() {
  background "$1" "$1-mock" "$PYTHON" "$LAB/kafka_mock.py" "$WORK/mock-port"
  until_true 60 test -s "$WORK/mock-port"
  MOCK=$(cat "$WORK/mock-port")
}

mock_listen() {
  certificate
  background "$1" "$1-relay-$2" "$PYTHON" "$LAB/kafka_relay.py" "$(address "$1")" "$2" "$MOCK" "$WORK/server.pem" "${@:3}"
  ready "$1" "$2"
}

# mock_client NODE HOST PORT CLIENT...: the broker calls itself 127.0.0.1:MOCK, so the client's loopback leads to it.
mock_client() {
  local node=$1 host=$2 port=$3; shift 3
  background "$node" "$node-socat" socat "TCP-LISTEN:$MOCK,bind=127.0.0.1,fork,reuseaddr" "TCP:$(address "$host"):$port"
  local relay=$!
  until_true 10 on "$node" bash -c "ss -ltn | grep -q ':$MOCK '"
  on "$node" timeout 60 "$@" >>"$WORK/log/$node-kafka-client" 2>&1
  local status=$?
  kill -- "-$relay" 2>/dev/null
  sleep 0.5
  return $status
}

# activemq_start NODE [SCHEME:PORT...]: OpenWire on 61616, and further connectors such as stomp:61613, ssl:61617, tcp:7000.
activemq_classpath() {
  local jar list=$WORK
  for jar in activemq-client activemq-broker activemq-stomp activemq-openwire-legacy activemq-jaas \
    geronimo-jms_1.1_spec geronimo-j2ee-management-1.1-spec hawtbuf slf4j-api slf4j-jdk14 geronimo-annotation-1.3-spec; do
    list+=:/usr/share/java/$jar.jar
  done
  echo "$list"
}

activemq_compile() {
  [ -f "$WORK/Broker.class" ] || javac -nowarn -d "$WORK" -cp "$(activemq_classpath)" "$LAB/java/Broker.java" "$LAB/java/Client.java"
}

activemq_start() {
  certificate
  activemq_compile
  HEAP=128m
  # shellcheck disable=SC2046
  background "$1" "$1-activemq" $(java_small) -cp "$(activemq_classpath)" Broker "$(address "$1")" "$WORK/server.p12" "${@:2}"
  ready "$1" 61616
}

# jms NODE URL MESSAGES: a Java client that sends and receives.
jms() {
  # shellcheck disable=SC2046
  HEAP=64m on "$1" timeout 60 $(java_small) -Djavax.net.ssl.trustStore="$WORK/trust.p12" -Djavax.net.ssl.trustStorePassword=changeit \
    -cp "$(activemq_classpath)" Client "$2" "$3" >>"$WORK/log/jms" 2>&1
}

trust_store() {
  [ -f "$WORK/trust.p12" ] || keytool -importcert -noprompt -alias lab -file "$WORK/server.crt" -keystore "$WORK/trust.p12" \
    -storetype PKCS12 -storepass changeit >/dev/null 2>&1
}

# snmpd_start NODE [LINE...]: v1 and v2c (public), v3 (user agent, authPriv); further lines go into its configuration.
snmpd_start() {
  local node=$1 home="$WORK/snmpd-$1"; shift
  mkdir -p "$home"
  { echo 'rocommunity public'
    echo 'createUser agent SHA "authpass123" AES "privpass123"'
    echo 'rouser agent authPriv'
    echo 'sysLocation laboratory'
    printf '%s\n' "$@"
  } >"$home/snmpd.conf"
  grep -q agentaddress "$home/snmpd.conf" || echo "agentaddress udp:$(address "$node"):161,tcp:$(address "$node"):161" >>"$home/snmpd.conf"
  background "$node" "$node-snmpd" env MIBS= SNMP_PERSISTENT_DIR="$home" snmpd -f -Le -C -c "$home/snmpd.conf" -p "$home/pid"
  until_true 20 on "$node" bash -c "ss -luntp | grep -q snmpd"
}

# snmp NODE PROGRAM ARGUMENT...
snmp() { on "$1" env MIBS= SNMP_PERSISTENT_DIR="$WORK/snmp-client" timeout 20 "${@:2}" >>"$WORK/log/snmp" 2>&1; }

# redis_start NODE [ARGUMENT...]
redis_start() {
  local node=$1 port=6379; shift
  background "$node" "$node-redis" redis-server --bind "$(address "$node")" --port $port --protected-mode no --save '' --dir "$WORK" "$@"
  ready "$node" $port
}

# nginx_start NODE SERVERS: SERVERS is the text of server blocks; a block may use $cert.
nginx_start() {
  local node=$1 home="$WORK/nginx-$1"
  certificate
  mkdir -p "$home"
  cat >"$home/nginx.conf" <<C
pid $home/pid;
error_log $home/error.log;
daemon off;
user root;
worker_processes 1;
events {}
http {
  access_log off;
  default_type text/plain;
  client_body_temp_path $home/body; proxy_temp_path $home/proxy; fastcgi_temp_path $home/fastcgi;
  uwsgi_temp_path $home/uwsgi; scgi_temp_path $home/scgi;
  ssl_certificate $WORK/server.crt;
  ssl_certificate_key $WORK/server.key;
  $2
}
C
  background "$node" "$node-nginx" nginx -c "$home/nginx.conf" -p "$home" -e "$home/error.log"
  until_true 20 on "$node" bash -c "ss -ltnp | grep -q nginx"
}

# sshd_start NODE PORT
sshd_start() {
  [ -f "$WORK/host_key" ] || ssh-keygen -q -t ed25519 -N '' -f "$WORK/host_key"
  background "$1" "$1-sshd" sh -c "mount -t tmpfs none /run; mkdir /run/sshd; exec /usr/sbin/sshd -D -e -f /dev/null -h '$WORK/host_key' \
    -o ListenAddress=$(address "$1") -p $2 -o UsePAM=no -o PidFile=none"
  ready "$1" "$2"
}

# ssh_try NODE HOST PORT: a real client that gets as far as being turned away.
ssh_try() {
  on "$1" timeout 20 ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p "$3" \
    "nobody@$(address "$2")" true >>"$WORK/log/ssh" 2>&1
  return 0
}

# dns_start NODE [LINE...]: dnsmasq that knows the laboratory's names.
dns_start() {
  local node=$1; shift
  { printf '%s\n' no-resolv no-poll "addn-hosts=$WORK/hosts" "listen-address=$(address "$node")" bind-interfaces "$@"; } >"$WORK/dnsmasq-$node.conf"
  background "$node" "$node-dnsmasq" dnsmasq -k -C "$WORK/dnsmasq-$node.conf" --pid-file= --user=root
  ready "$node" 53
}

http() { on "$1" curl -sk -m 20 -o /dev/null "${@:2}" >>"$WORK/log/curl" 2>&1 || true; }

# imap_start NODE: Dovecot with IMAP 143 and 993, POP3 110 and 995; any user, password pw.
imap_start() {
  local home="$WORK/dovecot-$1"
  certificate
  mkdir -p "$home/mail"
  chown mail:mail "$home/mail"
  cat >"$home/dovecot.conf" <<C
base_dir = $home/run
state_dir = $home/state
log_path = $home/log
protocols = imap pop3
listen = $(address "$1")
ssl = yes
ssl_cert = <$WORK/server.crt
ssl_key = <$WORK/server.key
disable_plaintext_auth = no
mail_location = maildir:$home/mail/%u
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
passdb {
  driver = static
  args = password=pw
}
userdb {
  driver = static
  args = uid=mail gid=mail home=$home/mail/%u
}
C
  background "$1" "$1-dovecot" dovecot -F -c "$home/dovecot.conf"
  ready "$1" 143 30
}

# Flink's processes, as its own shell scripts would start them; the wheel carries the jars only.
flink_java() {
  echo "$(java_small) -XX:MaxMetaspaceSize=128m -Dlog4j.configurationFile=$WORK/flink/log4j.properties \
    --add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.util=ALL-UNNAMED --add-opens=java.base/java.net=ALL-UNNAMED \
    --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/java.time=ALL-UNNAMED --add-opens=java.base/java.util.concurrent=ALL-UNNAMED \
    -cp $FLINK/lib/flink-dist-$(flink_version).jar:$(ls "$FLINK"/lib/log4j-*.jar | grep -v template | paste -sd:)"
}

flink_version() { basename "$FLINK"/lib/flink-dist-*.jar .jar | cut -d- -f3; }

# flink_home NODE MASTER: a configuration folder; prints its path. Metrics for Prometheus on 9249.
flink_home() {
  local home="$WORK/flink/$1"
  mkdir -p "$home/tmp" "$WORK/flink/plugins"
  ln -sfn "$FLINK/plugins/metrics-prometheus" "$WORK/flink/plugins/metrics-prometheus"
  printf 'rootLogger.level = INFO\nrootLogger.appenderRef.out.ref = out\nappender.out.name = out\nappender.out.type = CONSOLE\nappender.out.layout.type = PatternLayout\n' \
    >"$WORK/flink/log4j.properties"
  cat >"$home/config.yaml" <<C
jobmanager.rpc.address: $(address "$2")
jobmanager.rpc.port: 6123
jobmanager.bind-host: $(address "$1")
jobmanager.memory.process.size: 700m
taskmanager.host: $(address "$1")
taskmanager.bind-host: $(address "$1")
taskmanager.rpc.port: 6122
taskmanager.numberOfTaskSlots: 1
taskmanager.cpu.cores: 1
taskmanager.memory.task.heap.size: 48m
taskmanager.memory.task.off-heap.size: 0m
taskmanager.memory.managed.size: 16m
taskmanager.memory.network.min: 16m
taskmanager.memory.network.max: 16m
taskmanager.memory.framework.heap.size: 64m
taskmanager.memory.framework.off-heap.size: 64m
taskmanager.memory.jvm-metaspace.size: 128m
taskmanager.memory.jvm-overhead.min: 64m
taskmanager.memory.jvm-overhead.max: 64m
blob.server.port: 6124
rest.port: 8081
rest.address: $(address "$2")
rest.bind-address: $(address "$1")
heartbeat.interval: 3000
io.tmp.dirs: $home/tmp
metrics.reporters: prom
metrics.reporter.prom.factory.class: org.apache.flink.metrics.prometheus.PrometheusReporterFactory
metrics.reporter.prom.port: 9249
C
  echo "$home"
}

# flink_start NODE: a job manager with RPC 6123, blobs 6124, REST 8081.
flink_start() {
  local home
  home=$(flink_home "$1" "$1")
  HEAP=256m
  # shellcheck disable=SC2046
  background "$1" "$1-flink" env FLINK_PLUGINS_DIR="$WORK/flink/plugins" $(flink_java) \
    org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint --configDir "$home"
  ready "$1" 8081 120
}

# flink_taskmanager NODE MASTER: a task manager with RPC 6122 that joins the job manager.
flink_taskmanager() {
  local home
  home=$(flink_home "$1" "$2")
  HEAP=192m
  # shellcheck disable=SC2046
  background "$1" "$1-flink-taskmanager" env FLINK_PLUGINS_DIR="$WORK/flink/plugins" $(flink_java) \
    org.apache.flink.runtime.taskexecutor.TaskManagerRunner --configDir "$home"
}

# flink_probe NODE TASKMANAGER: opens the RPC of a task manager.
flink_probe() {
  [ -f "$WORK/RpcProbe.class" ] || javac -nowarn -d "$WORK" -cp "$FLINK/lib/flink-dist-$(flink_version).jar" "$LAB/java/RpcProbe.java" || return
  # shellcheck disable=SC2046
  HEAP=128m on "$1" timeout 60 $(flink_java):"$WORK" RpcProbe "$(address "$1")" "$(address "$2")" >>"$WORK/log/flink-probe" 2>&1
}

# flink_job NODE MASTER: uploads a job through REST and runs it.
flink_job() {
  mkdir -p "$WORK/job"
  javac -nowarn -d "$WORK/job" -cp "$FLINK/lib/flink-dist-$(flink_version).jar" "$LAB/java/LabJob.java" || return
  (cd "$WORK/job" && jar cfe ../job.jar LabJob ./*.class)
  local rest id
  rest="http://$(address "$2"):8081"
  id=$(on "$1" curl -s -m 60 -F "jarfile=@$WORK/job.jar" "$rest/jars/upload" | grep -o '[^/"]*_job.jar' | tail -n 1)
  on "$1" curl -s -m 60 -X POST "$rest/jars/$id/run" >>"$WORK/log/flink-job" 2>&1
}

# plain_start NODE NAME PORT...: stands in for a server whose protocol is not public, and says so.
plain_start() {
  local node=$1 name=$2 port; shift 2
  background "$node" "$node-plain" python3 "$LAB/clients/plain_server.py" "$(address "$node")" "$name" "$@"
  for port in "$@"; do ready "$node" "$port"; done
}

# plain NODE HOST PORT: a client of plain_start's server.
plain() { on "$1" timeout 10 python3 "$LAB/clients/plain_client.py" "$(address "$2")" "$3" "$1" >>"$WORK/log/plain" 2>&1; }

# metrics_start NODE PORT: a small exporter with /metrics.
metrics_start() {
  background "$1" "$1-metrics" prometheus-node-exporter --web.listen-address="$(address "$1"):$2" --collector.disable-defaults --collector.loadavg \
    --web.disable-exporter-metrics
  ready "$1" "$2"
}

# prometheus_start NODE TARGET...: scrapes NODE:PORT[/PATH?QUERY] each until the first scrape of all is done.
prometheus_start() {
  local node=$1 target; shift
  { echo 'global: {scrape_interval: 4s, scrape_timeout: 4s}'
    echo 'scrape_configs:'
    for target in "$@"; do
      echo "- job_name: '$target'"
      case $target in */snmp) printf '  metrics_path: /snmp\n  params: {module: [if_mib], target: ["%s"]}\n' "$SNMP_TARGET" ;; esac
      echo "  static_configs: [{targets: ['$(address "${target%%:*}"):$(cut -d/ -f1 <<<"${target#*:}")']}]"
    done
  } >"$WORK/prometheus.yml"
  background "$node" "$node-prometheus" prometheus --config.file="$WORK/prometheus.yml" --storage.tsdb.path="$WORK/tsdb" --web.listen-address=127.0.0.1:9090
  until_true 60 on "$node" sh -c "test \$(curl -s http://127.0.0.1:9090/api/v1/query?query=up | grep -o '\"__name__\"' | wc -l) -ge $#"
  sleep 1
}

prometheus_stop() { local pid; for pid in $(ip netns pids "$RUN-$1"); do kill "$pid" 2>/dev/null; done; sleep 1; }

# connect_only NODE HOST PORT: a bare TCP health probe.
connect_only() { on "$1" timeout 5 bash -c "exec 3<>/dev/tcp/$(address "$2")/$3" 2>/dev/null; sleep 0.2; }

# connect_and_hear NODE HOST PORT: the same to a server that speaks first; it says nothing and stays for the greeting.
connect_and_hear() { on "$1" timeout 10 bash -c "exec 3<>/dev/tcp/$(address "$2")/$3; head -c 1 <&3" >/dev/null 2>&1; sleep 0.2; }

# tls_over NODE URL NAME: HTTPS with a server name of one's own choosing.
https_named() { http "$1" --resolve "$3:443:$(address "$2")" "https://$3${4:-/}"; }

# udp_say NODE HOST PORT
udp_say() { on "$1" timeout 3 socat - "UDP:$(address "$2"):$3" <<<"anybody there" >/dev/null 2>&1; }

# smtpd_start NODE: OpenSMTPD on 25, for the domain lab.example; without TLS, because Debian's build cannot sign
# with OpenSSL 3. submission_start is for those.
smtpd_start() {
  local home="$WORK/smtpd-$1"
  mkdir -p "$home"
  cat >"$home/smtpd.conf" <<C
listen on $(address "$1") port 25 hostname $1.lab.example
action "keep" maildir "$home/%{user.username}"
match from any for domain "lab.example" action "keep"
C
  background "$1" "$1-smtpd" sh -c "mount -t tmpfs -o mode=711 none /var/spool/smtpd; mount -t tmpfs none /run; exec smtpd -d -f '$home/smtpd.conf'"
  ready "$1" 25 30
}

# submission_start NODE PORT [tls]: aiosmtpd with STARTTLS, or TLS at once.
submission_start() {
  certificate
  background "$1" "$1-submission-$2" "$PYTHON" "$LAB/clients/submission.py" "$(address "$1")" "$2" "$WORK/server.pem" "${@:3}"
  ready "$1" "$2"
}
