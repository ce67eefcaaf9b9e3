# SPDX-License-Identifier: BSD-3-Clause
"""VLANs: FullNAT between VLANs of one port, QinQ, made by every door, kept over a restart."""

import re
import socket

import pytest

from lab import BUILD, HERE, Lab, Refused, Weir, run, wait_for

VIP, LOCAL = "10.0.0.100", "192.168.100.200"


@pytest.fixture(scope="session")
def tagger(tmp_path_factory):
    """The eBPF program that gives a host the tags of a VLAN, which this kernel has no device for."""
    made = tmp_path_factory.mktemp("tagger") / "vlan_tags.o"
    run("clang", "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-c", HERE / "vlan_tags.c",
        "-o", made)
    return made


class Vlans(Lab):
    """client and servers on one bridge, each behind tags of its own, and weir with one port."""

    def __init__(self, tagger, client=("vlan100",), server=("vlan200",)):
        super().__init__()
        self.sw = self.switch()
        self.balancer = self.host("weir")
        self.plug(self.sw, "up0", self.balancer, "in0")
        self.peer_offloads(self.sw, "up0")
        self.sw.run("ethtool", "-K", "up0", "txvlan", "off", "tx-vlan-stag-hw-insert", "off")
        self.client = self.host("client")
        self.plug(self.sw, "pc", self.client, "eth0")
        self.address(self.client, "eth0", "10.0.0.2/24", "fd00:a::2/64")
        self.tag(tagger, self.client, client)
        self.servers = []
        for n in (1, 2):
            host = self.server(n, self.sw, f"192.168.100.{n + 1}/24", f"fd00:b::{n + 1}/64")
            self.tag(tagger, host, server)
            self.nginx(host)
            self.udp_echo(host)
            self.servers.append(host)

    @staticmethod
    def tag(tagger, host, sections):
        """What leaves the host gets the tags, and what comes without them does not reach it."""
        host.run("ethtool", "-K", "eth0", "tso", "off", "gso", "off")
        host.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
        for order, section in enumerate(sections, 1):
            host.run("tc", "filter", "add", "dev", "eth0", "egress", "pref", order, "bpf", "da", "obj", tagger,
                     "sec", section)
        host.run("tc", "filter", "add", "dev", "eth0", "ingress", "bpf", "da", "obj", tagger, "sec",
                 f"only_{sections[0]}")

    def dpip(self, *words, check=True):
        done = run(BUILD / "cli/dpip", *words, check=check,
                   env={"WEIR_SOCKET": str(self.weirs[0].socket), "PATH": "/usr/bin:/bin"})
        return done

    def weir(self, vlans=(), **extra):
        config = {"ports": [{"name": "dpdk0", "device": "in0"}], **extra}
        if vlans:
            config["vlans"] = list(vlans)
        return Weir(self, self.balancer, config)


SERVICES = [
    {"vip": vip, "port": port, "protocol": protocol, "scheduler": "rr",
     "servers": [{"address": f"{net}{n + 1}", "port": port} for n in (1, 2)]}
    for vip, net in ((VIP, "192.168.100."), ("fd00:a::100", "fd00:b::"))
    for protocol, port in (("tcp", 80), ("udp", 5353))]
LOCALS = [{"address": LOCAL, "interface": "dpdk0.200"}, {"address": "fd00:b::200", "interface": "dpdk0.200"}]
CLIENT_SIDE = ["10.0.0.1/24", "fd00:a::1/64", f"{VIP}/32", "fd00:a::100/128"]
SERVER_SIDE = ["192.168.100.1/24", "fd00:b::1/64"]


