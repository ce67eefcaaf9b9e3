# SPDX-License-Identifier: BSD-3-Clause
"""The VPC gateway: VMs behind kernel VXLAN peers, servers on the underlay.

  vm96   -- br, vx96  [h1] --\\
                              br0 -- dpdk0 [weir] dpdk1 -- br0 -- s1, s2
  vm101  -- br, vx101 [h2] --/

Both VMs have the same addresses, and both VNIs have the same VIP. VNI 96 is served by s1, 101 by s2.
"""

import json
import socket
import time

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from lab import LIP, LIP6, Keep, Lab, Refused, Weir, server_address, server_address6, wait_for

VTEP = "10.90.0.1"
HOSTS = {96: "10.90.0.11", 101: "10.90.0.12"}
VM, VM6, VIP, VIP6 = "172.16.25.30", "fd00:c::30", "172.16.25.13", "fd00:c::13"
MACS = {96: "fa:16:3f:5d:6c:08", 101: "fa:16:3f:5d:6c:81"}
PORT = 4789


class VpcLab(Lab):
    """`hosts`: the underlay's addresses of h1 and h2 by VNI, and weir's end of their tunnels."""

    def __init__(self, big=None, hosts=None, vtep=VTEP):
        super().__init__()
        self.host_address, self.vtep = hosts or HOSTS, vtep
        self.balancer = self.host("weir")
        self.underlay = self.switch("under")
        self.dc = self.switch("dc")
        self.plug(self.underlay, "up0", self.balancer, "in0")
        self.plug(self.dc, "up0", self.balancer, "out0")
        self.peer_offloads(self.underlay, "up0")
        self.peer_offloads(self.dc, "up0")
        self.hosts_by_vni, self.vms = {}, {}
        for number, vni in enumerate(HOSTS, 1):
            self.hypervisor(f"h{number}", vni)
        for n in (1, 2):
            self.nginx(self.server(n, self.dc, f"{server_address(n)}/24", f"{server_address6(n)}/64"), big)

    def hypervisor(self, role, vni):
        host = self.host(role)
        self.plug(self.underlay, f"p{vni}", host, "eth0")
        self.address(host, "eth0", f"{self.host_address[vni]}/{64 if ':' in self.vtep else 24}")
        # Segments that Linux leaves to the card, inside a tunnel as well.
        host.run("ethtool", "-K", "eth0", "tso", "off", "gso", "off", "tx-udp_tnl-segmentation", "off",
                 "tx-udp_tnl-csum-segmentation", "off")
        self.hosts_by_vni[vni] = host
        self.vni(host, vni, self.host_address[vni])
        vm = self.host(f"vm{vni}")
        self.link(vm, "eth0", host, "tap0")
        vm.ip("link", "set", "dev", "eth0", "address", MACS[vni], "mtu", 1450)
        self.address(vm, "eth0", f"{VM}/24", f"{VM6}/64")
        host.ip("link", "set", "dev", "tap0", "master", f"br{vni}")
        self.vms[vni] = vm

    def vni(self, host, vni, local):
        host.ip("link", "add", f"br{vni}", "type", "bridge")
        host.ip("link", "add", f"vx{vni}", "type", "vxlan", "id", vni, "dstport", PORT, "local", local,
                "remote", self.vtep)
        for name in (f"br{vni}", f"vx{vni}"):
            host.ip("link", "set", "dev", name, "up")
        host.ip("link", "set", "dev", f"vx{vni}", "master", f"br{vni}")

    def config(self, **extra):
        made = []
        for number, vni in enumerate(HOSTS, 1):
            for vip, address in ((VIP, server_address(number)), (VIP6, server_address6(number))):
                made.append({"vni": vni, "vip": vip, "port": 80, "protocol": "tcp", "scheduler": "rr",
                             "servers": [{"address": address, "port": 80}]})
        return {
            "ports": [
                {"name": "dpdk0", "device": "in0", "addresses": [f"{self.vtep}/{64 if ':' in self.vtep else 24}"]},
                {"name": "dpdk1", "device": "out0", "addresses": ["192.168.100.1/24", "fd00:b::1/64"]},
            ],
            "vpc": {
                "addresses": [self.vtep],
                "vms": [{"vni": vni, "address": address, "mac": MACS[vni], "host": self.host_address[vni]}
                        for vni in HOSTS for address in (VM, VM6)],
            },
            "local_addresses": [{"address": LIP, "interface": "dpdk1"}, {"address": LIP6, "interface": "dpdk1"}],
            "services": made,
            **extra,
        }


