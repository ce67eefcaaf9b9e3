# SPDX-License-Identifier: BSD-3-Clause
"""VMs learned from traffic: the table begins empty, clients connect, move, fall silent and are too many."""

import json
import socket
import time

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether

from lab import Keep, Refused, Weir, best, wait_for
from test_vpc import HOSTS, MACS, PORT, VIP, VIP6, VM, VpcLab, frame, vxlan, VTEP


@pytest.fixture(scope="module")
def vpc(make_lab):
    lab = make_lab(VpcLab)
    config = lab.config()
    config["vpc"] = {"addresses": [VTEP], "learn_from": [f"{HOSTS[96]}/32", "10.90.0.12"],
                     "vnis": [{"vni": 96, "learn": True, "learn_max": 8}],
                     "vms": [row for row in config["vpc"]["vms"] if row["vni"] == 101]}
    lab.w = Weir(lab, lab.balancer, config).start()
    wait_for(lambda: lab.vms[101].names(VIP), what="VNI 101 answers")
    return lab


def learned(vpc):
    return {row["address"]: row for row in vpc.w.table("vpc", "list", "--vni", 96) if row["origin"] == "learned"}


def first_connection(vpc):
    """Seconds that a client waits who is in no table, with its question for the VIP's MAC."""
    if VM in learned(vpc):
        vpc.w.ctl("vpc", "delete", 96, VM)
    vpc.vms[96].ip("neigh", "flush", "dev", "eth0")
    before = time.monotonic()
    keep = Keep(vpc.vms[96], VIP)
    took = time.monotonic() - before
    assert keep.name == "s1"
    keep.close()
    return took


def test_first_connection(vpc):
    """Nothing is known of the VM, and its first connection is there before anything is sent again (1 s)."""
    assert learned(vpc) == {}
    print(f"first connection: {best(0.3, lambda: first_connection(vpc)) * 1000:.0f} ms")
    row = learned(vpc)[VM]
    assert (row["mac"], row["host"]) == (MACS[96], HOSTS[96])
    assert vpc.vms[96].names(VIP6) == ["s1"]
    assert "fd00:c::30" in learned(vpc)


def test_move(vpc):
    """The VM speaks from another host: new and running connections come along, no door was asked."""
    keep = Keep(vpc.vms[96], VIP)
    old, new = vpc.hosts_by_vni[96], vpc.hosts_by_vni[101]
    vpc.vni(new, 96, HOSTS[101])
    old.ip("link", "set", "dev", "tap0", "netns", new.ns, "name", "tap96")
    new.ip("link", "set", "dev", "tap96", "master", "br96", "up")
    assert keep.ask() == "s1"
    assert learned(vpc)[VM]["host"] == HOSTS[101]
    assert vpc.vms[96].names(VIP) == ["s1"]
    new.ip("link", "set", "dev", "tap96", "netns", old.ns, "name", "tap0")
    old.ip("link", "set", "dev", "tap0", "master", "br96", "up")
    assert keep.ask() == "s1"
    assert learned(vpc)[VM]["host"] == HOSTS[96]
    keep.close()
    new.ip("link", "delete", "vx96")
    new.ip("link", "delete", "br96")


def test_configured_wins(vpc):
    """What a door says stays, also against the VM itself; it is learned again when the row goes."""
    vpc.w.ctl("vpc", "put", 96, VM, "--mac", MACS[96], "--host", HOSTS[101])
    before = vpc.w.drops().get("vpc_wrong_host", 0)
    assert vpc.vms[96].curl("--connect-timeout", 0.5, f"http://{VIP}/", check=False).returncode
    assert vpc.w.drops()["vpc_wrong_host"] > before
    assert VM not in learned(vpc)
    vpc.w.ctl("vpc", "delete", 96, VM)
    assert vpc.vms[96].names(VIP) == ["s1"]
    assert learned(vpc)[VM]["host"] == HOSTS[96]


