# SPDX-License-Identifier: BSD-3-Clause
"""Data centre to VPC: clients on the underlay, real servers that are VMs; two workers.

The lab is that of test_vpc.py, with a client in the data centre. The VMs of both VNIs have the same addresses.
"""

import hashlib
import socket

import pytest

from lab import BUILD, HERE, Keep, Refused, Weir, server_address, server_address6, wait_for
from test_proxy_protocol import talk
from test_vpc import HOSTS, MACS, VIP, VIP6, VM, VM6, VpcLab

DC, DC6 = "192.168.100.50", "fd00:b::50"
DC_VIP, DC_VIP6 = "10.0.0.100", "fd00:a::100"
LOCAL, LOCAL6 = "172.16.25.1", "fd00:c::1"
LOCALS = [f"{LOCAL}/24", f"{LOCAL6}/64"]
WAN = {96: ("192.168.100.60", "fd00:b::60"), 101: ("192.168.100.61", "fd00:b::61")}  # of SNAT
PORTS = {96: 80, 101: 81}  # of the service that has the VM of each VNI


class DcLab(VpcLab):
    def __init__(self, big=None):
        super().__init__()
        self.client = self.host("dc-client")
        self.plug(self.dc, "pc", self.client, "eth0")
        self.address(self.client, "eth0", f"{DC}/24", f"{DC6}/64")
        self.client.ip("route", "add", "10.0.0.0/24", "via", "192.168.100.1")
        self.client.ip("route", "add", "fd00:a::/64", "via", "fd00:b::1")
        for vm in self.vms.values():
            self.nginx(vm, big)
            self.udp_echo(vm)
            vm.ip("route", "add", "192.168.100.0/24", "via", LOCAL)
            vm.ip("route", "add", "fd00:b::/64", "via", LOCAL6)
        self.udp_echo(self.hosts["s1"])

    def config(self, **extra):
        made = super().config(**extra)
        made["ports"][1]["addresses"] += [f"{wan}/{128 if ':' in wan else 32}" for pair in WAN.values() for wan in pair]
        made["vpc"]["vnis"] = [{"vni": vni, "local_addresses": LOCALS} for vni in HOSTS]
        for vip, vm in ((DC_VIP, VM), (DC_VIP6, VM6)):
            for vni, port in PORTS.items():
                made["services"].append({"vip": vip, "port": port, "protocol": "tcp", "scheduler": "mh",
                                         "servers": [{"address": vm, "port": 80, "vni": vni}]})
                made["services"].append({"vip": vip, "port": 5300 + port, "protocol": "udp",
                                         "servers": [{"address": vm, "port": 5353, "vni": vni}]})
        return made


@pytest.fixture(scope="module")
def dc(make_lab, big_files):
    lab = make_lab(DcLab, big_files)
    lab.w = Weir(lab, lab.balancer, lab.config(workers=2)).start()
    wait_for(lambda: all(lab.client.curl(f"http://{DC_VIP}:{port}/", check=False).stdout for port in PORTS.values()),
             what="the VMs answer")
    return lab


@pytest.fixture(scope="module")
def proxy_servers(dc):
    for host in (dc.vms[96], dc.hosts["s1"]):
        host.start("/usr/bin/python3", HERE / "proxy_server.py", 91)
        wait_for(lambda: host.out("ss", "-Hltn", "sport = :91"), 10, what="port 91 listens")


@pytest.mark.parametrize("vip", [DC_VIP, DC_VIP6], ids=["ipv4", "ipv6"])
def test_answers_do_not_mix(dc, vip):
    for vni, port in PORTS.items():
        assert dc.client.names(vip, port, count=20) == [f"vm{vni}"] * 20
        answer = dc.client.udp_ask(vip, 5300 + port)
        assert answer and answer.startswith(f"vm{vni}"), answer


def test_peers(dc):
    """The VM sees weir's local address, and the session says in which VNI its server is."""
    keep = Keep(dc.client, DC_VIP, 80)
    assert dc.client.curl(f"http://{DC_VIP}/").stdout.split()[1] == LOCAL
    session, = [s for s in dc.w.sessions(server=f"{VM}:80")
                if s["client_port"] == keep.socket.getsockname()[1]]
    assert session["server_vni"] == 96 and session["local"] == LOCAL
    keep.close()


