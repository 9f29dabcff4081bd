# What every scenario does wrong, and what is odd and yet right, on one documented connection.
#
# DEVIATE_FROM (node) is documented to speak to DEVIATE_TO (node) on DEVIATE_PORT, by the rows DEVIATE_ROWS;
# `speak NODE ADDRESS PORT` plays the protocol DEVIATE_PROTOCOL. DEVIATE_TO's node holds three addresses: N, N+1
# (an SSH server on the documented port), N+2 (nobody listens); N+3 belongs to the role, and nobody holds it.
# BYSTANDER is a node with a role that no row connects with DEVIATE_TO's, LISTENER_PORT a port on which
# DEVIATE_FROM's node listens. `stranger` and `passer` fill no role.

# overlay NODE NODE: a VLAN (10.92.0.0/24) and a VXLAN (10.93.0.0/24) between two nodes.
overlay() {
  local one=$1 other=$2 pair node peer last
  for pair in "$one $other" "$other $one"; do
    read -r node peer <<<"$pair"
    last=$(address "$node")
    last=${last##*.}
    if ! on "$node" ip link add link eth0 name vlan100 type vlan id 100 2>/dev/null; then
      on "$node" ip tuntap add vlan100 mode tap
      on "$node" ip link set vlan100 address "$(on "$node" cat /sys/class/net/eth0/address)" mtu 1496
      background "$node" "$node-vlan" python3 "$LAB/clients/vlan_tap.py" eth0 vlan100 100
    fi
    on "$node" ip address add "10.92.0.$last/24" dev vlan100
    on "$node" ip link add vxlan42 type vxlan id 42 remote "$(address "$peer")" local "$(address "$node")" dev eth0 dstport 4789
    on "$node" ip address add "10.93.0.$last/24" dev vxlan42
    on "$node" ethtool -K vlan100 tx off tso off gso off gro off >/dev/null 2>&1
    on "$node" ethtool -K vxlan42 tx off tso off gso off gro off >/dev/null 2>&1
    on "$node" ip link set vlan100 up
    on "$node" ip link set vxlan42 up
  done
}

overlay_address() { local at; at=$(address "$2"); echo "$1.${at##*.}"; }

# neighbour N: the address N places after that of DEVIATE_TO.
neighbour() { local at; at=$(address "$DEVIATE_TO"); echo "${at%.*}.$((${at##*.} + $1))"; }

deviate_servers() {
  background "$DEVIATE_TO" "$DEVIATE_TO-sshd-wrong" sh -c "mount -t tmpfs none /run; mkdir /run/sshd; \
    exec /usr/sbin/sshd -D -e -f /dev/null -h '$WORK/host_key' -o ListenAddress=$(neighbour 1) -p $DEVIATE_PORT -o UsePAM=no -o PidFile=none"
  sshd_start "$DEVIATE_TO" 22
  background "$DEVIATE_TO" "$DEVIATE_TO-udp" socat -u "UDP-RECV:$DEVIATE_PORT,bind=$(address "$DEVIATE_TO")" /dev/null
  plain_start "$DEVIATE_FROM" "a port that no row names" 9999
  plain_start passer "a service outside of every table" 9999
}

deviate() {
  local from=$DEVIATE_FROM to=$DEVIATE_TO port=$DEVIATE_PORT rows=$DEVIATE_ROWS protocol=$DEVIATE_PROTOCOL known number
  known=${DEVIATE_KNOWN:-unknown-source}

  flow "$from" "$to" "$OTHER_PORT" "$protocol" no - not-allowed wrong-port "$rows" "another port"
  speak "$from" "$(address "$to")" "$OTHER_PORT"
  flow "$from" "$(neighbour 1)" "$port" ssh no - not-allowed wrong-protocol "$rows" "another protocol on the port: a real OpenSSH"
  ssh_try "$from" "$(neighbour 1)" "$port"
  flow stranger "$to" "$port" "$protocol" no - not-allowed unknown-source "$rows" "a source that fills no role"
  speak stranger "$(address "$to")" "$port"
  flow stranger "$to" 22 ssh no - not-allowed undocumented-peer - "a source that fills no role, on a port that no row of the destination has"
  ssh_try stranger "$to" 22
  flow "$to" "$from" 9999 - no - not-allowed wrong-direction "$rows" "the documented pair the other way round"
  plain "$to" "$from" 9999
  flow "$from" "$to" "$port/udp" - - - not-allowed wrong-transport "$rows" "UDP to a port that is documented for TCP"
  udp_say "$from" "$to" "$port"
  flow "$BYSTANDER" "$to" "$port" "$protocol" no - not-allowed undocumented-pair - "two roles that no row connects"
  speak "$BYSTANDER" "$(address "$to")" "$port"
  for number in 21 23 25 110 135 139 445 3389; do
    flow stranger "$from" "$number" - - - not-allowed undocumented-peer - "a port scan: connects to closed ports"
  done
  for number in 21 23 25 110 135 139 445 3389; do connect_only stranger "$from" "$number"; done
  flow "$from" "$(neighbour 2)" "$port" - - - allowed match-transport-only "$rows" "refused: nobody listens at this address of the role"
  connect_only "$from" "$(neighbour 2)" "$port"
  flow "$from" "$(neighbour 3)" "$port" - - - allowed match-transport-only "$rows" "unanswered: nobody holds this address of the role"
  on "$from" ip neighbour replace "$(neighbour 3)" lladdr 02:00:0a:5b:00:fe dev eth0 nud permanent
  on "$from" timeout 2.5 bash -c "exec 3<>/dev/tcp/$(neighbour 3)/$port" 2>/dev/null
  flow "$from" "$to" "$port" - - - allowed match-transport-only "$rows" "a bare health probe: connect and close"
  connect_only "$from" "$to" "$port"
  flow stranger passer 9999 - no - out-of-scope no-documented-role - "two hosts of no table"
  plain stranger passer 9999
  flow "$(overlay_address 10.92.0 "$from")" "$(overlay_address 10.92.0 "$to")" "$port" "$protocol" no - allowed match "$rows" "over VLAN 100"
  speak "$from" "$(overlay_address 10.92.0 "$to")" "$port"
  flow "$from" "$to" 4789/udp vxlan no - out-of-scope carrier - "VXLAN, one way"
  flow "$to" "$from" 4789/udp vxlan no - out-of-scope carrier - "VXLAN, the other way"
  flow "$(overlay_address 10.93.0 "$from")" "$(overlay_address 10.93.0 "$to")" "$port" "$protocol" no - allowed match "$rows" "inside VXLAN 42"
  speak "$from" "$(overlay_address 10.93.0 "$to")" "$port"
}

# role_addresses NODE...: all that the site binds for a role, as TOML.
role_addresses() {
  local node out=
  for node in "$@"; do out="$out, \"$(address "$node")\""; done
  echo "[${out#, }]"
}

# The role of DEVIATE_TO and of DEVIATE_FROM, with neighbours and overlay addresses.
role_deviate_to() {
  echo "[\"$(address "$DEVIATE_TO")\", \"$(neighbour 1)\", \"$(neighbour 2)\", \"$(neighbour 3)\", \"$(overlay_address 10.92.0 "$DEVIATE_TO")\", \"$(overlay_address 10.93.0 "$DEVIATE_TO")\"]"
}
role_deviate_from() {
  local node out="\"$(address "$DEVIATE_FROM")\", \"$(overlay_address 10.92.0 "$DEVIATE_FROM")\", \"$(overlay_address 10.93.0 "$DEVIATE_FROM")\""
  for node in "$@"; do out="$out, \"$(address "$node")\""; done
  echo "[$out]"
}
