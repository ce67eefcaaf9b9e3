# SPDX-License-Identifier: BSD-3-Clause
"""Limits: what real servers, services and sources may have, and what becomes of the rest."""

import errno
import select
import socket
import struct
import subprocess
import time
from collections import Counter

import pytest

from lab import BUILD, LIP, VIP, VIP6, Keep, Refused, TwoArm, run, server_address, server_address6, wait_for

FAMILIES = pytest.mark.parametrize("vip, address", [(VIP, server_address), (VIP6, server_address6)],
                                   ids=["ipv4", "ipv6"])


def close_all(kept, weir, vip, port=80):
    """Close with a reset, so that no session of them is left to count; wait until none is."""
    for keep in kept:
        keep.abort()
    wait_for(lambda: not weir.sessions(vip=f"[{vip}]:{port}" if ":" in vip else f"{vip}:{port}"), 15,
             what="the sessions have ended")


def refused(lab, vip, port=80):
    with pytest.raises(OSError):
        lab.client.connect(vip, port, timeout=0.3)


@FAMILIES
def test_threshold_of_a_server(two_arm, vip, address):
    """Of two servers one takes three connections: the fourth goes to the other; none is left: dropped by name."""
    w, path = two_arm.w, f"/v1/services/tcp/{vip}/80"
    w.patch(path, {"timeouts": {"close": 1}})
    w.patch(f"{path}/servers/{address(1)}/80", {"upper_threshold": 3, "lower_threshold": 2})
    kept = [Keep(two_arm.client, vip) for _ in range(8)]
    assert Counter(keep.name for keep in kept) == {"s1": 3, "s2": 5}
    shown = {s["address"]: s for s in w.get(path)["servers"]}
    assert shown[address(1)]["upper_threshold"] == 3 and shown[address(1)]["overloaded"] is True
    assert "overloaded" not in shown[address(2)]
    w.patch(f"{path}/servers/{address(2)}/80", {"upper_threshold": 5})
    before = w.drops().get("servers_overloaded", 0)
    refused(two_arm, vip)
    assert w.drops()["servers_overloaded"] > before
    assert all(keep.ask() == keep.name for keep in kept), "what is established goes on"
    # Two of s1's end: it is at 1, below the lower threshold, and the next two go there.
    for keep in [keep for keep in kept if keep.name == "s1"][:2]:
        keep.abort()
        kept.remove(keep)
    wait_for(lambda: len(w.sessions(vip=f"[{vip}]:80" if ":" in vip else f"{vip}:80")) == 6, what="two are gone")
    kept += [Keep(two_arm.client, vip) for _ in range(2)]
    assert Counter(keep.name for keep in kept) == {"s1": 3, "s2": 5}
    refused(two_arm, vip)
    w.patch(f"{path}/servers/{address(1)}/80", {"upper_threshold": 0, "lower_threshold": 0})
    kept += [Keep(two_arm.client, vip) for _ in range(3)]
    assert Counter(keep.name for keep in kept) == {"s1": 6, "s2": 5}
    w.patch(f"{path}/servers/{address(2)}/80", {"upper_threshold": 0})
    close_all(kept, w, vip)
    with pytest.raises(Refused, match="must be at most the upper_threshold, which is 0"):
        w.patch(f"{path}/servers/{address(2)}/80", {"lower_threshold": 3})


