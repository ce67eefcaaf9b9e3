# SPDX-License-Identifier: BSD-3-Clause
"""The face ipvsadm with real traffic: FullNAT by hand, listings to the column, and what was saved restored."""

import os
import re
import subprocess
import threading

import pytest

from lab import BUILD, LIP, VIP, VIP6, Keep, TwoArm, run, server_address, server_address6, wait_for

SERVICE = f"{VIP}:80"
TITLES = ["Prot LocalAddress:Port Scheduler Flags",
          "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn"]


def ipvsadm(weir, *words, check=True, stdin="", **environment):
    done = subprocess.run([BUILD / "cli/ipvsadm", *map(str, words)], input=stdin, capture_output=True, text=True,
                          env={**os.environ, "WEIR_SOCKET": str(weir.socket), **environment}, timeout=60)
    if check:
        assert done.returncode == 0, (words, done.returncode, done.stdout, done.stderr)
    return done


def listing(weir, *words):
    return ipvsadm(weir, *words).stdout.splitlines()


@pytest.fixture(scope="module")
def lab(make_lab):
    """No services and no pool: what is there was made by ipvsadm."""
    lab = make_lab(TwoArm, servers=3)
    lab.w = lab.weir(services=[], local_addresses=[]).start()
    return lab


@pytest.fixture
def adm(lab):
    """Call with the words of a command line; everything is deleted afterwards."""
    yield lambda *words, **keywords: ipvsadm(lab.w, *words, **keywords)
    ipvsadm(lab.w, "-C")


def make_fullnat(adm, service=SERVICE, port=80, servers=(1, 2), scheduler="rr"):
    adm("-A", "-t", service, "-s", scheduler)
    for number in servers:
        adm("-a", "-t", service, "-r", f"{server_address(number)}:{port}", "-b")
    adm("--add-laddr", "-z", LIP, "-t", service, "-F", "dpdk1")


def test_the_fullnat_of_the_tutorial(lab, adm):
    """The commands of the tutorial, and its two tables."""
    adm("-A", "-t", SERVICE, "-s", "rr")
    adm("-a", "-t", SERVICE, "-r", server_address(1), "-b")  # without a port: that of the service
    adm("-a", "-t", SERVICE, "-r", server_address(2), "-b")
    adm("--add-laddr", "-z", LIP, "-t", SERVICE, "-F", "dpdk1")
    version = lab.w.get("/v1/version")["version"]
    assert adm("-ln").stdout.splitlines() == [
        f"IP Virtual Server version {version} (size=0)", *TITLES,
        "TCP  10.0.0.100:80 rr",
        "  -> 192.168.100.2:80             FullNat 1      0          0         ",
        "  -> 192.168.100.3:80             FullNat 1      0          0         "]
    assert adm("-G").stdout.splitlines() == [
        "VIP:VPORT            TOTAL    SNAT_IP              CONFLICTS  CONNS     ",
        "10.0.0.100:80        1        ",
        "                              192.168.100.200      0          0         "]
    # The words of the tables as they are printed there.
    printed = """Prot LocalAddress:Port Scheduler Flags
        -> RemoteAddress:Port Forward Weight ActiveConn InActConn
        TCP 10.0.0.100:80 rr
        -> 192.168.100.2:80 FullNat 1 0 0
        -> 192.168.100.3:80 FullNat 1 0 0"""
    assert adm("-ln").stdout.split()[6:] == printed.split()
    printed = "VIP:VPORT TOTAL SNAT_IP CONFLICTS CONNS 10.0.0.100:80 1 192.168.100.200 0 0"
    assert adm("-G").stdout.split() == printed.split()
    assert sorted(lab.client.names(VIP, count=4)) == ["s1", "s1", "s2", "s2"]
    name, peer, _ = lab.client.curl(f"http://{VIP}/").stdout.split()
    assert peer == LIP
    kept = Keep(lab.client, VIP)
    assert re.search(r"^ {30}192\.168\.100\.200      0          [1-9]\d* +$", adm("-G").stdout, re.M)
    kept.close()


