"""Offers a Kafka broker that speaks only plaintext under another address, with TLS or SASL before it.

Usage: kafka_relay.py ADDRESS PORT UPSTREAM-PORT PEM [tls] [sasl]

With `sasl` the relay itself answers SaslHandshake (17) and SaslAuthenticate (36), mechanism PLAIN with user
app and password secret, and adds the two to the broker's list of API versions; everything else is passed on.
Layouts: Kafka protocol guide, "Protocol API Keys" and the message definitions of the named requests.
"""
import asyncio
import ssl
import struct
import sys

HANDSHAKE, AUTHENTICATE, API_VERSIONS = 17, 36, 18


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def read_varint(data, at):
    number = shift = 0
    while True:
        byte, at = data[at], at + 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, at


def with_sasl(answer, version):
    """An ApiVersions answer (from its error code on) that names the two SASL requests too."""
    added = [(HANDSHAKE, 0, 1), (AUTHENTICATE, 0, 2)]
    if version >= 3:
        count, at = read_varint(answer, 2)
        keys = b"".join(struct.pack(">hhh", *key) + b"\0" for key in added)
        return answer[:2] + varint(count + 2) + keys + answer[at:]
    count = struct.unpack_from(">i", answer, 2)[0]
    keys = b"".join(struct.pack(">hhh", *key) for key in added)
    return answer[:2] + struct.pack(">i", count + 2) + keys + answer[6:]


async def read_message(reader):
    size = struct.unpack(">i", await reader.readexactly(4))[0]
    return await reader.readexactly(size)


def message(body):
    return struct.pack(">i", len(body)) + body


class Session:
    def __init__(self, sasl):
        self.sasl, self.open, self.asked = sasl, not sasl, {}

    def own_answer(self, request):
        """The relay's own answer to a SASL request, or None where the broker must answer."""
        key, version, correlation, name = struct.unpack_from(">hhih", request)
        at = 10 + max(name, 0)
        head = struct.pack(">i", correlation)
        if not self.sasl:
            return None
        if key == API_VERSIONS:
            self.asked[correlation] = version
            return None
        if key == HANDSHAKE:
            return head + struct.pack(">hi", 0, 1) + struct.pack(">h", 5) + b"PLAIN"
        if key == AUTHENTICATE:
            if version >= 2:
                _, at = read_varint(request, at)
                size, at = read_varint(request, at)
                token = request[at : at + size - 1]
            else:
                size = struct.unpack_from(">i", request, at)[0]
                token = request[at + 4 : at + 4 + size]
            self.open = token.split(b"\0")[1:] == [b"app", b"secret"]
            error = 0 if self.open else 58
            if version >= 2:
                return head + b"\0" + struct.pack(">h", error) + b"\0\x01" + struct.pack(">q", 0) + b"\0"
            tail = struct.pack(">q", 0) if version == 1 else b""
            return head + struct.pack(">hhi", error, -1, 0) + tail
        return None


async def serve(reader, writer, upstream, sasl):
    session = Session(sasl)
    from_broker, to_broker = await asyncio.open_connection("127.0.0.1", upstream)

    async def answers():
        try:
            while True:
                answer = await read_message(from_broker)
                correlation = struct.unpack_from(">i", answer)[0]
                if correlation in session.asked:
                    answer = answer[:4] + with_sasl(answer[4:], session.asked.pop(correlation))
                writer.write(message(answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    task = asyncio.create_task(answers())
    try:
        while True:
            request = await read_message(reader)
            own = session.own_answer(request)
            if own is not None:
                writer.write(message(own))
                await writer.drain()
            elif session.open or struct.unpack_from(">h", request)[0] == API_VERSIONS:
                to_broker.write(message(request))
                await to_broker.drain()
            else:
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    task.cancel()
    writer.close()
    to_broker.close()


async def main():
    host, port, upstream, pem = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    context = None
    if "tls" in sys.argv[5:]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)
    sasl = "sasl" in sys.argv[5:]
    server = await asyncio.start_server(lambda r, w: serve(r, w, upstream, sasl), host, port, ssl=context)
    async with server:
        await server.serve_forever()


asyncio.run(main())
