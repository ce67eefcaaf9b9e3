# SPDX-License-Identifier: BSD-3-Clause
"""proxy_server.py PORT: waits for a PROXY header before anything else, and then speaks first.

Of TCP: one line with what the header says, "VERSION SOURCE SPORT DESTINATION DPORT TLVS"; then all that
the client sends up to its FIN, and one line with its SHA-256. Of UDP: the same line for each datagram,
with the rest of the datagram behind it.
"""

import hashlib
import selectors
import socket
import struct
import sys
import threading

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def binary(head):
    """What a header of version 2 says; `head` is all of it."""
    size = {1: 4, 2: 16}[head[13] >> 4]
    family = socket.AF_INET if size == 4 else socket.AF_INET6
    source, destination = (socket.inet_ntop(family, head[at:at + size]) for at in (16, 16 + size))
    ports = struct.unpack_from(">HH", head, 16 + 2 * size)
    at, values = 20 + 2 * size, []
    while at < len(head):
        kind, length = struct.unpack_from(">BH", head, at)
        values.append(f"{kind:02x}={head[at + 3:at + 3 + length].hex()}")
        at += 3 + length
    return f"v2 {source} {ports[0]} {destination} {ports[1]} {','.join(values) or '-'}"


def header_of(data):
    """(what the header says, what follows it); None: not all there yet."""
    if data.startswith(b"PROXY ") and b"\r\n" in data:
        line, rest = data.split(b"\r\n", 1)
        words = line.decode().split()
        return f"v1 {words[2]} {words[4]} {words[3]} {words[5]} {words[1]}", rest
    if data.startswith(SIGNATURE) and len(data) >= 16:
        end = 16 + struct.unpack_from(">H", data, 14)[0]
        if len(data) >= end:
            return binary(data[:end]), data[end:]
    if len(data) > 300:
        return f"none {data[:8].hex()}", data
    return None


def serve(connection):
    data = b""
    with connection:
        while not header_of(data):
            more = connection.recv(4096)
            if not more:
                return
            data += more
        told, rest = header_of(data)
        connection.sendall(f"{told}\n".encode())
        digest = hashlib.sha256(rest)
        while more := connection.recv(65536):
            digest.update(more)
        connection.sendall(f"{digest.hexdigest()}\n".encode())


port = int(sys.argv[1])
listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for one in (listener, datagrams):
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    one.bind(("", port))
listener.listen(100)
selector = selectors.DefaultSelector()
selector.register(listener, selectors.EVENT_READ)
selector.register(datagrams, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        if key.fileobj is listener:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        else:
            text, sender = datagrams.recvfrom(65536)
            told, rest = header_of(text) or ("none", text)
            datagrams.sendto(told.encode() + b" " + rest, sender)
