# SPDX-License-Identifier: BSD-3-Clause
"""
The data path follows what BIRD does to Linux's routes.

            +-- r1 --+
  client ---|        |-- sw -- dpdk0 [weir + BIRD] dpdk1 -- sw2 -- s1
            +-- r2 --+

r1 and r2 announce the client's network by BGP; the client sends by r1.
"""

import socket
import threading
import time

import pytest

from lab import LIP, LIP6, Lab, Weir, wait_for

CLIENT, CLIENT6 = "10.9.0.2", "fd00:9::2"
VIP, VIP6 = "10.0.0.100", "fd00:a::100"


def bird_router(number):
    return f"""
router id 10.0.0.{10 + number};
protocol device {{ scan time 2; }}
protocol static {{ ipv4; route {CLIENT}/32 via 10.1.{number}.2; }}
protocol static {{ ipv6; route {CLIENT6}/128 via fd00:1:{number}::2; }}
protocol kernel {{ ipv4 {{ export all; }}; }}
protocol kernel {{ ipv6 {{ export all; }}; }}
protocol bgp weir {{
  local 10.0.0.{10 + number} as 65001; neighbor 10.0.0.1 as 65000;
  hold time 3; keepalive time 1; connect retry time 1; connect delay time 1; error wait time 1, 2;
  ipv4 {{ import none; export where source = RTS_STATIC; next hop self; }};
  ipv6 {{ import none; export where source = RTS_STATIC; next hop address fd00:a::{10 + number:x}; }};
}}
"""


BIRD_WEIR = """
router id 10.0.0.1;
protocol device { scan time 2; }
protocol static { ipv4; route 10.0.0.100/32 blackhole; }
protocol kernel { merge paths on; ipv4 { import none; export where source = RTS_BGP; }; }
protocol kernel { merge paths on; ipv6 { import none; export where source = RTS_BGP; }; }
template bgp upstream {
  local 10.0.0.1 as 65000;
  hold time 3; keepalive time 1; connect retry time 1; connect delay time 1; error wait time 1, 2;
  ipv4 { import all; export where source = RTS_STATIC; next hop self; };
  ipv6 { import all; export none; };
}
protocol bgp r1 from upstream { neighbor 10.0.0.11 as 65001; }
protocol bgp r2 from upstream { neighbor 10.0.0.12 as 65001; }
"""


class RoutedLab(Lab):
    def __init__(self, big):
        super().__init__()
        self.sw, self.sw2 = self.switch("sw"), self.switch("sw2")
        self.balancer, self.client = self.host("weir"), self.host("client")
        self.plug(self.sw, "up0", self.balancer, "in0")
        self.plug(self.sw2, "up0", self.balancer, "out0")
        self.peer_offloads(self.sw, "up0")
        self.peer_offloads(self.sw2, "up0")
        self.s1 = self.server(1, self.sw2, "192.168.100.2/24", "fd00:b::2/64")
        self.nginx(self.s1, big)
        self.udp_echo(self.s1)
        self.client.ip("address", "add", f"{CLIENT}/32", "dev", "lo")
        self.client.ip("address", "add", f"{CLIENT6}/128", "dev", "lo", "nodad")
        self.routers = [self.router(1), self.router(2)]
        self.client.sysctl("net.ipv4.conf.all.rp_filter", 0)
        self.client.ip("route", "add", "10.0.0.0/24", "via", "10.1.1.1", "src", CLIENT)
        self.client.ip("-6", "route", "add", "fd00:a::/64", "via", "fd00:1:1::1", "src", CLIENT6)
        services = [{"vip": vip, "port": port, "protocol": protocol, "scheduler": "rr",
                     "servers": [{"address": server, "port": port, "weight": 1}]}
                    for vip, server in ((VIP, "192.168.100.2"), (VIP6, "fd00:b::2"))
                    for protocol, port in (("tcp", 80), ("udp", 5353))]
        self.w = Weir(self, self.balancer, {
            "ports": [
                {"name": "dpdk0", "device": "in0",
                 "addresses": ["10.0.0.1/24", "fd00:a::1/64", f"{VIP}/32", f"{VIP6}/128"]},
                {"name": "dpdk1", "device": "out0", "addresses": ["192.168.100.1/24", "fd00:b::1/64"]}],
            "local_addresses": [{"address": LIP, "interface": "dpdk1"}, {"address": LIP6, "interface": "dpdk1"}],
            "services": services}).start()
        self.birdc = self.bird(self.balancer, BIRD_WEIR)
        for number, router in enumerate(self.routers, 1):
            self.bird(router, bird_router(number))
        wait_for(lambda: self.established("r1") and self.established("r2"), 20, what="BGP is up")
        wait_for(lambda: self.legs() == {11, 12} and self.legs(True) == {11, 12}, 10, what="both legs in weir")

    def router(self, number):
        host = self.host(f"r{number}")
        self.plug(self.sw, f"p{number}", host, "eth0")
        self.link(host, "eth1", self.client, f"eth{number}")
        host.sysctl("net.ipv4.ip_forward", 1)
        host.sysctl("net.ipv6.conf.all.forwarding", 1)
        host.sysctl("net.ipv4.conf.all.rp_filter", 0)
        self.address(host, "eth0", f"10.0.0.{10 + number}/24", f"fd00:a::{10 + number:x}/64")
        self.address(host, "eth1", f"10.1.{number}.1/24", f"fd00:1:{number}::1/64")
        self.address(self.client, f"eth{number}", f"10.1.{number}.2/24", f"fd00:1:{number}::2/64")
        return host

    def established(self, peer):
        return "Established" in self.birdc("show", "protocols", peer)

    def legs(self, ipv6=False):
        """By which routers weir itself sends to the client, as the last number of their addresses."""
        prefix = f"{CLIENT6}/128" if ipv6 else f"{CLIENT}/32"
        vias = [leg["via"] for row in self.w.table("route") if row["destination"] == prefix and row["data_path"]
                for leg in row["legs"] if leg["state"] == "resolved"]
        return {int(via.rsplit(":", 1)[1], 16) if ipv6 else int(via.rsplit(".", 1)[1]) for via in vias}


