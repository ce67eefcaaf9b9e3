# SPDX-License-Identifier: BSD-3-Clause
"""
Large transfers, and path MTU discovery through the balancer.

  client  --+                                     +-- s1
            sw1 -- dpdk0 [weir] dpdk1 -- sw2 -----+
  c2 -- r1 -+                                     +-- r2 -- s2

The links c2 - r1 and r2 - s2 have an MTU of 1300, but c2 and s2 announce an MSS that ignores it, as
hosts behind a tunnel do: only ICMP tells the other side.
"""

import hashlib
import re
import time

import pytest

from lab import LIP, LIP6, VIP, VIP6, Lab, Weir

FAMILIES = pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
SMALL = 1300


class MtuLab(Lab):
    def __init__(self, big):
        super().__init__()
        self.sw1, self.sw2 = self.switch("sw1"), self.switch("sw2")
        self.balancer = self.host("weir")
        self.plug(self.sw1, "up0", self.balancer, "in0")
        self.plug(self.sw2, "up0", self.balancer, "out0")
        self.peer_offloads(self.sw1, "up0")
        self.peer_offloads(self.sw2, "up0")
        self.client = self.host("client")
        self.plug(self.sw1, "pc", self.client, "eth0")
        self.address(self.client, "eth0", "10.0.0.2/24", "fd00:a::2/64")
        self.s1 = self.server(1, self.sw2, "192.168.100.2/24", "fd00:b::2/64")
        self.r1, self.c2 = self.behind(self.sw1, "r1", "c2", "10.0.0.9", "fd00:a::9", 9)
        self.r2, self.s2 = self.behind(self.sw2, "r2", "s2", "192.168.100.9", "fd00:b::9", 8)
        for host in (self.s1, self.s2):
            self.nginx(host, big)
        services = []
        for vip, near, far in ((VIP, "192.168.100.2", "10.8.0.2"), (VIP6, "fd00:b::2", "fd00:8::2")):
            for port, server in ((80, near), (8080, far)):
                services.append({"vip": vip, "port": port, "protocol": "tcp", "scheduler": "rr",
                                 "servers": [{"address": server, "port": 80, "weight": 1}]})
        self.w = Weir(self, self.balancer, {
            "ports": [
                {"name": "dpdk0", "device": "in0",
                 "addresses": ["10.0.0.1/24", "fd00:a::1/64", f"{VIP}/32", f"{VIP6}/128"]},
                {"name": "dpdk1", "device": "out0", "addresses": ["192.168.100.1/24", "fd00:b::1/64"]}],
            "local_addresses": [{"address": LIP, "interface": "dpdk1"}, {"address": LIP6, "interface": "dpdk1"}],
            "services": services}).start()
        for net, via in (("10.9.0.0/24", "10.0.0.9"), ("fd00:9::/64", "fd00:a::9")):
            self.balancer.ip("route", "add", net, "via", via, "dev", "dpdk0.kni")
        for net, via in (("10.8.0.0/24", "192.168.100.9"), ("fd00:8::/64", "fd00:b::9")):
            self.balancer.ip("route", "add", net, "via", via, "dev", "dpdk1.kni")

    def behind(self, switch, router_role, host_role, address, address6, net):
        """A router on the switch, and a host behind it over a link with the small MTU."""
        router, host = self.host(router_role), self.host(host_role)
        self.plug(switch, f"p{router_role}", router, "eth0")
        self.link(router, "eth1", host, "eth0")
        self.address(router, "eth0", f"{address}/24", f"{address6}/64")
        router.sysctl("net.ipv4.ip_forward", 1)
        router.sysctl("net.ipv6.conf.all.forwarding", 1)
        for end, name in ((router, "eth1"), (host, "eth0")):
            end.ip("link", "set", name, "mtu", SMALL)
        self.address(router, "eth1", f"10.{net}.0.1/24", f"fd00:{net}::1/64")
        self.address(host, "eth0", f"10.{net}.0.2/24", f"fd00:{net}::2/64")
        host.ip("route", "add", "default", "via", f"10.{net}.0.1", "advmss", 1460)
        host.ip("-6", "route", "add", "default", "via", f"fd00:{net}::1", "advmss", 1440)
        # Frames that the router's card put together again would hide what the link allows.
        router.run("ethtool", "-K", "eth0", "gro", "off", "tso", "off", "gso", "off")
        router.run("ethtool", "-K", "eth1", "gro", "off")
        # Towards weir's network by the other address of the router.
        target, target6 = ("10.0.0.0/24", "fd00:a::/64") if net == 8 else ("192.168.100.0/24", "fd00:b::/64")
        gateway, gateway6 = ("192.168.100.1", "fd00:b::1") if net == 8 else ("10.0.0.1", "fd00:a::1")
        router.ip("route", "add", target, "via", gateway)
        router.ip("-6", "route", "add", target6, "via", gateway6)
        return router, host


