# SPDX-License-Identifier: BSD-3-Clause
"""Real servers that are routed through a tunnel interface, and what its MTU means for packets.

  client -- dpdk0 [weir] dpdk1 -- r -- far, which ends the tunnel and is the server behind it
"""

import hashlib
import socket
import subprocess

import pytest

from lab import CLIENT, CLIENT6, HERE, VIP, VIP6, Lab, Weir, wait_for

FAR, FAR6, NARROW = "10.8.0.2", "fd00:8::2", 1400
INSIDE, INSIDE6, LOCAL, LOCAL6 = "172.16.0.2", "fd00:16::2", "172.16.0.200", "fd00:16::200"
IP_MTU_DISCOVER, PMTUDISC_DONT, PMTUDISC_DO = 10, 0, 2
IPV6_MTU_DISCOVER = 23
KINDS = {"ipip": {}, "gre": {"key": 77}, "vxlan": {"vni": 4711}}
# Bytes of all headers in front of the packet inside, by the kind and the outer IP version.
HEADERS = {("ipip", 4): 20, ("gre", 6): 48, ("vxlan", 4): 50}


class Routed(Lab):
    def __init__(self, big):
        super().__init__()
        self.client, self.balancer = self.host("client"), self.host("weir")
        self.router, self.far = self.host("r"), self.host("far")
        self.link(self.client, "eth0", self.balancer, "in0")
        self.link(self.router, "eth0", self.balancer, "out0")
        self.link(self.router, "eth1", self.far, "eth0")
        for host, name in ((self.client, "eth0"), (self.router, "eth0")):
            self.peer_offloads(host, name)
        # Frames that the router's card put together again would hide what the link allows.
        self.router.run("ethtool", "-K", "eth0", "gro", "off")
        self.address(self.client, "eth0", f"{CLIENT}/24", f"{CLIENT6}/64")
        for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            self.router.sysctl(name, 1)
        self.address(self.router, "eth0", "192.168.100.9/24", "fd00:b::9/64")
        self.address(self.router, "eth1", "10.8.0.1/24", "fd00:8::1/64")
        self.address(self.far, "eth0", f"{FAR}/24", f"{FAR6}/64")
        self.far.ip("route", "add", "default", "via", "10.8.0.1")
        self.far.ip("-6", "route", "add", "default", "via", "fd00:8::1")
        self.nginx(self.far, big)
        self.udp_echo(self.far)
        self.peer = None
        self.w = Weir(self, self.balancer, {
            "workers": 2,
            "ports": [{"name": "dpdk0", "device": "in0",
                       "addresses": ["10.0.0.1/24", "fd00:a::1/64", f"{VIP}/32", f"{VIP6}/128"]},
                      {"name": "dpdk1", "device": "out0", "addresses": ["192.168.100.1/24", "fd00:b::1/64"]}],
            "services": [{"vip": vip, "port": port, "protocol": protocol, "servers": [{"address": to, "port": port}]}
                         for vip, to in ((VIP, INSIDE), (VIP6, INSIDE6))
                         for protocol, port in (("tcp", 80), ("udp", 5353))]}).start()
        self.balancer.ip("route", "add", "10.8.0.0/24", "via", "192.168.100.9", "dev", "dpdk1.kni")
        self.balancer.ip("route", "add", "fd00:8::/64", "via", "fd00:b::9", "dev", "dpdk1.kni")

    def tunnel(self, kind, outer, mtu=1400, kernel=False):
        """Both ends, with the addresses and local addresses that its server needs."""
        settings = KINDS[kind]
        key = settings.get("key", settings.get("vni", 0))
        remote, local = (FAR, "192.168.100.1") if outer == 4 else (FAR6, "fd00:b::1")
        if kernel:
            self.far.ip("link", "add", "tun0", "type", "vxlan", "id", key, "remote", local, "local", remote,
                        "dstport", 4789)
            self.far.ip("link", "set", "tun0", "up")
        else:
            self.peer = self.far.start("/usr/bin/python3", HERE / "tunnel_peer.py", kind, remote, local, key,
                                       stdout=subprocess.PIPE)
            assert self.peer.stdout.readline() == b"ready\n"
        self.far.ip("link", "set", "tun0", "mtu", mtu)
        self.address(self.far, "tun0", f"{INSIDE}/24", f"{INSIDE6}/64")
        self.w.put("/v1/tunnels/tun1", {"kind": kind.split("+")[0], "local": local, "remote": remote, **settings})
        self.address(self.balancer, "tun1.kni", "172.16.0.1/24", "fd00:16::1/64")
        for address in (LOCAL, LOCAL6):
            self.w.put(f"/v1/local_addresses/{address}", {"interface": "tun1"})

    def close_tunnel(self):
        for address in (LOCAL, LOCAL6):
            self.w.delete(f"/v1/local_addresses/{address}")
        self.w.delete("/v1/tunnels/tun1")
        if self.peer:
            self.end(self.peer)
            self.peer = None
        else:
            self.far.ip("link", "delete", "tun0")


@pytest.fixture(scope="module")
def lab(make_lab, big):
    return make_lab(Routed, big)


