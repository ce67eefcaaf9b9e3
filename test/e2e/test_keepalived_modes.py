# SPDX-License-Identifier: BSD-3-Clause
"""DR, Tunnel and NAT64 under Debian's keepalived, by its own words and by DPVS's, and DR on a VLAN."""

from collections import Counter

import pytest

from keepalived_lab import Keepalived, restart_nginx
from lab import CLIENT, CLIENT6, LIP, VIP, VIP6, server_address, server_address6, wait_for
from one_way_lab import OneWayTwoArm
from test_devices import Vlans, tagger  # noqa: F401
from test_tunnel import decapsulate

CHECK = "TCP_CHECK {\nconnect_timeout 1\n}"


def real(address, port=80, text=CHECK):
    return f"real_server {address} {port} {{\nweight 1\n{text}\n}}\n"


def service(vip, kind, servers, port=80, extra="", text=CHECK, word="lb_kind"):
    return (f"virtual_server {vip} {port} {{\ndelay_loop 0.2\nlb_algo rr\n{word} {kind}\nprotocol TCP\n"
            f"delay_before_retry 0.1\nretry 1\n{extra}\n"
            f"{''.join(real(address, port, text) for address in servers)}}}\n")


SERVERS = [server_address(n) for n in (1, 2)]
SERVERS6 = [server_address6(n) for n in (1, 2)]


class Modes(OneWayTwoArm):
    """Servers that have the VIPs and take off outer headers, and keepalived beside weir."""

    def __init__(self):
        super().__init__()
        self.keepaliveds = []
        self.web = [next(p for p in self.processes if f"nginx-{host.role}/" in " ".join(map(str, p.args)))
                    for host in self.servers]
        for host in self.servers:
            decapsulate(host, "ipip")
        self.w = self.balancer.w = self.weir(local_addresses=[], services=[]).start()
        self.keepalived = Keepalived(self, self.balancer)


@pytest.fixture(scope="module")
def lab(make_lab):
    return make_lab(Modes)


@pytest.fixture
def keepalived(lab):
    yield lab.keepalived
    lab.keepalived.stop()


def there(w, vip, port, servers):
    listed = [s for s in w.get("/v1/services")["services"] if (s["vip"], s["port"]) == (vip, port)]
    return bool(listed) and {s["address"] for s in listed[0]["servers"]} == set(servers)


def wait_servers(w, vip, port, servers):
    wait_for(lambda: there(w, vip, port, servers), 20, 0.1, what=f"{vip} {port} has {servers}")


def seen(lab, vip, port=80, count=4):
    """Which servers answer, and whom they take for the client."""
    host = f"[{vip}]" if ":" in vip else vip
    lines = lab.client.curl("-g", "-H", "Connection: close", *[f"http://{host}:{port}/"] * count).stdout.splitlines()
    return Counter(line.split()[0] for line in lines), {line.split()[1] for line in lines}


def modes(w):
    return {(s["vip"], s["port"]): {r.get("mode", s["mode"]) for r in s["servers"]} for s in w.get("/v1/services")["services"]}


def test_stock_words(lab, keepalived):
    """lvs_method DR and TUN with TCP_CHECK and MISC_CHECK; a server that dies goes and comes back."""
    misc = f"MISC_CHECK {{\nmisc_path \"/usr/bin/test -e {lab.folder}/up\"\nmisc_timeout 2\n}}"
    (lab.folder / "up").touch()
    keepalived.start("global_defs {\nenable_script_security\nscript_user root\n}\n" +
                     service(VIP, "DR", SERVERS, word="lvs_method") + service(VIP6, "DR", SERVERS6, word="lvs_method") +
                     service(VIP, "TUN", SERVERS, 81, word="lvs_method") + service(VIP6, "TUN type ipip", SERVERS, 81, text=misc))
    wanted = ((VIP, 80, SERVERS, CLIENT), (VIP6, 80, SERVERS6, CLIENT6), (VIP, 81, SERVERS, CLIENT), (VIP6, 81, SERVERS, CLIENT6))
    for vip, port, servers, client in wanted:
        wait_servers(lab.w, vip, port, servers)
        assert seen(lab, vip, port) == ({"s1": 2, "s2": 2}, {client}), (vip, port)
    assert modes(lab.w) == {(VIP, 80): {"dr"}, (VIP6, 80): {"dr"}, (VIP, 81): {"tunnel"}, (VIP6, 81): {"tunnel"}}
    (lab.folder / "up").unlink()
    lab.end(lab.web[0])
    for vip, port, servers, client in wanted[:3]:
        wait_servers(lab.w, vip, port, servers[1:])
        assert seen(lab, vip, port) == ({"s2": 4}, {client}), (vip, port)
    wait_servers(lab.w, VIP6, 81, [])
    (lab.folder / "up").touch()
    lab.web[0] = restart_nginx(lab, 1)
    for vip, port, servers, client in wanted:
        wait_servers(lab.w, vip, port, servers)
        assert seen(lab, vip, port) == ({"s1": 2, "s2": 2}, {client}), (vip, port)


