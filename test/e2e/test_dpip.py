# SPDX-License-Identifier: BSD-3-Clause
"""dpip: the tutorial's two-arm FullNAT with addresses and routes from dpip only, and its listings."""

import json
import os
import re

import pytest

from lab import BUILD, CLIENT, TwoArm, Weir, run, server_address, wait_for

WAN, LAN = "dpdk1", "dpdk0"
VIP, LIP = "10.0.0.100", "192.168.100.200"
VIP6, LIP6 = "fd00:a::100", "fd00:b::200"


class Dpip:
    """A weir with two bare ports, as DPVS starts, and dpip that speaks to it."""

    def __init__(self, lab):
        self.lab = lab
        self.w = Weir(lab, lab.balancer, {"ports": [{"name": LAN, "device": "out0"}, {"name": WAN, "device": "in0"}]})
        self.w.start()

    def run(self, line, code=0):
        done = run(BUILD / "cli/dpip", *line.split(), check=False,
                   env={**os.environ, "WEIR_SOCKET": str(self.w.socket)})
        assert done.returncode == code, f"dpip {line}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def __call__(self, line):
        done = self.run(line)
        assert done.stderr == "", done.stderr
        return done.stdout

    def refused(self, line):
        """What dpip says when it fails; and the listings are as they were."""
        before = self.state()
        done = self.run(line, code=1)
        assert done.stdout == "" and done.stderr.startswith("dpip: "), done
        assert self.state() == before, f"dpip {line} changed something"
        return done.stderr

    def state(self):
        routes = [{**row, "legs": [{**leg, "state": ""} for leg in row["legs"]]} for row in self.w.get("/v1/routes")["routes"]]
        return (self.w.get("/v1/addresses"), routes, self.w.get("/v1/local_addresses"), self.balancer_links())

    def balancer_links(self):
        links = json.loads(self.lab.balancer.ip("-j", "link"))
        return [(link["ifname"], link["address"], sorted(link["flags"]), link["mtu"]) for link in links]


@pytest.fixture(scope="module")
def dpip(make_lab):
    made = Dpip(make_lab(TwoArm, servers=2))
    made.lab.w = made.w
    return made


def words(text):
    """Lines without what differs in white space."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_tutorial(dpip):
    """The commands of the tutorial's simple FullNAT, and the listings that it prints after them."""
    dpip(f"addr add {VIP}/32 dev {WAN}")
    dpip(f"route add 10.0.0.0/16 dev {WAN}")
    dpip(f"route add 192.168.100.0/24 dev {LAN}")
    dpip.w.put(f"/v1/services/tcp/{VIP}/80", {"scheduler": "rr", "servers": [
        {"address": server_address(n), "port": 80, "weight": 100} for n in (1, 2)],
        "local_addresses": [{"address": LIP, "interface": LAN}]})
    assert set(dpip.lab.client.names(VIP, count=6)) == {"s1", "s2"}
    shown = re.sub(r"sa_(\w+) \d+", r"sa_\1 N", dpip("addr show"))
    assert words(shown) == [
        f"inet {VIP}/32 scope global {WAN}",
        "valid_lft forever preferred_lft forever",
        f"inet {LIP}/32 scope global {LAN}",
        "valid_lft forever preferred_lft forever sa_used N sa_free N sa_miss N",
    ]
    assert shown.splitlines()[1].startswith("    valid_lft")
    tail = "tos 0 scope {} metric 0 proto auto"
    assert words(dpip("route show")) == [
        f"inet {VIP}/32 via 0.0.0.0 src 0.0.0.0 dev {WAN} mtu 1500 " + tail.format("host"),
        f"inet {LIP}/32 via 0.0.0.0 src 0.0.0.0 dev {LAN} mtu 1500 " + tail.format("host"),
        f"inet 192.168.100.0/24 via 0.0.0.0 src 0.0.0.0 dev {LAN} mtu 1500 " + tail.format("link"),
        f"inet 10.0.0.0/16 via 0.0.0.0 src 0.0.0.0 dev {WAN} mtu 1500 " + tail.format("link"),
    ]
