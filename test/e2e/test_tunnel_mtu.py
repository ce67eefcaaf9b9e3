# SPDX-License-Identifier: BSD-3-Clause
"""Tunnels and NAT46 on ways that are narrower further on: uploads with full-size packets get through.

  client eth0 -- dpdk0 [weir] dpdk1 -- br0 -- r -- (MTU 1300) -- s
  client eth1 ------------------------- br0           s answers by r and eth1
"""

import hashlib
import socket

import pytest

from lab import CLIENT, CLIENT6, VIP, VIP6, TwoArm, wait_for
from one_way_lab import BACK, BACK6, vips_on_lo
from test_tunnel import decapsulate

FAR, FAR6, SMALL = "10.8.0.2", "fd00:8::2", 1300
FAMILIES = pytest.mark.parametrize("vip, server", [(VIP, FAR), (VIP6, FAR6), (VIP6, FAR), (VIP, FAR6)],
                                   ids=["4in4", "6in6", "6in4", "4in6"])
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0


class Narrow(TwoArm):
    def __init__(self):
        super().__init__(servers=0)
        self.plug(self.sw, "back", self.client, "eth1")
        self.address(self.client, "eth1", f"{BACK}/24", f"{BACK6}/64")
        for scope in ("all", "eth0", "eth1"):
            self.client.sysctl(f"net.ipv4.conf.{scope}.rp_filter", 0)
        self.router, self.far = self.host("r"), self.host("s")
        self.plug(self.sw, "pr", self.router, "eth0")
        self.link(self.router, "eth1", self.far, "eth0")
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.router.sysctl("net.ipv4.conf.all.rp_filter", 0)
        # Frames that the router's card put together again would hide what the link allows.
        self.router.run("ethtool", "-K", "eth0", "gro", "off", "tso", "off", "gso", "off")
        for end, name in ((self.router, "eth1"), (self.far, "eth0")):
            end.ip("link", "set", name, "mtu", SMALL)
        self.address(self.router, "eth0", "192.168.100.9/24", "fd00:b::9/64")
        self.address(self.router, "eth1", "10.8.0.1/24", "fd00:8::1/64")
        self.address(self.far, "eth0", f"{FAR}/24", f"{FAR6}/64")
        # The server invites to segments that ignore its link, as one behind a tunnel does.
        self.far.ip("route", "add", "default", "via", "10.8.0.1", "advmss", 1460)
        self.far.ip("-6", "route", "add", "default", "via", "fd00:8::1", "advmss", 1440)
        for target, via in ((f"{CLIENT}/32", BACK), (f"{CLIENT6}/128", BACK6)):
            self.router.ip("route", "add", target, "via", via)
        vips_on_lo(self, self.far)
        self.nginx(self.far)
        decapsulate(self.far, "ipip")
        self.w = self.weir(services=[]).start()
        for net, via in (("10.8.0.0/24", "192.168.100.9"), ("fd00:8::/64", "fd00:b::9")):
            self.balancer.ip("route", "add", net, "via", via, "dev", "dpdk1.kni")
        for net, via in (("192.168.100.200/32", "192.168.100.1"), ("fd00:b::200/128", "fd00:b::1")):
            self.router.ip("route", "add", net, "via", via)
        self.body = self.folder / "body"
        self.body.write_bytes(bytes(range(251)) * 4000)


@pytest.fixture(scope="module")
def lab(make_lab):
    return make_lab(Narrow)


def place(vip, port=80, protocol="tcp"):
    return f"/v1/services/{protocol}/{vip}/{port}"


def upload(lab, vip, name):
    host = f"[{vip}]" if ":" in vip else vip
    lab.client.curl("-g", "-m", "10", "-T", lab.body, f"http://{host}/put/{name}")
    kept = lab.folder / "nginx-s/www/put" / name
    assert hashlib.sha256(kept.read_bytes()).digest() == hashlib.sha256(lab.body.read_bytes()).digest()


@FAMILIES
def test_upload(lab, vip, server):
    """The router's error about the outer packet becomes one for the client; later ones are weir's."""
    family = "-6" if ":" in vip else "-4"
    lab.client.ip(family, "route", "flush", "cache")
    lab.w.put(place(vip), {"mode": "tunnel", "servers": [{"address": server}]})
    before = lab.w.drops().get("too_big", 0)
    upload(lab, vip, f"{len(vip)}-{len(server)}")
    assert lab.w.drops().get("too_big", 0) > before
    left = max(SMALL - (40 if ":" in server else 20), 1280 if ":" in vip else 0)
    assert f"mtu {left}" in lab.client.ip("route", "get", vip)
    lab.w.delete(place(vip))


def cut(lab):
    """How many pieces weir has made."""
    return sum(worker["fragments_made"] for worker in lab.w.table("worker"))


def ask(lab, vip, size, discover, port=5354):
    """A datagram of this size to the echo server, without or with leave to be cut."""
    text = "x" * size
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=1.0) as flow:
        flow.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, discover)
        return lab.client.udp_ask(vip, port, text, sock=flow) or ""


@pytest.mark.parametrize("server", [FAR, FAR6], ids=["4in4", "4in6"])
def test_datagrams_that_may_be_cut(lab, server):
    """1500 bytes without "don't fragment": cut before they enter the tunnel, also when nobody has told the MTU."""
    lab.client.ip("route", "flush", "cache")
    lab.w.put(place(VIP, 5354, "udp"), {"mode": "tunnel", "servers": [{"address": server}]})
    made = cut(lab)
    assert ask(lab, VIP, 1472, IP_PMTUDISC_DONT).endswith("x" * 1472)
    assert cut(lab) > made
    lab.w.delete(place(VIP, 5354, "udp"))


COUNTS = """
import socket
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.bind(("::", 5353))
while True:
    data, peer = server.recvfrom(65536)
    server.sendto(str(len(data)).encode(), peer)
"""


def test_nat46_cuts(lab):
    """As IPv6 it would not fit: fragments of 1280, which pass the narrow link too."""
    lab.far.start("/usr/bin/python3", "-c", COUNTS)
    wait_for(lambda: lab.far.out("ss", "-Hlun", "sport = :5353"), what="the server listens")
    lab.w.put(place(VIP, 5353, "udp"), {"servers": [{"address": FAR6, "port": 5353}]})
    made = cut(lab)
    assert ask(lab, VIP, 1472, IP_PMTUDISC_DONT, 5353) == "1472"
    assert cut(lab) > made
    lab.w.delete(place(VIP, 5353, "udp"))