def transfer(lab, vip, big):
    """20 MB from the server by IPv4, as many to it by IPv6."""
    sent = hashlib.sha256((big / "file").read_bytes()).hexdigest()
    if ":" in vip:
        lab.client.curl("-g", "-T", big / "file", f"http://[{vip}]/put/file")
        got = hashlib.sha256((lab.folder / "nginx-far/www/put/file").read_bytes()).hexdigest()
    else:
        got = lab.client.run("sh", "-c", f"curl -sS -m 20 http://{vip}/file/file | sha256sum").stdout.split()[0]
    assert got == sent


@pytest.mark.parametrize("kind, outer", [("ipip", 4), ("gre", 6), ("kernel", 4)])
def test_a_server_behind_a_tunnel(lab, big, kind, outer):
    """With a peer in user space, and of VXLAN with Linux itself."""
    lab.tunnel("vxlan" if kind == "kernel" else kind, outer, kernel=kind == "kernel")
    for vip in (VIP, VIP6):
        wait_for(lambda vip=vip: lab.client.udp_ask(vip, 5353), what=f"{vip} answers by the tunnel")
        assert lab.client.names(vip, count=4) == ["far"] * 4
        transfer(lab, vip, big)
    row, = lab.w.table("tunnel", "list")
    assert row["packets_in"] > 10000 and row["packets_out"] > 10000 and min(row["bytes_in"], row["bytes_out"]) > 20e6
    lab.close_tunnel()


def asked(lab, vip, size, discover):
    """Has the server got and answered a datagram of this size, headers and all?"""
    headers, family, level, option = ((48, socket.AF_INET6, socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER) if ":" in vip
                                      else (28, socket.AF_INET, socket.IPPROTO_IP, IP_MTU_DISCOVER))
    text = "x" * (size - headers)
    with lab.client.socket(family, socket.SOCK_DGRAM, timeout=0.3) as flow:
        flow.setsockopt(level, option, discover)
        try:
            return (lab.client.udp_ask(vip, 5354, text, tries=1, sock=flow) or "") == str(len(text))
        except OSError:  # Linux knows that this is too large for the way
            return False


def known(lab, host, to, mtu):
    return f"mtu {mtu}" in host.ip("route", "get", to)


COUNTS = """
import socket
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.bind(("::", 5354))
while True:
    data, peer = server.recvfrom(65536)
    server.sendto(str(len(data)).encode(), peer)
"""


@pytest.mark.parametrize("kind, outer", HEADERS)
def test_too_large_for_the_tunnel(lab, kind, outer):
    """Its MTU is told to who can make smaller packets; others' are cut. The same of a link further on."""
    counts = lab.far.start("/usr/bin/python3", "-c", COUNTS)
    wait_for(lambda: lab.far.out("ss", "-Hlun", "sport = :5354"), what="the server listens")
    headers = HEADERS[kind, outer]
    for host in (lab.client, lab.balancer, lab.far):
        for family in ("-4", "-6"):
            host.ip(family, "route", "flush", "cache")
    lab.tunnel(kind, outer, mtu=1500 - headers)
    for vip, to in ((VIP, INSIDE), (VIP6, INSIDE6)):
        lab.w.put(f"/v1/services/udp/{vip}/5354", {"servers": [{"address": to, "port": 5354}]})
        wait_for(lambda vip=vip: asked(lab, vip, 100, PMTUDISC_DO), what=f"{vip} answers by the tunnel")
    for mtu in (1500, NARROW):
        for host, name in ((lab.router, "eth1"), (lab.far, "eth0")):
            host.ip("link", "set", name, "mtu", mtu)
        left = mtu - headers
        lab.far.ip("link", "set", "tun0", "mtu", left)
        for vip in (VIP, VIP6):
            # The first one that a narrow link meets is lost, and told of to weir.
            wait_for(lambda vip=vip: not asked(lab, vip, left + 1, PMTUDISC_DO) and known(lab, lab.client, vip, left),
                     what=lambda vip=vip: f"{vip}: mtu {left} in {lab.client.ip('route', 'get', vip)}")
            wait_for(lambda vip=vip: asked(lab, vip, left, PMTUDISC_DO), what=f"{vip} takes {left} bytes")
        lab.client.ip("route", "flush", "cache")
        wait_for(lambda: asked(lab, VIP, 1500, PMTUDISC_DONT), what="what may be cut is")
    # Linux on weir's host, which the interface has told 1,500 less the headers.
    for to in (INSIDE, INSIDE6):
        wait_for(lambda to=to: lab.balancer.run("ping", "-c", "1", "-W", "1", "-M", "do", "-s", 1400, to, check=False)
                 and known(lab, lab.balancer, to, NARROW - headers), what=f"Linux knows the way to {to}")
    assert lab.w.table("tunnel", "list")[0]["path_mtu"] == NARROW
    for host, name in ((lab.router, "eth1"), (lab.far, "eth0")):
        host.ip("link", "set", name, "mtu", 1500)
    for vip in (VIP, VIP6):
        lab.w.delete(f"/v1/services/udp/{vip}/5354")
    lab.close_tunnel()
    lab.end(counts)