def test_thresholds_by_ipvsadm(two_arm):
    """-x and -y of the face ipvsadm, its listing, and what it saves."""
    w = two_arm.w

    def adm(*words):
        done = subprocess.run([BUILD / "cli/ipvsadm", *words], capture_output=True, text=True, timeout=30,
                              env={"WEIR_SOCKET": str(w.socket)})
        assert done.returncode == 0, done.stderr
        return done.stdout

    service = f"{VIP}:8085"
    adm("-A", "-t", service, "-s", "rr")
    for number, upper in ((1, 2), (2, 1)):
        adm("-a", "-t", service, "-r", f"{server_address(number)}:80", "-b", "-x", str(upper), "-y", "1")
    adm("-P", "-t", service, "-z", LIP, "-F", "dpdk1")
    w.patch(f"/v1/services/tcp/{VIP}/8085", {"timeouts": {"close": 1}})
    kept = [Keep(two_arm.client, VIP, 8085) for _ in range(3)]
    assert Counter(keep.name for keep in kept) == {"s1": 2, "s2": 1}
    refused(two_arm, VIP, 8085)
    lines = adm("-ln", "--thresholds", "-t", service).splitlines()
    assert lines[-2].split()[1:] == ["192.168.100.2:80", "2", "1", "2", "0"]
    assert lines[-1].split()[1:] == ["192.168.100.3:80", "1", "1", "1", "0"]
    assert f"-a -t {service} -r 192.168.100.2:80 -b -w 1 -x 2 -y 1\n" in adm("-S", "-n")
    adm("-e", "-t", service, "-r", f"{server_address(1)}:80", "-b", "-x", "0", "-y", "0")
    kept.append(Keep(two_arm.client, VIP, 8085))
    assert kept[-1].name == "s1"
    close_all(kept, w, VIP, 8085)
    adm("-D", "-t", service)


def test_thresholds_by_stock_ipvsadm(two_arm):
    """The unmodified tool through the IPVS door, with NAT-or-FullNAT as it is chosen there."""
    w = two_arm.w

    def adm(*words):
        return run("/usr/sbin/ipvsadm", *words, env=w.preload).stdout

    service = f"{VIP}:8086"
    adm("-A", "-t", service, "-s", "sh")
    for number in (1, 2):
        adm("-a", "-t", service, "-r", f"{server_address(number)}:80", "-m", "-x", "2", "-y", "1")
    w.patch(f"/v1/services/tcp/{VIP}/8086", {"timeouts": {"close": 1}})
    kept = [Keep(two_arm.client, VIP, 8086) for _ in range(4)]
    assert Counter(keep.name for keep in kept) == {"s1": 2, "s2": 2}, "a hash passes over what is full"
    refused(two_arm, VIP, 8086)
    lines = [line.split() for line in adm("-ln", "--thresholds", "-t", service).splitlines()]
    assert ["->", "192.168.100.2:80", "2", "1", "2", "0"] in lines
    adm("-e", "-t", service, "-r", f"{server_address(2)}:80", "-m", "-x", "3")
    kept.append(Keep(two_arm.client, VIP, 8086))
    assert kept[-1].name == "s2"
    close_all(kept, w, VIP, 8086)
    adm("-D", "-t", service)


def opened(lab, vip, port, attempts):
    """How many of so many connections at once were accepted, and these."""
    socks = []
    for _ in range(attempts):
        sock = lab.client.socket(timeout=3)
        sock.setblocking(False)
        sock.connect_ex((vip, port))
        socks.append(sock)
    _, ready, _ = select.select([], socks, [], 0.5)
    return [sock for sock in socks if sock in ready and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0], socks


@pytest.fixture
def limited(two_arm):
    """A service of its own on port 8090; call with its limits."""
    path = f"/v1/services/tcp/{VIP}/8090"

    def make(**limits):
        two_arm.w.put(path, {"scheduler": "rr", "timeouts": {"close": 1, "syn_recv": 2}, "limits": limits,
                             "servers": [{"address": server_address(n), "port": 80} for n in (1, 2)]})

    yield make
    two_arm.w.delete(path)
    wait_for(lambda: not two_arm.w.sessions(vip=f"{VIP}:8090"), 15, what="the sessions have ended")


def end_all(socks):
    for sock in socks:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