@pytest.fixture(scope="module")
def vpc(make_lab, big_files):
    lab = make_lab(VpcLab, big_files)
    lab.w = Weir(lab, lab.balancer, lab.config()).start()
    wait_for(lambda: all(lab.vms[vni].names(VIP) for vni in HOSTS), what="both VNIs answer")
    return lab


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_answers_do_not_mix(vpc, vip):
    """The same VIP, port and client addresses in two VNIs."""
    for _ in range(3):
        assert vpc.vms[96].names(vip, count=5) == ["s1"] * 5
        assert vpc.vms[101].names(vip, count=5) == ["s2"] * 5


def test_same_tuple_at_once(vpc):
    """Even the clients' ports are the same."""
    keeps = [Keep(vpc.vms[vni], VIP, source=(VM, 40000)) for vni in HOSTS]
    assert [keep.name for keep in keeps] == ["s1", "s2"]
    for _ in range(5):
        assert [keep.ask() for keep in keeps] == ["s1", "s2"]
    sessions = [s for s in vpc.w.sessions(client=f"{VM}:40000")]
    assert sorted(s["vni"] for s in sessions) == [96, 101]
    for keep in keeps:
        keep.close()


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_ping(vpc, vip):
    for vm in vpc.vms.values():
        vm.run("ping", "-c", 2, "-i", 0.05, "-W", 2, vip)
    assert vpc.vms[96].run("ping", "-c", 1, "-W", 1, "172.16.25.99", check=False).returncode


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_transfer(vpc, vip):
    """100 MB arrive whole: nothing in it is lost for its size."""
    host = f"[{vip}]" if ":" in vip else vip
    before = vpc.w.drops()
    size = vpc.vms[96].curl("-g", "-o", "/dev/null", "-w", "%{size_download}", f"http://{host}/file/big",
                            timeout=60).stdout
    assert int(size) == 100 << 20
    after = vpc.w.drops()
    for reason in ("too_big", "needs_fragmentation", "vxlan_inner_truncated"):
        assert after.get(reason, 0) == before.get(reason, 0)


def frame(source=VM, to=VIP, mac=MACS[96]):
    return Ether(src=mac, dst="02:77:65:69:72:01") / IP(src=source, dst=to) / TCP(sport=5000, dport=80)


def vxlan(inner, vni=96, flags=8):
    return bytes([flags, 0, 0, 0]) + vni.to_bytes(3, "big") + b"\0" + bytes(inner)


@pytest.mark.parametrize("reason, host, payload", [
    ("vpc_wrong_host", 101, vxlan(frame())),
    ("vpc_unknown_vm", 96, vxlan(frame(source="172.16.25.31"))),
    ("vpc_no_service", 96, vxlan(frame(to="192.168.100.2"))),
    ("vxlan_unknown_vni", 96, vxlan(frame(), vni=97)),
    ("tunnel_header", 96, vxlan(frame(), flags=0)),
    ("tunnel_short", 96, vxlan(b"")),
    ("vxlan_inner_truncated", 96, vxlan(bytes(frame())[:-1])),
    ("vxlan_inner_vlan", 96, vxlan(Ether(src=MACS[96], dst="02:77:65:69:72:01") / Dot1Q(vlan=5) /
                                   IP(src=VM, dst=VIP) / TCP(dport=80))),
    ("vxlan_inner_fragment", 96, vxlan(Ether(src=MACS[96], dst="02:77:65:69:72:01") /
                                       IP(src=VM, dst=VIP, flags="MF") / ICMP() / Raw(b"x" * 24))),
    ("vxlan_inner_fragment", 96, vxlan(Ether(src=MACS[96], dst="02:77:65:69:72:01") /
                                       IP(src=VM, dst=VIP, frag=100) / Raw(b"x" * 24))),
], ids=lambda value: value if isinstance(value, str) else "")
def test_named_drops(vpc, reason, host, payload):
    before = vpc.w.drops().get(reason, 0)
    with vpc.hosts_by_vni[host].socket(kind=socket.SOCK_DGRAM) as sock:
        sock.sendto(payload, (VTEP, PORT))
    wait_for(lambda: vpc.w.drops().get(reason, 0) == before + 1, what=lambda: f"{reason}: {vpc.w.drops()}")
    assert f'weir_drops_total{{worker="0",reason="{reason}"}} {before + 1}\n' in vpc.w.get("/metrics")


