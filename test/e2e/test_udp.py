# SPDX-License-Identifier: BSD-3-Clause
"""UDP through FullNAT."""

import socket
from collections import Counter

import pytest

from lab import LIP, LIP6, VIP, VIP6, wait_for

SO_NO_CHECK = 11
BOTH = pytest.mark.parametrize("vip, lip", [(VIP, LIP), (VIP6, LIP6)], ids=["ipv4", "ipv6"])


@BOTH
def test_echo(two_arm, vip, lip):
    name, peer, port, text = two_arm.client.udp_ask(vip, 5353, "hello").split()
    assert name in ("s1", "s2") and peer == lip and text == "hello"


@BOTH
def test_flows_alternate_and_stay(two_arm, vip, lip):
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    names = []
    for _ in range(10):
        with two_arm.client.socket(family, socket.SOCK_DGRAM, timeout=1.0) as flow:
            answers = {two_arm.client.udp_ask(vip, 5353, "x", sock=flow).split()[0] for _ in range(5)}
        assert len(answers) == 1, "a flow changed its server"
        names += answers
    assert Counter(names) == {"s1": 5, "s2": 5}


@BOTH
@pytest.mark.parametrize("size", [0, 1, 1000, 1452])
def test_sizes(two_arm, vip, lip, size):
    limit = 1432 if ":" in vip else 1452
    text = "a" * min(size, limit)
    answer = two_arm.client.udp_ask(vip, 5353, text[: limit - 60])
    assert answer.split(" ")[3] == text[: limit - 60]


def test_zero_checksum_stays_zero(two_arm):
    """An IPv4 datagram without checksum must not be given one that nobody computed."""
    wires = [host.raw("eth0") for host in two_arm.servers]
    with two_arm.client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=0.5) as flow:
        flow.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        wait_for(lambda: two_arm.client.udp_ask(VIP, 5353, "bare", sock=flow, tries=1), 5, what="an answer")
    seen = []
    for wire in wires:
        wire.setblocking(False)
        try:
            while True:
                frame = wire.recv(2048)
                if frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[42:46] == b"bare":
                    seen.append(int.from_bytes(frame[40:42], "big"))
        except BlockingIOError:
            wire.close()
    assert seen and not any(seen), seen


def test_icmp_unreachable_reaches_the_client(two_arm):
    """A server without a listener: the client learns it, from the address that it knows."""
    two_arm.w.put(f"/v1/services/udp/{VIP}/7",
                  {"scheduler": "rr", "servers": [{"address": "192.168.100.2", "port": 7, "weight": 1}]})
    with two_arm.client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=1.0) as flow:
        flow.connect((VIP, 7))

        def refused():
            try:
                flow.send(b"x")
                flow.recv(100)
            except ConnectionRefusedError:
                return True
            except TimeoutError:
                return False

        wait_for(refused, 5, what="connection refused")
    two_arm.w.delete(f"/v1/services/udp/{VIP}/7")
