# SPDX-License-Identifier: BSD-3-Clause
"""
Services beyond one address and port: any port, ranges, firewall marks; persistence, one-packet scheduling, servers
that are removed or drained, answers that leave by the client's uplink, QUIC that changes its port.
"""

import json
import os
import re
import socket

import pytest

from lab import BUILD, CLIENT, VIP, Keep, Refused, TwoArm, run, server_address, server_address6, wait_for

VIP2 = "10.0.0.101"
UPLINK, UPLINK_CLIENT, ROUTED = "10.9.0.1", "10.9.0.2", "10.77.0.5"


class ServicesLab(TwoArm):
    """Two workers; a second VIP; a second uplink, by which the client has the address ROUTED as well."""

    def __init__(self):
        super().__init__(queues=2)
        self.link(self.client, "eth1", self.balancer, "in1", 2)
        self.peer_offloads(self.client, "eth1")
        self.address(self.client, "eth1", f"{UPLINK_CLIENT}/24")
        self.address(self.client, "lo", f"{ROUTED}/32")
        self.address(self.client, "eth0", *(f"10.0.0.{n}/24" for n in range(20, 24)))
        for name in ("all", "default", "eth0", "eth1"):
            self.client.sysctl(f"net.ipv4.conf.{name}.rp_filter", 0)
        config = self.config()
        config["ports"][0]["addresses"].append(f"{VIP2}/32")
        config["ports"].append({"name": "dpdk2", "device": "in1", "addresses": [f"{UPLINK}/24"]})
        self.w = self.weir(workers=2, **config).start()


@pytest.fixture(scope="module")
def lab(make_lab):
    return make_lab(ServicesLab)


@pytest.fixture
def service(lab):
    """Make a service over both servers; it is gone afterwards."""
    made = set()

    def make(path, port=80, **fields):
        servers = [{"address": server_address(n), "port": port} for n in (1, 2)]
        lab.w.put(f"/v1/services/{path}", {"scheduler": "rr", "servers": servers, **fields})
        made.add(path)
        return f"/v1/services/{path}"

    yield make
    for path in made:
        lab.w.delete(f"/v1/services/{path}")


def test_ports(lab, service):
    """The very port before a range before any port; servers without a port keep the client's."""
    service(f"tcp/{VIP2}/0", port=0)
    service(f"tcp/{VIP2}/8085-8090", servers=[{"address": server_address(2), "port": 80}])
    service(f"tcp/{VIP2}/8087", servers=[{"address": server_address(1), "port": 8080}])
    for port in (80, 81, 8080):
        assert set(lab.client.names(VIP2, port, count=8)) == {"s1", "s2"}
    for port in (8085, 8090):
        assert set(lab.client.names(VIP2, port, count=2)) == {"s2"}
    assert set(lab.client.names(VIP2, 8087, count=2)) == {"s1"}
    with pytest.raises(OSError):  # nobody listens there
        lab.client.connect(VIP2, 8091)
    shown = lab.w.ctl("service", "list").stdout
    assert f"{VIP2}:0 " in shown and f"{VIP2}:8085-8090 " in shown
    with pytest.raises(Refused, match="overlap"):
        service(f"tcp/{VIP2}/8090-8095")


