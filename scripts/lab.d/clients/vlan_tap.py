"""A VLAN interface in user space, for kernels without 802.1Q: tags what a TAP device sends. Usage: vlan_tap.py ETHERNET TAP ID

Layout: IEEE 802.1Q, tag after the source address. The kernel strips the tag on receipt and hands it over beside the frame
(packet(7), PACKET_AUXDATA: struct tpacket_auxdata).
"""
import fcntl
import os
import select
import socket
import struct
import sys

SOL_PACKET, PACKET_AUXDATA, TCI_VALID = 263, 8, 0x10
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000

ethernet, name, vlan = sys.argv[1], sys.argv[2], int(sys.argv[3])
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind((ethernet, 0))
wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
while True:
    ready, _, _ = select.select([tap, wire], [], [])
    if tap in ready:
        frame = os.read(tap, 65536)
        wire.send(frame[:12] + struct.pack(">HH", 0x8100, vlan) + frame[12:])
    if wire in ready:
        frame, beside, _, sender = wire.recvmsg(65536, 128)
        if sender[2] == socket.PACKET_OUTGOING:
            continue
        for level, kind, data in beside:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                status, tci = struct.unpack_from("I", data)[0], struct.unpack_from("H", data, 16)[0]
                if status & TCI_VALID and tci & 0xFFF == vlan:
                    os.write(tap, frame)
