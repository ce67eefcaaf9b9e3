# SPDX-License-Identifier: BSD-3-Clause
"""tunnel_peer.py KIND LOCAL REMOTE KEY: the other side of a tunnel interface, in user space.

KIND is ipip, gre, gre+full, gre+seq or vxlan. Makes the device tun0 (of vxlan: a TAP), for kernels that have no
such modules. What comes with another key, a wrong checksum or not in its order is left alone, as a kernel would.
"""

import fcntl
import os
import select
import socket
import struct
import subprocess
import sys

TUNSETIFF, IFF_TUN, IFF_TAP, IFF_NO_PI, VXLAN_PORT = 0x400454CA, 1, 2, 0x1000, 4789


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def device(kind):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    mode = IFF_TAP if kind == "vxlan" else IFF_TUN
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH14x", b"tun0", mode | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", "tun0", "mtu", "1400", "up"], check=True)
    return fd


numbers = [0, 0]  # of the next packet that leaves, that comes


def gre(inner, key, full, numbered):
    flags = (0x8000 if full else 0) | (0x2000 if key else 0) | (0x1000 if numbered else 0)
    made = struct.pack("!HH", flags, 0x86DD if inner[0] >> 4 == 6 else 0x0800)
    rest = (struct.pack("!I", key) if key else b"") + (struct.pack("!I", numbers[0]) if numbered else b"") + inner
    numbers[0] += 1
    if not full:
        return made + rest
    return made + struct.pack("!HH", ~checksum(made + b"\0\0\0\0" + rest) & 0xFFFF, 0) + rest


def gre_inner(data, key, full, numbered):
    flags, _ = struct.unpack("!HH", data[:4])
    if [bool(flags & bit) for bit in (0x8000, 0x2000, 0x1000)] != [full, bool(key), numbered]:
        return None
    if full and checksum(data) != 0xFFFF:
        return None
    data = data[8:] if full else data[4:]
    if key:
        if struct.unpack("!I", data[:4])[0] != key:
            return None
        data = data[4:]
    if numbered:
        if struct.unpack("!I", data[:4])[0] < numbers[1]:
            return None
        numbers[1] = struct.unpack("!I", data[:4])[0] + 1
        data = data[4:]
    return data


def main(kind, local, remote, key):
    key, full, numbered, kind = int(key), kind.endswith("+full"), kind.endswith("+seq"), kind.split("+")[0]
    family = socket.AF_INET6 if ":" in local else socket.AF_INET
    tun = device(kind)
    if kind == "vxlan":
        out = socket.socket(family, socket.SOCK_DGRAM)
        out.bind((local, VXLAN_PORT))
        sockets = {4: out, 6: out}
    elif kind == "gre":
        out = socket.socket(family, socket.SOCK_RAW, 47)
        sockets = {4: out, 6: out}
    else:
        sockets = {4: socket.socket(family, socket.SOCK_RAW, 4), 6: socket.socket(family, socket.SOCK_RAW, 41)}
    print("ready", flush=True)
    while True:
        for ready in select.select([tun, *set(sockets.values())], [], [])[0]:
            if ready == tun:
                inner = os.read(tun, 65536)
                data = (struct.pack("!II", 8 << 24, key << 8) + inner if kind == "vxlan" else
                        gre(inner, key, full, numbered) if kind == "gre" else inner)
                version = inner[0] >> 4 if kind != "vxlan" else 4
                sockets[version].sendto(data, (remote, VXLAN_PORT if kind == "vxlan" else 0))
                continue
            data = ready.recv(65536)
            if kind == "vxlan":
                inner = data[8:] if struct.unpack("!II", data[:8]) == (8 << 24, key << 8) else None
            else:
                if family == socket.AF_INET:
                    data = data[(data[0] & 15) * 4:]
                inner = gre_inner(data, key, full, numbered) if kind == "gre" else data
            if inner:
                os.write(tun, inner)


main(*sys.argv[1:])
