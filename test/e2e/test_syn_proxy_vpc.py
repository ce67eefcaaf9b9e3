# SPDX-License-Identifier: BSD-3-Clause
"""The SYN proxy in the VPC gateway: its clients are VMs, or its real servers are."""

import hashlib
import shutil

import pytest

from lab import Keep, Weir, url, wait_for
from test_vpc import HOSTS, VIP, VIP6
from test_vpc_servers import DC_VIP, DC_VIP6, PORTS, DcLab

BIG = 4 << 20
TOO_LARGE = ("too_big", "needs_fragmentation", "vxlan_inner_truncated")


class ProxyLab(DcLab):
    def config(self, **extra):
        made = super().config(**extra)
        for service in made["services"]:
            if service["protocol"] == "tcp":
                service["syn_proxy"] = True
        return made


@pytest.fixture(scope="module")
def dc(make_lab, tmp_path_factory):
    big = tmp_path_factory.mktemp("big")
    (big / "big").write_bytes(hashlib.shake_128(b"vpc").digest(BIG))
    lab = make_lab(ProxyLab, big)
    lab.big = big / "big"
    for server in ("s1", "s2"):
        shutil.copy(lab.big, lab.folder / f"nginx-{server}")
    lab.w = Weir(lab, lab.balancer, lab.config(workers=2)).start()
    wait_for(lambda: all(lab.client.curl(f"http://{DC_VIP}:{port}/", check=False).stdout for port in PORTS.values()),
             what="the VMs answer")
    wait_for(lambda: all(lab.vms[vni].names(VIP) for vni in HOSTS), what="both VNIs answer")
    return lab


def accepted(dc):
    return sum(row["syn_cookies_accepted"] for row in dc.w.table("worker"))


def transfer(dc, client, vip, kept):
    """A large file in both directions, byte by byte the same, and nobody is told that a packet is too big."""
    client.curl("-g", "-o", dc.folder / "got", url(vip) + "file/big")
    assert (dc.folder / "got").read_bytes() == dc.big.read_bytes()
    client.curl("-g", "-T", dc.big, url(vip) + "put/big")
    assert (dc.folder / f"nginx-{kept}/www/put/big").read_bytes() == dc.big.read_bytes()
    assert not [reason for reason in dc.w.drops() if reason in TOO_LARGE]


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_clients(dc, vip):
    """VMs with the same addresses in two VNIs."""
    before = accepted(dc)
    for vni, server in ((96, "s1"), (101, "s2")):
        assert dc.vms[vni].names(vip, count=5) == [server] * 5
        transfer(dc, dc.vms[vni], vip, server)
    wait_for(lambda: accepted(dc) >= before + 14, what="each connection has had a cookie")


@pytest.mark.parametrize("vip", [DC_VIP, DC_VIP6], ids=["ipv4", "ipv6"])
def test_servers(dc, vip):
    before = accepted(dc)
    for vni, port in PORTS.items():
        assert dc.client.names(vip, port, count=10) == [f"vm{vni}"] * 10
    transfer(dc, dc.client, vip, "vm96")
    wait_for(lambda: accepted(dc) >= before + 22, what="each connection has had a cookie")


def test_kept(dc):
    """Connections live on when it is turned off."""
    keeps = [Keep(dc.client, DC_VIP), Keep(dc.vms[96], VIP)]
    config = dc.w.get("/v1/config")
    assert [service.pop("syn_proxy") for service in config["services"] if service["protocol"] == "tcp"] == [True] * 8
    before = accepted(dc)
    dc.w.put("/v1/config", config)
    assert dc.client.names(DC_VIP) == ["vm96"] and dc.vms[96].names(VIP) == ["s1"]
    assert [keep.ask() for keep in keeps] == ["vm96", "s1"]
    for keep in keeps:
        keep.close()
    assert accepted(dc) == before
