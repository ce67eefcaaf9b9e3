# SPDX-License-Identifier: BSD-3-Clause
"""Who the client is, as an unmodified nginx behind FullNAT sees it: TOA and weir-realserver."""

import json
import os
import re
import socket

import pytest

from lab import CLIENT, CLIENT6, HERE, LIP, LIP6, VIP, VIP6, Refused, TwoArm, run, server_address, server_address6, url, \
    wait_for
from realserver_lab import PROGRAM, RealServers

class ToaLab(RealServers, TwoArm):
    pass


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(ToaLab, echo=False)
    lab.w = lab.weir().start()
    for host in lab.servers:
        lab.udp_echo(host)
        for port, family in ((8090, "6"), (8091, "4")):
            host.start("/usr/bin/python3", HERE / "peer_server.py", port, family)
            wait_for(lambda: host.out("ss", "-Hltn", f"sport = :{port}"), 10, what="peer_server listens")
    return lab


@pytest.fixture
def attached(lab):
    lab.attach(LIP, LIP6)
    return lab


def seen(lab, vip, count=1, port=80):
    """Per connection, what nginx says of its peer, and which port the client had."""
    text = lab.client.curl("-g", "-H", "Connection: close", "-w", "%{local_port}\n", *[url(vip, port)] * count).stdout
    lines = text.splitlines()
    told, mine = lines[0::2], lines[1::2]
    assert len(told) == len(mine) == count
    return [(line.split()[1], int(line.split()[2]), int(port)) for line, port in zip(told, mine)]


def greeting(lab, vip, port):
    """What peer_server says, and the client's own port."""
    def talk():
        with socket.create_connection((vip, port), 5) as connection:
            return connection.makefile().readline().split(), connection.getsockname()[1]
    return lab.client.inside(talk)


@pytest.mark.parametrize("vip, client", [(VIP, CLIENT), (VIP6, CLIENT6)])
def test_nginx_sees_the_client(attached, vip, client):
    before = attached.counters(attached.servers[0])
    for address, told, mine in seen(attached, vip, 50):
        assert (address, told) == (client, mine)
    after = attached.counters(attached.servers[0])
    assert after["told"] - before["told"] == after["connections"] - before["connections"] == 25


@pytest.mark.parametrize("vip, local", [(VIP, LIP), (VIP6, LIP6)])
def test_without_the_programs(lab, vip, local):
    """What they are for; and that the option does no harm to who does not know it."""
    for host in lab.servers:
        lab.realserver("detach", host=host)
    assert {address for address, _, _ in seen(lab, vip, 10)} == {local}
    assert "not attached" in lab.realserver("show").stdout


def test_only_who_is_trusted_is_believed(lab):
    lab.attach("192.0.2.0/24", LIP6)
    assert {address for address, _, _ in seen(lab, VIP, 10)} == {LIP}
    assert lab.counters(lab.servers[0])["untrusted"] > 0
    # Who is trusted can be changed while programs run.
    lab.attach("192.168.100.0/24", LIP6)
    assert {address for address, _, _ in seen(lab, VIP, 10)} == {CLIENT}
    shown = json.loads(lab.realserver("show", "--json").stdout)
    assert shown["attached"] and sorted(shown["trusted"]) == ["192.168.100.0/24", f"{LIP6}/128"]


def test_service_that_tells_nothing(attached):
    attached.w.ctl("service", "set", "tcp", f"{VIP}:80", "--client-address", "none")
    assert attached.w.service("tcp", VIP, 80)["client_address"] == "none"
    assert {address for address, _, _ in seen(attached, VIP, 10)} == {LIP}
    attached.w.ctl("service", "set", "tcp", f"{VIP}:80", "--client-address", "toa")
    assert {address for address, _, _ in seen(attached, VIP, 10)} == {CLIENT}


def test_upload(attached, big):
    """The client's first segments are full ones: its MSS leaves room for the option."""
    attached.client.curl("-g", "-T", big / "file", url(VIP, 80) + "put/file")
    counts = re.findall(r"^weir_worker_untold\S* (\d+)$", attached.w.get("/metrics"), re.M)
    assert counts and sum(map(int, counts)) == 0


def service_of(lab, vip, port, server):
    lab.w.put(f"/v1/services/tcp/{vip}/{port}",
              {"scheduler": "rr", "servers": [{"address": server, "port": port, "weight": 1}]})


def test_server_speaks_first(attached):
    service_of(attached, VIP, 8090, server_address(1))
    (accepted, accepted_port, name, name_port, *_), mine = greeting(attached, VIP, 8090)
    assert accepted == name == f"::ffff:{CLIENT}"  # an IPv6 socket, which takes IPv4 too
    assert int(accepted_port) == int(name_port) == mine


def test_nat64(attached):
    """An IPv6 socket shows the client; an IPv4 one can not, but answers DPVS's socket option."""
    service_of(attached, VIP6, 8090, server_address(1))
    (accepted, accepted_port, *_), mine = greeting(attached, VIP6, 8090)
    assert (accepted, int(accepted_port)) == (CLIENT6, mine)
    service_of(attached, VIP6, 8091, server_address(1))
    (accepted, _, _, _, told, told_port), mine = greeting(attached, VIP6, 8091)
    assert (accepted, told, int(told_port)) == (LIP, CLIENT6, mine)


