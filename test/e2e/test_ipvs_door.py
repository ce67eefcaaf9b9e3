# SPDX-License-Identifier: BSD-3-Clause
"""Stock ipvsadm, unmodified, with libweir-ipvs.so: what it says is what weir does."""

import re
import socket
import struct
import subprocess
import threading
import time
from collections import Counter

import pytest

from lab import CLIENT, VIP, VIP6, Keep, Refused, TwoArm, run, server_address, server_address6, wait_for

IPVSADM = "/usr/sbin/ipvsadm"
HTTP, HTTP6 = f"{VIP}:80", f"[{VIP6}]:80"


@pytest.fixture(scope="module")
def lab(make_lab):
    made = make_lab(TwoArm)
    made.w = made.weir(services=[]).start()
    # Where the servers of the large tables would be.
    made.balancer.ip("route", "add", "172.16.0.0/12", "via", server_address(1))
    return made


@pytest.fixture(autouse=True)
def empty_table(lab):
    adm(lab, "-C")
    yield


def adm(lab, *words, check=True, text=None, timeout=60):
    given = {"stdin": None, "input": text} if text is not None else {}
    return run(IPVSADM, *words, check=check, env=lab.w.preload, timeout=timeout, **given)


def rows(lab, *words):
    """The lines of a listing without its head, in words."""
    lines = [line.split() for line in adm(lab, *words).stdout.splitlines()]
    return [line for line in lines if line[0] in ("TCP", "UDP", "->") and line[1][0] in "0123456789["]


def make(lab, service=HTTP, servers=(1, 2), scheduler="rr", kind="-t"):
    address = server_address6 if service.startswith("[") else server_address
    port = service.rsplit(":", 1)[1]
    adm(lab, "-A", kind, service, "-s", scheduler)
    for n in servers:
        where = f"[{address(n)}]:{port}" if ":" in address(n) else f"{address(n)}:{port}"
        adm(lab, "-a", kind, service, "-r", where, "-m")


def refused(lab, *words, says=None, logs=None):
    """ipvsadm fails and says why; the log of weir says it too; nothing has changed."""
    before = adm(lab, "-Sn").stdout
    begin = lab.w.log.stat().st_size
    done = adm(lab, *words, check=False)
    assert done.returncode != 0, f"{words}: done"
    assert not says or says in done.stderr + done.stdout, f"{words}: {done.stderr}{done.stdout}"
    if logs:
        assert re.search(f"^weir: .*{logs}", done.stderr, re.M), done.stderr
        log = lab.w.log.read_text()[begin:]
        assert re.search(rf"IPVS, ipvsadm, uid 0, pid \d+: \w+ refused: .*{logs}", log), log
    assert adm(lab, "-Sn").stdout == before


def test_service_made_by_ipvsadm_alone(lab):
    make(lab)
    make(lab, HTTP6)
    make(lab, f"{VIP}:5353", kind="-u")
    for vip in (VIP, VIP6):
        assert Counter(lab.client.names(vip, count=10)) == {"s1": 5, "s2": 5}
    assert lab.client.udp_ask(VIP, 5353)
    listed = rows(lab, "-ln")
    assert ["TCP", HTTP, "rr"] in listed and ["TCP", HTTP6, "rr"] in listed and ["UDP", f"{VIP}:5353", "rr"] in listed
    assert listed[1][:5] == ["->", f"{server_address(1)}:80", "Masq", "1", "0"]
    service = lab.w.service("tcp", VIP, 80)
    assert service["origin"] == "ipvs" and all(server["origin"] == "ipvs" for server in service["servers"])


def test_edit_and_delete(lab):
    make(lab)
    kept = {keep.name: keep for keep in (Keep(lab.client, VIP), Keep(lab.client, VIP))}
    adm(lab, "-E", "-t", HTTP, "-s", "wlc")
    adm(lab, "-e", "-t", HTTP, "-r", f"{server_address(1)}:80", "-m", "-w", "0")
    assert rows(lab, "-ln")[0] == ["TCP", HTTP, "wlc"]
    assert rows(lab, "-ln", "-t", HTTP)[1][3] == "0"
    assert Counter(lab.client.names(VIP, count=6)) == {"s2": 6}
    adm(lab, "-d", "-t", HTTP, "-r", f"{server_address(1)}:80")
    assert len(rows(lab, "-ln")) == 2
    assert kept["s1"].ask() == "s1" and kept["s2"].ask() == "s2", "what runs goes on"
    for keep in kept.values():
        keep.close()
    adm(lab, "-D", "-t", HTTP)
    assert rows(lab, "-ln") == []
    with pytest.raises(Refused):
        lab.w.service("tcp", VIP, 80)


