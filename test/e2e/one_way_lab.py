# SPDX-License-Identifier: BSD-3-Clause
"""Labs in which servers answer clients by themselves: direct routing and tunnels.

The servers have the VIPs on lo, silently.  In the two-arm shape the client has a second cable into
the servers' switch, by which the answers come: nothing that a server says passes weir.
"""

from lab import CLIENT, CLIENT6, HERE, VIP, VIP6, OneArm, TwoArm, wait_for

BACK, BACK6 = "192.168.100.99", "fd00:b::99"  # the client's own cable to the servers


def vips_on_lo(lab, host):
    for scope in ("all", "default", "eth0"):
        host.sysctl(f"net.ipv4.conf.{scope}.arp_ignore", 1)
        host.sysctl(f"net.ipv4.conf.{scope}.arp_announce", 2)
        host.sysctl(f"net.ipv4.conf.{scope}.rp_filter", 0)
    host.ip("address", "add", f"{VIP}/32", "dev", "lo")
    host.ip("-6", "address", "add", f"{VIP6}/128", "dev", "lo", "nodad")
    # Answers of UDP must come from the VIP.
    for vip in (f"::ffff:{VIP}", VIP6):
        host.start("/usr/bin/python3", HERE / "udp_echo.py", host.role, 5354, vip)
    wait_for(lambda: len(host.out("ss", "-Hlun", "sport = :5354").splitlines()) == 2, 10, what="UDP echo listens")


class OneWayTwoArm(TwoArm):
    def __init__(self, servers=2):
        super().__init__(servers, echo=False)
        self.plug(self.sw, "back", self.client, "eth1")
        self.address(self.client, "eth1", f"{BACK}/24", f"{BACK6}/64")
        for scope in ("all", "eth0", "eth1"):
            self.client.sysctl(f"net.ipv4.conf.{scope}.rp_filter", 0)
        for host in self.servers:
            vips_on_lo(self, host)
            host.ip("route", "add", f"{CLIENT}/32", "via", BACK)
            host.ip("-6", "route", "add", f"{CLIENT6}/128", "via", BACK6)


class OneWayOneArm(OneArm):
    def __init__(self, servers=2):
        super().__init__(servers)
        for host in self.servers:
            vips_on_lo(self, host)


def one_way_services(lab, mode, **server):
    """HTTP on ports 80 and 81, UDP echo on 5354, of both families, over all servers of the lab."""
    made = []
    for service in lab.config()["services"]:
        if service["protocol"] == "udp":
            service = {**service, "port": 5354}
        servers = [{"address": entry["address"], **server} for entry in service["servers"]]
        made.append({**service, "mode": mode, "servers": servers})
    return made
