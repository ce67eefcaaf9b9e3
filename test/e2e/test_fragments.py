# SPDX-License-Identifier: BSD-3-Clause
"""Datagrams larger than a frame: through FullNAT in fragments, and cut by weir where a link is narrow."""

import random
import socket
import struct
import threading

import pytest

from lab import CLIENT, LIP, LIP6, VIP, VIP6, TwoArm, wait_for

BOTH = pytest.mark.parametrize("vip, lip", [(VIP, LIP), (VIP6, LIP6)], ids=["ipv4", "ipv6"])
ETHER_IPV4, IP_MTU_DISCOVER, PMTUDISC_DONT = b"\x08\x00", 10, 0


@pytest.fixture(scope="module", params=[1, 2], ids=["one worker", "two workers"])
def lab(make_lab, request):
    lab = make_lab(TwoArm, queues=request.param)
    lab.w = lab.weir(workers=request.param).start()
    for host in lab.servers:  # what a test leaves there half done must not stay for long
        host.sysctl("net.ipv4.ipfrag_time", 2)
    return lab


def text_of(size, seed=1):
    return "".join(random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz", k=size))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source, destination, ident, offset, more, payload):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, (offset // 8) | (0x2000 if more else 0),
                         64, 17, 0, socket.inet_aton(source), socket.inet_aton(destination))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def datagram(port, data):
    """UDP to the echo, without a checksum (IPv4 allows that)."""
    return struct.pack("!HHHH", port, 5353, 8 + len(data), 0) + data


class Wire:
    """Frames from the client to weir, as they are."""

    def __init__(self, lab):
        self.socket = lab.client.raw("eth0")
        mac = lab.client.out("cat", "/sys/class/net/eth0/address").strip()
        lab.client.run("ping", "-c", 1, "-W", 2, "10.0.0.1")
        router = next(line.split()[2] for line in lab.client.ip("neigh", "show", "10.0.0.1", "dev", "eth0").splitlines())
        self.header = bytes.fromhex(router.replace(":", "") + mac.replace(":", "")) + ETHER_IPV4

    def send(self, source, ident, pieces, transport):
        """Pieces are (start, end) of the transport's bytes."""
        for start, end in pieces:
            self.socket.send(self.header + ipv4(source, VIP, ident, start, end < len(transport), transport[start:end]))

    def close(self):
        self.socket.close()


@pytest.fixture
def wire(lab):
    made = Wire(lab)
    yield made
    made.close()


@BOTH
@pytest.mark.parametrize("size", [1500, 4000, 20000, 60000])
def test_there_and_back(lab, vip, lip, size):
    """What Linux sends in fragments arrives, and so does the answer."""
    text = text_of(size)
    name, peer, _, answer = lab.client.udp_ask(vip, 5353, text).split(" ", 3)
    assert name in ("s1", "s2") and peer == lip and answer == text


def test_fragments_of_linux(lab):
    """Addresses of weir that are no services: large pings reach Linux."""
    for address in ("10.0.0.1", "fd00:a::1", VIP, VIP6):
        assert " 2 received" in lab.client.out("ping", "-c", 2, "-i", 0.1, "-w", 10, "-s", 4000, address), address


def ask(lab, wire, port, ident, order, size=3000):
    """Send in pieces in this order from a socket's port; what comes back to the socket."""
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=2.0) as flow:
        flow.bind((CLIENT, port))
        text = text_of(size, port).encode()
        transport = datagram(port, text)
        cuts = [(at, min(at + 1000, len(transport))) for at in range(0, len(transport), 1000)]
        wire.send(CLIENT, ident, [cuts[i] for i in order], transport)
        answer = flow.recv(65536).split(b" ", 3)
        assert answer[3] == text
        return answer[0]


@pytest.mark.parametrize("order", [(3, 2, 1, 0), (1, 0, 3, 2), (2, 3, 0, 1), (3, 0, 1, 2)], ids=str)
def test_out_of_order(lab, wire, order):
    """Those that overtake the first wait for it."""
    ask(lab, wire, 20000 + 64 * order[0] + order[1], 700 + order[0], order)


def test_ids_collide(lab, wire):
    """Two clients use one id at a time, and their datagrams meet at one server behind one local address."""
    lab.w.put(f"/v1/services/udp/{VIP}/5353",
              {"scheduler": "rr", "servers": [{"address": "192.168.100.2", "port": 5353, "weight": 1}]})
    lab.client.ip("address", "add", "10.0.0.3/24", "dev", "eth0")
    try:
        flows = []
        for source, port in ((CLIENT, 21000), ("10.0.0.3", 21001)):
            flow = lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=2.0)
            flow.bind((source, port))
            flows.append((flow, source, datagram(port, text_of(2992, port).encode())))
        for ident in range(20):
            for start in (0, 1000, 2000):
                for _, source, transport in flows:
                    wire.send(source, ident, [(start, start + 1000)], transport)
            for flow, _, transport in flows:
                assert flow.recv(65536).split(b" ", 3)[3] == transport[8:]
        for flow, _, _ in flows:
            flow.close()
    finally:
        lab.client.ip("address", "del", "10.0.0.3/24", "dev", "eth0")
        lab.w.put(f"/v1/services/udp/{VIP}/5353", {"scheduler": "rr", "servers": [
            {"address": f"192.168.100.{n}", "port": 5353, "weight": 1} for n in (2, 3)]})


def test_narrow_link(lab):
    """Weir cuts what does not fit the way to the servers and may be cut, fragments again included."""
    lab.balancer.ip("link", "set", "dpdk1.kni", "mtu", "1000")
    try:
        wait_for(lambda: next(p for p in lab.w.table("port") if p["name"] == "dpdk1")["mtu"] == 1000, what="the MTU")
        for size in (1300, 4000, 20000):
            with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=1.0) as flow:
                flow.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DONT)
                text = text_of(size)
                assert lab.client.udp_ask(VIP, 5353, text, sock=flow).split(" ", 3)[3] == text
        assert sum(worker["fragments_made"] for worker in lab.w.table("worker")) >= 17
    finally:
        lab.balancer.ip("link", "set", "dpdk1.kni", "mtu", "1500")


def test_flood(lab, wire):
    """Fragments whose first never comes fill a bounded table, are dropped by name, and harm nobody else."""
    over = threading.Event()

    def flood():
        ident, piece = 0, text_of(1000).encode()
        while not over.is_set():
            ident += 1
            wire.socket.send(wire.header + ipv4(f"10.0.0.{100 + ident // 65536 % 100}", VIP, ident % 65536, 1000, True, piece))

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        wait_for(lambda: lab.w.drops().get("fragment_table_full", 0) > 5000, 20, what="a full table")
        for size in (3000, 20000) * 5:
            text = text_of(size)
            assert lab.client.udp_ask(VIP, 5353, text).split(" ", 3)[3] == text
    finally:
        over.set()
        flooding.join()
    wait_for(lambda: lab.w.drops().get("fragment_expired", 0) > 0, 5, what="what waited expires")