def test_fullnat_between_vlans(tagger, make_lab):
    """Client on VLAN 100, servers on VLAN 200 of one port, from the file; counters; another file."""
    lab = make_lab(Vlans, tagger)
    weir = lab.weir([{"link": "dpdk0", "id": 100, "addresses": CLIENT_SIDE},
                     {"name": "dpdk0.200", "link": "dpdk0", "id": 200, "protocol": "802.1q",
                      "addresses": SERVER_SIDE}],
                    local_addresses=LOCALS, services=SERVICES).start()
    for vip in (VIP, "fd00:a::100"):
        wait_for(lambda vip=vip: lab.client.udp_ask(vip, 5353), what=f"{vip} answers")
        assert set(lab.client.names(vip, count=4)) == {"s1", "s2"}
    lab.client.run("ping", "-c", "1", "-W", "2", "10.0.0.1")
    lab.client.run("ping", "-c", "1", "-W", "2", "fd00:a::1")
    rows = {row["name"]: row for row in weir.get("/v1/vlans")["vlans"]}
    assert set(rows) == {"dpdk0.100", "dpdk0.200"} and all(row["up"] and row["origin"] == "file"
                                                           for row in rows.values())
    assert all(rows[name][count] > 20 for name in rows for count in ("packets_in", "packets_out", "bytes_in"))
    counted(lab, weir, ["dpdk0.100", "dpdk0.200"], ask)
    # A VLAN follows the interface beneath, as in Linux.
    lab.balancer.ip("link", "set", "dpdk0.kni", "down")
    wait_for(lambda: not any(row["up"] for row in weir.get("/v1/vlans")["vlans"]), what="VLANs are down")
    lab.balancer.ip("link", "set", "dpdk0.kni", "up")
    wait_for(lambda: all(row["up"] for row in weir.get("/v1/vlans")["vlans"]), what="VLANs are up")
    # The file may change while it runs: one more, and one less again.
    vlans = weir.config["vlans"]
    weir.write({**weir.config, "vlans": [*vlans, {"link": "dpdk0", "id": 300, "addresses": ["10.3.0.1/24"]}]})
    weir.ctl("apply", "-f", weir.file)
    assert "10.3.0.1/24" in lab.balancer.ip("address", "show", "dev", "dpdk0.300.kni")
    weir.write({**weir.config, "vlans": vlans})
    weir.ctl("apply", "-f", weir.file)
    assert "dpdk0.300" not in lab.balancer.ip("link")
    assert lab.client.names(VIP, count=1)


def traffic(lab, weir, name):
    """What an interface has counted, which weirctl, dpip and the metrics say alike."""
    fields = ("packets_in", "packets_out", "bytes_in", "bytes_out")
    samples = re.findall(rf'^weir_interface_(\w+)_total{{interface="{name}"}} (\d+)$', weir.get("/metrics"), re.M)
    metrics = {field: int(value) for field, value in samples}
    shown = lab.dpip("link", "show", name, "-s").stdout.splitlines()
    at = next(i for i, line in enumerate(shown) if line.split() == ["ipackets", "opackets", "ibytes", "obytes"])
    dpip = dict(zip(fields, map(int, shown[at + 1].split())))
    row = next(row for row in weir.table("vlan", "list") if row["name"] == name)
    weirctl = {field: row[field] for field in fields}
    return [weirctl, dpip, metrics]


def ask(lab, count, size):
    with lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
        for _ in range(count):
            assert lab.client.udp_ask(VIP, 5353, "x" * size, sock=flow)


def ping(lab, count, size):
    assert " 0% packet loss" in lab.client.out("ping", "-c", count, "-i", "0.005", "-w", "20", "-s", size, "10.0.0.1")


def counted(lab, weir, names, echo, count=50, size=1000):
    """Echoes through the interfaces, each of which counts every one of them once, without its tags."""
    before = {name: traffic(lab, weir, name)[0] for name in names}
    echo(lab, count, size)
    frame = 14 + 20 + 8 + size
    for name in names:
        def settled(name=name):
            now = traffic(lab, weir, name)
            return now if now[0] == now[1] == now[2] else None
        now = wait_for(settled, what=lambda name=name: f"one number of {name}: {traffic(lab, weir, name)}")[0]
        for way in ("in", "out"):
            packets = now[f"packets_{way}"] - before[name][f"packets_{way}"]
            volume = now[f"bytes_{way}"] - before[name][f"bytes_{way}"]
            # ARP and the like may come between; the echo says more than it was told.
            assert count <= packets <= count + 20, (name, way, packets)
            assert count * frame <= volume <= count * (frame + 80) + 20 * 100, (name, way, volume)