def test_marks(lab, service):
    """Rules of weir's own gather two addresses and their ports into one service."""
    service("fwmark/ipv4/7", port=0)
    lab.w.ctl("mark", "add", 7, "--destination", VIP2, "--protocol", "tcp", "--port", 80, "--port-end", 81)
    lab.w.ctl("mark", "add", 7, "--source", f"{CLIENT}/24", "--interface", "dpdk0", "--destination", f"{VIP}/32",
              "--port", 8080)
    lab.w.ctl("mark", "add", 8, "--source", "10.0.0.23", "--destination", VIP2, "--at", 0)
    try:
        assert len(lab.client.names(VIP2, 80, count=4)) == len(lab.client.names(VIP2, 81, count=4)) == 4
        assert len(lab.client.names(VIP, 8080, count=4)) == 4
        counted = lab.w.get("/v1/services/fwmark/ipv4/7?fresh=1")
        assert counted["connections"] == 12
        assert [rule["hits"] for rule in lab.w.table("mark")] == [0, 8, 4]
        assert len(lab.w.sessions(service="fwmark/ipv4/7")) == 12
        with pytest.raises(OSError):  # the first rule gives it a mark that no service has
            lab.client.connect(VIP2, 80, source=("10.0.0.23", 0), timeout=0.5)
        assert lab.w.table("mark")[0]["hits"] > 0
        lab.w.ctl("mark", "delete", 0)
        lab.client.connect(VIP2, 80, source=("10.0.0.23", 0)).close()
        saved = lab.w.get("/v1/config")["marks"]
        assert [rule["mark"] for rule in saved] == [7, 7] and saved[0]["port_end"] == 81
        lab.w.put("/v1/marks", {"marks": saved[::-1]})
        assert [rule["hits"] for rule in lab.w.table("mark")] == [4, 9], "a rule that moves keeps its counter"
    finally:
        lab.w.put("/v1/marks", {"marks": []})
    with pytest.raises(OSError):
        lab.client.connect(VIP2, 80, timeout=0.5)


def test_marks_that_are_wrong(lab):
    for rule, text in (
            ({"mark": 5}, "at least one of source, destination and interface"),
            ({"mark": 0, "interface": "dpdk0"}, "marks[0].mark"),
            ({"mark": 5, "interface": "dpdk7"}, "there is no interface"),
            ({"mark": 5, "source": "10.0.0.300"}, "marks[0].source"),
            ({"mark": 5, "source": "10.0.0.1", "destination": "fd00::1"}, "is IPv6, and the source IPv4"),
            ({"mark": 5, "source": "10.0.0.1", "port_end": 9}, "marks[0].port"),
            ({"mark": 5, "source": "10.0.0.1", "port": 9, "port_end": 8}, "marks[0].port_end"),
            ({"mark": 5, "source": "10.0.0.1", "protocol": "icmp"}, "none of: tcp, udp, sctp")):
        with pytest.raises(Refused) as refused:
            lab.w.put("/v1/marks", {"marks": [rule]})
        assert text in str(refused.value)
    done = lab.w.ctl("mark", "delete", "0", check=False)
    assert done.returncode == 1 and "there is no rule 0" in done.stderr
    assert lab.w.table("mark") == []


def test_persistence(lab, service):
    """All clients of one network to one server, whichever worker their connections come to."""
    path = service(f"tcp/{VIP2}/80", persistent=300, netmask=24)
    sources = [CLIENT, *(f"10.0.0.{n}" for n in range(20, 24))]
    kept = [Keep(lab.client, VIP2, source=(sources[n % 5], 0)) for n in range(40)]
    first = kept[0].name
    assert {keep.name for keep in kept} == {first}
    assert {session["worker"] for session in lab.w.sessions(service=f"tcp/{VIP2}/80")} == {0, 1}
    row = json.loads(lab.w.ctl("-o", "json", "template").stdout)
    number = int(first[1])
    assert row["client"] == "10.0.0.0" and row["netmask"] == 24 and row["server"] == server_address(number)
    assert 280 <= row["expires"] <= 300
    servers = lab.w.get(path)["servers"]
    assert [server["persistent_connections"] for server in servers] == [int(first == f"s{n}") for n in (1, 2)]
    for keep in kept:
        keep.close()
    # The template outlives its connections, and goes on with a weight of 0; a drain ends it.
    lab.w.patch(f"{path}/servers/{server_address(number)}/80", {"weight": 0})
    assert set(lab.client.names(VIP2, count=4)) == {first}
    lab.w.ctl("server", "drain", "tcp", f"{VIP2}:80", f"{server_address(number)}:80")
    other = set(lab.client.names(VIP2, count=4))
    assert len(other) == 1 and other != {first}
    assert "10.0.0.0/24" in lab.w.ctl("template").stdout


def test_one_packet(lab, service):
    """Each datagram of one client for itself; nothing is left when it is answered."""
    service(f"udp/{VIP2}/5353", port=5353, one_packet=True)
    with lab.client.socket(kind=socket.SOCK_DGRAM, timeout=1.0) as sock:
        names = [lab.client.udp_ask(VIP2, 5353, "x", sock=sock).split()[0] for _ in range(8)]
    assert names == ["s1", "s2"] * 4 or names == ["s2", "s1"] * 4
    assert lab.w.sessions(service=f"udp/{VIP2}/5353") == []


