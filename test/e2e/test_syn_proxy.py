# SPDX-License-Identifier: BSD-3-Clause
"""The SYN proxy: clients shake hands with weir, which asks a real server only then."""

import hashlib

import pytest

from lab import HERE, LIP, LIP6, VIP, VIP6, Keep, Refused, TwoArm, server_address, server_address6, url, wait_for
from test_ipvsadm import ipvsadm

BIG = 4 << 20
FAMILIES = pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])


class LossyLab(TwoArm):
    """Of the frames with data between the client and weir, each 50th is lost."""

    def link(self, a, a_name, b, b_name, queues=None):
        if b_name != "in0":
            super().link(a, a_name, b, b_name, queues)
            return
        between = self.host("lossy")
        super().link(a, a_name, between, "l0")
        super().link(between, "l1", b, b_name, queues)
        self.peer_offloads(between, "l1")
        log = self.folder / "lossy.log"
        between.start("/usr/bin/python3", HERE / "lossy.py", "l0", "l1", 50, log=log)
        wait_for(lambda: "ready" in log.read_text(), what="lossy.py copies")


@pytest.fixture(scope="module")
def lab(make_lab, tmp_path_factory):
    big = tmp_path_factory.mktemp("big")
    (big / "big").write_bytes(hashlib.shake_128(b"syn proxy").digest(BIG))
    lab = make_lab(TwoArm, servers=1, big=big, echo=False)
    lab.big = big / "big"
    lab.w = lab.weir().start()
    return lab


@pytest.fixture(autouse=True)
def on(lab):
    proxy(lab, None)
    proxy(lab, True)


def proxy(lab, value):
    for vip in (VIP, VIP6):
        lab.w.patch(f"/v1/services/tcp/{vip}/80", {"syn_proxy": value})


def counts(lab):
    return lab.w.table("worker")[0]


def rose(lab, before, name, by=1):
    wait_for(lambda: counts(lab)[name] - before[name] >= by, what=lambda: f"{name}: {counts(lab)[name]}")


@FAMILIES
def test_nginx_answers(lab, vip):
    before = counts(lab)
    assert len(lab.client.names(vip, count=20)) == 20
    rose(lab, before, "syn_cookies_sent", 20)
    rose(lab, before, "syn_cookies_accepted", 20)


@FAMILIES
def test_connections_live_on(lab, vip):
    keep = Keep(lab.client, vip)
    for _ in range(20):
        assert keep.ask() == "s1"
    # Off again: those that were begun with it go on.
    proxy(lab, False)
    assert keep.ask() == "s1"
    keep.close()
    before = counts(lab)
    assert lab.client.names(vip) == ["s1"]
    assert counts(lab)["syn_cookies_sent"] == before["syn_cookies_sent"]


def transfers(lab, vip):
    """A large file in both directions, byte by byte the same."""
    lab.client.curl("-g", "-o", lab.folder / "got", url(vip) + "file/big")
    assert (lab.folder / "got").read_bytes() == lab.big.read_bytes()
    lab.client.curl("-g", "-T", lab.big, url(vip) + "put/big")
    assert (lab.folder / "nginx-s1/www/put/big").read_bytes() == lab.big.read_bytes()


@FAMILIES
def test_large_transfers(lab, vip):
    transfers(lab, vip)


# What is negotiated has to fit what the server says, whoever of both says more.
OFFERS = [{"sack": False}, {"timestamp": False}, {"wscale": 0}, {"wscale": 14}, {"mss": 536},
          {"timestamp": False, "sack": False, "wscale": 0}]


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: "-".join(offer))
def test_offers(lab, offer):
    proxy(lab, {"synack_options": offer})
    transfers(lab, VIP)


@pytest.mark.parametrize("off", ["tcp_sack", "tcp_timestamps", "tcp_window_scaling"])
def test_server_offers_less(lab, off):
    lab.servers[0].sysctl(f"net.ipv4.{off}", 0)
    try:
        transfers(lab, VIP)
    finally:
        lab.servers[0].sysctl(f"net.ipv4.{off}", 1)


@pytest.mark.parametrize("off", ["tcp_sack", "tcp_timestamps", "tcp_window_scaling"])
def test_client_offers_less(lab, off):
    lab.client.sysctl(f"net.ipv4.{off}", 0)
    try:
        transfers(lab, VIP)
    finally:
        lab.client.sysctl(f"net.ipv4.{off}", 1)


def refused(lab, vip, timeout=5):
    """The client is connected, and hears of the end by a reset; maybe before it looks."""
    with pytest.raises(ConnectionResetError):
        connection = lab.client.connect(vip, 80, timeout=timeout)
        try:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.recv(1)
        finally:
            connection.close()


@FAMILIES
def test_server_refuses(lab, vip):
    before = counts(lab)
    address = server_address6(1) if ":" in vip else server_address(1)
    lab.w.patch(f"/v1/services/tcp/{vip}/80", {"servers": [{"address": address, "port": 9}]})
    try:
        refused(lab, vip)
        rose(lab, before, "syn_proxy_refused")
    finally:
        lab.w.patch(f"/v1/services/tcp/{vip}/80", {"servers": [{"address": address, "port": 80}]})


