# SPDX-License-Identifier: BSD-3-Clause
"""Two nodes with stock keepalived under weir-run: the tutorial's keepalived.conf, failover, drain, restart."""

import subprocess
import time
from collections import Counter

import pytest

from keepalived_lab import LIPS, VIP, TwoNodes, fast, restart_nginx, run, server_address, tutorial
from lab import BUILD, HERE, wait_for
from routing_lab import RequestProbe


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(TwoNodes)
    for node in lab.nodes:
        node.w.start()
    return lab


def spread(lab, count=10, port=80):
    return Counter(lab.client.names(VIP, port, count))


def only_master(lab, node):
    """Everything that moves answers from this node, and from no other."""
    mac = lab.tap_mac(node)
    for address in (VIP, *LIPS):
        assert lab.arp_answers(address, patience=0.4) == {mac}, address


@pytest.fixture(scope="module")
def tutorial_lab(lab):
    one, two = lab.nodes
    one.keepalived.start(tutorial())
    two.keepalived.start(tutorial("BACKUP", 80))
    wait_for(lambda: lab.is_master(one), 20, what="n1 is master")
    wait_for(lambda: lab.weights(one) == lab.weights(two) == {server_address(1): 100, server_address(2): 100}, 10,
             what="both nodes have the service")
    yield lab
    for node in lab.nodes:
        node.keepalived.stop()


def test_tutorial_as_printed(tutorial_lab):
    lab = tutorial_lab
    one, two = lab.nodes
    assert spread(lab) == {"s1": 5, "s2": 5}
    only_master(lab, one)
    assert not any(lab.has(two, address) for address in (VIP, *LIPS))
    listing = run(BUILD / "cli/ipvsadm", "-ln", env={"WEIR_SOCKET": str(one.w.socket)}).stdout
    assert f"TCP  {VIP}:80 rr" in listing
    assert listing.count("FullNat 100") == 2, listing
    assert {session["local"].split(":")[0] for session in one.w.sessions()} <= set(LIPS)
    assert "Unknown keyword" not in one.keepalived.log_text() + two.keepalived.log_text()
    for node in lab.nodes:
        locals_ = node.w.get("/v1/local_addresses")["local_addresses"]
        assert {(entry["address"], entry["claim"], entry["usable"]) for entry in locals_} == {
            (lip, False, node is one) for lip in LIPS}


def test_tutorial_health_check(tutorial_lab):
    """A dead real server is taken out by weight 0 (inhibit_on_failure) and comes back."""
    lab = tutorial_lab
    one = lab.nodes[0]
    lab.end(lab.web[0])
    wait_for(lambda: lab.weights(one)[server_address(1)] == 0, 20, what="s1 is taken out")
    assert spread(lab) == {"s2": 10}
    lab.web[0] = restart_nginx(lab, 1)
    wait_for(lambda: lab.weights(one)[server_address(1)] == 100, 20, what="s1 is back")
    assert spread(lab) == {"s1": 5, "s2": 5}


def test_master_killed(tutorial_lab):
    """
    weir and keepalived of the master are killed with kill -9: a client that asks every 10 ms sees a
    gap under a second, and the VIP and the local addresses have moved together. Back again too.
    """
    lab = tutorial_lab
    one, two = lab.nodes
    one.keepalived.reload(fast())
    two.keepalived.reload(fast("BACKUP", 80))
    wait_for(lambda: lab.is_master(one) and not lab.has(two, VIP), 20, what="n1 is master")
    probe = RequestProbe(lab.client, VIP, 80)
    probe.wait()
    killed = time.monotonic()
    one.keepalived.kill()
    one.w.kill()
    wait_for(lambda: lab.is_master(two), 10, what="n2 is master")
    probe.wait(100)
    probe.stop()
    assert probe.lost(killed - 0.1), "nothing was lost: was the master killed?"
    assert probe.gap(killed - 0.1) < 1.0, probe.told()
    only_master(lab, two)
    one.w.start()
    one.keepalived.start()
    wait_for(lambda: lab.is_master(one) and not lab.has(two, VIP), 20, what="n1 is master again")
    wait_for(lambda: not any(lab.has(two, lip) for lip in LIPS), 10, what="n2 gives up the local addresses")
    only_master(lab, one)
    assert spread(lab) == {"s1": 5, "s2": 5}


def test_drained_node_gives_up(tutorial_lab):
    lab = tutorial_lab
    one, two = lab.nodes
    one.w.ctl("drain")
    wait_for(lambda: lab.is_master(two) and not lab.has(one, VIP), 20, what="the drained n1 gives up")
    assert spread(lab) == {"s1": 5, "s2": 5}
    only_master(lab, two)
    one.w.ctl("undrain")
    wait_for(lambda: lab.is_master(one) and not lab.has(two, VIP), 20, what="n1 takes over again")
    assert spread(lab) == {"s1": 5, "s2": 5}


def test_weir_restarted_under_keepalived(tutorial_lab):
    """The TAP goes and comes back under keepalived, which goes on with it."""
    lab = tutorial_lab
    one, two = lab.nodes
    one.w.kill()
    wait_for(lambda: lab.is_master(two), 20, what="n2 is master")
    assert spread(lab) == {"s1": 5, "s2": 5}
    one.w.start()
    wait_for(lambda: lab.is_master(one) and not lab.has(two, VIP), 30, what="n1 is master again")
    assert lab.weights(one) == {server_address(1): 100, server_address(2): 100}
    assert spread(lab) == {"s1": 5, "s2": 5}
    only_master(lab, one)