def kept_on(lab, name, vip, **options):
    """A connection to this server."""
    while True:
        keep = Keep(lab.client, vip, **options)
        if keep.name == name:
            return keep
        keep.close()


@pytest.mark.parametrize("setting", ["keep", "reset"])
def test_removed_server(lab, service, setting):
    path = service(f"tcp/{VIP2}/80", removed_servers=setting)
    keep = kept_on(lab, "s1", VIP2)
    lab.w.ctl("server", "delete", "tcp", f"{VIP2}:80", f"{server_address(1)}:80")
    if setting == "keep":
        assert keep.ask() == "s1"
    else:
        with pytest.raises(ConnectionResetError):
            keep.ask()
    keep.close()
    assert lab.w.get(path)["removed_servers" if setting != "keep" else "scheduler"] in ("reset", "rr")


def test_removed_server_reschedule(lab, service):
    """A UDP client goes on to be served without knowing of it."""
    service(f"udp/{VIP2}/5353", port=5353, removed_servers="reschedule")
    with lab.client.socket(kind=socket.SOCK_DGRAM, timeout=1.0) as sock:
        name = lab.client.udp_ask(VIP2, 5353, "x", sock=sock).split()[0]
        lab.w.ctl("server", "delete", "udp", f"{VIP2}:5353", f"{server_address(int(name[1]))}:5353")
        other = {lab.client.udp_ask(VIP2, 5353, "x", sock=sock).split()[0] for _ in range(4)}
    assert len(other) == 1 and other != {name}


def silent_reset(lab, keep, number):
    """A client that sends nothing hears of it, and the server's connection ends as well."""
    keep.socket.settimeout(10)
    with pytest.raises(ConnectionResetError):
        keep.socket.recv(1)
    wait_for(lambda: not lab.servers[number - 1].out("ss", "-Htn", "state", "established", "sport = :80"), 10,
             what="the server's side is reset")
    wait_for(lambda: not lab.w.sessions(vip=VIP2, state="ESTABLISHED"), 10, what="no session is left")


def ended(lab):
    rows = re.findall(r"^weir_worker_gone_ended_total{.*} (\d+)$", lab.w.get("/metrics"), re.M)
    return sum(int(number) for number in rows)


def test_silent_sessions_of_removed_servers(lab, service):
    """They end within seconds: TCP with resets to both sides, others so that the next packet begins anew."""
    before = ended(lab)
    service(f"tcp/{VIP2}/80", removed_servers="reset")
    keep = kept_on(lab, "s1", VIP2)
    lab.w.ctl("server", "delete", "tcp", f"{VIP2}:80", f"{server_address(1)}:80")
    silent_reset(lab, keep, 1)
    keep.close()
    service(f"udp/{VIP2}/5353", port=5353, removed_servers="reschedule")
    with lab.client.socket(kind=socket.SOCK_DGRAM, timeout=1.0) as sock:
        name = lab.client.udp_ask(VIP2, 5353, "x", sock=sock).split()[0]
        lab.w.ctl("server", "delete", "udp", f"{VIP2}:5353", f"{server_address(int(name[1]))}:5353")
        wait_for(lambda: not lab.w.sessions(protocol="udp", vip=VIP2), 10, what="its session is gone")
        assert lab.client.udp_ask(VIP2, 5353, "x", sock=sock).split()[0] != name
    assert ended(lab) >= before + 2


def test_drain_outlives_a_restart(make_lab):
    """With its deadline, at which a silent connection is reset."""
    lab = make_lab(TwoArm)
    path, server = f"/v1/services/tcp/{VIP}/80", f"{server_address(1)}:80"
    lab.w = lab.weir().start()
    lab.w.ctl("server", "drain", "tcp", f"{VIP}:80", server, "--deadline", 600)
    lab.w.wait_saved('"drain_until"')
    lab.w.stop()
    lab.w.start()
    drain = lab.w.get(f"{path}/servers/{server.replace(':', '/')}/drain")
    assert drain["drain"] == "drained" and 0 < drain["drain_remaining"] < 600
    lab.w.ctl("server", "undrain", "tcp", f"{VIP}:80", server)
    wait_for(lambda: "s1" in lab.client.names(VIP, count=4), what="an answer of it")
    keep = kept_on(lab, "s1", VIP)
    lab.w.ctl("server", "drain", "tcp", f"{VIP}:80", server, "--deadline", 1)
    keep.socket.settimeout(10)
    with pytest.raises(ConnectionResetError):
        keep.socket.recv(1)
    keep.close()
    wait_for(lambda: lab.w.get(f"{path}/servers/{server.replace(':', '/')}/drain")["sessions"] == 0, what="no session")