def test_move(vpc):
    """A VM goes to another host: its connection goes along as soon as the table says so."""
    keep = Keep(vpc.vms[96], VIP)
    old, new = vpc.hosts_by_vni[96], vpc.hosts_by_vni[101]
    vpc.vni(new, 96, HOSTS[101])
    old.ip("link", "set", "dev", "tap0", "netns", new.ns, "name", "tap96")
    new.ip("link", "set", "dev", "tap96", "master", "br96", "up")
    vpc.w.ctl("vpc", "put", 96, VM, "--mac", MACS[96], "--host", HOSTS[101])
    assert keep.ask() == "s1"
    new.ip("link", "set", "dev", "tap96", "netns", old.ns, "name", "tap0")
    old.ip("link", "set", "dev", "tap0", "master", "br96", "up")
    vpc.w.ctl("vpc", "put", 96, VM, "--mac", MACS[96], "--host", HOSTS[96])
    assert keep.ask() == "s1"
    keep.close()
    new.ip("link", "delete", "vx96")
    new.ip("link", "delete", "br96")


def test_mtu_of_a_vni(vpc):
    """What the settings say of a VNI is what a SYN may invite to."""
    vpc.w.ctl("vpc", "set", 96, "--mtu", 1300)
    sock = vpc.vms[96].connect(VIP, 80)
    assert sock.getsockopt(6, 2) <= 1260  # TCP_MAXSEG
    sock.close()
    vpc.w.ctl("vpc", "unset", 96)
    sock = vpc.vms[96].connect(VIP, 80)
    assert sock.getsockopt(6, 2) > 1300
    sock.close()


def test_path_mtu_to_a_host(vpc):
    """A router between here and a host takes less: what goes there becomes smaller, and nothing is lost for its size."""
    router = vpc.hosts_by_vni[96]  # as good as any: it is not asked who it is
    quoted = IP(src=VTEP, dst=HOSTS[96], flags="DF", id=1) / UDP(sport=50000, dport=PORT, len=1480) / Raw(b"x" * 1472)
    error = ICMP(type=3, code=4, nexthopmtu=1300) / Raw(bytes(quoted)[:548])
    with router.socket(kind=socket.SOCK_RAW, protocol=socket.IPPROTO_ICMP) as sock:
        sock.sendto(bytes(error), (VTEP, 0))
    wait_for(lambda: {row.get("path_mtu") for row in vpc.w.table("vpc", "list", "--vni", 96)} == {1300}, what="it is known")
    assert all("path_mtu" not in row for row in vpc.w.table("vpc", "list", "--vni", 101))
    sock = vpc.vms[96].connect(VIP, 80)
    assert sock.getsockopt(6, 2) <= 1300 - 50 - 40  # TCP_MAXSEG
    sock.close()
    assert vpc.vms[96].names(VIP) == ["s1"]


def test_services_by_vni(vpc):
    """Made, listed and removed as VIP@VNI, beside one of the same VIP in another VNI."""
    vpc.w.ctl("service", "add", "tcp", f"{VIP}@96:8080", "-r", f"{server_address(2)}:8080")
    assert vpc.vms[96].names(VIP, 8080) == ["s2"]
    assert f"{VIP}@96:8080" in vpc.w.ctl("service").stdout
    with pytest.raises(Refused) as refused:
        vpc.w.get(f"/v1/services/tcp/{VIP}@101/8080")
    assert refused.value.status == 404
    vpc.w.ctl("service", "delete", "tcp", f"{VIP}@96:8080")
    assert vpc.vms[96].curl("--connect-timeout", 1, f"http://{VIP}:8080/", check=False).returncode
    assert vpc.vms[96].names(VIP) == ["s1"]


