"""Turns a raw recording and the list of what was played into a trimmed capture and its sidecar.

Every flow of the recording must have been announced, and everything announced must have been recorded:
otherwise nothing is written. Standard library only.
"""
import argparse
import collections
import struct
import sys

FIN, SYN, RST, ACK = 1, 2, 4, 16


def read_pcap(path):
    """Yields (time in ns, frame, original length) of a classic capture with link type Ethernet."""
    with open(path, "rb") as file:
        data = file.read()
    magic = struct.unpack_from("<I", data)[0]
    scale = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}[magic]
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, kept, length = struct.unpack_from("<IIII", data, at)
        yield seconds * 10**9 + fraction * scale, data[at + 16 : at + 16 + kept], length
        at += 16 + kept


def write_pcap(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for time, frame, length in frames:
            file.write(struct.pack("<IIII", time // 10**9, time % 10**9 // 1000, len(frame), length))
            file.write(frame)


def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    size = len(body) + 12
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def write_pcapng(path, frames):
    with open(path, "wb") as file:
        head = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + option(4, b"uncharted laboratory") + option(0, b"")
        file.write(block(0x0A0D0D0A, head))
        interface = struct.pack("<HHI", 1, 0, 262144) + option(2, b"br0") + option(9, b"\x09") + option(0, b"")
        file.write(block(1, interface))
        for time, frame, length in frames:
            body = struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(frame), length) + frame
            file.write(block(6, body))


def address(raw):
    if len(raw) == 4:
        return ".".join(map(str, raw))
    import ipaddress

    return str(ipaddress.IPv6Address(raw))


Packet = collections.namedtuple("Packet", "source sport destination dport transport flags payload tunnel vlan")


def decode(frame):
    """The packets of one frame, outermost first: more than one where VXLAN wraps another."""
    found, tunnel, vlan = [], None, []
    while True:
        kind, at = struct.unpack_from(">H", frame, 12)[0], 14
        while kind in (0x8100, 0x88A8):
            vlan.append(struct.unpack_from(">H", frame, at)[0] & 0xFFF)
            kind, at = struct.unpack_from(">H", frame, at + 2)[0], at + 4
        if kind == 0x0800:
            end = at + struct.unpack_from(">H", frame, at + 2)[0]
            proto, fragment = frame[at + 9], struct.unpack_from(">H", frame, at + 6)[0] & 0x3FFF
            source, destination = frame[at + 12 : at + 16], frame[at + 16 : at + 20]
            if fragment:
                return found
            at += (frame[at] & 15) * 4
        elif kind == 0x86DD:
            end = at + 40 + struct.unpack_from(">H", frame, at + 4)[0]
            proto, source, destination = frame[at + 6], frame[at + 8 : at + 24], frame[at + 24 : at + 40]
            at += 40
        else:
            return found
        if proto not in (6, 17):
            return found
        sport, dport = struct.unpack_from(">HH", frame, at)
        if proto == 6:
            flags, start = frame[at + 13], at + (frame[at + 12] >> 4) * 4
        else:
            flags, start = 0, at + 8
        transport = "tcp" if proto == 6 else "udp"
        found.append(
            Packet(address(source), sport, address(destination), dport, transport, flags, max(0, end - start), tunnel, tuple(vlan))
        )
        if proto == 17 and dport == 4789:
            tunnel = "vxlan:%d" % (int.from_bytes(frame[start + 4 : start + 7], "big"))
            frame, vlan = frame[start + 8 :], []
            continue
        return found


class Flow:
    def __init__(self, packet, time, flipped):
        ends = (packet.source, packet.sport), (packet.destination, packet.dport)
        self.initiator, self.responder = ends[::-1] if flipped else ends
        self.transport, self.first, self.frames = packet.transport, time, []
        self.tunnel, self.vlan = packet.tunnel, packet.vlan
        self.payload, self.answered, self.refused = [0, 0], False, False
        self.packets, self.line, self.syn = 0, None, bool(packet.flags & SYN)


def gather(frames, ports):
    """The flows of a recording in order of their first packet. `ports` are announced responder ports."""
    table, flows = {}, []
    for number, (time, frame, _) in enumerate(frames):
        for packet in decode(frame):
            ends = (packet.source, packet.sport), (packet.destination, packet.dport)
            key = (packet.transport, *sorted(ends))
            known = table.get(key)
            begins = packet.transport == "tcp" and packet.flags & (SYN | ACK) == SYN
            if known is None or (begins and known.packets > 1 and (known.refused or known.closing)):
                flipped = not begins and packet.transport == "tcp" and packet.sport in ports and packet.dport not in ports
                known = table[key] = Flow(packet, time, flipped)
                known.closing = False
                flows.append(known)
            side = 0 if (packet.source, packet.sport) == known.initiator else 1
            known.packets += 1
            known.payload[side] += packet.payload
            known.frames.append((number, bool(packet.flags & (SYN | FIN | RST))))
            if packet.flags & (FIN | RST):
                known.closing = True
            if side == 1:
                known.answered = True
                if packet.flags & RST and not sum(known.payload):
                    known.refused = known.refused or known.packets <= 2
    return flows


def announced(path):
    names = "time source destination port transport protocol tls details verdict reason rows note"
    Line = collections.namedtuple("Line", names)
    with open(path) as file:
        for text in file:
            cells = text.rstrip("\n").split("\t")
            cells[0], cells[3] = int(float(cells[0]) * 10**9), int(cells[3])
            yield Line(*cells)


def join(flows, lines):
    """Gives each flow its announcement; returns what does not add up."""
    troubles, used, spoken = [], set(), set()
    for flow in flows:
        # The clock of the shell and that of the kernel are one clock; the slack is for date's own start.
        fits = [
            n
            for n, line in enumerate(lines)
            if (line.source, line.destination, line.transport) == (flow.initiator[0], flow.responder[0], flow.transport)
            and line.port in (flow.responder[1], 0)
            and line.time <= flow.first
        ]
        if not fits:
            troubles.append("not announced: %s %s:%d -> %s:%d" % (flow.transport, *flow.initiator, *flow.responder))
            continue
        flow.line = lines[fits[-1]]
        used.add(fits[-1])
        if sum(flow.payload) or flow.line.protocol == "-":
            spoken.add(fits[-1])
    for n, line in enumerate(lines):
        if n in used and n not in spoken:
            troubles.append("carried nothing: %s %s -> %s:%d (%s)" % (line.transport, line.source, line.destination, line.port, line.protocol))
        if n not in used:
            troubles.append("not recorded: %s %s -> %s:%d (%s)" % (line.transport, line.source, line.destination, line.port, line.note))
    for flow in flows:
        if flow.transport == "tcp" and flow.line and flow.line.tls != "-" and flow.payload[0] and not flow.payload[1]:
            print("never answered: %s:%d -> %s:%d" % (*flow.initiator, *flow.responder), file=sys.stderr)
    return troubles


def trim(frames, flows, most):
    """Keeps the first `most` frames of each flow and whatever opens or ends one."""
    drop = set()
    for flow in flows:
        drop.update(index for index, marks in flow.frames[most:] if not marks)
    return [frame for number, frame in enumerate(frames) if number not in drop], len(drop)


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def sidecar(flow):
    line = flow.line
    out = ["[[flow]]"]
    if line.note != "-":
        out.append("shows = %s" % quote(line.note))
    out.append("initiator = %s" % quote("%s:%d" % bracket(flow.initiator)))
    out.append("responder = %s" % quote("%s:%d" % bracket(flow.responder)))
    out.append("responder_port = %d" % flow.responder[1])
    out.append("transport = %s" % quote(flow.transport))
    if line.protocol != "-":
        out.append("protocol = %s" % quote(line.protocol))
    if line.tls != "-":
        out.append("tls = %s" % ("false" if line.tls == "no" else "true"))
        if line.tls not in ("no", "yes"):
            out.append("tls_how = %s" % quote(line.tls))
    if line.details != "-":
        pairs = [pair.split("=", 1) for pair in line.details.split(";")]
        out.append("details = { %s }" % ", ".join("%s = %s" % (key, quote(value)) for key, value in pairs))
    outcome = "established"
    if flow.transport == "tcp" and flow.syn:
        outcome = "refused" if flow.refused else "established" if flow.answered else "unanswered"
        out.append("outcome = %s" % quote(outcome))
    if not sum(flow.payload):
        out.append("payload = false")
    if flow.vlan:
        out.append("vlan = [%s]" % ", ".join(map(str, flow.vlan)))
    if flow.tunnel:
        out.append("tunnel = [%s]" % quote(flow.tunnel))
    if line.verdict != "-":
        out.append("verdict = %s" % quote(line.verdict))
        out.append("reason = %s" % quote(line.reason))
        if line.rows != "-":
            out.append("rows = [%s]" % ", ".join(map(quote, line.rows.split(","))))
    return "\n".join(out) + "\n"


def bracket(end):
    return ("[%s]" % end[0] if ":" in end[0] else end[0]), end[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("raw")
    parser.add_argument("expected")
    parser.add_argument("capture")
    parser.add_argument("sidecar")
    parser.add_argument("--head", required=True, help="file whose text opens the sidecar")
    parser.add_argument("--most", type=int, default=60, help="frames kept at the start of each flow")
    arguments = parser.parse_args()

    frames = list(read_pcap(arguments.raw))
    lines = list(announced(arguments.expected))
    flows = gather(frames, {line.port for line in lines})
    troubles = join(flows, lines)
    if troubles:
        print("\n".join("%s: %s" % (arguments.capture, trouble) for trouble in troubles), file=sys.stderr)
        sys.exit(1)
    kept, dropped = trim(frames, flows, arguments.most)
    (write_pcap if arguments.capture.endswith(".pcap") else write_pcapng)(arguments.capture, kept)
    with open(arguments.head) as file:
        head = file.read()
    with open(arguments.sidecar, "w") as file:
        file.write(head)
        file.write("packets = %d\n" % len(kept))
        if dropped:
            file.write("trimmed = %s\n" % quote("%d frames after the first %d of a flow left out" % (dropped, arguments.most)))
        for flow in flows:
            file.write("\n" + sidecar(flow))
    print("%s: %d frames, %d flows" % (arguments.capture, len(kept), len(flows)))


main()
