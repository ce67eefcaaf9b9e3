# SPDX-License-Identifier: BSD-3-Clause
"""A cable that loses frames: lossy.py A B N copies between two interfaces, but for each Nth large frame."""

import select
import socket
import sys

LARGE = 600  # bytes: with data; handshakes and acknowledgements arrive


def main():
    ends = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) for _ in range(2)]
    for end, name in zip(ends, sys.argv[1:3]):
        end.bind((name, 0))
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    every, seen = int(sys.argv[3]), [0, 0]
    print("ready", flush=True)
    while True:
        for end in select.select(ends, [], [])[0]:
            frame, address = end.recvfrom(65536)
            if address[2] == socket.PACKET_OUTGOING:
                continue
            side = ends.index(end)
            seen[side] += len(frame) >= LARGE
            if len(frame) < LARGE or seen[side] % every:
                ends[1 - side].send(frame)


main()