def test_dpvs_words(lab, keepalived):
    """lb_kind DR, TUNNEL and, from IPv6 to IPv4, FNAT with local addresses of the servers' family."""
    group = f"local_address_group lips {{\n{LIP} dpdk1\n}}\n"
    keepalived.start(group + service(VIP, "DR", SERVERS) + service(VIP, "TUNNEL", SERVERS6, 81) +
                     service(VIP6, "FNAT", SERVERS, extra="laddr_group_name lips"))
    for vip, port, servers, client in ((VIP, 80, SERVERS, CLIENT), (VIP, 81, SERVERS6, CLIENT), (VIP6, 80, SERVERS, LIP)):
        wait_servers(lab.w, vip, port, servers)
        assert seen(lab, vip, port) == ({"s1": 2, "s2": 2}, {client}), (vip, port)
    assert modes(lab.w) == {(VIP, 80): {"dr"}, (VIP, 81): {"tunnel"}, (VIP6, 80): {"fullnat"}}
    lab.end(lab.web[1])
    wait_servers(lab.w, VIP6, 80, SERVERS[:1])
    assert seen(lab, VIP6) == ({"s1": 4}, {LIP})
    lab.web[1] = restart_nginx(lab, 2)
    wait_servers(lab.w, VIP6, 80, SERVERS)
    assert seen(lab, VIP6) == ({"s1": 2, "s2": 2}, {LIP})
    # Without a local address of IPv4 the file is not used, and what runs goes on.
    keepalived.reload(service(VIP6, "FNAT", SERVERS))
    wait_for(lambda: "NAT64 needs an IPv4 local address" in keepalived.log_text(), 10, what="the error")
    assert ":9: error" in keepalived.log_text() and "is not used" in keepalived.log_text()
    assert seen(lab, VIP6) == ({"s1": 2, "s2": 2}, {LIP})


class DirectVlan(Vlans):
    """All in VLAN 100 of weir's port, in one network."""

    def __init__(self, tagger):  # noqa: F811
        super().__init__(tagger, server=("vlan100",))
        self.keepaliveds = []
        for n, host in enumerate(self.servers, 1):
            self.address(host, "eth0", f"10.0.0.{10 + n}/24")
            for scope in ("all", "eth0"):
                host.sysctl(f"net.ipv4.conf.{scope}.arp_ignore", 1)
                host.sysctl(f"net.ipv4.conf.{scope}.arp_announce", 2)
            host.ip("address", "add", f"{VIP}/32", "dev", "lo")
        self.w = self.balancer.w = self.weir([{"link": "dpdk0", "id": 100, "addresses": ["10.0.0.1/24"]}]).start()
        self.keepalived = Keepalived(self, self.balancer)


def test_direct_on_a_vlan(tagger, make_lab):  # noqa: F811
    """keepalived has the VIP on the VLAN's interface, by VRRP, and drives DR there."""
    lab = make_lab(DirectVlan, tagger)
    servers = ["10.0.0.11", "10.0.0.12"]
    lab.keepalived.start(f"""global_defs {{
vrrp_version 3
}}
vrrp_instance VI_1 {{
state MASTER
interface dpdk0.100.kni
dpdk_interface dpdk0.100
virtual_router_id 7
priority 100
advert_int 0.1
virtual_ipaddress {{
{VIP}
}}
}}
""" + service(VIP, "DR", servers))
    wait_servers(lab.w, VIP, 80, servers)
    wait_for(lambda: lab.client.curl(f"http://{VIP}/", check=False, timeout=3).returncode == 0, what="an answer")
    assert seen(lab, VIP) == ({"s1": 2, "s2": 2}, {CLIENT})
    rows = {row["name"]: row for row in lab.w.get("/v1/vlans")["vlans"]}
    assert rows["dpdk0.100"]["packets_in"] > 20 and rows["dpdk0.100"]["packets_out"] > 20
    assert modes(lab.w) == {(VIP, 80): {"dr"}}
    lab.keepalived.stop()