def test_bound(vpc):
    """A flood of senders: no more rows than learn_max, the rest is a named drop, and who is known goes on."""
    keep = Keep(vpc.vms[96], VIP)
    with vpc.hosts_by_vni[96].socket(kind=socket.SOCK_DGRAM) as sock:
        for i in range(40):
            sock.sendto(vxlan(frame(source=f"172.16.26.{i + 1}")), (VTEP, PORT))
    wait_for(lambda: vpc.w.get("/v1/vpc")["vnis"][0]["learned"] == 8, what="8 learned rows")
    before = vpc.w.drops().get("vpc_learn_full", 0)
    with vpc.hosts_by_vni[96].socket(kind=socket.SOCK_DGRAM) as sock:
        sock.sendto(vxlan(frame(source="172.16.26.99")), (VTEP, PORT))
    wait_for(lambda: vpc.w.drops().get("vpc_learn_full", 0) > before, what="vpc_learn_full")
    assert len(learned(vpc)) == 8
    assert keep.ask() == "s1"
    keep.close()


def test_ageing(vpc):
    """Who is silent goes; who has a connection stays."""
    silent = "172.16.27.1"
    ping = Ether(src="02:00:00:00:00:66", dst="02:77:65:69:72:01") / IP(src=silent, dst=VIP) / ICMP(type=8)

    def heard():
        with vpc.hosts_by_vni[96].socket(kind=socket.SOCK_DGRAM) as sock:
            sock.sendto(vxlan(ping), (VTEP, PORT))
        return silent in learned(vpc)

    vpc.w.ctl("vpc", "set", 96, "--learn", "yes", "--learn-max", 64, "--learn-age", 2)
    keep = Keep(vpc.vms[96], VIP)
    wait_for(heard, what="it is learned")
    wait_for(lambda: silent not in learned(vpc), what="it is forgotten")
    assert VM in learned(vpc) and keep.ask() == "s1"
    keep.close()


def test_saving(vpc):
    """Learned rows are in no file and not there after a restart; the setting is."""
    vpc.w.ctl("vpc", "set", 96, "--learn", "no")
    assert learned(vpc) == {}
    vpc.w.ctl("vpc", "set", 96, "--learn", "yes", "--learn-max", 4)
    assert vpc.vms[96].names(VIP) == ["s1"]
    assert VM in learned(vpc)
    assert VM not in [row["address"] for row in vpc.w.get("/v1/config")["vpc"]["vms"] if row["vni"] == 96]
    vpc.w.ctl("vpc", "put", 96, "172.16.25.77", "--mac", "02:00:00:00:00:77", "--host", HOSTS[96])
    def kept():
        return "".join(file.read_text() for file in (vpc.w.folder / "state").glob("vpc-vms*"))

    wait_for(lambda: "172.16.25.77" in kept(), what="the row is kept")
    assert f"96 {VM} {MACS[96]} {HOSTS[96]}" not in kept()
    file = vpc.w.folder / "state" / "vpc.json"
    wait_for(lambda: file.exists() and json.loads(file.read_text())["vnis"][0]["learn_max"] == 4, what="vpc.json")
    vpc.w.kill()
    vpc.w.start()
    assert learned(vpc) == {}
    assert vpc.w.get("/v1/vpc")["vnis"][0]["learn_max"] == 4
    wait_for(lambda: vpc.vms[96].curl(f"http://{VIP}/", check=False).stdout.startswith("s1"), what="VNI 96 answers")


@pytest.mark.parametrize("body, field, says", [
    ({"learn": "yes"}, "learn", "true or false"),
    ({"learn": True, "learn_max": 0}, "learn_max", "out of range"),
    ({"learn": True, "learn_age": 100000}, "learn_age", "out of range"),
    ({"learn_max": 10}, "learn_max", "learn: true"),
])
def test_refusals(vpc, body, field, says):
    with pytest.raises(Refused) as refused:
        vpc.w.put("/v1/vpc/vnis/96", body)
    assert refused.value.error["field"] == field and says in refused.value.error["text"]