def test_tables_of_the_article(vpc):
    """The VM table and the services of the article, as printed."""
    rows = [(96, "172.16.25.30", "fa:16:3f:5d:6c:08", "10.162.10.13"),
            (96, "172.16.25.23", "fa:16:3f:5d:7c:08", "10.162.10.23"),
            (101, "172.16.25.30", "fa:16:3f:5d:6c:81", "10.192.20.2")]
    answer = vpc.w.request("POST", "/v1/vpc/vms", {"vms": [dict(zip(("vni", "address", "mac", "host"), row))
                                                           for row in rows]})
    assert answer["put"] == 3
    listed = {(row["vni"], row["address"], row["mac"], row["host"]) for row in vpc.w.table("vpc", "list")}
    assert set(rows) <= listed
    vpc.w.put("/v1/services/tcp/172.16.25.13@101/8080", {"servers": [{"address": "10.182.20.2", "port": 80}]})
    vpc.w.put("/v1/services/tcp/172.16.25.13@96/8088", {
        "servers": [{"address": "10.182.10.13", "port": 80}, {"address": "10.182.10.23", "port": 80}]})
    for vni in HOSTS:
        vpc.w.put(f"/v1/vpc/vms/{vni}/{VM}", {"mac": MACS[vni], "host": HOSTS[vni]})
    vpc.w.ctl("vpc", "delete", 96, "172.16.25.23")
    vpc.w.delete("/v1/services/tcp/172.16.25.13@101/8080")
    vpc.w.delete("/v1/services/tcp/172.16.25.13@96/8088")


def test_many_at_once(vpc):
    """100,000 rows in one request, all or none."""
    rows = [{"vni": 1000 + i % 1000, "address": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}",
             "mac": f"02:00:00:{i >> 16:02x}:{i >> 8 & 255:02x}:{i & 255:02x}",
             "host": f"10.91.{i % 50}.{i % 200 + 1}"} for i in range(100000)]
    before = vpc.w.get("/v1/vpc")["vms"]
    wrong = rows[:10] + [{**rows[10], "mac": "01:00:00:00:00:00"}]
    with pytest.raises(Refused) as refused:
        vpc.w.request("POST", "/v1/vpc/vms", {"vms": wrong})
    assert refused.value.error["field"] == "vms[10].mac"
    assert vpc.w.get("/v1/vpc")["vms"] == before
    begin = time.monotonic()
    answer = vpc.w.request("POST", "/v1/vpc/vms", {"vms": rows})
    print(f"100,000 rows in {time.monotonic() - begin:.2f} s, the client's part included")
    assert answer == {"put": 100000, "vms": before + 100000}
    assert vpc.vms[96].names(VIP) == ["s1"]


def test_one_of_many(vpc):
    """A single change is a line of the journal: what is kept of the others is not touched."""
    state = vpc.w.folder / "state"
    rows, journal = state / "vpc-vms", state / "vpc-vms.journal"
    wait_for(lambda: rows.exists() and rows.stat().st_size > 1 << 22 and journal.stat().st_size < 1 << 20, 30,
             what="100,000 rows are kept")
    before, length = rows.stat(), journal.stat().st_size
    vpc.w.ctl("vpc", "put", 1000, "10.200.0.1", "--mac", "02:00:00:00:00:07", "--host", HOSTS[96])
    vpc.w.ctl("vpc", "delete", 1000, "10.0.0.0")
    wait_for(lambda: journal.stat().st_size > length and "-1000 10.0.0.0\n" in journal.read_text(), what="the journal")
    assert journal.stat().st_size < length + 200
    assert (rows.stat().st_ino, rows.stat().st_size) == (before.st_ino, before.st_size)
    vpc.w.kill()
    with journal.open("a") as file:
        file.write("1000 10.201.0.1 02:00:")  # weir died in the middle of a line
    vpc.w.start()
    listed = {row["address"] for row in vpc.w.table("vpc", "list", "--vni", 1000)}
    assert "10.200.0.1" in listed and "10.0.0.0" not in listed and len(listed) == 100
    wait_for(lambda: all(vpc.vms[vni].curl(f"http://{VIP}/", check=False).returncode == 0 for vni in HOSTS),
             what="both VNIs answer")


