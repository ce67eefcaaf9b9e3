# SPDX-License-Identifier: BSD-3-Clause
"""Neighbours: one that falls silent, one that changes its MAC without a word, and 3,000 of them."""

import time

from lab import VIP, TwoArm, Weir, server_address, wait_for


def usable(lab, address):
    """Does the data path have a MAC for this neighbour?"""
    rows = [row for row in lab.w.table("neighbour") if row["address"] == address]
    return bool(rows) and bool(rows[0].get("mac")) and rows[0].get("usable", True)


def test_silent_next_hop_is_gone(two_arm):
    address = server_address(2)
    wait_for(lambda: usable(two_arm, address), 5, what="the neighbour is there")
    two_arm.sw.ip("link", "set", "p2", "down")
    started = time.monotonic()
    wait_for(lambda: not usable(two_arm, address), 10, what="the neighbour is gone")
    took = time.monotonic() - started
    two_arm.sw.ip("link", "set", "p2", "up")
    print(f"gone after {took:.2f} s")
    assert took < 3
    wait_for(lambda: usable(two_arm, address), 10, what="the neighbour is back")
    assert set(two_arm.client.names(VIP, count=4)) == {"s1", "s2"}


def test_silent_mac_change(two_arm):
    server = two_arm.servers[1]
    server.sysctl("net.ipv4.conf.all.arp_notify", 0)
    assert set(two_arm.client.names(VIP, count=4)) == {"s1", "s2"}
    server.ip("link", "set", "eth0", "address", "02:00:00:00:be:ef")
    started = time.monotonic()

    def served():
        done = two_arm.client.curl("--connect-timeout", 1, "-H", "Connection: close",
                                   *[f"http://{VIP}/"] * 2, check=False)
        return {line.split()[0] for line in done.stdout.splitlines()} == {"s1", "s2"}

    wait_for(served, 12, what="the server with its new MAC serves")
    took = time.monotonic() - started
    print(f"found after {took:.2f} s")
    assert took < 10


def test_three_thousand_servers_on_link(make_lab):
    """A service with 3,000 real servers in one network: all of them get their connection."""
    lab = make_lab(TwoArm, servers=1, echo=False)
    host = lab.servers[0]
    addresses = [f"10.20.{n // 250}.{n % 250 + 1}" for n in range(3000)]
    host.ip_batch([f"address add {address}/16 dev eth0" for address in addresses])
    # 3,000 neighbours are more than Linux keeps by default; weir must not need this to be raised.
    config = lab.config()
    config["ports"][1]["addresses"] = ["192.168.100.1/24", "10.20.255.1/16"]
    config["local_addresses"] = [{"address": "10.20.255.2", "interface": "dpdk1"}]
    config["services"] = [{
        "vip": VIP, "port": 80, "protocol": "tcp", "scheduler": "rr",
        "servers": [{"address": address, "port": 80, "weight": 1} for address in addresses]}]
    lab.w = Weir(lab, lab.balancer, config).start()

    def resolved():
        return sum(bool(row.get("mac")) for row in lab.w.table("neighbour")
                   if row["address"].startswith("10.20.")) >= 3000

    wait_for(resolved, 20, interval=0.2, what="3,000 neighbours are resolved")
    figures = lab.client.connections(VIP, 80, 3000, 32)
    assert figures["done"] == 3000, figures
    servers = lab.w.service("tcp", VIP, 80)["servers"]
    assert len(servers) == 3000 and {server["connections"] for server in servers} == {1}
    time.sleep(5)
    assert resolved(), "they did not stay resolved"