def test_drain(lab, service):
    """No new connections; how many are left, and how long; at the deadline the last ones end."""
    path = service(f"tcp/{VIP2}/80")
    keep = kept_on(lab, "s1", VIP2)
    words = ("server", "drain", "tcp", f"{VIP2}:80", f"{server_address(1)}:80")
    said = lab.w.ctl(*words, "--deadline", 600).stdout
    assert "draining: " in said and " s until the deadline" in said
    assert set(lab.client.names(VIP2, count=8)) == {"s2"}
    assert keep.ask() == "s1"
    drain = lab.w.get(f"{path}/servers/{server_address(1)}/80/drain")
    assert drain["drain"] == "draining" and drain["sessions"] >= 1 and 0 < drain["drain_remaining"] <= 600
    lab.w.patch(path, {"mss": 1400})  # another change leaves it
    assert lab.w.get(path)["servers"][0]["drain"] == "draining"
    done = lab.w.ctl(*words, "--deadline", 1, "--wait", check=False)
    assert done.returncode == 1 and "expired: " in done.stdout
    with pytest.raises(ConnectionResetError):
        keep.ask()
    lab.w.ctl("server", "undrain", *words[2:])
    assert "drain" not in lab.w.get(path)["servers"][0]
    assert set(lab.client.names(VIP2, count=8)) == {"s1", "s2"}
    for text, field in (("0", "deadline"), ("700000", "deadline")):
        done = lab.w.ctl(*words, "--deadline", text, check=False)
        assert done.returncode == 1 and field in done.stderr


def test_drain_without_sessions(lab, service):
    service(f"tcp/{VIP2}/80")
    done = lab.w.ctl("server", "drain", "tcp", f"{VIP2}:80", f"{server_address(2)}:80", "--wait")
    assert done.stdout.startswith("drained: 0 sessions left")


def packets_by(host, interface):
    return int(json.loads(host.ip("-s", "-j", "link", "show", interface))[0]["stats64"]["rx"]["packets"])


def test_symmetric_return(lab, service):
    """The client comes by the second uplink; the route to it is by the first."""
    lab.balancer.ip("route", "add", f"{ROUTED}/32", "via", CLIENT, "dev", "dpdk0.kni")
    lab.client.ip("route", "add", f"{VIP2}/32", "via", UPLINK, "dev", "eth1")
    try:
        # The last one with real servers of the other IP version.
        for symmetric, address in ((False, server_address), (True, server_address), (True, server_address6)):
            service(f"tcp/{VIP2}/80", symmetric_return=symmetric,
                    servers=[{"address": address(n), "port": 80} for n in (1, 2)])
            keep = wait_for(lambda: Keep(lab.client, VIP2, source=(ROUTED, 0)), what="a connection")
            before = [packets_by(lab.client, name) for name in ("eth0", "eth1")]
            for _ in range(50):
                keep.ask()
            by = [packets_by(lab.client, name) - count for name, count in zip(("eth0", "eth1"), before)]
            assert by[symmetric] >= 50 and by[not symmetric] < 25, (symmetric, by)
            keep.close()
        with pytest.raises(Refused, match="symmetric_return.*is for answers that pass weir"):
            service(f"tcp/{VIP2}/80", mode="tunnel", symmetric_return=True)
    finally:
        lab.client.ip("route", "del", f"{VIP2}/32")
        lab.balancer.ip("route", "del", f"{ROUTED}/32")


