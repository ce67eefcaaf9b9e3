# SPDX-License-Identifier: BSD-3-Clause
"""The tutorial of DPVS, run as printed (tutorial.py), with traffic after it and the output compared."""

import ipaddress
import os
import re

import pytest

import lab as labs
import tutorial
from lab import Lab, Weir, run, wait_for
from realserver_lab import RealServers
from routing_lab import Frr


class Tutorial(RealServers, Lab):
    """
    client -- dpdk1 [weir] dpdk0 -- br0 -- s1, s2, ...: the WAN is dpdk1, the LAN dpdk0, as in the tutorial.
    `bin` has the programs as ./ipvsadm and ./dpip, and as ./bin/ipvsadm too.
    """

    def __init__(self, client, servers):
        super().__init__()
        self.client = self.host("client")
        self.balancer = self.host("weir")
        self.sw = self.switch()
        self.link(self.client, "eth0", self.balancer, "wan0")
        self.plug(self.sw, "up0", self.balancer, "lan0")
        self.peer_offloads(self.client, "eth0")
        self.peer_offloads(self.sw, "up0")
        self.address(self.client, "eth0", *client)
        self.servers = [self.server(n, self.sw, address) for n, address in enumerate(servers, 1)]
        self.make_bin()
        self.w = None

    def make_bin(self):
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        for face in ("ipvsadm", "dpip", "weir-run"):
            (self.bin / face).symlink_to(labs.BUILD / "cli/weirctl")
        (self.bin / "bin").symlink_to(".")

    def weir(self, wan="dpdk1", lan="dpdk0", ports=(), bonds=()):
        """Ports and nothing else: all else comes from the sequences."""
        self.w = Weir(self, self.balancer, {
            "ports": [{"name": lan, "device": "lan0"}, {"name": wan, "device": "wan0"}, *ports], "bonds": list(bonds)})
        self.w.start()
        self.environment = {**os.environ, "WEIR_SOCKET": str(self.w.socket)}

    def shell(self, text, host=None, check=True):
        """Text for sh, which stops at the first command that fails."""
        return (host or self.balancer).run("sh", "-e", "-c", text, cwd=self.bin, env=self.environment, check=check)

    def script(self, name, **values):
        """A whole sequence, of which nobody complains."""
        done = self.shell(tutorial.printed(name, **values))
        assert re.fullmatch(tutorial.REMARKS.get(name, ""), done.stderr), done.stderr
        return done

    def compare(self, name, leave_out=None, **values):
        """
        A transcript: each command shows what is printed there, and nothing else but records of `leave_out`,
        an address that the page does not have.
        """
        for command, expected in tutorial.transcript(tutorial.printed(name, **values)):
            shown = self.shell(command).stdout
            if leave_out:
                shown = re.sub(rf"^.*{re.escape(leave_out)} .*\n( +valid_lft.*\n)?", "", shown, flags=re.M)
            assert tutorial.same(shown, expected), f"$ {command}\n{shown}\nis not what is printed:\n{expected}"

    def curl(self, name, client=None):
        """The command of a client, and its answers: the name of the server, the address that it sees."""
        command, client = tutorial.printed(name).splitlines()[0], client or self.client
        wait_for(lambda: self.shell(f"{command} -sS -m 2", client, check=False).stdout, 20, what=command)
        return [self.shell(f"{command} -sS -m 2", client).stdout.split() for _ in range(6)]


@pytest.fixture(scope="module")
def two_arm(make_lab):
    lab = make_lab(Tutorial, ["10.0.0.48/16"], ["192.168.100.2/24", "192.168.100.3/24"])
    for server in lab.servers:
        lab.nginx(server)
    # bond1, which only gets a VLAN here: test_bonds.py has traffic on it.
    lab.attach("192.168.100.200")
    lab.weir(ports=[{"name": "dpdk2", "device": "net_null0,no-rx=1"}],
             bonds=[{"name": "bond1", "mode": 0, "members": ["dpdk2"]}])
    return lab


def test_simple_fullnat_as_printed(two_arm):
    two_arm.script("fullnat")
    two_arm.compare("fullnat check", version=two_arm.w.get("/v1/version")["version"])
    address = tutorial.printed("fullnat client").split()[-1].split(":")[0]
    answers = two_arm.curl("fullnat client")
    assert {name for name, _, _ in answers} == {"s1", "s2"}
    assert {seen for _, seen, _ in answers} == {address}