@FAMILIES
def test_server_is_silent(lab, vip):
    """Asked as often as the setting says, then the client is reset."""
    proxy(lab, {"rs_syn_max_retry": 1})
    before = counts(lab)
    route = ("route", "{}", "blackhole", LIP6 if ":" in vip else LIP)
    lab.servers[0].ip(*(word.format("add") for word in route))
    try:
        refused(lab, vip, timeout=20)
        rose(lab, before, "syn_proxy_silent")
    finally:
        lab.servers[0].ip(*(word.format("del") for word in route))


def test_no_server(lab):
    lab.w.patch(f"/v1/services/tcp/{VIP}/80/servers/{server_address(1)}/80", {"weight": 0})
    try:
        refused(lab, VIP)
    finally:
        lab.w.patch(f"/v1/services/tcp/{VIP}/80/servers/{server_address(1)}/80", {"weight": 1})


@pytest.mark.parametrize("option", [{"close_client_window": True}, {"defer_rs_syn": True},
                                    {"close_client_window": True, "defer_rs_syn": True},
                                    {"max_ack_saved": 1}, {"max_ack_saved": 63}, {"ack_storm_thresh": 1}],
                         ids=lambda option: "-".join(option))
@FAMILIES
def test_options(lab, vip, option):
    proxy(lab, option)
    assert len(lab.client.names(vip, count=3)) == 3
    transfers(lab, vip)


def test_deferred(lab):
    """A client that says nothing costs no real server."""
    proxy(lab, {"defer_rs_syn": True})
    sessions = lab.w.sessions(vip=f"{VIP}:80")
    connection = lab.client.connect(VIP, 80)
    wait_for(lambda: lab.w.drops().get("syn_proxy_deferred"), what="the client has shaken hands")
    assert len(lab.w.sessions(vip=f"{VIP}:80")) <= len(sessions)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.recv(100).startswith(b"HTTP/1.1 200")
    connection.close()


def is_over(lab, vip, port, state):
    """The session of this port is, and the client has no connection on it any more."""
    def states():
        return [session["state"] for session in lab.w.sessions()
                if (session["vip"], session["client_port"]) == (vip, port)]
    wait_for(lambda: states() == [state], what=lambda: f"the session is over: {states()}")
    wait_for(lambda: not lab.client.out("ss", "-Htan", f"sport = :{port}"), what="the client's port is free")


@pytest.mark.parametrize("end", ["TIME_WAIT", "CLOSE"])
@FAMILIES
def test_port_is_used_again(lab, vip, end):
    """While the session of the connection before is there, which its client has closed or reset."""
    lab.w.patch(f"/v1/services/tcp/{vip}/80", {"timeouts": {"time_wait": 600, "close": 600}})
    source = ("", 4711 if end == "CLOSE" else 4712)
    before = counts(lab)
    for _ in range(3):
        keep = Keep(lab.client, vip, source=source)
        if end == "CLOSE":
            keep.abort()
        else:
            keep.socket.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while keep.socket.recv(4096):
                pass
            keep.close()
        is_over(lab, vip, source[1], end)
    rose(lab, before, "syn_cookies_accepted", 3)
    lab.w.patch(f"/v1/services/tcp/{vip}/80", {"timeouts": None})


def test_conn_reuse_state(lab):
    proxy(lab, {"conn_reuse_state": {"fin_wait": False}})
    assert lab.w.service("tcp", VIP, 80)["syn_proxy"] == {"enabled": True, "conn_reuse_state": {"fin_wait": False}}
    proxy(lab, {"conn_reuse_state": {"fin_wait": True}})
    assert lab.w.service("tcp", VIP, 80)["syn_proxy"] is True
    with pytest.raises(Refused, match="syn_proxy.conn_reuse_state.established.*unknown"):
        proxy(lab, {"conn_reuse_state": {"established": True}})


def test_ipvsadm(lab):
    service = ("-t", f"{VIP}:80")
    ipvsadm(lab.w, "-E", *service, "-s", "rr", "-j", "disable")
    assert "syn_proxy" not in lab.w.service("tcp", VIP, 80)
    ipvsadm(lab.w, "-E", *service, "-s", "rr", "-j", "enable")
    assert lab.w.service("tcp", VIP, 80)["syn_proxy"] is True
    assert f"TCP  {VIP}:80 rr synproxy" in ipvsadm(lab.w, "-ln").stdout
    assert f"-A -t {VIP}:80 -s rr -j enable" in ipvsadm(lab.w, "-Sn").stdout


@pytest.fixture(scope="module")
def lossy(make_lab, lab):
    made = make_lab(LossyLab, servers=1, big=lab.big.parent, echo=False)
    made.big = lab.big
    made.w = made.weir().start()
    proxy(made, True)
    return made


def recoveries(host):
    """How often TCP of this host has sent again what selective acknowledgements left out."""
    names, values = [line.split() for line in host.out("cat", "/proc/net/netstat").splitlines()[:2]]
    return int(values[names.index("TCPSackRecovery")])


@FAMILIES
def test_loss(lossy, vip):
    before = [recoveries(host) for host in (lossy.client, lossy.servers[0])]
    transfers(lossy, vip)
    after = [recoveries(host) for host in (lossy.client, lossy.servers[0])]
    assert all(a > b for a, b in zip(after, before)), (before, after)