def quic(identifier, long):
    """A datagram as QUIC's: with a long header (RFC 8999), or a short one with the ID at once."""
    if long:
        return bytes([0xC0, 0, 0, 0, 1, 8]) + identifier + b"\0" * 8
    return b"\x40" + identifier + b"\0" * 8


def test_quic_id(lab, service):
    """A client that changes its port, as behind a NAT that forgets, stays with its server."""
    service(f"udp/{VIP2}/5353", port=5353, scheduler="conhash", hash_target="qid")
    chosen = {}
    for number in range(12):
        identifier = bytes([number, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47])
        for turn in range(4):
            with lab.client.socket(kind=socket.SOCK_DGRAM, timeout=1.0) as sock:
                for _ in range(3):
                    sock.sendto(quic(identifier, turn % 2 == 0), (VIP2, 5353))
                    try:
                        name = sock.recv(4096).split()[0]
                        break
                    except TimeoutError:
                        continue
                assert chosen.setdefault(number, name) == name, "an ID changed its server"
    assert set(chosen.values()) == {b"s1", b"s2"}


def quic_server(lab, packet):
    """The real server of this datagram, which comes from a port of its own."""
    with lab.client.socket(kind=socket.SOCK_DGRAM, timeout=1.0) as sock:
        for _ in range(3):
            sock.sendto(packet, (VIP2, 5353))
            try:
                return sock.recv(4096).split()[0].decode()
            except TimeoutError:
                continue
    raise AssertionError(f"no answer to {packet.hex()}")


def dpvs_id(address, port=None):
    """A connection ID as DPVS documents it: two bytes of the address, the port when there is one."""
    plain = socket.inet_aton(address)[2:] + (port.to_bytes(2, "big") if port else b"")
    first = f"2a{3 if port else 2:x}"  # any octet; two bytes, less 1, and whether a port follows
    return bytes.fromhex(first + plain.hex() + "f") + os.urandom(6)


def test_quic_routing(lab, service):
    """A client that moves keeps its server by the connection ID that this one has issued, in both layouts."""
    path = service(f"udp/{VIP2}/5353", port=5353, quic="dpvs")
    for n in (1, 2):
        for packet in (b"\x40" + dpvs_id(server_address(n)), b"\x40" + dpvs_id(server_address(n), 5353),
                       b"\xc0\0\0\0\1\x0b" + dpvs_id(server_address(n)) + bytes(20)):
            assert [quic_server(lab, packet) for _ in range(4)] == [f"s{n}"] * 4, packet.hex()
    # New connections are scheduled in turns, also by IDs that name nobody.
    initial = b"\xc3\0\0\0\1\x08" + os.urandom(8) + bytes(1200)
    assert {quic_server(lab, initial) for _ in range(8)} == {"s1", "s2"}
    assert {quic_server(lab, b"\x40" + dpvs_id("192.168.0.77")) for _ in range(8)} == {"s1", "s2"}
    # A server that gets nothing new keeps what it has.
    lab.w.patch(f"{path}/servers/{server_address(1)}/5353", {"weight": 0})
    assert quic_server(lab, b"\x40" + dpvs_id(server_address(1))) == "s1"
    assert {quic_server(lab, initial) for _ in range(4)} == {"s2"}

    service(f"udp/{VIP2}/5353", quic="quic-lb", quic_lb={"0": 4, "1": 2}, servers=[
        {"address": server_address(1), "port": 5353},
        {"address": server_address(2), "port": 5353, "quic_id": "beef"}])
    by_address = b"\x40\x0c" + socket.inet_aton(server_address(1)) + os.urandom(8)
    given = b"\x40\x2a\xbe\xef" + os.urandom(8)
    assert [quic_server(lab, by_address) for _ in range(4)] == ["s1"] * 4
    assert [quic_server(lab, given) for _ in range(4)] == ["s2"] * 4
    counts = dict(re.findall(r"^weir_worker_(quic_\w+?)(?:_total)?{[^}]*} (\d+)$", lab.w.get("/metrics"), re.M))
    assert int(counts["quic_routed"]) + int(counts["quic_unknown"]) > 0, counts