def test_vlans_as_printed(two_arm):
    two_arm.script("vlan")
    shown = two_arm.shell("./dpip vlan show").stderr  # as DPVS does
    for name in ("dpdk0.100", "dpdk0.101", "dpdk1.102", "bond1.103"):
        assert re.search(rf"^{re.escape(name)}\b", shown, re.M), shown
        two_arm.shell(f"./dpip vlan del {name}")


def test_direct_routing_as_printed(make_lab):
    """One arm: the client is in the network of weir and the real servers."""
    lab = make_lab(Tutorial, [], ["192.168.100.2/24", "192.168.100.3/24"])
    for server in lab.servers:
        lab.nginx(server)
    client = lab.server(9, lab.sw, "192.168.100.46/24")
    lab.peer_offloads(client, "eth0")
    lab.weir()
    for server in lab.servers:
        for command, expected in tutorial.transcript(tutorial.printed("direct routing servers")):
            assert tutorial.same(lab.shell(command, server).stdout, expected)
        lab.shell(tutorial.BESIDE["direct routing"][0], server)
    lab.script("direct routing")
    answers = lab.curl("direct routing client", client)
    assert {name for name, _, _ in answers} == {"s1", "s2"}
    assert {seen for _, seen, _ in answers} == {"192.168.100.46"}


class Pair(RealServers, Lab):
    """One arm: client, two weirs (dpdk0) and the real servers on one bridge."""

    def __init__(self):
        super().__init__()
        self.sw = self.switch()
        self.client = self.host("client")
        self.plug(self.sw, "pc", self.client, "eth0")
        self.address(self.client, "eth0", "192.168.100.146/24")
        self.peer_offloads(self.client, "eth0")
        self.servers = [self.server(n, self.sw, f"192.168.100.{n + 1}/24") for n in (1, 2)]
        for server in self.servers:
            self.nginx(server)
        self.attach("192.168.100.200", "192.168.100.201")
        self.nodes = [self.node(number, name) for number, name in ((11, "master"), (12, "backup"))]

    def node(self, number, name):
        node = Node.__new__(Node)
        node.lab, node.name, node.balancer = self, name, self.host(name)
        self.plug(self.sw, f"up{number}", node.balancer, "lan0")
        self.peer_offloads(self.sw, f"up{number}")
        node.folder = self.folder / name
        node.folder.mkdir()
        node.make_bin()
        node.w = Weir(self, node.balancer, {"ports": [{"name": "dpdk0", "device": "lan0"}]}, name)
        node.w.start()
        node.environment = {**os.environ, "WEIR_SOCKET": str(node.w.socket),
                            "WEIR_IPVS_LIBRARY": str(labs.BUILD / "shim/libweir-ipvs.so")}
        node.shell(tutorial.BESIDE["keepalived"][0].format(node=number))
        return node


class Node(Tutorial):
    """One weir of a pair; what it runs is run as in the other labs."""

    def keepalived(self, text):
        (self.folder / "keepalived.conf").write_text(text)
        pids = f"-p {self.folder}/pid -r {self.folder}/vrrp.pid -c {self.folder}/checkers.pid"
        command = tutorial.printed("keepalived", folder=self.folder).replace("-P {pids}", pids)
        self.process = self.balancer.start(*command.split(), log=self.folder / "log", cwd=self.bin,
                                           env=self.environment)

    def has_vip(self):
        return "192.168.100.254/32" in self.shell("./dpip addr show").stdout

    def said(self):
        return (self.folder / "log").read_text(errors="replace")