def asked(lab, vip, port, count):
    """`count` datagrams of one socket: our port, and per answer whom the server saw."""
    def ask():
        with socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(5)
            asker.connect((vip, port))
            told = []
            for _ in range(count):
                asker.send(b"hello")
                _, peer, peer_port, text = asker.recv(2000).decode().split()
                assert text == "hello"
                told.append((peer.removeprefix("::ffff:"), int(peer_port)))
            return asker.getsockname()[1], told
    return lab.client.inside(ask)


@pytest.fixture(scope="module")
def udp(lab):
    """All programs for UDP, on the interfaces too; the filters are of a network namespace."""
    for host in lab.servers:
        lab.realserver("attach", "-o", "-i", "eth0", LIP, LIP6, host=host)
    return lab


def udp_service(lab, vip, form, server=None):
    server = server or (server_address6(1) if ":" in vip else server_address(1))
    lab.w.put(f"/v1/services/udp/{vip}/5353", {"scheduler": "rr", "client_address": form,
                                               "servers": [{"address": server, "port": 5353}]})


@pytest.mark.parametrize("vip, client, form", [
    (VIP, CLIENT, "uoa-header"), (VIP6, CLIENT6, "uoa-header"), (VIP, CLIENT, "uoa-option")])
def test_udp_server_sees_the_client(udp, vip, client, form):
    """An unmodified program that receives and answers; the address comes three times, the client stays."""
    udp_service(udp, vip, form)
    host = udp.servers[0]
    before = udp.counters(host)["datagrams"]
    for _ in range(3):
        port, told = asked(udp, vip, 5353, 6)
        assert told == [(client, port)] * 6
    assert udp.counters(host)["datagrams"] - before == 9


def test_udp_trail(udp):
    """As many datagrams of a session as the service says carry it; none of them: the server sees weir."""
    udp_service(udp, VIP, "uoa-option")
    host = udp.servers[0]
    for trail in (1, 5, 0):
        udp.w.ctl("service", "set", "udp", f"{VIP}:5353", "--uoa-max-trail", str(trail))
        assert udp.w.service("udp", VIP, 5353)["uoa_max_trail"] == trail
        before = udp.counters(host)["datagrams"]
        port, told = asked(udp, VIP, 5353, 6)
        assert told == [(CLIENT, port)] * 6 if trail else {peer for peer, _ in told} == {LIP}
        assert udp.counters(host)["datagrams"] - before == trail
    for path, value, text in ((f"udp/{VIP}/5353", 255, "uoa_max_trail.*254"), (f"tcp/{VIP}/95", 5, "is for UDP only")):
        with pytest.raises(Refused, match=text):
            udp.w.put(f"/v1/services/{path}", {"scheduler": "rr", "uoa_max_trail": value, "servers": []})


def test_udp_nat64(udp):
    """What weir writes gets through; but a socket can not answer by the other IP version: it sees weir."""
    for form in ("uoa-header", "uoa-option"):
        udp_service(udp, VIP6, form, server_address(1))
        assert {peer for peer, _ in asked(udp, VIP6, 5353, 4)[1]} == {LIP}


def test_udp_of_who_is_not_trusted(udp):
    udp_service(udp, VIP, "uoa-option")
    host = udp.servers[0]
    before = udp.counters(host)["untrusted"]
    udp.realserver("attach", "192.0.2.1", host=host)
    assert asked(udp, VIP, 5353, 3)[1][0][0] == LIP
    assert udp.counters(host)["untrusted"] - before == 3
    udp.realserver("attach", LIP, LIP6)


def test_udp_detached(udp):
    udp_service(udp, VIP, "none")
    shown = json.loads(udp.realserver("show", "--json").stdout)
    assert shown["interfaces"] == ["eth0"]
    udp.realserver("detach")
    shown = json.loads(udp.realserver("show", "--json").stdout)
    assert shown["interfaces"] == [] and not shown["attached"]
    assert {peer for peer, _ in asked(udp, VIP, 5353, 3)[1]} == {LIP}


@pytest.mark.parametrize("words, text", [
    (["attach", "-i", "nowhere0", LIP], "interface: there is no interface \"nowhere0\""),
    (["show", "-o"], "--interface and --options are for attach"),
    (["attach"], "TRUSTED: give the local addresses of the directors"),
    (["attach", "10.0.0.0/33"], "\"10.0.0.0/33\" is no address or prefix"),
    (["attach", "name.example"], "\"name.example\" is no address or prefix"),
    (["attach", "-c", "/no/where", LIP], "cgroup: can not open /no/where: No such file or directory"),
    (["attach", "-c", "/proc", LIP], "cgroup: can not attach weir_toa"),
    (["show", LIP], f"this command takes no {LIP}"),
    (["detach", "--json"], "--json is for show"),
    (["begin"], "there is no command begin"),
    ([], "attach, detach or show?"),
])
def test_bad_input(lab, words, text):
    told = run(PROGRAM, *words, check=False)
    assert told.returncode in (1, 2) and text in told.stderr


def test_nobody_may_but_root(lab):
    """As somebody else nothing is attached, and the error says what is missing."""
    run("chmod", "a+rx", lab.folder)
    told = run("setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", PROGRAM,
               "attach", "-c", lab.servers[0].cgroup, "192.0.2.1", check=False, env={**os.environ})
    assert told.returncode == 1 and "needs root" in told.stderr