def test_the_ipv6_of_the_overview(lab, adm):
    """Joined letters, a local address whose interface is named wrongly, and the overview's table."""
    local = "fd00:b::141"
    lab.balancer.ip("-6", "address", "add", f"{local}/64", "dev", "dpdk1.kni", "nodad")
    wait_for(lambda: any(row["address"].startswith(local) for row in lab.w.get("/v1/addresses")["addresses"]), 5,
             what="weir sees the local address")
    for kind, port in (("t", 80), ("u", 5353)):
        service = f"[{VIP6}]:{port}"
        adm(f"-A{kind}", service)
        warned = adm(f"-P{kind}", service, "-z", local, "-F", "dpdk0")
        assert "is taken as -F dpdk1" in warned.stderr
        for number in (3, 1, 2):
            adm(f"-a{kind}", service, "-r", f"[{server_address6(number)}]:{port}", "-b")
    assert listing(lab.w, "-ln")[1:] == [
        *TITLES,
        "TCP  [fd00:a::100]:80 wlc",
        "  -> [fd00:b::2]:80               FullNat 1      0          0         ",
        "  -> [fd00:b::3]:80               FullNat 1      0          0         ",
        "  -> [fd00:b::4]:80               FullNat 1      0          0         ",
        "UDP  [fd00:a::100]:5353 wlc",
        "  -> [fd00:b::2]:5353             FullNat 1      0          0         ",
        "  -> [fd00:b::3]:5353             FullNat 1      0          0         ",
        "  -> [fd00:b::4]:5353             FullNat 1      0          0         "]
    assert lab.client.names(VIP6, count=3)
    assert lab.client.udp_ask(VIP6, 5353)
    adm("-C")
    lab.balancer.ip("-6", "address", "delete", f"{local}/64", "dev", "dpdk1.kni")


def test_interfaces_by_any_name(lab, adm):
    adm("-At", SERVICE)
    for number, name in enumerate(("dpdk1", "dpdk1.kni", "out0")):
        adm("-Pt", SERVICE, "-z", f"192.168.100.{210 + number}", "-F", name)
    service = lab.w.service("tcp", VIP, 80)
    assert [a["interface"] for a in service["local_addresses"]] == ["dpdk1"] * 3
    assert adm("-Pt", SERVICE, "-z", "192.168.100.210", "-F", "dpdk1", check=False).returncode == 1
    adm("-Qt", SERVICE, "-z", "192.168.100.210", "-F", "out0")
    assert adm("-Qt", SERVICE, "-z", "192.168.100.210", "-F", "dpdk1", check=False).returncode == 1
    assert len(lab.w.service("tcp", VIP, 80)["local_addresses"]) == 2


def numbers(line):
    return [int(word) for word in line.split() if word.isdigit()]


def test_stats_zero_and_exact(lab, adm):
    """Counters after known traffic are those of the daemon, in columns of the right width; -Z begins anew."""
    make_fullnat(adm)
    adm("-Z")
    assert len(lab.client.names(VIP, count=10)) == 10
    wait_for(lambda: not any(s["active"] for s in lab.w.service("tcp", VIP, 80)["servers"]), 10,
             what="all connections are over")
    lines = listing(lab.w, "-ln", "--stats")
    assert lines[1:3] == ["Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes",
                          "  -> RemoteAddress:Port"]
    service = lab.w.service("tcp", VIP, 80)
    for line, name, row in zip(lines[3:], ("TCP  10.0.0.100:80", "  -> 192.168.100.2:80", "  -> 192.168.100.3:80"),
                               [service, *service["servers"]]):
        counters = [row[key] for key in ("connections", "packets_in", "packets_out", "bytes_in", "bytes_out")]
        assert line == f"{name:<33}" + "".join(f"{number:>9}" for number in counters)
    assert numbers(lines[3])[0] == 10 and numbers(lines[4])[0] == numbers(lines[5])[0] == 5
    assert all(number >= 20 for number in numbers(lines[3])[1:])
    assert listing(lab.w, "-ln", "--stats", "-X")[3:] == lines[3:]
    assert listing(lab.w, "-ln", "--stats", "-t", SERVICE) == lines[1:], "one service: no line with the version"
    adm("-Z", "-t", SERVICE)
    assert not any(map(any, map(numbers, listing(lab.w, "-ln", "--stats")[3:])))
    lab.client.names(VIP, count=2)
    assert numbers(listing(lab.w, "-ln", "--stats")[3])[0] == 2
    adm("--zero")
    assert numbers(listing(lab.w, "-ln", "--stats")[3])[0] == 0