def test_keepalived_as_printed_on_master_and_backup(make_lab):
    lab = make_lab(Pair)
    master, backup = lab.nodes
    text = tutorial.printed("keepalived.conf")
    master.keepalived(text)
    for setting in re.findall(r"^(?:state|priority) .*$", tutorial.SEQUENCES["keepalived.conf backup"], re.M):
        text = re.sub(rf"^{setting.split()[0]} \w+", setting, text, flags=re.M)
    assert "state BACKUP" in text and "priority 80" in text
    backup.keepalived(text)
    for node in lab.nodes:
        node.script("keepalived by hand")
    wait_for(master.has_vip, 20, what=lambda: f"the master has the VIP\n{master.said()}")
    # The checks fail until there is a route, and the servers are inhibited until the next check.
    wait_for(lambda: master.shell("./ipvsadm -ln").stdout.count("FullNat 100") == 2, 30,
             what=lambda: f"both servers are up\n{master.said()}")
    shown = {"version": master.w.get("/v1/version")["version"]}
    master.compare("keepalived check", leave_out="192.168.100.11/32", **shown)
    answers = lab.nodes[0].curl("keepalived client", lab.client)
    assert {name for name, _, _ in answers} == {"s1", "s2"}
    assert {seen for _, seen, _ in answers} == {"192.168.100.146"}
    # The VIP and the local addresses are on one node only: nobody else answers for them.
    assert not backup.has_vip()
    assert "192.168.100.200" not in backup.balancer.ip("address")
    # What the page only hints at: the master goes, and the backup serves with the same addresses.
    lab.end(master.process)
    wait_for(backup.has_vip, 20, what=lambda: f"the backup has the VIP\n{backup.said()}")
    wait_for(lambda: lab.client.curl("-m", "1", "http://192.168.100.254/", check=False).stdout, 20,
             what="the backup serves")
    assert set(lab.client.names("192.168.100.254", count=10)) == {"s1", "s2"}
    assert "192.168.100.200" not in master.balancer.ip("address")


SWITCH = """
router id 172.10.0.1;
protocol device { scan time 2; }
protocol kernel { ipv4 { import none; export where source != RTS_DEVICE; }; }
protocol ospf v2 up {
  ipv4 { import all; export none; };
  area 0 { interface "wan" { type broadcast; hello 1; dead count 4; }; };
}
"""


class Ospf(Tutorial):
    """client -- switch (BIRD) -- dpdk1 [weir, zebra, ospfd] dpdk0 -- br0 -- s1, s2"""

    def __init__(self):
        super().__init__(["172.10.0.1/30"], ["192.168.100.2/24", "192.168.100.3/24"])
        # What stands before weir is the switch; the client is behind it.
        self.switch_host = self.client
        self.switch_host.ip("link", "set", "eth0", "down")
        self.switch_host.ip("link", "set", "eth0", "name", "wan")
        self.switch_host.ip("link", "set", "wan", "up")
        self.switch_host.sysctl("net.ipv4.ip_forward", 1)
        self.client = self.host("outside")
        self.link(self.client, "eth0", self.switch_host, "clients")
        self.address(self.switch_host, "clients", "198.51.100.1/24")
        self.address(self.client, "eth0", "198.51.100.2/24")
        self.client.ip("route", "add", "default", "via", "198.51.100.1")
        self.peer_offloads(self.client, "eth0")
        for server in self.servers:
            self.nginx(server)


def test_ospf_as_printed(make_lab):
    lab = make_lab(Ospf)
    lab.weir()
    switch = lab.bird(lab.switch_host, SWITCH)
    lab.script("ospf")
    for command, _ in tutorial.transcript(tutorial.printed("ospf addresses")):
        lab.shell(command)
    (command, expected), = tutorial.transcript(tutorial.printed("ospf ping"))
    shown = lab.shell(command).stdout
    assert tutorial.same("\n".join(shown.splitlines()[:2]), expected), shown
    folder = lab.folder / "frr-weir"
    Frr(lab, lab.balancer, {"zebra": tutorial.printed("zebra.conf", folder=folder),
                            "ospfd": tutorial.printed("ospfd.conf", folder=folder)})
    wait_for(lambda: "172.10.0.2" in switch("show", "route", "123.1.2.3/32", check=False), 40,
             what=lambda: "the switch knows the VIP:\n" + switch("show", "ospf", "neighbors", check=False))
    answers = lab.curl("ospf client")
    assert {name for name, _, _ in answers} == {"s1", "s2"}
    assert {seen for _, seen, _ in answers} <= {"192.168.100.200", "192.168.100.201"}


def test_ipv6_of_the_overview_as_printed(make_lab):
    """One arm: VIP and local address on eth1, real servers on its link; -F names the other interface."""
    lab = make_lab(Tutorial, [], [f"2001:db8:11::5{n}/64" for n in (1, 2, 3)])
    for server in lab.servers:
        server.ip("-6", "route", "add", "2001:db8:10::/64", "dev", "eth0")
        lab.nginx(server)
        lab.udp_echo(server, 6000)
    client = lab.server(9, lab.sw, "2001:db8::99/64")
    lab.peer_offloads(client, "eth0")
    lab.weir(wan="eth0", lan="eth1")
    lab.script("ipv6")
    lab.shell(tutorial.BESIDE["ipv6"][0])
    shown = lab.shell("./bin/ipvsadm -ln").stdout
    assert shown.split("\n", 1)[1].split() == tutorial.printed("ipv6 check").split(), shown
    wait_for(lambda: client.curl("-g", "http://[2001:db8::1]/", check=False).stdout, 20, what="an answer over IPv6")
    assert set(client.names("2001:db8::1", count=12)) == {"s1", "s2", "s3"}
    assert client.udp_ask("2001:db8::1", 80) is not None


