# SPDX-License-Identifier: BSD-3-Clause
"""What is Linux's own on weir's ports: ARP, ND, ping, logins, its own connections, link state."""

import json
import re
import socket
import threading

import pytest

from lab import CLIENT, LIP, LIP6, VIP, VIP6, server_address, server_address6, wait_for


@pytest.mark.parametrize("address", ["10.0.0.1", VIP, "fd00:a::1", VIP6])
def test_ping(two_arm, address):
    text = two_arm.client.out("ping", "-c", 3, "-i", 0.1, "-w", 10, address)
    assert " 3 received" in text, text


@pytest.mark.parametrize("target", [CLIENT, "fd00:a::2", server_address(1), server_address6(2)])
def test_ping_from_the_box(two_arm, target):
    assert " 3 received" in two_arm.balancer.out("ping", "-c", 3, "-i", 0.1, "-w", 10, target)


def test_arp_and_nd_answer_with_the_ports_mac(two_arm):
    mac = two_arm.balancer.mac("dpdk0.kni")
    for address in ("10.0.0.1", VIP, "fd00:a::1", VIP6):
        two_arm.client.out("ping", "-c", 1, "-W", 2, address)
        entry = json.loads(two_arm.client.ip("-j", "neigh", "show", "to", address))
        assert entry and entry[0]["lladdr"] == mac, entry


@pytest.mark.parametrize("address", ["10.0.0.1", "fd00:a::1"])
def test_login_to_the_box(two_arm, address):
    """A TCP connection to Linux itself, of some size in both directions, as ssh makes them."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = two_arm.balancer.socket(family, timeout=5)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, 2222))
    listener.listen()

    def serve():
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(5)
            while data := peer.recv(65536):
                peer.sendall(data)

    thread = threading.Thread(target=serve)
    thread.start()
    text = bytes(range(256)) * 2000
    with two_arm.client.connect(address, 2222, timeout=5) as login:
        sender = threading.Thread(target=lambda: (login.sendall(text), login.shutdown(socket.SHUT_WR)))
        sender.start()
        got = b""
        while piece := login.recv(65536):
            got += piece
        sender.join()
    thread.join()
    listener.close()
    assert got == text


@pytest.mark.parametrize("vip, lip, server", [(VIP, LIP, server_address(1)), (VIP6, LIP6, server_address6(1))],
                         ids=["ipv4", "ipv6"])
def test_connections_of_the_kernel_from_a_local_address(two_arm, vip, lip, server):
    """Linux speaks from the address that FullNAT uses, to the same server, at the same time."""
    figures = {}
    load = threading.Thread(target=lambda: figures.update(two_arm.client.connections(vip, 80, 5000, 32)))
    load.start()
    host = f"[{server}]" if ":" in server else server
    text = two_arm.balancer.curl("-g", "--interface", lip, "-H", "Connection: close",
                                 *[f"http://{host}/"] * 50).stdout
    load.join()
    assert [line.split()[:2] for line in text.splitlines()] == [["s1", lip]] * 50
    assert figures["done"] == 5000 and figures["slow"] == 0, figures


def test_connections_of_the_kernel_from_its_own_address(two_arm):
    text = two_arm.balancer.curl(f"http://{server_address(1)}/").stdout
    assert text.split()[:2] == ["s1", "192.168.100.1"]


def test_local_address_without_session_is_dropped(two_arm):
    before = two_arm.w.drops().get("local_no_session", 0)
    with pytest.raises(OSError):
        two_arm.servers[0].connect(LIP, 12345, timeout=0.3)
    assert two_arm.w.drops()["local_no_session"] > before


def test_vip_without_service_is_dropped(two_arm):
    before = two_arm.w.drops().get("vip_no_service", 0)
    with pytest.raises(OSError):
        two_arm.client.connect(VIP, 12345, timeout=0.3)
    assert two_arm.w.drops()["vip_no_service"] > before


def test_an_address_that_comes_later(two_arm):
    """`ip address add` is all it takes; and all it takes to be rid of it."""
    two_arm.balancer.ip("address", "add", "10.0.0.50/32", "dev", "dpdk0.kni")
    wait_for(lambda: "10.0.0.50" in two_arm.w.ctl("address").stdout, 3, what="weir knows the address")
    assert " 1 received" in two_arm.client.out("ping", "-c", 1, "-W", 2, "10.0.0.50")
    two_arm.balancer.ip("address", "delete", "10.0.0.50/32", "dev", "dpdk0.kni")
    wait_for(lambda: "10.0.0.50" not in two_arm.w.ctl("address").stdout, 3, what="weir forgot the address")


def test_traceroute_style_ttl(two_arm):
    """A packet whose TTL ends at weir is answered, so that traceroute shows the hop."""
    text = two_arm.client.run("ping", "-c", 1, "-W", 1, "-t", 1, server_address(1), check=False).stdout
    assert re.search("Time to live exceeded|100% packet loss", text)


def test_link_state_is_that_of_the_device(two_arm):
    """The cable is pulled: the TAP has no carrier and the port no link, until it is back."""
    def carrier():
        return "LOWER_UP" in json.loads(two_arm.balancer.ip("-j", "link", "show", "dev", "dpdk0.kni"))[0]["flags"]

    assert carrier()
    two_arm.client.ip("link", "set", "eth0", "down")
    wait_for(lambda: not carrier(), 5, what="no carrier on the TAP")
    two_arm.client.ip("link", "set", "eth0", "up")
    wait_for(carrier, 5, what="carrier on the TAP")
    two_arm.client.ip("route", "replace", "default", "via", "10.0.0.1")
    wait_for(lambda: " 1 received" in two_arm.client.run(
        "ping", "-c", 1, "-W", 1, VIP, check=False).stdout, 10, what="ping is answered again")
    assert set(two_arm.client.names(VIP, count=4)) == {"s1", "s2"}
