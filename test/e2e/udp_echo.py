# SPDX-License-Identifier: BSD-3-Clause
"""udp_echo.py NAME PORT [ADDRESS]: answers each datagram with "NAME address port text"."""

import socket
import sys

name, port = sys.argv[1], int(sys.argv[2])
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
server.bind((sys.argv[3] if len(sys.argv) > 3 else "::", port))
while True:
    try:
        data, peer = server.recvfrom(65536)
        address = peer[0].removeprefix("::ffff:")
        server.sendto(f"{name} {address} {peer[1]} ".encode() + data, peer)
    except OSError:
        continue  # an ICMP error about an earlier answer
