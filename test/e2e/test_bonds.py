# SPDX-License-Identifier: BSD-3-Clause
"""Bonds of two cables to an Open vSwitch: modes 0, 1, 2 and LACP, a cable that is cut, VLANs on a bond, the doors."""

import re

import pytest
import tutorial
from lab import BUILD, Keep, Lab, Refused, Weir, run, wait_for
from open_vswitch import Switch
from test_traffic_control import Shaped, tbf

VIP, LOCAL = "10.0.0.100", "192.168.100.200"


class Bonded(Lab):
    """weir with two cables to a switch, to which a client (VLAN `client`) and a server are connected."""

    def __init__(self, other_side, client_tag=None, server_tag=None):
        super().__init__()
        self.sw = self.host("sw")
        self.balancer = self.host("weir")
        self.ovs = Switch(self, self.sw)
        for n in (0, 1):
            self.link(self.balancer, f"in{n}", self.sw, f"up{n}")
            self.peer_offloads(self.sw, f"up{n}")
        if other_side == "lacp":
            self.ovs.vsctl("add-bond", "br0", "b0", "up0", "up1", "lacp=active", "bond_mode=balance-tcp",
                           "other_config:lacp-time=fast")
        else:
            for port in ("up0", "up1"):
                self.ovs.vsctl("add-port", "br0", port)
        self.client = self.station("client", "pc", client_tag, "10.0.0.2/24")
        self.servers = [self.station("s1", "p1", server_tag, "192.168.100.2/24" if server_tag else "10.0.0.11/24")]
        self.nginx(self.servers[0])
        if other_side == "group":
            self.static_group()

    def static_group(self):
        """
        What switches call a static link aggregation, which is the other side of modes 0 and 2: one group of two
        cables, where what comes in by one is never sent back by the other. OVS has no bond of this kind.
        """
        number = {name: self.ovs.vsctl("get", "interface", name, "ofport").strip() for name in ("up0", "up1", "pc", "p1")}
        buckets = ",".join(f"bucket=watch_port:{number[up]},output:{number[up]}" for up in ("up0", "up1"))
        self.ovs.ofctl("add-group", f"group_id=1,type=select,{buckets}")
        self.ovs.ofctl("del-flows")
        for up in ("up0", "up1"):
            self.ovs.ofctl("add-flow", f"in_port={number[up]},actions=output:{number['pc']},output:{number['p1']}")
        for station, other in (("pc", "p1"), ("p1", "pc")):
            self.ovs.ofctl("add-flow", f"in_port={number[station]},actions=output:{number[other]},group:1")

    def station(self, role, port, tag, address):
        host = self.host(role)
        self.link(host, "eth0", self.sw, port)
        host.run("ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off")
        self.address(host, "eth0", address)
        self.ovs.vsctl("add-port", "br0", port, *([f"tag={tag}"] if tag else []))
        return host

    def weir(self, mode, **extra):
        return Weir(self, self.balancer, {
            "ports": [{"name": "dpdk0", "device": "in0"}, {"name": "dpdk1", "device": "in1"}],
            "bonds": [{"name": "bond0", "mode": mode, "members": ["dpdk0", "dpdk1"],
                       **extra.pop("bond", {})}], **extra})

    def dpip(self, *words, check=True):
        return run(BUILD / "cli/dpip", *words, check=check,
                   env={"WEIR_SOCKET": str(self.weirs[0].socket), "PATH": "/usr/bin:/bin"})


def members(weir, name="bond0"):
    bond, = (row for row in weir.get("/v1/bonds")["bonds"] if row["name"] == name)
    return {row["name"]: row for row in bond["members"]}


ONE_ARM = {"bond": {"addresses": ["10.0.0.1/24", f"{VIP}/32"]},
           "local_addresses": [{"address": "10.0.0.200", "interface": "bond0"}],
           "services": [{"vip": VIP, "port": 80, "protocol": "tcp",
                         "servers": [{"address": "10.0.0.11", "port": 80}]}]}


def cut_one_link(lab, weir, bond="bond0"):
    """A connection goes on over the other cable, and over both when it is plugged in again."""
    keep = Keep(lab.client, VIP)
    lab.sw.ip("link", "set", "up0", "down")
    wait_for(lambda: not members(weir, bond)["dpdk0"]["active"], what="dpdk0 has left the bond")
    assert not members(weir, bond)["dpdk0"]["link_up"] and members(weir, bond)["dpdk1"]["active"]
    keep.ask()
    wait_for(lambda: lab.client.curl(f"http://{VIP}/", check=False).returncode == 0, 20, what="it goes on")
    lab.sw.ip("link", "set", "up0", "up")
    wait_for(lambda: all(row["active"] for row in members(weir, bond).values()), 20, what="dpdk0 is back")
    keep.ask()
    keep.close()