def test_counters(lab):
    make(lab)
    lab.client.names(VIP, count=10)
    lab.w.service("tcp", VIP, 80, fresh=True)
    stats = rows(lab, "-ln", "--stats", "--exact")
    assert stats[0][:3] == ["TCP", HTTP, "10"] and [int(row[2]) for row in stats[1:]] == [5, 5]
    assert all(int(field) > 0 for row in stats for field in row[2:])
    adm(lab, "-Z", "-t", HTTP)
    assert all(field == "0" for row in rows(lab, "-ln", "--stats", "--exact") for field in row[2:])
    assert lab.w.service("tcp", VIP, 80)["connections"] == 0
    metrics = lab.w.request("GET", "/metrics")
    assert re.search(rf'^weir_service_connections_total{{[^}}]*vip="{VIP}"[^}}]*}} 10$', metrics, re.M), \
        "what Prometheus reads never goes back"
    lab.client.names(VIP, count=4)
    lab.w.ctl("zero", "tcp", HTTP)
    lab.client.names(VIP, count=2)
    adm(lab, "-Z")
    lab.client.names(VIP, count=2)
    assert rows(lab, "-ln", "--stats", "--exact")[0][2] == "2"


def test_rates_and_sessions(lab):
    make(lab)
    keep = Keep(lab.client, VIP)
    local = keep.socket.getsockname()[1]
    conn = adm(lab, "-lnc").stdout
    assert re.search(rf"^TCP +\d\d:\d\d +ESTABLISHED +{CLIENT}:{local} +{HTTP} +192\.168\.100\.[23]:80$", conn, re.M), conn
    stop = threading.Event()

    def ask():
        while not stop.wait(0.01):
            keep.ask()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        wait_for(lambda: int(rows(lab, "-ln", "--rate")[0][3]) > 0, what="packets per second")
        rate = rows(lab, "-ln", "--rate")
    finally:
        stop.set()
        asking.join()
        keep.close()
    assert int(rate[0][5]) > int(rate[0][3]) > 0, rate
    make(lab, HTTP6)
    keep = Keep(lab.client, VIP6)
    assert re.search(rf"ESTABLISHED +\[fd00:a::2\]:\d+ +\[{VIP6}\]:80", adm(lab, "-lnc").stdout)
    keep.close()
    assert rows(lab, "-ln", "--thresholds")[1][2:] == ["0", "0", "0", "0"]
    assert rows(lab, "-ln", "--persistent-conn")[1][2:] == ["1", "0", "0", "0"]


def test_save_and_restore(lab):
    make(lab)
    make(lab, HTTP6, scheduler="wlc")
    make(lab, f"{VIP}:5353", kind="-u", scheduler="wrr")
    saved = adm(lab, "-Sn").stdout
    assert f"-a -t {HTTP} -r {server_address(2)}:80 -m -w 1" in saved
    adm(lab, "-C")
    assert adm(lab, "-Sn").stdout == ""
    adm(lab, "-R", text=saved)
    assert sorted(adm(lab, "-Sn").stdout.splitlines()) == sorted(saved.splitlines())
    assert Counter(lab.client.names(VIP, count=4)) == {"s1": 2, "s2": 2}


def test_timeouts(lab):
    before = lab.w.get("/v1/timeouts")
    try:
        adm(lab, "--set", "1000", "0", "200")
        assert "1000 " in (told := adm(lab, "-l", "--timeout").stdout) and " 200" in told
        after = lab.w.get("/v1/timeouts")
        assert after["established"] == 1000 and after["fin_wait"] == before["fin_wait"]
        assert after["udp_normal"] == after["udp_one_way"] == 200
        make(lab)
        keep = Keep(lab.client, VIP)
        assert lab.w.sessions(state="established")[0]["expires"] > 900
        keep.close()
        refused(lab, "--set", "100000", "0", "0", logs="out of range")
    finally:
        lab.w.patch("/v1/timeouts", before)
    shown = dict(line.split(": ") for line in lab.w.ctl("timeout").stdout.splitlines())
    assert {name.strip(): int(seconds) for name, seconds in shown.items()} == before
    lab.w.ctl("timeout", "set", "close=11", "established=")
    assert lab.w.get("/v1/timeouts") == {**before, "close": 11}
    done = lab.w.ctl("timeout", "set", "closed=11", check=False)
    assert done.returncode == 1 and "close" in done.stderr
    lab.w.patch("/v1/timeouts", before)