def test_one_worker(make_lab):
    """--cpu shows what each worker has; the shares make up the whole."""
    lab = make_lab(TwoArm, servers=2, queues=2, echo=False)
    lab.w = lab.weir(workers=2).start()
    assert len(lab.client.names(VIP, count=40)) == 40
    wait_for(lambda: not any(s["active"] for s in lab.w.service("tcp", VIP, 80)["servers"]), 10,
             what="all connections are over")
    whole, *shares = [numbers(listing(lab.w, "-ln", "--stats", "-t", SERVICE, *cpu)[2])
                      for cpu in ([], ["--cpu", "1"], ["--cpu", "2"])]
    assert [sum(column) for column in zip(*shares)] == whole and whole[0] == 40
    connections = [len(listing(lab.w, "-lnc", "--cpu", cpu)) for cpu in (0, 1, 2)]
    assert connections[0] == connections[1] + connections[2] and connections[0] > 0
    assert all(line.startswith("[2]") for line in listing(lab.w, "-lnc", "--cpu", "2"))
    assert "of all workers" in ipvsadm(lab.w, "-ln", "--rate", "--cpu", "1").stderr
    assert ipvsadm(lab.w, "-ln", "--cpu", "3", check=False).returncode == 2


def test_rates_under_load(lab, adm):
    make_fullnat(adm)
    loading = threading.Event()

    def load():
        while not loading.is_set():
            lab.client.connections(VIP, 80, 300, 8)

    def rates():
        lines = listing(lab.w, "-ln", "--rate")
        return lines if all(len(numbers(line)) == 5 and all(numbers(line)) for line in lines[3:]) else None

    thread = threading.Thread(target=load)
    thread.start()
    try:
        lines = wait_for(rates, 20, what="rates of the service and of both real servers")
    finally:
        loading.set()
        thread.join()
    assert lines[1:3] == ["Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS",
                          "  -> RemoteAddress:Port"]
    assert [len(line) for line in lines[3:]] == [78, 78, 78], lines


def test_other_columns_and_order(lab, adm):
    make_fullnat(adm, f"{VIP}:81", 81, (2, 1))
    make_fullnat(adm, SERVICE, 80, (1,))
    adm("-Au", f"{VIP}:53")
    head, thresholds = listing(lab.w, "-ln", "--thresholds")[1:3], listing(lab.w, "-ln", "--thresholds")[3:]
    assert head == ["Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn ",
                    "  -> RemoteAddress:Port"]
    assert thresholds[1] == "  -> 192.168.100.2:80             0          0          0          0         "
    lines = listing(lab.w, "-ln", "--persistent-conn")
    assert lines[1] == "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn "
    assert lines[4] == "  -> 192.168.100.2:80             1         0           0          0         "
    names = [line.split()[1] for line in listing(lab.w, "-ln")[3:]]
    assert names == [SERVICE, "192.168.100.2:80", f"{VIP}:81", "192.168.100.2:81", "192.168.100.3:81", f"{VIP}:53"]
    names = [line.split()[1] for line in listing(lab.w, "-ln", "--nosort")[3:]]
    assert {name for name in names if VIP in name} == {f"{VIP}:81", SERVICE, f"{VIP}:53"}
    # Names: whatever this machine calls these addresses, ports are in /etc/services.
    assert re.search(r"^TCP  \S+:http rr$", adm("-L").stdout, re.M)
    assert adm().stdout == adm("--list").stdout
    assert adm("-B").stdout == "PROTO    VIP:VPORT                      BLACKLIST                     \n"
    assert adm("-W", "-t", SERVICE).stdout == "PROTO    VIP:VPORT                      WHITELIST                     \n"
    assert adm("-ln", "--daemon").stdout == ""


