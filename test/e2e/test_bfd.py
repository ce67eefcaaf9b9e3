# SPDX-License-Identifier: BSD-3-Clause
"""BFD by the workers: BIRD as single hop and multihop peer, FRR, Open vSwitch inside VXLAN.

  bird -- br0 -- dpdk0 [weir], two workers
  frr  --/
  ovs  --/
"""

import signal

import pytest
from lab import Lab, Refused, Weir, wait_for
from open_vswitch import Switch
from routing_lab import Frr

WEIR, BIRD, FRR, OVS = "10.90.0.1", "10.90.0.21", "10.90.0.41", "10.90.0.31"
WEIR6, BIRD6 = "fd00:a::1", "fd00:a::21"
INTERVAL = 100  # milliseconds

# Single hop to IPv4, multihop to IPv6, with a key.
BIRD_CONF = f"""
router id {BIRD};
protocol device {{ scan time 1; }}
protocol bfd {{
  interface "eth0" {{ min rx interval {INTERVAL} ms; min tx interval {INTERVAL} ms; idle tx interval {INTERVAL} ms;
    multiplier 3; }};
  multihop {{ min rx interval {INTERVAL} ms; min tx interval {INTERVAL} ms; idle tx interval {INTERVAL} ms;
    multiplier 3; authentication meticulous keyed sha1; password "between us" {{ id 7; }}; }};
  neighbor {WEIR} dev "eth0" local {BIRD};
  neighbor {WEIR6} local {BIRD6} multihop yes;
}}
"""
AUTH = {"type": "meticulous_sha1", "id": 7, "secret": "between us"}


class BfdLab(Lab):
    def __init__(self):
        super().__init__()
        self.balancer = self.host("weir")
        underlay = self.switch("under")
        self.plug(underlay, "up0", self.balancer, "in0")
        self.peer_offloads(underlay, "up0")
        self.link(self.balancer, "out0", self.host("dc"), "eth0")
        self.birds = self.host("bird")
        self.plug(underlay, "p1", self.birds, "eth0")
        self.address(self.birds, "eth0", f"{BIRD}/24", f"{BIRD6}/64")
        self.frrs = self.host("frr")
        self.plug(underlay, "p3", self.frrs, "eth0")
        self.address(self.frrs, "eth0", f"{FRR}/24")
        self.vtep = self.host("ovs")
        self.plug(underlay, "p2", self.vtep, "eth0")

    def config(self):
        return {
            "workers": 2,
            "ports": [
                {"name": "dpdk0", "device": "in0", "addresses": [f"{WEIR}/24", f"{WEIR6}/64"]},
                {"name": "dpdk1", "device": "out0", "addresses": ["192.168.100.1/24"]},
            ],
            "vpc": {"addresses": [WEIR], "vms": [
                {"vni": 96, "address": "172.16.25.30", "mac": "fa:16:3f:5d:6c:08", "host": OVS}]},
            "bfd": {
                "sessions": [
                    {"peer": BIRD, "interval": INTERVAL},
                    {"peer": BIRD6, "kind": "multihop", "local": WEIR6, "interval": INTERVAL, "auth": AUTH},
                ],
                "accept": [{"kind": "vxlan", "vm_hosts": True, "limit": 4, "interval": INTERVAL},
                           {"kind": "single_hop", "from": "10.90.0.40/29", "limit": 1, "interval": INTERVAL}],
            },
        }

    def session(self, kind, peer):
        return self.w.get(f"/v1/bfd/sessions/{kind}/{peer}")

    def is_up(self, kind, peer):
        return self.session(kind, peer)["state"] == "up"


@pytest.fixture(scope="module")
def bfd(make_lab):
    lab = make_lab(BfdLab)
    lab.bird_text = BIRD_CONF
    lab.birdc = lab.bird(lab.birds, BIRD_CONF)
    lab.w = Weir(lab, lab.balancer, lab.config()).start()
    return lab


def bird_states(lab):
    """State by address, as BIRD has them."""
    rows = (line.split() for line in lab.birdc("show", "bfd", "sessions").splitlines())
    return {row[0]: row[2] for row in rows if len(row) > 3 and row[0] in (WEIR, WEIR6)}