def test_connections_of_a_service(two_arm, limited):
    """So many at a time, whoever has them; the rest is refused with a reset, because the service says so."""
    limited(connections=4, reaction="reset")
    kept = [Keep(two_arm.client, VIP, 8090) for _ in range(4)]
    with pytest.raises(ConnectionRefusedError):
        two_arm.client.connect(VIP, 8090)
    shown = two_arm.w.get(f"/v1/services/tcp/{VIP}/8090")
    assert shown["limits"] == {"connections": 4, "reaction": "reset"}
    assert shown["limits_refused"]["connections"] == 1 and two_arm.w.drops()["limit_connections"] == 1
    metrics = two_arm.w.request("GET", "/metrics")
    assert f'weir_limit_refused_total{{protocol="tcp",vip="{VIP}",port="8090",of="service",limit="connections"}} 1' in metrics
    assert f'weir_limit_refused_total{{protocol="tcp",vip="{VIP}",port="8090",of="source",limit="connections"}} 0' in metrics
    two_arm.w.ctl("service", "set", "tcp", f"{VIP}:8090", "-l", "connections=5", "-l", "reaction=prohibited",
                  "-l", "per_source.connections=9")
    assert two_arm.w.get(f"/v1/services/tcp/{VIP}/8090")["limits"]["per_source"] == {
        "connections": 9, "prefix4": 32, "prefix6": 64}
    kept.append(Keep(two_arm.client, VIP, 8090))
    with pytest.raises(OSError) as caught:
        two_arm.client.connect(VIP, 8090)
    assert caught.value.errno in (errno.EHOSTUNREACH, errno.EACCES, errno.ECONNREFUSED)
    close_all(kept, two_arm.w, VIP, 8090)


def test_connections_of_a_source(two_arm, limited):
    """Each address has three, and a second address is not the first one's fault."""
    other = "10.0.0.77"
    limited(per_source={"connections": 3})
    two_arm.client.ip("address", "add", f"{other}/24", "dev", "eth0")
    try:
        kept = [Keep(two_arm.client, VIP, 8090) for _ in range(3)]
        refused(two_arm, VIP, 8090)
        kept += [Keep(two_arm.client, VIP, 8090, source=(other, 0)) for _ in range(3)]
        assert two_arm.w.drops()["source_connections"] >= 1
        close_all(kept, two_arm.w, VIP, 8090)
        Keep(two_arm.client, VIP, 8090).abort()
    finally:
        two_arm.client.ip("address", "del", f"{other}/24", "dev", "eth0")


@pytest.fixture(scope="module")
def two_workers(make_lab):
    """A service on port 8090 of a weir with two workers; call with its limits."""
    lab = make_lab(TwoArm, queues=2)
    lab.w = lab.weir(workers=2).start()
    path = f"/v1/services/tcp/{VIP}/8090"

    def make(**limits):
        lab.w.put(path, {"scheduler": "rr", "timeouts": {"close": 1, "syn_recv": 2}, "limits": limits,
                         "servers": [{"address": server_address(n), "port": 80} for n in (1, 2)]})
        return lab

    return make


@pytest.mark.parametrize("most", [1, 3])
def test_connections_of_a_source_at_two_workers(two_workers, most):
    """Whichever worker its connections come to, each source has all of its limit, and none has more."""
    lab = two_workers(per_source={"connections": most})
    others = [f"10.0.0.{n}" for n in range(71, 75)]
    for other in others:
        lab.client.ip("address", "add", f"{other}/24", "dev", "eth0")
    try:
        for _ in range(2):
            kept = [Keep(lab.client, VIP, 8090, source=(other, 0)) for other in others for _ in range(most)]
            for other in others:
                with pytest.raises(OSError):
                    lab.client.connect(VIP, 8090, timeout=0.2, source=(other, 0))
            assert all(keep.ask() == keep.name for keep in kept)
            close_all(kept, lab.w, VIP, 8090)
        assert lab.w.drops()["source_connections"] >= 2 * len(others)
        workers = lab.w.table("worker")
        assert sum(worker["handed_over"] for worker in workers) > 0, workers
    finally:
        for other in others:
            lab.client.ip("address", "del", f"{other}/24", "dev", "eth0")