def test_lacp_with_vlans(make_lab):
    """
    Mode 4 with Open vSwitch on the other side; client and server on VLANs of the bond, of which one is made by
    the tutorial's line.
    """
    lab = make_lab(Bonded, "lacp", 103, 104)
    weir = lab.weir(4, bond={"name": "bond1"}, vlans=[{"link": "bond1", "id": 104, "addresses": ["192.168.100.1/24"]}],
                    local_addresses=[{"address": LOCAL, "interface": "bond1.104"}],
                    services=[{"vip": VIP, "port": 80, "protocol": "tcp",
                               "servers": [{"address": "192.168.100.2", "port": 80}]}]).start()
    line, = (line for line in tutorial.SEQUENCES["vlan"].splitlines() if "bond" in line)
    lab.dpip(*line.split()[1:])
    for address in ("10.0.0.1/24", f"{VIP}/32"):
        lab.dpip("addr", "add", address, "dev", "bond1.103")
    wait_for(lambda: all(row["negotiated"] for row in members(weir, "bond1").values()), 30, what="LACP is negotiated")
    assert "negotiated" in lab.ovs.appctl("lacp/show", "b0")
    wait_for(lambda: lab.client.curl(f"http://{VIP}/", check=False).stdout, 20, what="the service answers")
    assert lab.client.names(VIP) == ["s1"]
    lab.client.run("ping", "-c", "1", "-W", "2", "10.0.0.1")
    cut_one_link(lab, weir, "bond1")
    shown = lab.dpip("link", "show", "bond1", "status").stdout
    assert "--- bonding status ---" in shown and "mode 4 mac_addr" in shown and "ative/slaves 2/2" in shown


@pytest.mark.parametrize("mode, other_side", [(1, "switch"), (0, "group"), (2, "group")])
def test_static_modes(make_lab, mode, other_side):
    """Active backup at a switch that knows nothing of it, round robin and hash: traffic, and one cable is cut."""
    lab = make_lab(Bonded, other_side)
    weir = lab.weir(mode, workers=2 if mode == 2 else 1, **ONE_ARM).start()
    wait_for(lambda: lab.client.curl(f"http://{VIP}/", check=False).returncode == 0, 20, what="the service answers")
    for _ in range(5):
        assert lab.client.names(VIP) == ["s1"]
    cut_one_link(lab, weir)
    assert weir.get("/v1/ports/bond0")["bond"]["mode"] == mode
    if mode == 1:
        change_while_it_runs(lab, weir)


def change_while_it_runs(lab, weir):
    """What the driver can change, by dpip and weirctl; a member is taken out and put back."""
    for words in (("bond-primary", "dpdk1"), ("bond-xmit-policy", "layer34"), ("bond-monitor-interval", "50"),
                  ("bond-link-up-prop", "20"), ("bond-link-down-prop", "10"), ("bond-mode", "1")):
        lab.dpip("link", "set", "bond0", *words)
    shown = lab.dpip("link", "show", "bond0", "status").stdout
    assert "xmit_policy layer34 link_monitor 50ms\n" in shown, shown
    assert "ative/slaves 2/2 link_down_prop_delay 10ms link_up_prop_delay 20ms\n" in shown, shown
    assert re.search(r"slaves: dpdk0\([0-9A-Fa-f:]+, active\) dpdk1\([0-9A-Fa-f:]+, active, primary\)", shown), shown
    lab.dpip("link", "del", "bond0", "bond-slave", "dpdk1")
    assert weir.table("bond", "list")[0]["members"][1]["active"] is False
    wait_for(lambda: lab.client.curl(f"http://{VIP}/", check=False).returncode == 0, 20, what="it goes on by dpdk0")
    for words, sentence in ((("leave", "bond0", "dpdk0"), "dpdk0 is the last member of bond0"),
                            (("leave", "bond0", "dpdk1"), "dpdk1 is out of bond0 already"),
                            (("join", "bond0", "bond0"), "bond0 is not among the members of bond0"),
                            (("set", "bond0", "--primary", "dpdk1"), "primary: dpdk1 is no member"),
                            (("set", "bond0", "--xmit-policy", "layer5"), "xmit_policy: ")):
        done = weir.ctl("bond", *words, check=False)
        assert done.returncode == 1 and sentence in done.stderr, done.stderr
    done = lab.dpip("link", "set", "bond0", "bond-mode", "4", check=False)
    assert done.returncode == 1 and "bond0 keeps its mode 1 while it runs" in done.stderr
    with pytest.raises(Refused) as refused:
        weir.patch("/v1/bonds/bond0", {"mode": 4})
    assert refused.value.error["field"] == "mode" and "change it in the file and restart weir" in refused.value.error["text"]
    # The file may say another mode, other members and another device of one: from the next start on.
    for section, field, value in (("bonds", "mode", 4), ("bonds", "members", ["dpdk0"]),
                                  ("ports", "device", "net_tap0,iface=tap0")):
        config = {**weir.config, section: [{**weir.config[section][0], field: value}, *weir.config[section][1:]]}
        if value == ["dpdk0"]:
            config["ports"] = [weir.config["ports"][0]]
        planned = weir.put("/v1/config?dry_run=1", config)
        assert any(text.startswith(f"{section}[0]: needs a restart (runs with") for text in planned["restart"]), planned
    weir.ctl("bond", "join", "bond0", "dpdk1")
    wait_for(lambda: members(weir)["dpdk1"]["active"], 20, what="dpdk1 is back")
    assert "dpdk1" in weir.ctl("bond", "list").stdout
    wait_for(lambda: lab.client.curl(f"http://{VIP}/", check=False).returncode == 0, 20, what="it goes on by both")


