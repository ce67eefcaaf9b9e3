# SPDX-License-Identifier: BSD-3-Clause
"""PROXY protocol: nginx and a server that speaks first see the client behind FullNAT and NAT64."""

import hashlib
import re
import socket

import pytest

from lab import CLIENT, CLIENT6, HERE, LIP, VIP, VIP6, Refused, TwoArm, run, server_address, server_address6, url, wait_for

VERSIONS = pytest.mark.parametrize("version", ["v1", "v2"])
FAMILIES = pytest.mark.parametrize("vip, client", [(VIP, CLIENT), (VIP6, CLIENT6)], ids=["ipv4", "ipv6"])

IP_MTU_DISCOVER, IP_MTU, IPV6_MTU_DISCOVER, IPV6_MTU = 10, 14, 23, 24  # linux/in.h, linux/in6.h

# What another proxy says, in both versions.
CLAIM = b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n"
BINARY_CLAIM = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + socket.inet_aton("192.0.2.1") + socket.inet_aton("192.0.2.2")
                + b"\x04\x57\x08\xae")


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(TwoArm, 1, echo=False)
    lab.w = lab.weir().start()
    host = lab.servers[0]
    folder = lab.folder / "nginx-proxy"
    folder.mkdir()
    (folder / "nginx.conf").write_text(f"""
pid {folder}/pid; error_log {folder}/error.log; daemon off; user root; worker_processes 1;
events {{ worker_connections 100; }}
http {{
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 0.0.0.0:90 proxy_protocol; listen [::]:90 proxy_protocol;
    default_type text/plain;
    location / {{
      return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $remote_addr\\n";
    }}
  }}
}}
""")
    host.start("/usr/sbin/nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf", "-p", folder)
    for port in (91, 92):
        host.start("/usr/bin/python3", HERE / "proxy_server.py", port)
    for port in (90, 91, 92):
        wait_for(lambda: host.out("ss", "-Hltn", f"sport = :{port}"), 10, what=f"port {port} listens")
    return lab


def service(lab, vip, port, version, server=None, protocol="tcp", syn_proxy=False):
    server = server or (server_address6(1) if ":" in vip else server_address(1))
    lab.w.put(f"/v1/services/{protocol}/{vip}/{port}",
              {"scheduler": "rr", "proxy_protocol": version, "syn_proxy": syn_proxy,
               "servers": [{"address": server, "port": port}]})


def counter(lab, name):
    found = re.findall(rf"^weir_worker_{name}\S* (\d+)$", lab.w.get("/metrics"), re.M)
    assert found
    return sum(map(int, found))


def talk(lab, vip, port, send=b"", first=b"", source=None):
    """(the server's first line, our port, what it says of what it got). Nothing is sent before that line."""
    def inside():
        with socket.create_connection((vip, port), 10) as connection:
            connection.sendall(first)
            answer = connection.makefile("rb")
            line = answer.readline().decode().split()
            connection.sendall(send)
            connection.shutdown(socket.SHUT_WR)
            return line, connection.getsockname()[1], answer.readline().decode().strip()
    return (source or lab.client).inside(inside)


def idle(lab):
    wait_for(lambda: counter(lab, "extra_lines") == 0, 10, what="all extra lines are free")


@VERSIONS
@FAMILIES
def test_nginx(lab, vip, client, version, syn_proxy=False):
    service(lab, vip, 90, version, syn_proxy=syn_proxy)
    begun = counter(lab, "syn_cookies_accepted")
    for _ in range(5):
        text = lab.client.curl("-g", "-w", "%{local_port}", url(vip, 90)).stdout.split()
        assert text[0] == client and text[1] == text[4] and text[2] == vip
    wait_for(lambda: counter(lab, "syn_cookies_accepted") == begun + 5 * syn_proxy, what="five cookies, or none")
    if not syn_proxy:
        idle(lab)


@VERSIONS
@FAMILIES
def test_server_speaks_first(lab, vip, client, version, syn_proxy=False):
    """It waits for the header, and the client for it: nobody sends data before."""
    service(lab, vip, 91, version, syn_proxy=syn_proxy)
    line, port, _ = talk(lab, vip, 91)
    assert line[:5] == [version, client, str(port), vip, "91"]