@pytest.mark.parametrize("vip", [DC_VIP, DC_VIP6], ids=["ipv4", "ipv6"])
def test_transfer(dc, vip):
    """100 MB out of the VPC, and 20 MB into it, arrive whole."""
    host = f"[{vip}]" if ":" in vip else vip
    before = dc.w.drops()
    size = dc.client.curl("-g", "-o", "/dev/null", "-w", "%{size_download}", f"http://{host}/file/big",
                          timeout=60).stdout
    assert int(size) == 100 << 20
    (dc.folder / "up").write_bytes(bytes(20 << 20))
    size = dc.client.curl("-g", "-o", "/dev/null", "-w", "%{size_upload}", "-T", dc.folder / "up",
                          f"http://{host}/put/up", timeout=60).stdout
    assert int(size) == 20 << 20
    after = dc.w.drops()
    for reason in ("too_big", "needs_fragmentation"):
        assert after.get(reason, 0) == before.get(reason, 0)


@pytest.mark.parametrize("syn_proxy", [False, True], ids=["", "syn-proxy"])
@pytest.mark.parametrize("vip, client, server", [(DC_VIP, DC, VM), (DC_VIP6, DC6, VM6)], ids=["ipv4", "ipv6"])
def test_proxy_protocol(dc, proxy_servers, vip, client, server, syn_proxy):
    """A VM that speaks first learns the client from the header, and what the client sends arrives whole."""
    dc.w.put(f"/v1/services/tcp/{vip}/91", {"scheduler": "rr", "proxy_protocol": "v2", "syn_proxy": syn_proxy,
                                            "servers": [{"address": server, "port": 91, "vni": 96}]})
    sent = bytes(range(256)) * 4000
    line, port, digest = talk(dc, vip, 91, sent)
    assert line == ["v2", client, str(port), vip, "91", "-"] and digest == hashlib.sha256(sent).hexdigest()
    dc.w.delete(f"/v1/services/tcp/{vip}/91")


@pytest.mark.parametrize("vip, client, s1", [(VIP, VM, server_address(1)), (VIP6, VM6, server_address6(1))],
                         ids=["ipv4", "ipv6"])
def test_proxy_protocol_of_vms(dc, proxy_servers, vip, client, s1):
    """A server learns in which VNI its client is, and which VIP it asked there: both have clients with this address."""
    for vni in HOSTS:
        path = f"/v1/services/tcp/{vip}@{vni}/91"
        dc.w.put(path, {"scheduler": "rr", "proxy_protocol": "v2", "servers": [{"address": s1, "port": 91}]})
        line, port, _ = talk(dc, vip, 91, source=dc.vms[vni])
        packed = socket.inet_pton(socket.AF_INET6 if ":" in vip else socket.AF_INET, vip)
        assert line == ["v2", client, str(port), vip, "91", f"e0={vni:08x},e1={packed.hex()}"]
        dc.w.delete(path)


def test_move(dc):
    """The VM goes to another host, and its connection goes along."""
    keep = Keep(dc.client, DC_VIP)
    old, new = dc.hosts_by_vni[96], dc.hosts_by_vni[101]
    dc.vni(new, 96, HOSTS[101])
    old.ip("link", "set", "dev", "tap0", "netns", new.ns, "name", "tap96")
    new.ip("link", "set", "dev", "tap96", "master", "br96", "up")
    dc.w.ctl("vpc", "put", 96, VM, "--mac", MACS[96], "--host", HOSTS[101])
    assert keep.ask() == "vm96"
    new.ip("link", "set", "dev", "tap96", "netns", old.ns, "name", "tap0")
    old.ip("link", "set", "dev", "tap0", "master", "br96", "up")
    dc.w.ctl("vpc", "put", 96, VM, "--mac", MACS[96], "--host", HOSTS[96])
    assert keep.ask() == "vm96"
    keep.close()
    new.ip("link", "delete", "vx96")
    new.ip("link", "delete", "br96")