def all_up(lab):
    return bird_states(lab) == {WEIR: "Up", WEIR6: "Up"} and lab.is_up("single_hop", BIRD) and \
        lab.is_up("multihop", BIRD6)


def test_up(bfd):
    """Both kinds and both families come up; the agreed times are those of the slower end."""
    wait_for(lambda: all_up(bfd), what="both sessions are up")
    for kind, peer in (("single_hop", BIRD), ("multihop", BIRD6)):
        session = wait_for(lambda k=kind, p=peer: (s := bfd.session(k, p))["interval_us"] == INTERVAL * 1000 and s,
                           what="the interval was agreed on")
        assert session["detection_us"] == 3 * INTERVAL * 1000
        assert session["peer_state"] == "up" and session["origin"] == "file"
        assert "secret" not in session.get("auth", {})
    listed = bfd.w.ctl("bfd").stdout
    assert BIRD in listed and BIRD6 in listed and listed.count(" up ") >= 2


def test_silent_peer(bfd):
    """A peer that stops without a word is found out, and comes back."""
    bfd.birdc.process.send_signal(signal.SIGSTOP)
    session = wait_for(lambda: (s := bfd.session("single_hop", BIRD))["state"] == "down" and s, what="BIRD is missed")
    assert session["reason"] == "control detection time expired"
    bfd.birdc.process.send_signal(signal.SIGCONT)
    wait_for(lambda: all_up(bfd), what="both sessions are up again")
    events = bfd.w.get("/v1/bfd/events")["events"]
    assert any(e["peer"] == BIRD and e["to"] == "down" and "expired" in e["reason"] for e in events)


def test_drain(bfd):
    """A drained node says so: administratively down, and the peer knows why."""
    bfd.w.ctl("drain")
    wait_for(lambda: bfd.session("single_hop", BIRD)["state"] == "admin-down", what="it is down here")
    wait_for(lambda: set(bird_states(bfd).values()) == {"Down"}, what="BIRD has heard")
    bfd.w.ctl("undrain")
    wait_for(lambda: all_up(bfd), what="both sessions are up again")


def test_doors(bfd):
    """A session by weirctl, changed and removed; bad input names its field."""
    bfd.w.ctl("bfd", "put", "single_hop", "10.90.0.99", "--interval", 50, "--multiplier", 5)
    assert bfd.session("single_hop", "10.90.0.99")["state"] == "down"
    bfd.w.ctl("bfd", "put", "single_hop", "10.90.0.99", "--interval", 60)
    assert bfd.session("single_hop", "10.90.0.99")["transmit_interval"] == 60
    bfd.w.ctl("bfd", "delete", "single_hop", "10.90.0.99")
    for field, body in (("interval", {"interval": 9}), ("multiplier", {"multiplier": 0}), ("echo", {"echo": True}),
                        ("demand", {"demand": True}), ("vni", {"vni": 5}), ("auth.secret", {"auth": {"type": "md5"}}),
                        ("local", {"local": "fd00::1"})):
        with pytest.raises(Refused) as refused:
            bfd.w.put("/v1/bfd/sessions/single_hop/10.90.0.99", body)
        assert refused.value.status == 400 and field in str(refused.value)
    with pytest.raises(Refused) as refused:
        bfd.session("single_hop", "10.90.0.99")
    assert refused.value.status == 404


def apply(lab, sessions):
    config = lab.config()
    config["bfd"]["sessions"] += sessions
    lab.w.write({**lab.w.config, "bfd": config["bfd"]})
    return lab.w.ctl("apply", "-f", lab.w.file, check=False)


def test_apply(bfd):
    """The file while weir runs: what differs alone is touched, and what cannot be is refused before anything is."""
    assert "nothing differs" in apply(bfd, []).stdout
    assert "1 sessions new or changed, 0 removed" in apply(bfd, [{"peer": "10.90.0.98"}]).stdout
    refused = apply(bfd, [{"peer": "fd00::5", "kind": "vxlan"}])
    assert refused.returncode and "bfd.sessions[2].kind: vxlan needs an IPv6 address" in refused.stderr
    assert bfd.session("single_hop", "10.90.0.98")["origin"] == "file"
    file = bfd.folder / "running.json"
    file.write_text(bfd.w.ctl("config").stdout)
    assert "nothing differs" in bfd.w.ctl("apply", "-f", file).stdout
    assert "0 sessions new or changed, 1 removed" in apply(bfd, []).stdout
    wait_for(lambda: all_up(bfd), what="the other sessions are up")


