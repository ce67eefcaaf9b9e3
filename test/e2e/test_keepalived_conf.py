# SPDX-License-Identifier: BSD-3-Clause
"""Stock keepalived under weir-run with the keepalived.conf of DPVS: the tutorial's, failover, health checks, reload."""

import signal
import time
from collections import Counter

import pytest

from keepalived_lab import LIPS, VIP, Keepalived, TwoNodes, run, server_address, tutorial
from lab import BUILD, Keep, wait_for
from routing_lab import RequestProbe

IPVSADM = "/usr/sbin/ipvsadm"


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
    lab.web[0] = restart(lab, 1)
    wait_for(lambda: lab.weights(one)[server_address(1)] == 100, 20, what="s1 is back")
    assert spread(lab) == {"s1": 5, "s2": 5}


def restart(lab, number):
    """nginx again, with the folder that it had."""
    host = lab.servers[number - 1]
    folder = lab.folder / f"nginx-{host.role}"
    process = host.start("/usr/sbin/nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf", "-p", folder,
                         log=folder / "log")
    wait_for(lambda: lab.listens(host, 80, process, folder), 10, what="nginx listens")
    return process