def test_errors(lab):
    make(lab)
    server = f"{server_address(1)}:80"
    refused(lab, "-A", "-t", HTTP, says="Service already exists", logs="already")
    refused(lab, "-E", "-t", f"{VIP}:81", says="No such service", logs="no service")
    refused(lab, "-D", "-t", f"{VIP}:81", says="No such service")
    refused(lab, "-ln", "-t", f"{VIP}:81", says="No such service")
    refused(lab, "-a", "-t", f"{VIP}:81", "-r", server, "-m", says="Service not defined")
    refused(lab, "-a", "-t", HTTP, "-r", server, "-m", says="Destination already exists", logs="already")
    refused(lab, "-e", "-t", HTTP, "-r", "192.168.100.99:80", "-m", says="No such destination", logs="no real server")
    refused(lab, "-d", "-t", HTTP, "-r", "192.168.100.99:80", says="No such destination")
    refused(lab, "-A", "-t", f"{VIP}:81", "-s", "nonesuch", says="cheduler", logs='no scheduler "nonesuch"; there is: rr')
    refused(lab, "-A", "-t", "224.0.0.1:80", "-s", "rr", logs="no unicast address")
    refused(lab, "-a", "-t", HTTP, "-r", "172.31.9.9", "-g", logs="address 172.31.9.9 is on another subnet")
    refused(lab, "-a", "-t", HTTP, "-r", "192.168.100.9:80", "-m", "-w", "70000", logs="out of range, 0 to 65535")
    refused(lab, "-a", "-t", HTTP, "-r", "192.168.100.9:80", "-m", "-x", "5", "-y", "6", logs="thresholds: the lower one")
    refused(lab, "--start-daemon", "master", "--mcast-interface", "lo", logs="synchronisation daemon")
    refused(lab, "--stop-daemon", "master", logs="synchronisation daemon")
    assert adm(lab, "-l", "--daemon").stdout == ""


def test_no_local_address(lab):
    pool = lab.w.get("/v1/local_addresses")["local_addresses"]
    address = next(row for row in pool if "." in row["address"])
    lab.w.delete(f"/v1/local_addresses/{address['address']}")
    try:
        adm(lab, "-A", "-t", HTTP, "-s", "rr")
        adm(lab, "-a", "-t", HTTP, "-r", f"{server_address(1)}:80", "-m")
        host = lab.servers[0]
        host.ip("route", "add", f"{CLIENT}/32", "via", "192.168.100.1")
        assert lab.client.curl(f"http://{VIP}/").stdout.split()[:2] == ["s1", CLIENT]  # NAT, as in Linux
    finally:
        lab.w.put(f"/v1/local_addresses/{address['address']}", {"interface": address["interface"]})
    host.ip("route", "del", f"{CLIENT}/32")
    assert lab.client.curl(f"http://{VIP}/").stdout.split()[:2] == ["s1", address["address"]]  # FullNAT


def test_settings(lab):
    """/v1/ipvs completes what ipvsadm cannot say, before and after."""
    make(lab)
    entry = {"protocol": "tcp", "vip": VIP, "port": 80, "timeouts": {"established": 333}, "unknown_tcp": "drop",
             "local_addresses": [{"address": "192.168.100.222", "interface": "dpdk1"}]}
    lab.w.put("/v1/ipvs", {"services": [entry]})
    assert lab.w.get("/v1/ipvs") == {"services": [entry]}
    assert "192.168.100.222" in lab.w.ctl("ipvs").stdout

    def peer():
        return lab.client.curl(f"http://{HTTP}/").stdout.split()[1]

    assert peer() == "192.168.100.222"
    adm(lab, "-E", "-t", HTTP, "-s", "wlc")
    service = lab.w.service("tcp", VIP, 80)
    assert service["scheduler"] == "wlc" and service["unknown_tcp"] == "drop" and len(service["servers"]) == 2
    adm(lab, "-D", "-t", HTTP)
    make(lab)
    assert peer() == "192.168.100.222" and lab.w.service("tcp", VIP, 80)["timeouts"] == {"established": 333}
    for wrong, field in (({**entry, "servers": []}, "services[0].servers"), ({**entry, "mode": "snat"}, "services[0].mode"),
                         ({**entry, "nonsense": 1}, "services[0].nonsense")):
        with pytest.raises(Refused) as caught:
            lab.w.put("/v1/ipvs", {"services": [wrong]})
        assert caught.value.error["field"] == field
    lab.w.put("/v1/ipvs", {"services": []})
    service = lab.w.service("tcp", VIP, 80)
    assert service["unknown_tcp"] == "reset" and "local_addresses" not in service and service["scheduler"] == "rr"
    assert peer() == "192.168.100.200"