def test_edit_changes_only_what_is_named(lab, adm):
    adm("-A", "-t", SERVICE, "-s", "rr", "--conn-timeout", "600", "--settings", '{"mss": 1400}')
    adm("-a", "-t", SERVICE, "-r", server_address(1), "-b", "-w", "7")
    assert "TCP  10.0.0.100:80 rr conn-timeout 600" in listing(lab.w, "-ln")
    adm("-E", "-t", SERVICE, "-s", "wrr")
    service = lab.w.service("tcp", VIP, 80)
    assert (service["scheduler"], service["timeouts"], service["mss"]) == ("wrr", {"established": 600}, 1400)
    adm("-E", "-t", SERVICE, "--conn-timeout=0")
    service = lab.w.service("tcp", VIP, 80)
    assert (service["scheduler"], service.get("timeouts"), service["mss"]) == ("wrr", None, 1400)
    adm("-e", "-t", SERVICE, "-r", server_address(1), "-b")
    assert lab.w.service("tcp", VIP, 80)["servers"][0]["weight"] == 7
    adm("-e", "-t", SERVICE, "-r", server_address(1), "-w", "0")
    assert lab.w.service("tcp", VIP, 80)["servers"][0]["weight"] == 0
    adm("-d", "-t", SERVICE, "-r", server_address(1))
    assert not lab.w.service("tcp", VIP, 80)["servers"]
    adm("-Au", f"{VIP}:53", "--conn-timeout", "60")
    assert "UDP  10.0.0.100:53 wlc conn-timeout 60" in listing(lab.w, "-ln")
    adm("-Eu", f"{VIP}:53", "--conn-timeout", "0")
    assert "UDP  10.0.0.100:53 wlc" in listing(lab.w, "-ln")
    adm("-D", "-u", f"{VIP}:53")
    assert adm("-D", "-u", f"{VIP}:53", check=False).returncode == 1


def test_a_server_that_is_down(lab, adm):
    """What health checks took out is shown as inhibited, with its weight as it is configured."""
    make_fullnat(adm)
    adm("-e", "-t", SERVICE, "-r", server_address(1), "-w", "9")
    health = f"/v1/services/tcp/{VIP}/80/servers/{server_address(1)}/80/health"
    lab.w.patch(f"/v1/services/tcp/{VIP}/80", {"check": {"type": "tcp"}})
    lab.w.put(health, {"state": "down", "reason": "connection refused"})
    assert "  -> 192.168.100.2:80             FullNat 9      0          0          inhibited" in listing(lab.w, "-ln")
    assert "-a -t 10.0.0.100:80 -r 192.168.100.2:80 -b -w 9" in listing(lab.w, "-S")
    assert set(lab.client.names(VIP, count=4)) == {"s2"}
    lab.w.put(health, {"state": "up", "reason": "connected"})
    assert "inhibited" not in adm("-ln").stdout
    assert set(lab.client.names(VIP, count=4)) == {"s1", "s2"}


