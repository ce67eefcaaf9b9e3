# SPDX-License-Identifier: BSD-3-Clause
"""A lab with an attacker beside the client, on a link of its own."""

import re

from lab import BUILD, VIP, TwoArm

SOURCES = "198.18.0.0/15"  # of nobody: RFC 2544
ATTACKER, GATEWAY = "10.9.0.2", "10.9.0.1"


class FloodLab(TwoArm):
    def __init__(self, sessions, **config):
        super().__init__(echo=False)
        self.attacker = self.host("attacker")
        self.link(self.attacker, "eth0", self.balancer, "in1")
        self.peer_offloads(self.attacker, "eth0")
        self.address(self.attacker, "eth0", f"{ATTACKER}/24")
        config = self.config(sessions={"ipv4": sessions, "ipv6": 1024}, **config)
        config["ports"].append({"name": "dpdk2", "device": "in1", "addresses": [f"{GATEWAY}/24"]})
        self.w = self.weir(**config).start()
        # Answers to forged addresses leave by the way that the packets came; nobody takes them.
        self.balancer.ip("route", "add", SOURCES, "via", ATTACKER)
        self.attacker.run("ping", "-c", 1, "-w", 5, GATEWAY)
        self.mac = re.search(r"lladdr (\S+)", self.attacker.ip("neigh", "show", GATEWAY))[1]

    def flood(self, kind="syn", rate=0, port=80):
        """Begin a flood; `rate`: packets per second, 0: as many as can be."""
        return self.attacker.start(BUILD / "tools/flood", "-i", "eth0", "-m", self.mac, "-t", f"{VIP}:{port}",
                                   "-f", SOURCES, "-k", kind, "-r", rate, log=self.folder / "flood.log")

    def flood_end(self, process):
        """End it; packets per second."""
        self.end(process)
        return float(re.findall(r"([\d.]+) per second", (self.folder / "flood.log").read_text())[-1])