def test_files(lab):
    """/proc/net/ip_vs*, for a program that opens them by fopen()."""
    make(lab)
    make(lab, HTTP6, servers=(1,))
    keep = Keep(lab.client, VIP)

    def file(name):
        return run("/usr/bin/cut", "-c1-", f"/proc/net/{name}", env=lab.w.preload).stdout.splitlines()

    table = [line.split() for line in file("ip_vs")]
    at = table.index(["TCP", "0A000064:0050", "rr"])
    assert table[at + 1][:4] == ["->", "C0A86402:0050", "Masq", "1"]
    assert ["TCP", "[fd00:000a:0000:0000:0000:0000:0000:0100]:0050", "rr"] in table
    sessions = [line.split() for line in file("ip_vs_conn")[1:]]
    port = f"{keep.socket.getsockname()[1]:04X}"
    assert ["TCP", "0A000002", port, "0A000064", "0050"] in [line[:5] for line in sessions]
    assert file("ip_vs_stats")[2].split()[0] != "0"
    keep.close()
    done = run("/usr/bin/cut", "-c1-", "/proc/net/ip_vs_app", env=lab.w.preload, check=False)
    assert done.returncode, "not one of ours"


def test_many_who_do_not_listen(lab):
    """Connections that ask and never read, or hang up in the middle, cost others nothing."""
    make(lab)
    adm(lab, "-R", text=table_text(500, 4))
    path = lab.w.preload["WEIR_IPVS_SOCKET"]
    listing = struct.pack("=IHHIIBBH", 20, 0x20, 0x305, 1, 1, 4, 1, 0)
    doors = []
    for n in range(100):
        door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        door.settimeout(5)
        door.connect(path)
        door.send(listing)
        if n % 2:
            door.recv(65536)
            door.close()
        else:
            doors.append(door)
    begin = lab.w.cpu_seconds()
    assert len(rows(lab, "-ln")) == 3 + 2500
    time.sleep(0.5)  # in which nothing is to be done
    assert lab.w.cpu_seconds() - begin < 0.45
    last = b""
    while struct.unpack_from("=IH", last or listing)[1] != 3 and b"\x03\0\x02\0" not in last[-20:]:
        last = doors[0].recv(65536)
        assert last
    for door in doors:
        door.close()