VIP6, LIPS6 = "fd00:a::254", ("fd00:a::200", "fd00:a::201")
FILE6 = f"""
global_defs {{
    vrrp_version 3
}}
local_address_group g6 {{
    fd00:a::200-201 dpdk0
}}
vrrp_instance VI_6 {{
    state MASTER
    interface dpdk0.kni
    dpdk_interface dpdk0
    virtual_router_id 124
    priority PRIORITY
    advert_int 0.1
    virtual_ipaddress {{
        {VIP6}
    }}
}}
virtual_server {VIP6} 80 {{
    delay_loop 1
    lb_algo rr
    lb_kind FNAT
    protocol TCP
    laddr_group_name g6
    real_server fd00:a::2 80 {{
        TCP_CHECK {{
            connect_timeout 1
        }}
    }}
    real_server fd00:a::3 80 {{
        TCP_CHECK {{
            connect_timeout 1
        }}
    }}
}}
"""


def test_ipv6(make_lab):
    """The same over IPv6: a range of local addresses moves with the VIP."""
    lab = make_lab(TwoNodes)
    lab.address(lab.client, "eth0", "fd00:a::92/64")
    for number, host in enumerate(lab.servers, 2):
        lab.address(host, "eth0", f"fd00:a::{number}/64")
    for number, node in enumerate(lab.nodes, 1):
        node.w.config["ports"][0]["addresses"].append(f"fd00:a::1{number}/64")
        node.w.start()
        node.keepalived.start(FILE6.replace("PRIORITY", str(110 - 10 * number)))
    one, two = lab.nodes
    wait_for(lambda: lab.is_master(one, VIP6, *LIPS6) and not lab.has(two, VIP6), 20, what="n1 is master")
    for node in lab.nodes:
        wait_for(lambda node=node: len(lab.weights(node, VIP6)) == 2, 10, what="two servers")
    assert Counter(lab.client.names(VIP6, 80, 6)) == {"s1": 3, "s2": 3}
    one.keepalived.kill()
    one.w.kill()
    wait_for(lambda: lab.is_master(two, VIP6, *LIPS6), 20, what="n2 is master")
    wait_for(lambda: all(a["usable"] for a in two.w.get("/v1/local_addresses")["local_addresses"]), 5,
             what="n2 uses the local addresses")
    assert Counter(lab.client.names(VIP6, 80, 6)) == {"s1": 3, "s2": 3}
    two.keepalived.stop()


TUNNELS = """
tunnel_group tunnels {
    tunnel_entry gre1 {
        kind gre
        remote 192.168.100.2
        local 192.168.100.11
        if dpdk0
    }
}
local_address_group behind {
    172.16.0.200 gre1
}
static_ipaddress {
    172.16.0.1/24 dev gre1.kni
}
"""
BEHIND = f"""
virtual_server {VIP} 80 {{
    lb_algo rr
    lb_kind FNAT
    protocol TCP
    laddr_group_name behind
    vip_bind_dev dpdk0
    real_server 172.16.0.2 80 {{
    }}
}}
"""


def test_tunnel_group(make_lab):
    """A real server behind a tunnel that the file makes, and what becomes of it."""
    lab = make_lab(TwoNodes, servers=1)
    node, server = lab.nodes[0], lab.servers[0]
    peer = server.start("/usr/bin/python3", HERE / "tunnel_peer.py", "gre", "192.168.100.2", "192.168.100.11", 0,
                        stdout=subprocess.PIPE)
    assert peer.stdout.readline() == b"ready\n"
    lab.address(server, "tun0", "172.16.0.2/24")
    node.w.start()
    node.keepalived.start(TUNNELS + BEHIND)
    wait_for(lambda: lab.weights(node) == {"172.16.0.2": 1}, 20, what="the service")
    wait_for(lambda: lab.client.names(VIP, count=2) == ["s1", "s1"], what="the server answers")
    tunnel, = node.w.table("tunnel", "list")
    assert (tunnel["name"], tunnel["link"], tunnel["packets_in"] > 2) == ("gre1", "dpdk0", True)
    # What cannot be is told, and leaves everything as it is.
    node.keepalived.reload(TUNNELS.replace("kind gre", "kind l2tp") + BEHIND)
    wait_for(lambda: "keepalived.conf:4: error: kind l2tp: there is ipip and gre" in node.keepalived.log_text(),
             what="the refusal is logged")
    assert lab.client.names(VIP, count=2) == ["s1", "s1"]
    # A tunnel that nothing names any more goes, and comes back.
    node.keepalived.reload("global_defs {\n}\n")
    wait_for(lambda: not node.w.table("tunnel", "list"), what="the tunnel is gone")
    node.keepalived.reload(TUNNELS + BEHIND)
    wait_for(lambda: lab.weights(node) == {"172.16.0.2": 1}, 20, what="the service is back")
    node.keepalived.stop()
    assert not node.w.table("tunnel", "list") or "the tunnel gre1 stays: it is in use" in node.keepalived.log_text()