def test_connections(lab, adm):
    make_fullnat(adm)
    kept = [Keep(lab.client, VIP) for _ in range(3)]
    host, port = kept[0].socket.getsockname()[:2]
    lines = [line for line in listing(lab.w, "-lnc") if "TCP_EST" in line]
    assert len(lines) == 3
    pattern = re.compile(r"\[1\]tcp \d+s +TCP_EST     10\.0\.0\.2:\d+ +10\.0\.0\.100:80      "
                         r"192\.168\.100\.200:\d+ +192\.168\.100\.[23]:80")
    assert all(pattern.fullmatch(line) for line in lines), lines
    assert [lines[0].index(text) for text in ("TCP_EST", "10.0.0.2", "10.0.0.100")] == [14, 26, 45]
    found = listing(lab.w, "-lnc", "--sockpair", f"tcp:{host}:{port}:{VIP}:80")
    assert len(found) == 1 and f"{host}:{port}" in found[0]
    missing = ipvsadm(lab.w, "-lnc", "--sockpair", f"tcp:{host}:1:{VIP}:80", check=False)
    assert (missing.returncode, missing.stdout) == (1, "") and "connection specified not found" in missing.stderr
    assert len([line for line in listing(lab.w, "-lnc", "--cpu", "1") if "TCP_EST" in line]) == 3
    assert listing(lab.w, "-lnc", "-t", f"{VIP}:81") == []
    assert listing(lab.w, "-lnc", "--persistent-conn") == []
    for keep in kept:
        keep.close()


def test_timeouts(lab, adm):
    before = lab.w.get("/v1/timeouts")
    adm("--set", "901", "121", "301")
    assert adm("-L", "--timeout").stdout == "Timeout (tcp tcpfin udp): 901 121 301\n"
    adm("--set", "0", "0", "302")
    assert adm("-L", "--timeout").stdout == "Timeout (tcp tcpfin udp): 901 121 302\n"
    assert adm("--set", "0", "0", "2678400", check=False).returncode == 1  # more than weir can
    assert adm("-L", "--timeout").stdout == "Timeout (tcp tcpfin udp): 901 121 302\n"
    lab.w.patch("/v1/timeouts", before)


RULES = f"""# what -S prints, and what people write
-A -t {VIP}:80 -s rr
-P -t {VIP}:80 -z {LIP} -F dpdk1
-P -t {VIP}:80 -z 192.168.100.201 -F dpdk1.kni

ipvsadm -a -t {VIP}:80 -r 192.168.100.2 -b
./ipvsadm -a -t {VIP}:80 -r 192.168.100.3:80 -b -w 3
-A -u {VIP}:5353 --conn-timeout 60 --settings '{{"unknown_tcp": "drop", "timeouts": {{"udp_normal": 61}}}}'
-au {VIP}:5353 -r 192.168.100.2:5353 -b -w 0
-A -t [{VIP6}]:80 -s wrr --settings "{{\\"mss\\": 1300, \\"timeouts\\": {{\\"fin_wait\\": 9}}}}"
-at [{VIP6}]:80 -r [fd00:b::2] -b -w 65535
-A -t [{VIP6}]:81 -s mh --settings '{{"check": {{"type": "tcp", "interval": 60}}, "quorum": 2, "hysteresis": 1}}'
-at [{VIP6}]:81 -r [fd00:b::2] -b --settings '{{"check": null}}'
"""


def by_key(config):
    return {(service["protocol"], service["vip"], service["port"]): service for service in config["services"]}


def test_save_and_restore(lab, adm):
    """What -S prints of one weir makes another the same, as the API has it."""
    ipvsadm(lab.w, "-R", stdin=RULES)
    assert sorted(lab.client.names(VIP, count=4)) == ["s1", "s1", "s2", "s2"]
    before = lab.w.get("/v1/config")
    saved = adm("-S").stdout
    assert adm("-S", "-n").stdout == saved
    lab.w.stop()
    first, lab.w = lab.w, lab.weir("fresh", services=[], local_addresses=[]).start()
    try:
        assert lab.w.get("/v1/config")["services"] == []
        ipvsadm(lab.w, "-R", stdin=saved)
        after = lab.w.get("/v1/config")
        assert by_key(after) == by_key(before)
        assert sorted(listing(lab.w, "-S")) == sorted(saved.splitlines())
        assert sorted(lab.client.names(VIP, count=4)) == ["s1", "s1", "s2", "s2"]
        again = ipvsadm(lab.w, "-R", stdin=saved, check=False)
        assert again.returncode == 1 and again.stderr.count("exists already") == len(saved.splitlines())
        assert lab.w.get("/v1/config") == after
    finally:
        lab.w.stop()
        lab.w = first.start()


