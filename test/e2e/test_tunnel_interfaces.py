# SPDX-License-Identifier: BSD-3-Clause
"""Tunnel interfaces: a client behind a tunnel of each kind reaches a service; made by every door; malformed packets."""

import struct
import subprocess

import pytest
from lab import BUILD, HERE, Lab, Refused, Weir, run, wait_for

VIP, VIP6 = "10.9.0.100", "fd00:9::100"
KINDS = {"ipip": {}, "gre": {}, "gre+full": {"key": 77, "checksum": True}, "vxlan": {"vni": 4711}}


class Tunnelled(Lab):
    """site -- in0 [weir] out0 -- s1: the site has a client behind its end of a tunnel to weir."""

    def __init__(self):
        super().__init__()
        self.site, self.balancer, self.sw = self.host("site"), self.host("weir"), self.switch()
        self.link(self.site, "eth0", self.balancer, "in0")
        self.plug(self.sw, "up0", self.balancer, "out0")
        for host, name in ((self.site, "eth0"), (self.sw, "up0")):
            self.peer_offloads(host, name)
        self.address(self.site, "eth0", "192.0.2.2/24", "fd00:2::2/64")
        self.server = self.server(1, self.sw, "192.168.100.2/24", "fd00:b::2/64")
        self.nginx(self.server)
        self.udp_echo(self.server)
        self.peer = None
        self.w = Weir(self, self.balancer, {
            "workers": 2,
            "ports": [{"name": "dpdk0", "device": "in0", "addresses": ["192.0.2.1/24", "fd00:2::1/64"]},
                      {"name": "dpdk1", "device": "out0", "addresses": ["192.168.100.1/24", "fd00:b::1/64"]}],
            "local_addresses": [{"address": "192.168.100.200", "interface": "dpdk1"},
                                {"address": "fd00:b::200", "interface": "dpdk1"}],
            "services": [{"vip": vip, "port": port, "protocol": protocol, "servers": [{"address": to, "port": port}]}
                         for vip, to in ((VIP, "192.168.100.2"), (VIP6, "fd00:b::2"))
                         for protocol, port in (("tcp", 80), ("udp", 5353))]}).start()

    def dpip(self, *words, check=True):
        return run(BUILD / "cli/dpip", *words, check=check,
                   env={"WEIR_SOCKET": str(self.w.socket), "PATH": "/usr/bin:/bin"})

    def speak(self, kind, outer, key=0):
        """The site's end of the tunnel, with the addresses and routes of its client."""
        if self.peer:
            self.end(self.peer)
        local, remote = ("192.0.2.2", "192.0.2.1") if outer == 4 else ("fd00:2::2", "fd00:2::1")
        self.peer = self.site.start("/usr/bin/python3", HERE / "tunnel_peer.py", kind, local, remote, key,
                                    stdout=subprocess.PIPE)
        assert self.peer.stdout.readline() == b"ready\n"
        self.site.ip("address", "add", "172.16.0.2/24", "dev", "tun0")
        self.site.ip("address", "add", "fd00:16::2/64", "dev", "tun0", "nodad")
        self.site.ip("route", "add", f"{VIP}/32", "via", "172.16.0.1")
        self.site.ip("route", "add", f"{VIP6}/128", "via", "fd00:16::1")
        return {"local": remote, "remote": local}

    def addresses(self, name="tun1"):
        for address in ("172.16.0.1/24", f"{VIP}/32", "fd00:16::1/64", f"{VIP6}/128"):
            self.dpip("addr", "add", address, "dev", name)

    def served(self):
        for vip in (VIP, VIP6):
            wait_for(lambda vip=vip: self.site.udp_ask(vip, 5353), what=f"{vip} answers by the tunnel")
            assert self.site.names(vip, count=2) == ["s1", "s1"]
        for address in ("172.16.0.1", "fd00:16::1"):
            self.site.run("ping", "-c", "1", "-W", "2", address)


@pytest.fixture(scope="module")
def lab(make_lab):
    return make_lab(Tunnelled)