@pytest.fixture(scope="module")
def lab(make_lab, big_files):
    return make_lab(MtuLab, big_files)


@pytest.fixture(scope="module")
def digest(big_files):
    return hashlib.sha256((big_files / "big").read_bytes()).hexdigest()


def url(vip, path, port=80):
    return f"http://{f'[{vip}]' if ':' in vip else vip}:{port}{path}"


def download(host, vip, digest, port=80):
    target = host.lab.folder / "got"
    host.curl("-g", "-o", target, url(vip, "/file/big", port), timeout=60)
    assert hashlib.sha256(target.read_bytes()).hexdigest() == digest
    target.unlink()


def snmp(host, name):
    return int(re.search(rf"^{name}\s+(\d+)", host.out("nstat", "-asz", name), re.M)[1])


@FAMILIES
def test_hundred_megabytes(lab, digest, vip):
    download(lab.client, vip, digest)


@FAMILIES
def test_download_over_a_small_link_to_the_client(lab, digest, vip):
    """r1 tells the VIP, weir tells the server."""
    counter = "Icmp6OutPktTooBigs" if ":" in vip else "IcmpOutDestUnreachs"
    before = snmp(lab.r1, counter)
    download(lab.c2, vip, digest)
    assert snmp(lab.r1, counter) > before, "the router never had to complain: the test shows nothing"
    route = lab.s1.ip("route", "get", LIP6 if ":" in vip else LIP)
    assert f"mtu {SMALL}" in route, route


@FAMILIES
def test_upload_over_a_small_link_to_the_server(lab, big_files, vip):
    """r2 tells the local address, weir tells the client."""
    counter = "Icmp6OutPktTooBigs" if ":" in vip else "IcmpOutDestUnreachs"
    before = snmp(lab.r2, counter)
    status = lab.client.curl("-g", "-T", big_files / "big", "-o", "/dev/null", "-w", "%{http_code}",
                             url(vip, f"/put/{'six' if ':' in vip else 'four'}", 8080), timeout=60).stdout
    assert status in ("201", "204")
    assert snmp(lab.r2, counter) > before, "the router never had to complain: the test shows nothing"
    route = lab.client.ip("route", "get", vip)
    assert f"mtu {SMALL}" in route, route


@FAMILIES
def test_small_mtu_of_weirs_own_port(lab, digest, vip):
    """The MTU that Linux gives to a TAP holds for what is forwarded through the port."""
    lab.balancer.ip("link", "set", "dpdk0.kni", "mtu", 1400)
    try:
        time.sleep(0.2)  # the mirror takes milliseconds
        download(lab.client, vip, digest)
    finally:
        lab.balancer.ip("link", "set", "dpdk0.kni", "mtu", 1500)


def test_iperf(lab):
    """Bulk TCP in both directions at once."""
    lab.iperf(lab.s1)
    lab.w.put(f"/v1/services/tcp/{VIP}/5201", {
        "scheduler": "rr", "servers": [{"address": "192.168.100.2", "port": 5201, "weight": 1}]})
    for direction in ([], ["-R"]):
        text = lab.client.out("iperf3", "-c", VIP, "-p", 5201, "-t", 1, "-J", *direction)
        rate = float(re.search(r'"sum_received".*?"bits_per_second":\s*([\d.e+]+)', text, re.S)[1])
        print(f"{rate / 1e9:.2f} Gbit/s")
        assert rate > 50e6