def test_restore_does_what_it_can(lab, adm):
    make_fullnat(adm)
    text = f"""-A -t {VIP}:90 -s rr
-a -t {VIP}:90 -r 192.168.100.2:80 -b
-a -t {VIP}:90 -r 192.168.100.2:80 -b -w 9
-a -t {VIP}:90 -r 10.0.0.256:80 -b
-a -t {VIP}:90 -r [fd00:b::2]:80 -b
-P -t {VIP}:90 -z 192.168.100.202 -F dpdk1
-A -t {VIP}:91 -s nonsense
-A -t {VIP}:92 -s wrr
-D -t {VIP}:80
-ln -t {VIP}:92
"""
    done = adm("-R", stdin=text, check=False)
    assert done.returncode == 1
    told = dict(re.match(r"ipvsadm: line (\d+): (.*)", line).groups() for line in done.stderr.splitlines())
    assert set(told) == {"3", "4", "5", "7"}, done.stderr
    assert "exists already" in told["3"] and "10.0.0.256" in told["4"] and "NAT46" in told["5"] and "nonsense" in told["7"]
    services = {s["port"]: s for s in lab.w.get("/v1/services")["services"]}
    assert set(services) == {90, 92}
    assert [(s["address"], s["weight"]) for s in services[90]["servers"]] == [("192.168.100.2", 1)]
    assert [a["address"] for a in services[90]["local_addresses"]] == ["192.168.100.202"]
    assert "TCP  10.0.0.100:92 wrr" in done.stdout


def sorted_listing(lines):
    """A listing with its services in the order of their addresses."""
    blocks = re.findall(r"^TCP.*\n(?:  ->.*\n)*", "\n".join(lines[3:]) + "\n", re.M)
    blocks.sort(key=lambda block: [int(part) for part in re.findall(r"\d+", block)[:5]])
    return lines[:3] + "".join(blocks).splitlines()


def test_many_services(lab, adm):
    """A restore, a listing, a save and a flush of many, while a client goes on."""
    make_fullnat(adm)
    keep = Keep(lab.client, VIP)
    lines = []
    for number in range(2000):
        service = f"10.9.{number // 250}.{number % 250 + 1}:80"
        lines.append(f"-A -t {service} -s rr")
        lines += [f"-a -t {service} -r 192.168.100.{k + 2}:80 -b -w {k + 1}" for k in range(4)]
    adm("-R", stdin="\n".join(lines) + "\n")
    assert lab.w.get("/v1/status")["servers"] == 8002
    assert len(listing(lab.w, "-ln")) == 3 + 3 + 5 * 2000
    assert listing(lab.w, "-ln", "--sort") == sorted_listing(listing(lab.w, "-ln", "--nosort"))
    saved = listing(lab.w, "-S")
    assert len(saved) == 4 + len(lines) and set(lines) < set(saved)
    assert keep.ask() == keep.name
    keep.close()
    adm("-C")
    assert lab.w.get("/v1/services")["services"] == []


def test_sockets(lab, adm):
    """WEIR_SOCKET, DPVS_IPC_FILE when it names a socket, and none."""
    words = [BUILD / "cli/ipvsadm", "-ln"]
    plain = {key: value for key, value in os.environ.items() if key not in ("WEIR_SOCKET", "DPVS_IPC_FILE")}
    assert run(*words, env={**plain, "DPVS_IPC_FILE": str(lab.w.socket)}).stdout.startswith("IP Virtual Server")
    assert run(*words, env={**plain, "DPVS_IPC_FILE": "/nonexistent", "WEIR_SOCKET": str(lab.w.socket)}).stdout
    done = run(*words, env={**plain, "WEIR_SOCKET": "/nonexistent", "DPVS_IPC_FILE": str(lab.w.socket)}, check=False)
    assert done.returncode == 2 and "/nonexistent" in done.stderr and "is the daemon running" in done.stderr