@pytest.fixture(scope="module")
def lab(make_lab, big_files):
    return make_lab(RoutedLab, big_files)


class Probe:
    """UDP echoes through the VIP, a hundred a second on eight flows, to see for how long they fail."""

    def __init__(self, host, vip):
        family = socket.AF_INET6 if ":" in vip else socket.AF_INET
        self.vip = vip
        self.flows = [host.socket(family, socket.SOCK_DGRAM, timeout=0) for _ in range(8)]
        self.sent, self.got = {}, {}
        self.running = True
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        number = 0
        while self.running:
            flow = self.flows[number % 8]
            try:
                flow.sendto(str(number).encode(), (self.vip, 5353))
                self.sent[number] = time.monotonic()
            except OSError:
                pass
            number += 1
            time.sleep(0.01)
            for flow in self.flows:
                try:
                    while True:
                        self.got[int(flow.recv(2048).split()[3])] = time.monotonic()
                except OSError:
                    pass

    def stop(self):
        """The longest time, in seconds, during which echoes of one flow stayed away."""
        time.sleep(0.3)
        self.running = False
        self.thread.join()
        for flow in self.flows:
            flow.close()
        assert len(self.got) > 20, "the probe was hardly ever answered"
        longest = 0.0
        for flow in range(8):
            lost = None
            for number in sorted(n for n in self.sent if n % 8 == flow and n < len(self.sent) - 30):
                if number in self.got:
                    if lost is not None:
                        longest = max(longest, self.sent[number] - lost)
                    lost = None
                elif lost is None:
                    lost = self.sent[number]
            if lost is not None:
                longest = max(longest, time.monotonic() - lost)
        return longest


def download_gaps(host, vip, seconds, meanwhile):
    """A download at a steady pace; the longest time in which nothing arrived."""
    with host.connect(vip, 80, timeout=10) as sock:
        sock.sendall(b"GET /slow/big HTTP/1.0\r\n\r\n")
        assert b"200" in sock.recv(4096)
        started = last = time.monotonic()
        longest, done = 0.0, False
        while time.monotonic() - started < seconds:
            if not done and time.monotonic() - started > 0.5:
                meanwhile()
                done = True
                last = max(last, time.monotonic() - 0.05)
            assert sock.recv(1 << 20), "the download ended"
            now = time.monotonic()
            longest, last = max(longest, now - last), now
        return longest


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_route_moves_during_a_download(lab, vip):
    """From both routers to one to the other; nothing may be lost for longer than a second."""
    probe = Probe(lab.client, vip)
    ipv6 = ":" in vip
    try:
        def to_r2():
            lab.birdc("disable", "r1")
            wait_for(lambda: lab.legs(ipv6) == {12}, 2, what="only r2")

        def to_r1():
            lab.birdc("enable", "r1")
            wait_for(lambda: lab.legs(ipv6) == {11, 12}, 15, what="both again")
            lab.birdc("disable", "r2")
            wait_for(lambda: lab.legs(ipv6) == {11}, 2, what="only r1")

        gap = download_gaps(lab.client, vip, 2, to_r2)
        assert gap < 1.5, f"nothing for {gap:.2f} s"
        to_r1()
        assert lab.client.names(vip) == ["s1"]
    finally:
        lost = probe.stop()
        lab.birdc("enable", "r1")
        lab.birdc("enable", "r2")
    print(f"longest loss {lost * 1000:.0f} ms")
    assert lost < 1.0
    wait_for(lambda: lab.legs() == {11, 12} and lab.legs(True) == {11, 12}, 20, what="both legs again")


def test_a_leg_falls_silent(lab):
    """A router disappears without a word: within three seconds nothing is sent to it any more."""
    probe = Probe(lab.client, VIP)
    try:
        time.sleep(0.5)
        # The client sends by r1, so it is r2 that dies.
        lab.sw.ip("link", "set", "p2", "down")
        wait_for(lambda: lab.legs() == {11}, 10, what="the leg is gone")
        time.sleep(0.5)
    finally:
        lost = probe.stop()
        lab.sw.ip("link", "set", "p2", "up")
    print(f"longest loss {lost:.2f} s")
    assert lost < 3.5
    wait_for(lambda: lab.legs() == {11, 12}, 20, what="both legs again")


def test_flood_of_pings_costs_no_bgp_session(lab):
    def since():
        """Seconds of the day in which the sessions came up; BIRD reckons them anew for each question, to a millisecond or so."""
        clock = [lab.birdc("show", "protocols", peer).splitlines()[-1].split()[4] for peer in ("r1", "r2")]
        return [sum(float(part) * unit for part, unit in zip(text.split(":"), (3600, 60, 1))) for text in clock]

    wait_for(lambda: lab.established("r1") and lab.established("r2"), 20, what="BGP is up")
    before = since()
    floods = [lab.client.start("ping", "-q", "-f", "-w", 5, "-s", size, VIP) for size in (8, 8, 1400)]
    for flood in floods:
        flood.wait(20)
    time.sleep(0.5)
    assert lab.established("r1") and lab.established("r2")
    assert since() == pytest.approx(before, abs=0.1), "BGP was down in between"
    assert lab.w.drops().get("punt_policed", 0) > 0, "the flood was too small to show anything"