@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_behind_a_tunnel(lab, kind, outer):
    """FullNAT over IPv4 and IPv6 through the tunnel, ping to weir's end, counters."""
    settings = KINDS[kind]
    ends = lab.speak(kind, outer, settings.get("key", settings.get("vni", 0)))
    lab.w.put("/v1/tunnels/tun1", {"kind": kind.split("+")[0], **ends, **settings})
    lab.addresses()
    lab.served()
    row, = lab.w.table("tunnel", "list")
    assert row["up"] and row["packets_in"] > 10 and row["packets_out"] > 10 and row["bytes_in"] > 500
    assert row["mtu"] < 1500 and lab.balancer.ip("link", "show", "tun1.kni")
    lab.w.delete("/v1/tunnels/tun1")
    assert "tun1" not in lab.balancer.ip("link")


def ipip(inner):
    return 4, inner


def gre(header, inner):
    return 47, header + inner


def vxlan(header, inner):
    return 17, struct.pack("!HHHH", 50000, 4789, 8 + len(header + inner), 0) + header + inner


INNER = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20, 0, 0, 9, 59, 0, bytes([172, 16, 0, 2]), bytes([172, 16, 0, 1]))
MALFORMED = [
    ("ipip", "tunnel_short", ipip(INNER[:8]), 0),
    ("gre", "tunnel_short", gre(b"\0\0", b""), 0),
    ("gre", "tunnel_short", gre(b"\x20\0\x08\0", b""), 0),
    ("gre", "tunnel_header", gre(b"\x40\0\x08\0", INNER), 0),
    ("gre", "tunnel_header", gre(b"\0\x01\x08\0", INNER), 0),
    ("gre", "tunnel_checksum", gre(b"\x80\0\x08\0\x12\x34\0\0", INNER), 0),
    ("gre", "tunnel_protocol", gre(b"\0\0\x88\x0b", INNER), 0),
    ("gre", "tunnel_key", gre(b"\x20\0\x08\0\0\0\0\x05", INNER), 0),
    ("gre", "tunnel_congestion", gre(b"\0\0\x08\0", INNER), 3),
    ("vxlan", "tunnel_short", vxlan(b"\x08\0\0\0\0\0\x05\0", b"\0" * 13), 0),
    ("vxlan", "tunnel_header", vxlan(b"\0\0\0\0\0\0\x05\0", b"\0" * 40), 0),
    ("vxlan", "tunnel_key", vxlan(b"\x08\0\0\0\0\0\x06\0", b"\0" * 40), 0),
]


def test_malformed_packets_are_dropped_by_name(lab):
    ends = {"local": "192.0.2.1", "remote": "192.0.2.2"}
    for kind, more in (("ipip", {}), ("gre", {}), ("vxlan", {"vni": 5})):
        lab.w.put(f"/v1/tunnels/{kind}", {"kind": kind, **ends, **more})
    lab.site.run("ping", "-c", "1", "-W", "2", "192.0.2.1")
    raw, mac = lab.site.raw("eth0"), lab.balancer.mac("dpdk0.kni")
    frame = bytes.fromhex(mac.replace(":", "") + lab.site.mac("eth0").replace(":", "") + "0800")
    for kind, reason, (protocol, payload), tos in MALFORMED:
        before = lab.w.drops().get(reason, 0)
        head = struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(payload), 1, 0, 64, protocol, 0, bytes([192, 0, 2, 2]),
                           bytes([192, 0, 2, 1]))
        total = sum(struct.unpack("!10H", head))
        total = (total & 0xFFFF) + (total >> 16)
        raw.send(frame + head[:10] + struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + head[12:] + payload)
        wait_for(lambda r=reason, b=before: lab.w.drops().get(r, 0) == b + 1, what=f"{reason} of {kind}")
    for kind in ("ipip", "gre", "vxlan"):
        assert lab.dpip("tunnel", "del", kind).returncode == 0