def test_quic_refused(lab, service):
    for fields, wrong in (
            ({"quic": "ietf"}, "quic.*dpvs"),
            ({"quic": "quic-lb"}, "quic_lb.*is missing"),
            ({"quic": "dpvs", "quic_lb": {"0": 4}}, "quic_lb.*is only for a service with quic: quic-lb"),
            ({"quic": "quic-lb", "quic_lb": {"7": 4}}, "quic_lb"),
            ({"quic": "quic-lb", "quic_lb": {"0": 16}}, "quic_lb.0.*15"),
            ({"servers": [{"address": server_address(1), "port": 53, "quic_id": "ab"}]}, "only for a service with quic"),
            ({"quic": "quic-lb", "quic_lb": {"0": 4}, "servers": [
                {"address": server_address(1), "port": 53, "quic_id": "ab"}]}, "quic_id has 1 bytes"),
            ({"quic": "quic-lb", "quic_lb": {"0": 1}, "servers": [
                {"address": server_address(n), "port": 53, "quic_id": "ab"} for n in (1, 2)]}, "the same quic_id"),
            ({"quic": "quic-lb", "quic_lb": {"0": 1}, "servers": [
                {"address": server_address(1), "port": 53, "quic_id": "abc"}]}, "quic_id.*two hexadecimal digits")):
        with pytest.raises(Refused, match=wrong):
            service(f"udp/{VIP2}/53", port=53, **fields)
    with pytest.raises(Refused, match="quic.*only for UDP"):
        service(f"tcp/{VIP2}/80", quic="dpvs")


IPVSADM = f"""\
-A -t {VIP2}:80 -s rr -p 300 -M 255.255.255.0
-A -t {VIP2}:0 -s wrr -p 360
-A -u {VIP2}:5353 -s rr -o
-A -f 7 -s wlc
-A -u {VIP2}:443 -s conhash --hash-target qid
-A -u {VIP2}:4433 -s rr --quic
-a -t {VIP2}:80 -r {server_address(1)}:80 -b
-a -t {VIP2}:0 -r {server_address(1)}:0 -b
-a -f 7 -r {server_address(2)}:0 -b
"""


def restored(lab, say, rules):
    """What these rules save is what they save again after it was restored; then everything is deleted."""
    before = say("-S", "-n")
    say("-R", text=rules)
    saved = say("-S", "-n")
    try:
        assert len(saved.splitlines()) == len((before + rules).splitlines()), saved
        say("-C")
        say("-R", text=saved)
        assert sorted(say("-S", "-n").splitlines()) == sorted(saved.splitlines())
        assert len(set(lab.client.names(VIP2, count=4))) == 1
        return say("-Ln"), say("-Lnc", "--persistent-conn") + say("-Lnc")
    finally:
        say("-C")


@pytest.fixture
def tool(make_lab):
    """A weir whose services are all made by tools."""
    lab = make_lab(ServicesLab)
    lab.w.put("/v1/config", {**lab.w.get("/v1/config"), "services": []})
    yield lab
    lab.end(lab.w.process)


def test_tools(tool):
    """DPVS's ipvsadm and Debian's, with the words of all of these."""
    def dpvs(*words, text=None):
        given = {"stdin": None, "input": text} if text is not None else {}
        return run(BUILD / "cli/ipvsadm", *words, env={**os.environ, "WEIR_SOCKET": str(tool.w.socket)}, **given).stdout

    def stock(*words, text=None):
        given = {"stdin": None, "input": text} if text is not None else {}
        return run("/usr/sbin/ipvsadm", *words, env=tool.w.preload, **given).stdout

    shown, templates = restored(tool, dpvs, IPVSADM)
    assert "persistent 300 mask 255.255.255.0" in shown and "FWM  7" in shown and " ops" in shown and " qid" in shown
    assert re.search(rf"UDP +{VIP2}:4433 +rr .*quic", shown), shown
    assert "10.0.0.0:0" in templates and f"{server_address(1)}:80" in templates
    rules = IPVSADM.replace(" -b", " -m")
    rules = re.sub(r".*(--hash-target|--quic).*\n", "", rules)
    shown, templates = restored(tool, stock, rules)
    assert "persistent 300 mask 255.255.255.0" in shown and "FWM  7" in shown and " ops" in shown
    assert re.search(rf"TCP .* NONE +10.0.0.0:0 +{VIP2}:80 +{server_address(1)}:80", templates), templates