def test_qinq_by_dpip(tagger, make_lab):
    """802.1ad with 802.1Q inside for the client; everything by the tools; a restart keeps it."""
    lab = make_lab(Vlans, tagger, client=("vlan7", "stag300"))
    weir = lab.weir().start()
    lab.dpip("vlan", "add", "dpdk0.300", "link", "dpdk0", "proto", "802.1ad", "id", "300")
    lab.dpip("vlan", "add", "link", "dpdk0.300", "id", "7")
    lab.dpip("vlan", "add", "link", "dpdk0", "proto", "802.1q", "id", "200")
    for address in ("10.0.0.1/24", f"{VIP}/32"):
        lab.dpip("addr", "add", address, "dev", "dpdk0.300.7")
    lab.dpip("addr", "add", "192.168.100.1/24", "dev", "dpdk0.200")
    ipvsadm = [BUILD / "cli/ipvsadm"]
    environment = {"WEIR_SOCKET": str(weir.socket), "PATH": "/usr/bin:/bin"}
    for words in (["-A", "-t", f"{VIP}:80", "-s", "rr"], ["-a", "-t", f"{VIP}:80", "-r", "192.168.100.2", "-b"],
                  ["-a", "-t", f"{VIP}:80", "-r", "192.168.100.3", "-b"],
                  ["--add-laddr", "-z", LOCAL, "-t", f"{VIP}:80", "-F", "dpdk0.200"]):
        run(*ipvsadm, *words, env=environment)
    wait_for(lambda: lab.client.curl(f"http://{VIP}/", check=False).returncode == 0, what="the service answers")
    assert set(lab.client.names(VIP, count=4)) == {"s1", "s2"}
    counted(lab, weir, ["dpdk0.300.7"], ping)
    # Packets of a VLAN count there, and not at the one that it stands on.
    outer = traffic(lab, weir, "dpdk0.300")[0]
    assert outer["packets_in"] == 0 and outer["packets_out"] < 20, outer
    shown = lab.dpip("vlan", "show").stderr.splitlines()
    assert shown == ["dpdk0.300 link dpdk0 proto 802.1ad id 300", "dpdk0.300.7 link dpdk0.300 proto 802.1q id 7",
                     "dpdk0.200 link dpdk0 proto 802.1q id 200"]
    assert "dpdk0.300.7" in lab.dpip("link", "show").stdout
    refused = lab.dpip("vlan", "del", "dpdk0.300", check=False)
    assert refused.returncode == 1 and "dpdk0.300.7 stands on dpdk0.300" in refused.stderr
    refused = lab.dpip("vlan", "del", "dpdk0.200", check=False)
    assert refused.returncode == 1 and f"{LOCAL} is a local address on dpdk0.200" in refused.stderr
    wait_for(lambda: "dpdk0.300.7" in (weir.folder / "state/network.json").read_text(), what="it is saved")
    weir.wait_saved("192.168.100.3", LOCAL)
    weir.kill()
    weir.start()
    assert lab.dpip("vlan", "show").stderr.splitlines() == shown
    wait_for(lambda: lab.client.curl(f"http://{VIP}/", check=False).returncode == 0, what="the service answers again")
    run(*ipvsadm, "-D", "-t", f"{VIP}:80", env=environment)
    # Its local address goes with the last connection of the service.
    wait_for(lambda: lab.dpip("vlan", "del", "link", "dpdk0", "id", "200", check=False).returncode == 0,
             what="dpdk0.200 can be removed")
    lab.dpip("vlan", "del", "dpdk0.300.7")
    lab.dpip("vlan", "del", "dpdk0.300.kni")
    assert lab.dpip("vlan", "show").stderr == "" and "dpdk0.3" not in lab.balancer.ip("link")