@VERSIONS
def test_nat64(lab, version, syn_proxy=False):
    service(lab, VIP6, 91, version, server_address(1), syn_proxy=syn_proxy)
    line, port, _ = talk(lab, VIP6, 91)
    assert line[:5] == [version, CLIENT6, str(port), VIP6, "91"]
    service(lab, VIP, 91, version, server_address6(1), syn_proxy=syn_proxy)
    line, port, _ = talk(lab, VIP, 91)
    assert line[:5] == [version, CLIENT, str(port), VIP, "91"]


@VERSIONS
def test_upload_is_plain(lab, version):
    """While megabytes go up the extra line is free: the established session is like any other."""
    service(lab, VIP, 91, version)
    idle(lab)
    data, half = bytes(range(256)) * 40000, 5000000

    def inside():
        with socket.create_connection((VIP, 91), 10) as connection:
            answer = connection.makefile("rb")
            answer.readline()
            connection.sendall(data[:half])
            before = counter(lab, "extra_lines"), counter(lab, "proxy_headers")
            connection.sendall(data[half:])
            connection.shutdown(socket.SHUT_WR)
            return before, answer.readline().decode().strip()

    (lines, headers), digest = lab.client.inside(inside)
    assert digest == hashlib.sha256(data).hexdigest()
    assert lines == 0 and counter(lab, "proxy_headers") == headers


def test_client_that_sends_at_once(lab):
    """The third ACK comes with data: the header goes before it, in a segment of its own."""
    service(lab, VIP, 91, "v2")
    made, data = counter(lab, "proxy_made"), b"x" * 100000

    def inside():
        connection = socket.socket()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        with connection:
            connection.settimeout(10)
            connection.connect((VIP, 91))
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.makefile("rb")
            return answer.readline().decode().split(), answer.readline().decode().strip()

    line, digest = lab.client.inside(inside)
    assert line[:2] == ["v2", CLIENT] and digest == hashlib.sha256(data).hexdigest()
    assert counter(lab, "proxy_made") > made


def test_lost_header(lab, syn_proxy=False):
    """The segment with the header is lost, and then everybody is silent: the server's SYN-ACK asks again."""
    service(lab, VIP, 92, "v2", syn_proxy=syn_proxy)
    host, program = lab.servers[0], lab.folder / "lose_header.o"
    run("clang", "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-c", HERE / "lose_header.c",
        "-o", program)
    host.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    host.run("tc", "filter", "add", "dev", "eth0", "ingress", "bpf", "da", "obj", program, "sec", "lose")
    headers = counter(lab, "proxy_headers")
    line, port, _ = talk(lab, VIP, 92)
    host.run("tc", "qdisc", "del", "dev", "eth0", "clsact")
    assert line[:3] == ["v2", CLIENT, str(port)]
    assert counter(lab, "proxy_headers") - headers >= 2
    if not syn_proxy:
        idle(lab)


@VERSIONS
@FAMILIES
def test_a_clients_own_header_is_taken_out(lab, vip, client, version, syn_proxy=False):
    """Ours stands in its place, in either version; what follows arrives whole, and is acknowledged as a whole."""
    service(lab, vip, 91, version, syn_proxy=syn_proxy)
    data = bytes(range(256)) * 2000
    for forged in (CLAIM, BINARY_CLAIM):
        for first, send in ((forged, data), (forged + data[:700], data[700:]), (forged, b"")):
            line, port, digest = talk(lab, vip, 91, first=first, send=send)
            assert line[:5] == [version, client, str(port), vip, "91"]
            assert digest == hashlib.sha256(data if send else b"").hexdigest()


@pytest.mark.parametrize("version, seen", [("v1-insecure", "v1"), ("v2-insecure", "v2")])
def test_insecure(lab, version, seen, syn_proxy=False):
    """What another proxy says is passed on, in the version that the service has; else it is ours."""
    service(lab, VIP, 91, version, syn_proxy=syn_proxy)
    data = b"y" * 50000
    for own in (CLAIM, BINARY_CLAIM):
        line, _, digest = talk(lab, VIP, 91, send=data, first=own)
        assert line[:5] == [seen, "192.0.2.1", "1111", "192.0.2.2", "2222"]
        assert digest == hashlib.sha256(data).hexdigest()
    line, port, digest = talk(lab, VIP, 91, send=data, first=b"hello")
    assert line[:3] == [seen, CLIENT, str(port)]
    assert digest == hashlib.sha256(b"hello" + data).hexdigest()