def test_bonds_refused(make_lab):
    lab = make_lab(Lab)
    file = lab.folder / "bond.yaml"
    ports = "ports: [{name: dpdk0, device: a}, {name: dpdk1, device: b, addresses: [10.0.0.1/24]}]\n"
    for text, sentence in (
            ("{name: bond0, mode: 7, members: [dpdk0]}", "bonds[0].mode: must be 0 (round robin), 1 (active backup)"),
            ("{name: bond0, members: [dpdk0]}", "bonds[0].mode: is missing"),
            ("{name: bond0, mode: 4}", "bonds[0].members: is missing"),
            ("{name: bond0, mode: 4, members: []}", "bonds[0].members: must name at least one port"),
            ("{name: bond0, mode: 4, members: [dpdk7]}", 'bonds[0].members[0]: there is no port "dpdk7"'),
            ("{name: bond0, mode: 4, members: [dpdk0, dpdk0]}", "bonds[0].members[1]: dpdk0 is a member already"),
            ("{name: bond0, mode: 4, members: [dpdk1]}", "bonds[0].members[0]: dpdk1 has addresses"),
            ("{name: bond0, mode: 1, primary: dpdk1, members: [dpdk0]}", "bonds[0].primary: dpdk1 is no member"),
            ("{name: dpdk0, mode: 1, members: [dpdk0]}", "bonds[0].name"),
            ("{name: bond0, mode: 2, xmit_policy: layer5, members: [dpdk0]}", "bonds[0].xmit_policy")):
        file.write_text(f"{ports}bonds:\n- {text}\n")
        done = run(BUILD / "weir", "--check", "-c", file, check=False)
        assert done.returncode == 1 and sentence in done.stderr, (text, done.stderr)
    file.write_text(f"{ports}bonds:\n- {{name: bond0, mode: 4, members: [dpdk0]}}\nvlans:\n- {{link: dpdk0, id: 5}}\n")
    done = run(BUILD / "weir", "--check", "-c", file, check=False)
    assert 'vlans[0].link: there is no interface "dpdk0"' in done.stderr

class ShapedBond(Bonded):
    """LACP with a client and a server on VLANs of the bond; iperf3 at two ports, as above."""

    def __init__(self):
        super().__init__("lacp", 103, 104)
        for port in (5201, 5202):
            self.servers[0].start("iperf3", "-s", "-p", port)
            wait_for(lambda: self.servers[0].out("ss", "-Hltn", f"sport = :{port}"), 10, what="iperf3 listens")
        self.w = self.weir(4, bond={"xmit_policy": "layer34"}, vlans=[
            {"link": "bond0", "id": 103, "addresses": ["10.0.0.1/24", f"{VIP}/32"]},
            {"link": "bond0", "id": 104, "addresses": ["192.168.100.1/24"]}],
            local_addresses=[{"address": LOCAL, "interface": "bond0.104"}],
            services=[{"protocol": "tcp", "vip": VIP, "port": port, "scheduler": "rr", "servers": [
                {"address": "192.168.100.2", "port": port}]} for port in (80, 5201, 5202)]).start()
        wait_for(lambda: all(row["negotiated"] for row in members(self.w).values()), 30, what="LACP is negotiated")
        wait_for(lambda: self.client.curl(f"http://{VIP}/", check=False).stdout, 20, what="the service answers")

    def sent(self):
        """Packets that weir has sent by each cable, as the switch has them."""
        return [int(self.sw.out("cat", f"/sys/class/net/up{n}/statistics/rx_packets")) for n in (0, 1)]

    mbit, queue, set, measure = Shaped.mbit, Shaped.queue, Shaped.set, Shaped.measure


def test_vlan_on_a_bond(make_lab):
    """A class for a VLAN of a bond: its rate holds over both cables together, and the other VLAN is not slowed."""
    lab = make_lab(ShapedBond)
    with pytest.raises(Refused, match="oif=bond0.104") as refused:
        lab.set("bond0.104", tbf(20, 20000))
    assert "bond0" in str(refused.value)
    lab.set("bond0", {"handle": "root", "kind": "pfifo_fast"}, tbf(20, 20000, "1:"),
            classifiers=[{"queue": "root", "match": "tcp,oif=bond0.104", "target": "1:"}])
    before = lab.sent()

    def both():
        lab.measure("bond0", "1:", 20, 20000, "-P", 4)
        return all(now > then + 100 for now, then in zip(lab.sent(), before))
    wait_for(both, 60, what="packets on both cables")
    passed = lab.queue("bond0", "1:")["packets"]
    assert wait_for(lambda: lab.mbit(5201, "-R") > 25, 30, what="a rate that is not slowed")
    assert lab.queue("bond0", "1:")["packets"] > passed  # ACKs