def test_wrong_key(bfd):
    """A packet that is not signed as agreed is no sign of life."""
    before = bfd.w.drops().get("bfd_refused", 0)
    bfd.w.put(f"/v1/bfd/sessions/multihop/{BIRD6}",
              {"local": WEIR6, "interval": INTERVAL, "auth": {**AUTH, "secret": "another"}})
    wait_for(lambda: bfd.session("multihop", BIRD6)["state"] == "down", what="BIRD is not believed")
    assert bfd.w.drops()["bfd_refused"] > before
    bfd.w.put(f"/v1/bfd/sessions/multihop/{BIRD6}", {"local": WEIR6, "interval": INTERVAL, "auth": AUTH})
    wait_for(lambda: all_up(bfd), what="both sessions are up again")


def test_frr(bfd):
    """FRR, which nobody has named: accepted because of where it comes from."""
    frr = Frr(bfd, bfd.frrs, {"bfdd": f"""bfd
 peer {WEIR} local-address {FRR} interface eth0
  receive-interval {INTERVAL}
  transmit-interval {INTERVAL}
  no shutdown
"""})
    wait_for(lambda: "Status: up" in frr.ask(f"show bfd peer {WEIR} local-address {FRR} interface eth0", daemon="bfdd"),
             15, what="FRR says up")
    wait_for(lambda: bfd.is_up("single_hop", FRR), what="so does weir")
    assert bfd.session("single_hop", FRR)["origin"] == "accepted"
    frr.kill()
    wait_for(lambda: bfd.session("single_hop", FRR)["state"] == "down", what="FRR is missed")


@pytest.fixture(scope="module")
def ovs(bfd):
    """An Open vSwitch whose tunnel to weir has BFD: weir has no session for it but accepts hosts of VMs."""
    # Linux would answer ARP on eth0 as well, for an address that is behind the switch.
    bfd.vtep.sysctl("net.ipv4.conf.all.arp_ignore", 1)
    switch = Switch(bfd, bfd.vtep)
    switch.vsctl("add-br", "phy", "--", "set", "bridge", "phy", "datapath_type=netdev",
                 "--", "add-port", "phy", "eth0")
    bfd.address(bfd.vtep, "phy", f"{OVS}/24")
    bfd.vtep.ip("link", "set", "dev", "phy", "up")
    switch.vsctl("add-port", "br0", "vx0", "--", "set", "interface", "vx0", "type=vxlan",
                 f"options:remote_ip={WEIR}", "options:key=flow", "bfd:enable=true", f"bfd:min_tx={INTERVAL}",
                 f"bfd:min_rx={INTERVAL}")
    return switch


def ovs_state(switch):
    return switch.vsctl("get", "interface", "vx0", "bfd_status:state").strip().strip('"')


def test_open_vswitch(bfd, ovs):
    """Inside VXLAN, in VNI 0, accepted because the sender is a host of the VM table."""
    wait_for(lambda: ovs_state(ovs) == "up" and bfd.is_up("vxlan", OVS), 15, what="the tunnel's session is up")
    session = bfd.session("vxlan", OVS)
    assert session["origin"] == "accepted"


def test_restart(bfd, ovs):
    """An orderly stop tells all peers, none waits for its detection time; sessions come back by themselves."""
    # Three seconds until it would find out by itself, so that no pause of the machine does.
    ovs.vsctl("set", "interface", "vx0", "bfd:min_rx=1000")
    wait_for(lambda: bfd.is_up("vxlan", OVS) and bfd.session("vxlan", OVS)["interval_us"] == 1000000,
             what="the longer interval was agreed on")
    bfd.w.stop()
    last = wait_for(lambda: (c := [line for line in (ovs.folder / "vswitchd.log").read_text().splitlines()
                                   if "BFD state change" in line]) and "->down" in c[-1] and c[-1],
                    what="Open vSwitch has heard")
    assert '"Neighbor Signaled Session Down"' in last
    bfd.w.start()
    wait_for(lambda: all_up(bfd) and ovs_state(ovs) == "up", 15, what="all sessions are up again")