@pytest.mark.parametrize("vni", HOSTS)
def test_tap(dc, vni):
    """Linux is inside the VNI, and only there: it knows the VMs' MACs from weir."""
    tap = f"vni{vni}"
    assert f"{LOCAL}/24" in dc.balancer.ip("address", "show", "dev", tap)
    for vm, host in ((VM, VM), (VM6, f"[{VM6}]")):
        dc.balancer.run("ping", "-c", 2, "-i", 0.05, "-W", 2, "-I", tap, vm)
        assert dc.balancer.curl("-g", "--interface", tap, f"http://{host}/").stdout.split()[0] == f"vm{vni}"
        assert MACS[vni] in dc.balancer.ip("neighbour", "show", "dev", tap, "to", vm)
    assert dc.balancer.curl("--interface", tap, "--connect-timeout", 1, "http://172.16.25.99/", check=False).returncode
    # What stands on the TAP is nothing of the underlay.
    assert not [row for row in dc.w.get("/v1/routes")["routes"] if row.get("interface") == tap]


def test_tap_follows(dc):
    """It comes and goes with the settings."""
    dc.w.ctl("vpc", "set", 7, "--local-address", "172.16.7.1/24,fd00:7::1/64")
    assert "172.16.7.1/24" in dc.balancer.ip("address", "show", "dev", "vni7")
    dc.w.ctl("vpc", "set", 7, "--local-address", "172.16.7.2/24", "--mtu", 1400)
    shown = dc.balancer.ip("address", "show", "dev", "vni7")
    assert "172.16.7.2/24" in shown and "172.16.7.1/24" not in shown and "mtu 1400" in shown
    dc.w.ctl("vpc", "set", 7, "--local-address", "172.16.7.2/24", "--tap", "no")
    assert dc.balancer.run("ip", "link", "show", "dev", "vni7", check=False).returncode
    dc.w.ctl("vpc", "set", 7, "--local-address", "172.16.7.2/24")
    dc.w.ctl("vpc", "unset", 7)
    assert dc.balancer.run("ip", "link", "show", "dev", "vni7", check=False).returncode


@pytest.mark.parametrize("check", [
    {"type": "tcp"}, {"type": "http", "path": "/", "expect": "vm"}, {"type": "ping"},
    {"type": "udp", "port": 5353, "send": "x", "expect": "vm"},
], ids=lambda check: check["type"])
def test_checks(dc, check):
    """The check of one VNI's VM says nothing of the other's, which has the same address."""
    def states():
        return {row["device"]: row["state"] for row in dc.w.get("/v1/checks")["checks"]
                if row.get("vip") == DC_VIP and row["port"] in PORTS.values() and row["protocol"] == "tcp"}

    if not hasattr(dc, "checker"):
        dc.checker = dc.balancer.start(BUILD / "checker/weir-checker", "-s", dc.w.socket,
                                       log=dc.folder / "checker.log")
    for port in PORTS.values():
        dc.w.patch(f"/v1/services/tcp/{DC_VIP}/{port}", {"check": {**check, "interval": 0.2}})
    wait_for(lambda: states() == {"vni96": "up", "vni101": "up"}, what=states)
    dc.hosts_by_vni[96].ip("link", "set", "dev", "tap0", "down")
    wait_for(lambda: states() == {"vni96": "down", "vni101": "up"}, what=states)
    dc.hosts_by_vni[96].ip("link", "set", "dev", "tap0", "up")
    wait_for(lambda: states() == {"vni96": "up", "vni101": "up"}, what=states)
    for port in PORTS.values():
        dc.w.patch(f"/v1/services/tcp/{DC_VIP}/{port}", {"check": None})


def test_snat(dc):
    """VMs reach the data centre where a match lets them, each VNI with a WAN address of its own."""
    far, far6 = server_address(1), server_address6(1)
    assert dc.vms[96].curl("--connect-timeout", 1, f"http://{far}/", check=False).returncode
    for vni in HOSTS:
        for wan, source in zip(WAN[vni], ("172.16.25.0/24", "fd00:c::/64")):
            dc.w.ctl("service", "add", "match", f"from={source},vni={vni}", "-r", wan)
    assert "vni=96" in dc.w.ctl("service").stdout
    for vni in HOSTS:
        wan, wan6 = WAN[vni]
        for _ in range(3):
            assert dc.vms[vni].curl(f"http://{far}/").stdout.split()[:2] == ["s1", wan]
            assert dc.vms[vni].curl("-g", f"http://[{far6}]/").stdout.split()[:2] == ["s1", wan6]
        assert dc.vms[vni].udp_ask(far, 5353).startswith("s1")
        for address in (far, far6):
            dc.vms[vni].run("ping", "-c", 2, "-i", 0.05, "-W", 2, address)
    sessions = [s for s in dc.w.sessions(server=f"{far}:80") if s["local"] in (WAN[96][0], WAN[101][0])]
    assert {s["vni"] for s in sessions} == set(HOSTS)
    # The same source and destination, ports and all, out of both VNIs at once.
    keeps = [Keep(dc.vms[vni], far, source=(VM, 41000)) for vni in HOSTS]
    assert [keep.ask() for keep in keeps] == ["s1", "s1"]
    for keep in keeps:
        keep.close()
    for vni in HOSTS:
        for source in ("172.16.25.0/24", "fd00:c::/64"):
            dc.w.ctl("service", "delete", "match", f"from={source},vni={vni}")