def test_many_removed(vpc, tmp_path):
    """All or none, too."""
    keys = [{"vni": 1000 + i % 1000, "address": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"} for i in range(1, 100000)]
    before = vpc.w.get("/v1/vpc")["vms"]
    with pytest.raises(Refused) as refused:
        vpc.w.request("POST", "/v1/vpc/vms/delete", {"vms": keys[:10] + [{"vni": 1000, "address": "10.0.0.0"}]})
    assert (refused.value.status, refused.value.error["field"]) == (404, "vms[10]")
    assert vpc.w.get("/v1/vpc")["vms"] == before
    file = tmp_path / "vms.json"
    file.write_text(json.dumps({"vms": keys}))
    vpc.w.ctl("vpc", "unload", file)
    assert vpc.w.get("/v1/vpc")["vms"] == before - len(keys)


@pytest.mark.parametrize("path, body, field, says", [
    ("/v1/vpc/vms/96/172.16.25.40", {"host": "10.90.0.11"}, "mac", "missing"),
    ("/v1/vpc/vms/96/172.16.25.40", {"mac": "x", "host": "10.90.0.11"}, "mac", "MAC address"),
    ("/v1/vpc/vms/96/172.16.25.40", {"mac": MACS[96], "host": "fd00::1"}, "host", "vpc.addresses"),
    ("/v1/vpc/vms/0/172.16.25.40", {}, "vni", "1 to 16777215"),
    ("/v1/vpc/vnis/96", {"mtu": 500}, "mtu", "out of range"),
    ("/v1/vpc/vnis/96", {"learn": True}, "learn", "vpc.learn_from"),
    (f"/v1/services/tcp/{VIP}@0/80", {}, "vni", "1 to 16777215"),
    (f"/v1/services/tcp/{VIP}@96/90", {"mode": "dr"}, "mode", "fullnat"),
])
def test_refusals(vpc, path, body, field, says):
    with pytest.raises(Refused) as refused:
        vpc.w.put(path, body)
    assert refused.value.error["field"] == field and says in refused.value.error["text"]


def test_restart(vpc):
    """What came through a door is there again after a crash, and sessions of the file's VMs too."""
    vpc.w.ctl("vpc", "put", 7, "172.16.25.50", "--mac", "02:00:00:00:00:07", "--host", HOSTS[96])
    vpc.w.ctl("vpc", "set", 7, "--mtu", 1400)
    state = vpc.w.folder / "state"
    wait_for(lambda: any("172.16.25.50" in file.read_text() for file in state.glob("vpc-vms*")), what="the row is kept")
    file = state / "vpc.json"
    wait_for(lambda: file.exists() and "1400" in file.read_text(), what="vpc.json")
    vpc.w.kill()
    vpc.w.start()
    listed = vpc.w.table("vpc", "list", "--vni", 7)
    assert [row["address"] for row in listed] == ["172.16.25.50"]
    wait_for(lambda: vpc.vms[101].curl(f"http://{VIP}/", check=False).stdout.startswith("s2"), what="VNI 101 answers")
    assert json.loads(file.read_text())["version"] == 1


def test_ipv6_underlay_and_two_workers(make_lab):
    """VXLAN over IPv6, as Linux speaks it without being told; most packets change the worker."""
    lab = make_lab(VpcLab, None, {96: "fd00:d::11", 101: "fd00:d::12"}, "fd00:d::1")
    lab.w = Weir(lab, lab.balancer, lab.config(workers=2)).start()
    for vip in (VIP, VIP6):
        wait_for(lambda: all(lab.vms[vni].curl(f"http://[{vip}]/" if ":" in vip else f"http://{vip}/", check=False)
                             .stdout for vni in HOSTS), what="both VNIs answer")
        assert lab.vms[96].names(vip, count=20) == ["s1"] * 20
        assert lab.vms[101].names(vip, count=20) == ["s2"] * 20
    assert sum(row["handed_over"] for row in lab.w.table("worker")) > 0