@FAMILIES
def test_udp(lab, vip, client):
    service(lab, vip, 91, "v2", protocol="udp")

    def inside():
        family = socket.AF_INET6 if ":" in vip else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as asker:
            asker.settimeout(5)
            asker.connect((vip, 91))
            told = []
            for text in (b"one", b"two"):
                asker.send(text)
                told.append(asker.recv(2000).decode().split())
            return told, asker.getsockname()[1]

    told, port = lab.client.inside(inside)
    assert [line[:4] + line[6:] for line in told] == [["v2", client, str(port), vip, word] for word in ("one", "two")]


@pytest.mark.parametrize("vip, server, mtu", [
    (VIP, 4, 1500 - 28), (VIP6, 6, 1500 - 52), (VIP6, 4, 1520 - 52), (VIP, 6, 1480 - 28),
], ids=["ipv4", "ipv6", "nat64", "nat46"])
def test_udp_too_big(lab, vip, server, mtu):
    """What does not fit together with the header is answered: the client's system learns how much does."""
    service(lab, vip, 91, "v2", server_address6(1) if server == 6 else server_address(1), protocol="udp")
    wide = ":" in vip
    level, name, discover = ((socket.IPPROTO_IPV6, IPV6_MTU, IPV6_MTU_DISCOVER) if wide
                             else (socket.IPPROTO_IP, IP_MTU, IP_MTU_DISCOVER))

    def inside():
        with socket.socket(socket.AF_INET6 if wide else socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.setsockopt(level, discover, 2)  # no fragments
            asker.settimeout(0.2)
            asker.connect((vip, 91))
            text, sizes = b"", []
            for _ in range(50):  # the first may wait for a neighbour
                try:
                    text = b"z" * (asker.getsockopt(level, name) - (48 if wide else 28))
                    asker.send(text)
                    sizes.append(asker.getsockopt(level, name))
                    if asker.recv(2000).split()[-1] == text:
                        return sizes[0], sizes[-1]
                except OSError:  # nothing came, or too long by now
                    pass
            return sizes

    try:
        assert lab.client.inside(inside) == (1500, mtu)
    finally:
        lab.client.run("ip", "route", "flush", "cache")
        lab.client.run("ip", "-6", "route", "flush", "cache")


@pytest.mark.parametrize("path, body, text", [
    (f"tcp/{VIP}/95", {"proxy_protocol": "v3"}, "proxy_protocol"),
    (f"udp/{VIP}/95", {"proxy_protocol": "v1"}, "v1 is for TCP only"),
    (f"sctp/{VIP}/95", {"proxy_protocol": "v2"}, "v2 is for TCP and UDP only"),
    (f"tcp/{VIP}/95", {"proxy_protocol": "v2", "mode": "nat", "servers": [{"address": server_address(1), "port": 95}]},
     "mode is nat, which does not go with the service's proxy_protocol"),
])
def test_bad_input(lab, path, body, text):
    with pytest.raises(Refused, match=text):
        lab.w.put(f"/v1/services/{path}", {"scheduler": "rr", "servers": [], **body})


# With the SYN proxy, whose sessions keep their extra lines: behind all that waits for there being none.


@VERSIONS
@FAMILIES
def test_syn_proxy_nginx(lab, vip, client, version):
    test_nginx(lab, vip, client, version, syn_proxy=True)


@VERSIONS
@FAMILIES
def test_syn_proxy_server_speaks_first(lab, vip, client, version):
    test_server_speaks_first(lab, vip, client, version, syn_proxy=True)


@VERSIONS
def test_syn_proxy_nat64(lab, version):
    test_nat64(lab, version, syn_proxy=True)


def test_syn_proxy_lost_header(lab):
    test_lost_header(lab, syn_proxy=True)


@VERSIONS
@FAMILIES
def test_syn_proxy_own_header(lab, vip, client, version):
    test_a_clients_own_header_is_taken_out(lab, vip, client, version, syn_proxy=True)


@pytest.mark.parametrize("version, seen", [("v1-insecure", "v1"), ("v2-insecure", "v2")])
def test_syn_proxy_insecure(lab, version, seen):
    test_insecure(lab, version, seen, syn_proxy=True)


@VERSIONS
def test_syn_proxy_upload(lab, version):
    """The client's first data is held while its server is asked, and stands behind the header."""
    service(lab, VIP, 91, version, syn_proxy=True)
    data = bytes(range(256)) * 20000
    line, port, digest = talk(lab, VIP, 91, first=data[:100000], send=data[100000:])
    assert line[:3] == [version, CLIENT, str(port)]
    assert digest == hashlib.sha256(data).hexdigest()
