# SPDX-License-Identifier: BSD-3-Clause
"""
The tables of the article, loaded as printed by the commands of doc/migrating-from-dpvs.md, with traffic after it: each VM
of the VM table behind its own host, each real server of the service table in the data centre.
"""

import os

import pytest

import article
from lab import Lab, Weir, wait_for
from test_migrating import Page

VTEP, LOCAL = "10.162.0.1", "10.182.0.200"
VMS = article.rows(article.VMS, 4)
SERVICES = article.rows(article.SERVICES, 5)


class Article(Lab):
    """vm -- br, vxlan [host] -- under -- dpdk0 [weir] dpdk1 -- dc -- s1, s2, s3"""

    def __init__(self):
        super().__init__()
        self.balancer = self.host("weir")
        self.underlay, self.dc = self.switch("under"), self.switch("dc")
        self.plug(self.underlay, "up0", self.balancer, "in0")
        self.plug(self.dc, "up0", self.balancer, "out0")
        self.peer_offloads(self.underlay, "up0")
        self.peer_offloads(self.dc, "up0")
        self.vms = {(vni, address): self.vm(number, vni, address, mac, host)
                    for number, (vni, address, mac, host) in enumerate(VMS, 1)}
        self.names = {}
        for number, server in enumerate(dict.fromkeys(row[3] for row in SERVICES), 1):
            self.nginx(self.server(number, self.dc, f"{server}/16"))
            self.names[server] = f"s{number}"

    def vm(self, number, vni, address, mac, underlay):
        host, vm = self.host(f"h{number}"), self.host(f"vm{number}")
        self.plug(self.underlay, f"p{number}", host, "eth0")
        self.address(host, "eth0", f"{underlay}/16")
        host.ip("route", "replace", f"{VTEP}/32", "dev", "eth0")
        host.run("ethtool", "-K", "eth0", "tso", "off", "gso", "off", "tx-udp_tnl-segmentation", "off",
                 "tx-udp_tnl-csum-segmentation", "off")
        host.ip("link", "add", "br0", "type", "bridge")
        host.ip("link", "add", "vx0", "type", "vxlan", "id", vni, "dstport", 4789, "local", underlay, "remote", VTEP)
        self.link(vm, "eth0", host, "tap0")
        vm.ip("link", "set", "dev", "eth0", "address", mac, "mtu", 1450)
        self.address(vm, "eth0", f"{address}/24")
        for name in ("vx0", "tap0"):
            host.ip("link", "set", "dev", name, "master", "br0", "up")
        host.ip("link", "set", "dev", "br0", "up")
        return vm


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(Article)
    lab.w = Weir(lab, lab.balancer, {
        "ports": [{"name": "dpdk0", "device": "in0", "addresses": [f"{VTEP}/16", "10.192.0.1/16"]},
                  {"name": "dpdk1", "device": "out0", "addresses": ["10.182.0.1/16"]}],
        "vpc": {"addresses": [VTEP]},
        "local_addresses": [{"address": LOCAL, "interface": "dpdk1"}],
    }).start()
    (lab.folder / "vms.txt").write_text(article.VMS)
    (lab.folder / "services.txt").write_text(article.SERVICES)
    assert Page(lab, "migrating-from-dpvs").shell(lab.w, "vpc-tables").stderr == ""
    return lab


def test_tables_are_there(lab):
    """What weir lists is what is printed."""
    listed = [(str(row["vni"]), row["address"], row["mac"], row["host"]) for row in lab.w.table("vpc", "list")]
    assert sorted(listed) == sorted(VMS)
    served = [(str(service["vni"]), service["vip"], str(service["port"]), server["address"], str(server["port"]))
              for service in lab.w.get("/v1/services")["services"] for server in service["servers"]]
    assert sorted(served) == sorted(SERVICES)


@pytest.mark.parametrize("vni, address", [row[:2] for row in VMS])
def test_traffic(lab, vni, address):
    """Each VM reaches the real servers of its VNI's service, and nothing of the other's."""
    vip, port = next((row[1], row[2]) for row in SERVICES if row[0] == vni)
    wanted = {lab.names[row[3]] for row in SERVICES if row[0] == vni}
    vm = lab.vms[vni, address]
    wait_for(lambda: vm.curl("--connect-timeout", 1, f"http://{vip}:{port}/", check=False).stdout, what="an answer")
    assert set(vm.names(vip, int(port), count=8)) == wanted
    other = "8080" if port == "80" else "80"
    assert vm.curl("--connect-timeout", 0.3, f"http://{vip}:{other}/", check=False).returncode