def test_bits_of_a_source_at_two_workers(two_workers):
    """A source's download at its rate arrives whole, wherever its account is kept."""
    lab = two_workers(per_source={"bits": 8_000_000})
    for host in lab.servers:
        (lab.folder / f"nginx-{host.role}" / "megabyte").write_bytes(b"x" * 1_000_000)
    begun = time.monotonic()
    size = len(lab.client.curl("-s", f"http://{VIP}:8090/file/megabyte", timeout=30).stdout)
    took = time.monotonic() - begun
    # 8,000,000 bits and headers; less 0.1 s of burst, and as much that the other worker was given.
    assert size == 1_000_000 and took > 0.75, (size, took)
    assert lab.w.drops()["source_bits"] > 0


def test_rate_of_new_connections(two_arm, limited):
    """Of many at once a tenth of a second's worth passes, and as time goes on no more than the rate."""
    limited(new_connections=20)
    done, socks = opened(two_arm, VIP, 8090, 30)
    assert 1 <= len(done) <= 2 + 20, len(done)  # at once two; in the half second that is waited ten more at most
    assert two_arm.w.drops()["limit_new_connections"] >= 8
    end_all(socks)


def test_packets_and_bits(two_arm, limited):
    """A download at a rate takes its time and arrives whole; the service beside it has none of that."""
    for host in two_arm.servers:
        (two_arm.folder / f"nginx-{host.role}" / "megabyte").write_bytes(b"x" * 1_000_000)
    limited(bits=8_000_000)
    begun = time.monotonic()
    size = len(two_arm.client.curl("-s", f"http://{VIP}:8090/file/megabyte", timeout=30).stdout)
    took = time.monotonic() - begun
    assert size == 1_000_000 and took > 0.85, (size, took)  # 8,000,000 bits and headers, less 0.1 s of burst
    assert two_arm.w.drops()["limit_bits"] > 0
    limited(packets=100)
    before = two_arm.w.drops().get("limit_packets", 0)
    two_arm.client.curl("-s", "--max-time", 1, f"http://{VIP}:8090/file/megabyte", check=False)
    assert two_arm.w.drops()["limit_packets"] > before
    assert len(two_arm.client.curl("-s", f"http://{VIP}/file/megabyte").stdout) == 1_000_000


def test_bits_of_a_download_that_runs(two_arm, limited):
    """A limit that is set while a download runs slows this download, and it arrives whole."""
    for host in two_arm.servers:
        (two_arm.folder / f"nginx-{host.role}" / "many").write_bytes(b"x" * 10_000_000)
    limited()
    curl = two_arm.client.start("curl", "-s", "-o", "/dev/null", "-w", "%{size_download}", "--limit-rate", "2M",
                                f"http://{VIP}:8090/file/many", stdout=subprocess.PIPE, text=True)
    wait_for(lambda: two_arm.w.sessions(vip=f"{VIP}:8090"), what="the download has begun")
    before = two_arm.w.drops().get("limit_bits", 0)
    limited(bits=8_000_000)
    wait_for(lambda: two_arm.w.drops().get("limit_bits", 0) > before, 15, what="the download is limited")
    limited()
    assert curl.communicate(timeout=40)[0] == "10000000"


def test_bad_limits(two_arm):
    path = f"/v1/services/tcp/{VIP}/80"
    for limits, field, says in (({"bits": 10}, "limits.bits", "8000 to 1000000000000, or 0"),
                                ({"conections": 10}, "limits.conections", "did you mean"),
                                ({"reaction": "kill"}, "limits.reaction", "drop"),
                                ({"per_source": {"prefix6": 129}}, "limits.per_source.prefix6", "out of range")):
        with pytest.raises(Refused) as caught:
            two_arm.w.patch(path, {"limits": limits})
        assert caught.value.error["field"] == field and says in caught.value.error["text"], caught.value
    assert "limits" not in two_arm.w.get(path)