def test_tunnels_by_dpip_weirctl_and_the_file(lab):
    """What the tools print, what is refused, and that it is there after a restart; traffic by the restarted one."""
    ends = ("remote", "192.0.2.2", "local", "192.0.2.1")
    lab.dpip("tunnel", "add", "tun1", "mode", "gre", *ends, "ikey", "7", "okey", "7", "ttl", "32", "tos", "16", "dev",
             "dpdk0")
    lab.w.ctl("tunnel", "add", "tun2", "--kind", "ipip", "--remote", "192.0.2.2")
    assert lab.dpip("tunnel", "show").stdout.splitlines() == [
        "tun1: gre remote 192.0.2.2 local 192.0.2.1 dev dpdk0 ttl 32 tos 0x10 i_flags key o_flags key i_key 0x7 o_key 0x7",
        "tun2: ipip remote 192.0.2.2 local any ttl 64"]
    assert "tun1" in lab.dpip("link", "show").stdout
    for words, sentence in ((("--kind", "ipip", "--remote", "192.0.2.2"), "remote: tun2 is a tunnel of this kind"),
                            (("--kind", "ipip", "--remote", "192.0.2.7", "--vni", "7"), "vni: is only for a tunnel"),
                            (("--kind", "ipip", "--remote", "192.0.2.7", "--link", "tun1"), "link: tun1 is a tunnel"),
                            (("--kind", "gre", "--remote", "192.0.2.7", "--sequence", "true"),
                             "output_sequence: needs one worker and there are 2"),
                            (("--kind", "ipip", "--remote", "192.0.2.7", "--sequence", "true"),
                             "sequence: is only for a tunnel of kind gre"),
                            (("--kind", "gre", "--remote", "192.0.2.7", "--mtu", "20"), "mtu: 20 is out of range")):
        done = lab.w.ctl("tunnel", "add", "tun3", *words, check=False)
        assert done.returncode == 1 and sentence in done.stderr, done.stderr
    with pytest.raises(Refused):
        lab.w.put("/v1/tunnels/tun1", {"kind": "gre", "remote": "192.0.2.9"})
    lab.w.ctl("tunnel", "delete", "tun2")
    lab.w.stop()
    lab.w.config["workers"] = 1
    lab.w.config["tunnels"] = [{"name": "tun9", "kind": "vxlan", "vni": 9, "remote": "192.0.2.2", "local": "192.0.2.1",
                                "addresses": ["172.17.0.1/24"]}]
    lab.w.write()
    lab.w.start()
    rows = {row["name"]: row for row in lab.w.get("/v1/tunnels")["tunnels"]}
    assert rows["tun1"]["origin"] == "door" and rows["tun9"]["origin"] == "file" and rows["tun9"]["vni"] == 9
    assert "172.17.0.1/24" in lab.balancer.ip("address", "show", "dev", "tun9.kni")
    # Numbered, which only one worker can do: the other side wants them in their order.
    lab.dpip("tunnel", "change", "tun1", "mode", "gre", *ends, "key", "7", "seq")
    assert lab.dpip("tunnel", "show", "tun1").stdout.splitlines() == [
        "tun1: gre remote 192.0.2.2 local 192.0.2.1 ttl 64 i_flags key seq o_flags key seq i_key 0x7 o_key 0x7"]
    lab.speak("gre+seq", 4, 7)
    lab.addresses()
    lab.served()
    # What Linux itself sends through the tunnel, and more than the way to the other side carries.
    lab.balancer.run("ping", "-c", "1", "-W", "2", "172.16.0.2")
    assert lab.w.table("tunnel", "list")[0]["packets_out"] > 0
    file = lab.folder / "other.yaml"
    for text, sentence in (("{name: t, kind: gre}", "tunnels[0].remote: is missing"),
                           ("{kind: gre, remote: 192.0.2.2}", "tunnels[0].name: is missing"),
                           ("{name: t, kind: l2tp, remote: 192.0.2.2}", "tunnels[0].kind: "),
                           ("{name: t, kind: gre, remote: 192.0.2.2, ttl: 300}", "tunnels[0].ttl: must be a number"),
                           ("{name: t, kind: gre, remote: any}", "tunnels[0].remote: must be the address of one host"),
                           ("{name: t, kind: gre, remote: 192.0.2.2, sequence: true}",
                            "tunnels[0].output_sequence: needs one worker and there are 3"),
                           ("{name: t, kind: ipip, remote: 192.0.2.2, link: x}", 'tunnels[0].link: there is no interface "x"'),
                           ("{name: dpdk0, kind: ipip, remote: 192.0.2.2}", "tunnels[0].name: there is an interface")):
        file.write_text(f"workers: 3\nports: [{{name: dpdk0, device: in0}}]\ntunnels:\n- {text}\n")
        done = run(BUILD / "weir", "--check", "-c", file, check=False)
        assert done.returncode == 1 and sentence in done.stderr, done.stderr