def test_absent(dc):
    """A VM that the table does not have is no error: its packets are dropped by name until it comes."""
    before = dc.w.drops().get("vpc_unknown_vm", 0)
    dc.w.ctl("service", "add", "tcp", f"{DC_VIP}:90")
    dc.w.ctl("server", "add", "tcp", f"{DC_VIP}:90", "172.16.25.77:80", "--vni", 96)
    assert dc.client.curl("--connect-timeout", 1, f"http://{DC_VIP}:90/", check=False).returncode
    assert dc.w.drops()["vpc_unknown_vm"] > before
    server, = dc.w.get(f"/v1/services/tcp/{DC_VIP}/90")["servers"]
    assert server["vni"] == 96 and server["host"] is None
    dc.vms[96].ip("address", "add", "172.16.25.77/24", "dev", "eth0")
    dc.w.ctl("vpc", "put", 96, "172.16.25.77", "--mac", MACS[96], "--host", HOSTS[96])
    assert dc.client.names(DC_VIP, 90) == ["vm96"]
    dc.w.ctl("service", "delete", "tcp", f"{DC_VIP}:90")
    dc.w.ctl("vpc", "delete", 96, "172.16.25.77")


@pytest.mark.parametrize("path, body, field, says", [
    (f"/v1/services/tcp/{DC_VIP}/80/servers/{VM}/90", {"vni": 97}, "vni", "no local address of IPv4 in VNI 97"),
    (f"/v1/services/tcp/{DC_VIP}/80/servers/{VM}/90", {"vni": 0}, "vni", "out of range"),
    (f"/v1/services/tcp/{DC_VIP}/80/servers/{VM}/90", {"vni": 96, "mode": "nat"}, "vni", "mode fullnat"),
    (f"/v1/services/tcp/{DC_VIP}/80/servers/{VM6}/90", {"vni": 96}, "address", "family"),
    (f"/v1/services/tcp/{DC_VIP}/99", {"servers": [{"address": VM, "port": 80, "vni": 98}]}, "servers[0].vni", "VNI 98"),
    (f"/v1/services/tcp/{VM}@96/99", {"servers": [{"address": VM, "port": 80, "vni": 96}]}, "servers[0].vni", "underlay"),
    ("/v1/vpc/vnis/96", {"local_addresses": ["172.16.25.1"]}, "local_addresses[0]", "prefix length"),
    ("/v1/vpc/vnis/96", {"local_addresses": []}, "local_addresses", "are needed by the real server"),
])
def test_refusals(dc, path, body, field, says):
    with pytest.raises(Refused) as refused:
        dc.w.put(path, body)
    assert refused.value.error["field"] == field and says in refused.value.error["text"]


def test_refused_file(dc):
    """A file stands by itself: the VNI's local addresses have to be in it."""
    file = dc.config()
    del file["vpc"]["vnis"][1]
    with pytest.raises(Refused) as refused:
        dc.w.put("/v1/config", file)
    assert "VNI 101" in refused.value.error["text"] and f"{VM}:80: vni" in refused.value.error["text"]


def test_refused_removal(dc):
    with pytest.raises(Refused) as refused:
        dc.w.delete("/v1/vpc/vnis/96")
    assert refused.value.status == 409


def test_restart(dc):
    dc.w.kill()
    dc.w.start()
    wait_for(lambda: dc.client.curl(f"http://{DC_VIP}/", check=False).stdout.startswith("vm96"), what="VNI 96 answers")