def test_daemon_gone(lab):
    """One connection is kept while weir is killed and started again, as keepalived would keep it."""
    make(lab)
    program = f"""
import socket, struct, sys
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
s.bind((0, 0))
def ask(kind, flags, payload):
    s.sendmsg([struct.pack("=IHHII", 16 + len(payload), kind, flags, 7, 9) + payload])
    return struct.unpack_from("=IHHIIi", s.recvmsg(65536)[0])
family = ask(16, 5, struct.pack("=BBHHH", 3, 1, 0, 9, 2) + b"IPVS\\0\\0\\0\\0")[1]
print(family, s.recvmsg(65536)[1:3], flush=True)
for line in sys.stdin:
    print(ask(0x20, 5, struct.pack("=BBH", 15, 1, 0))[1], flush=True)
    if line == "ack\\n":
        s.recvmsg(65536)
"""
    client = subprocess.Popen(["/usr/bin/python3", "-c", program], env=lab.w.preload, text=True, bufsize=1,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(line):
        client.stdin.write(line + "\n")
        return client.stdout.readline().strip()

    try:
        assert client.stdout.readline().startswith("16 ([], 0")
        assert ask("ack") == "32"
        lab.w.wait_saved(f'"{VIP}"', server_address(2))
        lab.w.kill()
        assert ask("gone") == "2", "NLMSG_ERROR"
        assert ask("gone") == "2"
        done = adm(lab, "-ln", check=False)
        assert done.returncode and "is weir running?" in done.stderr
        lab.w.start()
        assert ask("ack") == "32"
    finally:
        client.kill()
        client.communicate()
    assert ["TCP", HTTP, "rr"] in rows(lab, "-ln") and lab.client.names(VIP) in (["s1"], ["s2"])
    assert lab.w.service("tcp", VIP, 80)["origin"] == "ipvs", "the table survives with the door that made it"


def test_others_are_left_alone(lab):
    """Programs that inherit the preload, and netlink that is not IPVS."""
    done = lab.balancer.run("ip", "-j", "link", env=lab.w.preload)
    assert '"dpdk0.kni"' in done.stdout
    done = lab.balancer.run("sh", "-c", "cat /proc/net/dev; ls / | wc -l; genl ctrl list", env=lab.w.preload, check=False)
    assert "Inter-" in done.stdout and "libweir" not in done.stderr
    done = run("/usr/bin/python3", "-c", "import socket; socket.getaddrinfo('localhost', 80); print('ok')", env=lab.w.preload)
    assert done.stdout == "ok\n"


def test_bad_bytes(lab):
    """Whoever may write to the socket may send anything; weir answers or hangs up, and lives."""
    make(lab)
    path = lab.w.preload["WEIR_IPVS_SOCKET"]
    good = struct.pack("=IHHIIBBH", 20, 0x20, 5, 1, 1, 4, 1, 0)
    for piece in (b"x", good[:15], good[:18], b"\xff" * 64, struct.pack("=I", 2 ** 31) + good[4:], good + good,
                  good[:16] + b"\x05\x01\0\0" + struct.pack("=HH", 200, 1), b"\0" * 9000):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.settimeout(5)
            door.connect(path)
            door.send(piece)
            answer = door.recv(65536)
            assert answer == b"" or struct.unpack_from("=IHHIIi", answer)[1] == 2
    assert len(rows(lab, "-ln")) == 3


def table_text(services, servers):
    """What `ipvsadm -S` would print of a table this large."""
    lines, n = [], 0
    for i in range(services):
        vip = f"10.{64 + i // 62500}.{i // 250 % 250}.{1 + i % 250}:80"
        lines.append(f"-A -t {vip} -s rr")
        for _ in range(servers):
            lines.append(f"-a -t {vip} -r 172.{16 + n // 62500}.{n // 250 % 250}.{1 + n % 250}:80 -m -w 1")
            n += 1
    return "\n".join(lines) + "\n"


class Traffic:
    """Requests on a connection that is kept and on new ones, while the body of a `with` runs."""

    def __init__(self, lab):
        self.lab = lab
        self.done = 0
        self.lost = []
        self.stop = threading.Event()
        self.keep = Keep(lab.client, VIP)
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stop.wait(0.01):
            try:
                self.keep.ask()
                self.lab.client.connect(VIP, 80).close()
                self.done += 1
                if self.done % 500 == 0:  # nginx ends a connection after 1000
                    self.keep.close()
                    self.keep = Keep(self.lab.client, VIP)
            except OSError as error:
                self.lost.append(error)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *reason):
        self.stop.set()
        self.thread.join()
        self.keep.close()


def test_restore_of_a_large_table(lab):
    """10,000 services with 40,000 servers while traffic flows: none of it is lost, and it is quick."""
    text = table_text(10000, 4)
    times = []
    for _ in range(2):
        adm(lab, "-C")
        make(lab)
        with Traffic(lab) as traffic:
            begin = time.monotonic()
            adm(lab, "-R", text=text)
            times.append(time.monotonic() - begin)
        assert not traffic.lost and traffic.done > 20, traffic.lost
        if times[-1] < 5:
            break
    begin = time.monotonic()
    listed = adm(lab, "-ln").stdout
    listing = time.monotonic() - begin
    print("restore", times, "listing", listing)
    assert len(listed.splitlines()) == 3 + 3 + 50000
    # Five seconds is what is promised, and `restore` above says what it was. A machine that others use is
    # slower; a door with something quadratic in it would need minutes.
    assert min(times) < 30 and listing < 15
    status = lab.w.get("/v1/status")
    assert status["services"] == 10001 and status["servers"] == 40002
    # It lasts: stop and start with all of it.
    lab.w.stop()
    lab.w.start()
    assert lab.w.get("/v1/status")["servers"] == 40002
    assert lab.client.names(VIP) in (["s1"], ["s2"])
