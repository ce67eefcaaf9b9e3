# SPDX-License-Identifier: BSD-3-Clause
"""peer_server.py PORT [4|6]: tells each client, before it says anything, who it seems to be.

One line: the family of the socket, accept()'s address and port, getpeername()'s, and what the socket
option of DPVS's toa module says of an IPv6 client ("-" when it says nothing).
"""

import socket
import sys

NAT64_PEER = 4096


def nat64_peer(connection):
    try:
        told = connection.getsockopt(socket.IPPROTO_IP, NAT64_PEER, 20)
    except OSError:
        return "-"
    return f"{socket.inet_ntop(socket.AF_INET6, told[:16])} {int.from_bytes(told[16:18], 'big')}"


family = socket.AF_INET if sys.argv[2:] == ["4"] else socket.AF_INET6
listener = socket.socket(family, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if family == socket.AF_INET6:
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
listener.bind(("", int(sys.argv[1])))
listener.listen(1000)
while True:
    connection, accepted = listener.accept()
    name = connection.getpeername()
    connection.sendall(f"{accepted[0]} {accepted[1]} {name[0]} {name[1]} {nat64_peer(connection)}\n".encode())
    connection.close()