def test_nat64_of_the_overview_as_printed(make_lab):
    """IPv6 clients, IPv4 servers: the VIP on eth1, local addresses on eth0."""
    lab = make_lab(Tutorial, ["2001:db8::99/64"], [f"192.168.12.5{n}/24" for n in (1, 3, 4)])
    for server in lab.servers:
        server.ip("route", "add", "192.168.88.0/24", "dev", "eth0")
        lab.nginx(server)
        lab.udp_echo(server, 6000)
    lab.weir(wan="eth1", lan="eth0")
    lab.script("nat64")
    lab.shell(tutorial.BESIDE["nat64"][0])
    shown = lab.shell("./bin/ipvsadm -ln").stdout
    assert shown.split("\n", 1)[1].split() == tutorial.printed("nat64 check").split(), shown
    wait_for(lambda: lab.client.curl("-g", "http://[2001:db8::1]/", check=False).stdout, 20, what="an answer by NAT64")
    assert set(lab.client.names("2001:db8::1", count=12)) == {"s1", "s2", "s3"}
    assert lab.client.udp_ask("2001:db8::1", 80).split()[1] in ("192.168.88.141", "192.168.88.142")
    shown = lab.shell("./bin/ipvsadm -lnc").stdout
    assert "2001:db8::99" in shown and "192.168.12.5" in shown, shown


def inside_and_internet(make_lab, gateway, internet, *hosts):
    """Hosts behind dpdk0, and the gateway of the WAN, which is a host of the Internet as well."""
    lab = make_lab(Tutorial, [gateway], hosts)
    lab.address(lab.client, "lo", internet)
    lab.client.ip("route", "change", str(ipaddress.ip_interface(gateway).network), "dev", "eth0", "src",
                  internet.split("/")[0])
    lab.nginx(lab.client)
    lab.udp_echo(lab.client)
    return lab


def test_snat_as_printed(make_lab):
    lab = inside_and_internet(make_lab, "123.1.2.1/24", "198.51.100.7/32", "192.168.100.2/24", "192.168.100.3/24")
    lab.weir()
    lab.script("snat")
    for host in lab.servers:
        lab.shell(tutorial.printed("snat host").removeprefix("$ "), host)
    (ping, _), (curl, _) = tutorial.transcript(tutorial.printed("snat client", internet="198.51.100.7"))
    for host in lab.servers:
        wait_for(lambda: lab.shell(f"{curl} -sS -m 2", host, check=False).stdout, 20, what=curl)
        assert lab.shell(f"{curl} -sS", host).stdout.split()[1] == "123.1.2.3"
        assert " 2 received" in lab.shell(ping, host).stdout


def test_snat_of_the_overview_as_printed(make_lab):
    """The WAN is bond1, a bond of one port."""
    lab = inside_and_internet(make_lab, "101.227.17.254/25", "59.37.97.124/32", "192.168.88.59/24")
    lab.weir(bonds=[{"name": "bond1", "mode": 0, "members": ["dpdk1"]}])
    lab.script("overview snat")
    shown = lab.shell("./bin/ipvsadm -ln").stdout
    assert shown.split("\n", 1)[1].split() == tutorial.printed("overview snat check").split(), shown
    host, = lab.servers
    host.ip("route", "add", "default", "via", "192.168.88.1")
    wait_for(lambda: host.curl("-m", "2", "http://59.37.97.124/", check=False).stdout, 20, what="an answer")
    assert host.curl("http://59.37.97.124/").stdout.split()[1] == "101.227.17.140"
    assert host.udp_ask("59.37.97.124", 5353).split()[1] == "101.227.17.140"
    assert " 2 received" in host.out("ping", "-c", 2, "-i", 0.1, "-w", 10, "59.37.97.124")


def test_every_substitution_is_needed():
    for name in tutorial.SEQUENCES:
        tutorial.printed(name)
    unneeded = [row for number, row in enumerate(tutorial.SUBSTITUTIONS) if number not in tutorial.used]
    assert not unneeded
    assert all(row[3] for row in tutorial.SUBSTITUTIONS)
