# Network namespaces, the bridge between them, recording, and tearing it all down.
#
# One namespace per node, each with one veth end on a bridge in a namespace of its own; nothing is added
# to the machine's own network. Every process runs inside one of these namespaces, so that tearing down
# is: end whatever the kernel says lives in them, delete them, delete the folder.

LAB_NET=10.91.0
declare -A LAB_ADDRESS=()

# lab_open: names the run, makes its folder and the bridge. Call once, before anything else.
lab_open() {
  RUN="uncharted-$BASHPID"
  WORK=$(mktemp -d "/tmp/$RUN.XXXXXX")
  chmod 755 "$WORK"
  mkdir "$WORK/log"
  trap lab_close EXIT
  trap 'exit 130' INT TERM HUP
  ip netns add "$RUN-bridge"
  lab_quiet bridge
  on bridge ip link add br0 type bridge ageing_time 30000
  on bridge ip link set br0 up
}

# lab_close: ends every process in the run's namespaces, then removes them and the folder.
lab_close() {
  local status=$? space pids signal
  trap - EXIT INT TERM HUP
  for signal in TERM KILL; do
    for space in $(lab_spaces); do
      pids=$(ip netns pids "$space" 2>/dev/null)
      [ -n "$pids" ] && kill -s $signal $pids 2>/dev/null
    done
    [ $signal = TERM ] && sleep 1
  done
  for space in $(lab_spaces); do
    ip netns del "$space" 2>/dev/null
    rm -rf "/etc/netns/$space"
  done
  rmdir /etc/netns 2>/dev/null
  if [ -n "${LAB_KEEP:-}" ]; then echo "kept $WORK" >&2; else rm -rf "$WORK"; fi
  exit $status
}

lab_spaces() { ip netns list | awk -v run="$RUN-" 'index($1, run) == 1 { print $1 }'; }

# on NODE COMMAND...: runs a command inside a node.
on() { local node=$1; shift; ip netns exec "$RUN-$node" "$@"; }

# background NODE LOG COMMAND...: the same, detached, output to the run's log folder.
background() {
  local node=$1 log=$2; shift 2
  ip netns exec "$RUN-$node" setsid "$@" >"$WORK/log/$log" 2>&1 </dev/null &
  disown
}

lab_quiet() {
  on "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  on "$1" ip link set lo up
}

# node NAME LAST-OCTET...: a node with one address for each octet, the first of them its own name's address.
node() {
  local name=$1 number=$2 octet; shift
  LAB_ADDRESS[$name]=$LAB_NET.$number
  ip netns add "$RUN-$name"
  lab_quiet "$name"
  ip link add eth0 netns "$RUN-$name" address "$(printf '02:00:0a:5b:00:%02x' "$number")" type veth \
    peer name "port$number" netns "$RUN-bridge"
  for octet in "$@"; do on "$name" ip address add "$LAB_NET.$octet/24" dev eth0; done
  # Without offloads the recording holds the segments and checksums that a wire would carry.
  on "$name" ethtool -K eth0 tx off rx off tso off gso off gro off >/dev/null 2>&1
  on bridge ethtool -K "port$number" tx off tso off gso off gro off >/dev/null 2>&1
  on "$name" ip link set eth0 up
  on bridge ip link set "port$number" master br0 up
  mkdir -p "/etc/netns/$RUN-$name"
  lab_hosts
}

# Every node knows every other by name, as NAME and NAME.lab.example.
lab_hosts() {
  local name
  { echo "127.0.0.1 localhost $(hostname)"
    for name in "${!LAB_ADDRESS[@]}"; do echo "${LAB_ADDRESS[$name]} $name.lab.example $name"; done
  } >"$WORK/hosts"
  for name in "${!LAB_ADDRESS[@]}"; do cp "$WORK/hosts" "/etc/netns/$RUN-$name/hosts"; done
}

# address NODE-OR-ADDRESS
address() { echo "${LAB_ADDRESS[$1]:-$1}"; }

# ready NODE PORT [SECONDS]: waits until the node's own address accepts on PORT. Asked from within, so
# that the question never crosses the bridge.
ready() {
  local node=$1 port=$2 seconds=${3:-60} end
  end=$((SECONDS + seconds))
  until on "$node" timeout 2 bash -c "exec 3<>/dev/tcp/$(address "$node")/$port" 2>/dev/null; do
    if [ $SECONDS -ge $end ]; then
      echo "$node:$port: expected a listener within $seconds s, found none; last words of its logs:" >&2
      tail -n 5 "$WORK"/log/"$node"* >&2
      return 1
    fi
    sleep 0.2
  done
}

# until_true SECONDS COMMAND...: polls a command until it succeeds.
until_true() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do [ $SECONDS -ge $end ] && return 1; sleep 0.2; done
}

# record_start [FILTER]: begins recording the bridge.
record_start() {
  : >"$WORK/expected.tsv"
  on bridge tcpdump -i br0 -s 0 -w "$WORK/raw.pcap" -U --immediate-mode -B 16384 -Z root \
    --time-stamp-precision=nano "$@" >"$WORK/log/tcpdump" 2>&1 &
  RECORDER=$!
  until_true 20 grep -q listening "$WORK/log/tcpdump"
}

record_stop() {
  sleep 1
  local pid
  for pid in $(ip netns pids "$RUN-bridge"); do kill -s INT "$pid" 2>/dev/null; done
  wait "$RECORDER" 2>/dev/null
}

# flow SOURCE DESTINATION PORT[/udp] PROTOCOL TLS [DETAILS] [VERDICT REASON ROWS NOTE]
# Says what the traffic that comes next is. A flow of the recording belongs to the last such line with
# its addresses, port and transport. TLS is no, direct, starttls, sslrequest or - for not known.
flow() {
  local source=$1 destination=$2 port=${3%/*} transport=tcp
  case $3 in */*) transport=${3#*/} ;; esac
  printf '%s\t' "$(date +%s.%N)" "$(address "$source")" "$(address "$destination")" "$port" "$transport" \
    "${@:4:1}" "${@:5:1}" "${6:--}" "${7:--}" "${8:--}" "${9:--}" >>"$WORK/expected.tsv"
  printf '%s\n' "${10:--}" >>"$WORK/expected.tsv"
}
