# SPDX-License-Identifier: BSD-3-Clause
"""decapsulate.py ipip|gre|gue PORT: the end of a tunnel at a real server, in user space.

Takes off outer headers of IPv4 and IPv6 and gives what was inside to Linux by a TUN device, for
kernels that have no ipip, gre and fou modules.  Refuses wrong checksums of GRE and GUE; names the
ECN marks that it has seen on standard output.
"""

import fcntl
import os
import select
import socket
import struct
import subprocess
import sys

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


def tun_open(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH14x", name.encode(), IFF_TUN | IFF_NO_PI))
    subprocess.run(["sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0"], check=True)
    subprocess.run(["ip", "link", "set", name, "up"], check=True)
    return fd


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def gre_inner(data):
    flags, _ = struct.unpack("!HH", data[:4])
    if flags & 0x8000 and checksum(data) != 0xFFFF:
        return None
    return data[8:] if flags & 0x8000 else data[4:]


def main(kind, port):
    tun = tun_open("decap0")
    sockets = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        if kind == "gue":
            made = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                made.setsockopt(socket.SOL_UDP, 102, 1)  # UDP_NO_CHECK6_RX: a tunnel may have none
            made.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
            sockets[made] = family
            continue
        for protocol in ((4, 41) if kind == "ipip" else (47,)):
            sockets[socket.socket(family, socket.SOCK_RAW, protocol)] = family
    print("ready", flush=True)
    while True:
        for ready in select.select(list(sockets), [], [])[0]:
            data = ready.recv(65536)
            if kind != "gue" and sockets[ready] == socket.AF_INET:
                data = data[(data[0] & 15) * 4:]  # raw IPv4 sockets show the header, those of IPv6 do not
            inner = gre_inner(data) if kind == "gre" else data[4:] if kind == "gue" else data
            if inner:
                os.write(tun, inner)


main(sys.argv[1], int(sys.argv[2]))