def test_vlans_refused(make_lab):
    """What cannot be, by REST, weirctl, dpip and the file, with the field and the reason."""
    lab = make_lab(Lab)
    host = lab.host("weir")
    peer = lab.host("peer")
    lab.link(peer, "eth0", host, "in0")
    weir = Weir(lab, host, {"ports": [{"name": "dpdk0", "device": "in0", "mtu": 1500}]}).start()
    weir.put("/v1/vlans/dpdk0.5", {"link": "dpdk0", "id": 5})
    weir.put("/v1/vlans/dpdk0.5", {"link": "dpdk0", "id": 5})
    weir.put("/v1/vlans/inner", {"link": "dpdk0.5", "id": 6})
    rows = [
        ("dpdk0.0", {"link": "dpdk0", "id": 0}, 400, "id", "1 to 4094"),
        ("dpdk0.4095", {"link": "dpdk0", "id": 4095}, 400, "id", "1 to 4094"),
        ("x", {"id": 7}, 400, "link", "is missing"),
        ("x", {"link": "dpdk0"}, 400, "id", "is missing"),
        ("x", {"link": "dpdk9", "id": 7}, 400, "link", 'there is no interface "dpdk9"'),
        ("x", {"link": "dpdk0", "id": 5}, 409, "id", "VLAN 5 on dpdk0 is dpdk0.5 already"),
        ("x", {"link": "inner", "id": 8}, 400, "link", "more than two"),
        ("x", {"link": "dpdk0", "id": 8, "protocol": "802.1x"}, 400, "protocol", "neither 802.1q nor 802.1ad"),
        ("x", {"link": "dpdk0", "id": 8, "mtu": 1501}, 400, "mtu", "more than the 1500 of dpdk0"),
        ("x", {"link": "dpdk0", "id": 8, "tap": "dpdk0.kni"}, 409, "tap", "is the TAP of dpdk0"),
        ("dpdk0", {"link": "dpdk0", "id": 8}, 409, "name", 'an interface "dpdk0" already'),
        ("dpdk0.5", {"link": "dpdk0", "id": 8}, 409, "name", "other settings"),
        ("a-name-that-is-long", {"link": "dpdk0", "id": 8}, 400, "name", "15 characters"),
        ("x", {"link": "dpdk0", "id": 8, "tag": 1}, 400, "tag", ""),
    ]
    for name, body, status, field, text in rows:
        with pytest.raises(Refused) as refused:
            weir.put(f"/v1/vlans/{name}", body)
        assert refused.value.status == status, (name, body, refused.value)
        assert refused.value.error["field"] == field and text in refused.value.error["text"], refused.value
    with pytest.raises(Refused) as refused:
        weir.delete("/v1/vlans/none")
    assert refused.value.status == 404
    with pytest.raises(Refused) as refused:
        weir.patch("/v1/ports/dpdk0.5", {"promiscuous": False})
    assert "setting of a port" in refused.value.error["text"]
    weir.patch("/v1/ports/dpdk0.5", {"mac": "02:00:00:00:05:05", "up": False})
    wait_for(lambda: weir.get("/v1/ports/dpdk0.5")["mac"] == "02:00:00:00:05:05", what="its MAC follows")
    done = weir.ctl("vlan", "add", "dpdk0.9", "--link", "dpdk0", "--id", "9", "--protocol", "802.1ad")
    assert "dpdk0.9" in weir.ctl("vlan", "list").stdout and not done.stderr
    weir.ctl("vlan", "delete", "dpdk0.9")
    assert weir.ctl("vlan", "delete", "dpdk0.9", check=False).returncode == 1
    assert [row["name"] for row in weir.table("vlan", "list")] == ["dpdk0.5", "inner"]
    file = weir.folder / "other.yaml"
    for section, sentence in (("- {link: dpdk0, id: 0}", "vlans[0].id"),
                              ("- {link: dpdk1, id: 4}", 'vlans[0].link: there is no interface "dpdk1"'),
                              ("- {link: dpdk0, id: 4}\n- {link: dpdk0, id: 4, name: x}",
                               "vlans[1].id: VLAN 4 on dpdk0 is dpdk0.4 already"),
                              ("- {link: dpdk0, id: 4, addresses: [10.0.0.1]}", "vlans[0].addresses[0]")):
        file.write_text(f"ports: [{{name: dpdk0, device: in0}}]\nvlans:\n{section}\n")
        done = run(BUILD / "weir", "--check", "-c", file, check=False)
        assert done.returncode == 1 and sentence in done.stderr, done.stderr
