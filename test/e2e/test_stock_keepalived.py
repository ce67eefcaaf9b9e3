# SPDX-License-Identifier: BSD-3-Clause
"""Stock keepalived, unmodified, with libweir-ipvs.so: its checks decide where weir sends."""

import os
import signal
from collections import Counter

import pytest

from lab import VIP, Keep, Refused, TwoArm, run, server_address, wait_for

KEEPALIVED, IPVSADM = "/usr/sbin/keepalived", "/usr/sbin/ipvsadm"
HTTP = f"{VIP}:80"


class Keepalived:
    """One that runs beside weir, in its namespace, so that its checks go over weir's TAPs."""

    def __init__(self, lab, name="keepalived"):
        self.lab = lab
        self.folder = lab.folder / name
        self.folder.mkdir(exist_ok=True)
        self.file = self.folder / "keepalived.conf"
        self.log = self.folder / "log"
        self.process = None

    def write(self, text):
        self.file.write_text(text)
        return self

    def start(self):
        self.process = self.lab.balancer.start(
            KEEPALIVED, "-n", "-l", "-D", "-C", "-f", self.file, "-p", self.folder / "pid", "-c", self.folder / "checker",
            log=self.log, env=self.lab.w.preload)
        return self

    def reload(self, text):
        self.write(text)
        os.kill(self.process.pid, signal.SIGHUP)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(15)

    def kill(self):
        """As if the machine had lost it: no farewell."""
        children = run("pgrep", "-P", self.process.pid, check=False).stdout.split()
        os.kill(self.process.pid, signal.SIGSTOP)  # it would start them again
        for pid in children:
            os.kill(int(pid), signal.SIGKILL)
        self.process.kill()
        self.process.wait(10)
        for name in ("pid", "checker"):  # where nobody reaps orphans, keepalived takes them for alive
            (self.folder / name).unlink(missing_ok=True)


def check(extra=""):
    return f"TCP_CHECK {{ connect_timeout 1 {extra} }}".replace(" }", "\n}").replace("{ ", "{\n")


def server(number, weight=1, extra="", port=80):
    return f"real_server {server_address(number)} {port} {{\nweight {weight}\n{extra}\n{check()}\n}}\n"


def service(*servers, port=80, algorithm="rr", extra=""):
    return (f"virtual_server {VIP} {port} {{\ndelay_loop 0.2\nlb_algo {algorithm}\nlb_kind NAT\nprotocol TCP\n"
            f"delay_before_retry 0.1\nretry 1\n{extra}\n{''.join(servers)}}}\n")


def conf(*services, extra=""):
    return f"global_defs {{\nrouter_id weir\n{extra}\n}}\n" + "".join(services)


BOTH = conf(service(server(1), server(2)))


@pytest.fixture(scope="module")
def lab(make_lab):
    made = make_lab(TwoArm)
    made.w = made.weir(services=[]).start()
    made.nginxes = [next(p for p in made.processes if f"nginx-{host.role}/" in " ".join(map(str, p.args))) for host in made.servers]
    return made


@pytest.fixture
def keepalived(lab):
    made = Keepalived(lab)
    yield made
    made.stop()
    run(IPVSADM, "-C", env=lab.w.preload)


def table(lab):
    """{(protocol, endpoint): {server: weight}}, as ipvsadm lists it."""
    found, servers = {}, None
    for line in run(IPVSADM, "-ln", env=lab.w.preload).stdout.splitlines()[3:]:
        words = line.split()
        if words[0] == "->":
            servers[words[1]] = int(words[3])
        else:
            servers = found.setdefault(words[1], {})
    return found


def wait_table(lab, wanted, timeout=20):
    wait_for(lambda: table(lab) == wanted, timeout, 0.1, what=lambda: f"{wanted}, but there is {table(lab)}")


def endpoint(number, port=80):
    return f"{server_address(number)}:{port}"


FULL = {HTTP: {endpoint(1): 1, endpoint(2): 1}}


def alive(lab, number):
    host = lab.servers[number - 1]
    folder = lab.folder / f"nginx-{host.role}"
    lab.nginxes[number - 1] = host.start("/usr/sbin/nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf",
                                         "-p", folder, log=folder / "log")


def test_dead_server_goes_and_comes_back(lab, keepalived):
    keepalived.write(BOTH).start()
    wait_table(lab, FULL)
    assert Counter(lab.client.names(VIP, count=6)) == {"s1": 3, "s2": 3}
    kept = {keep.name: keep for keep in (Keep(lab.client, VIP), Keep(lab.client, VIP))}
    lab.end(lab.nginxes[1])
    wait_table(lab, {HTTP: {endpoint(1): 1}})
    assert Counter(lab.client.names(VIP, count=6)) == {"s1": 6}
    assert kept["s1"].ask() == "s1"
    shown = lab.w.ctl("check").stdout
    assert "removed" in shown and "keepalived took it out" in shown, shown
    alive(lab, 2)
    wait_table(lab, FULL)
    assert Counter(lab.client.names(VIP, count=6)) == {"s1": 3, "s2": 3}
    assert "keepalived put it in" in lab.w.ctl("check").stdout
    keepalived.stop()
    assert table(lab) == {}, "a clean stop takes its services along"


def test_inhibit(lab, keepalived):
    keepalived.write(conf(service(server(1, 3, "inhibit_on_failure"), server(2, 5, "inhibit_on_failure")))).start()
    full = {HTTP: {endpoint(1): 3, endpoint(2): 5}}
    wait_table(lab, full)
    lab.end(lab.nginxes[0])
    wait_table(lab, {HTTP: {endpoint(1): 0, endpoint(2): 5}})
    assert Counter(lab.client.names(VIP, count=4)) == {"s2": 4}
    assert "keepalived set weight 0" in lab.w.ctl("check").stdout
    alive(lab, 1)
    wait_table(lab, full)


def test_every_kind_of_check(lab, keepalived):
    """TCP, HTTP, UDP (a port that is unreachable is down), PING and MISC, over weir's TAPs."""
    script = keepalived.folder / "check"
    script.write_text(f"#!/bin/sh\n{IPVSADM} -ln > {keepalived.folder}/seen && test -e {keepalived.folder}/up\n")
    script.chmod(0o755)
    (keepalived.folder / "up").touch()
    lab.balancer.sysctl("net.ipv4.ping_group_range", "0 2147483647")

    def checked(port, text, protocol="TCP"):
        made = service(f"real_server {server_address(1)} {port} {{\nweight 1\n{text}\n}}\n", port=port)
        return made.replace("protocol TCP", f"protocol {protocol}")

    keepalived.write(conf(
        checked(80, "HTTP_GET {\nurl {\npath /\nstatus_code 200\n}\nconnect_timeout 1\n}"),
        checked(81, "PING_CHECK {\nconnect_timeout 1\nretry 1\n}"),
        checked(8080, f"MISC_CHECK {{\nmisc_path {script}\nmisc_timeout 2\n}}"),
        checked(5353, "UDP_CHECK {\nconnect_timeout 1\n}", "UDP"), extra="enable_script_security\nscript_user root")).start()
    full = {f"{VIP}:{port}": {endpoint(1, port): 1} for port in (80, 81, 8080, 5353)}
    wait_table(lab, full)

    def without(*ports):
        return {name: {} if int(name.rsplit(":", 1)[1]) in ports else servers for name, servers in full.items()}

    (keepalived.folder / "up").unlink()
    wait_table(lab, without(8080))
    assert VIP in (keepalived.folder / "seen").read_text(), "a script inherits the library"
    echo = next(p for p in lab.processes if "udp_echo.py" in " ".join(map(str, p.args)) and "s1" in p.args)
    lab.end(echo)
    wait_table(lab, without(8080, 5353))
    lab.end(lab.nginxes[0])
    wait_table(lab, without(8080, 5353, 80))
    lab.servers[0].ip("link", "set", "eth0", "down")
    wait_table(lab, without(8080, 5353, 80, 81))
    lab.servers[0].ip("link", "set", "eth0", "up")
    alive(lab, 1)
    lab.udp_echo(lab.servers[0])
    (keepalived.folder / "up").touch()
    wait_table(lab, full)
    assert lab.client.udp_ask(VIP, 5353) and lab.client.names(VIP) == ["s1"]


def test_two_keepalived(lab, keepalived):
    """Both are obeyed; nobody knows which of them made what, so nothing is swept, and the log says so."""
    other = Keepalived(lab, "other").write(conf(service(server(2), port=81)))
    keepalived.write(conf(service(server(1), server(2)))).start()
    wait_table(lab, FULL)
    begin = lab.w.log.stat().st_size
    other.start()
    wait_table(lab, {**FULL, f"{VIP}:81": {endpoint(2): 1}})
    wait_for(lambda: "more than one keepalived is running" in lab.w.log.read_text()[begin:], 15, what="the warning")
    assert table(lab) == {**FULL, f"{VIP}:81": {endpoint(2): 1}}
    other.stop()
    wait_table(lab, FULL)


def test_restarted_keepalived(lab, keepalived):
    """Killed, and started with another file: what it wants is changed, what it does not want goes, the rest stays."""
    keepalived.write(conf(service(server(1), server(2)), service(server(1, port=81), port=81))).start()
    wait_table(lab, {**FULL, f"{VIP}:81": {endpoint(1, 81): 1}})
    for words in (("-A", "-t", f"{VIP}:8080", "-s", "rr"), ("-a", "-t", f"{VIP}:8080", "-r", endpoint(1, 8080), "-m"),
                  ("-a", "-t", HTTP, "-r", endpoint(1, 8080), "-m")):
        run(IPVSADM, *words, env=lab.w.preload)
    keep = Keep(lab.client, VIP)
    keepalived.kill()
    keepalived.write(conf(service(server(1, 7), algorithm="wlc"))).start()
    by_hand = {f"{VIP}:8080": {endpoint(1, 8080): 1}}
    wait_table(lab, {HTTP: {endpoint(1): 7, endpoint(1, 8080): 1}, **by_hand}, 30)
    assert lab.w.service("tcp", VIP, 80)["scheduler"] == "wlc"
    assert "already exists" not in keepalived.log.read_text()
    assert keep.ask() in ("s1", "s2"), "a swept server serves what it has"
    keep.close()
    keepalived.stop()
    assert table(lab).get(f"{VIP}:8080") == {endpoint(1, 8080): 1}


def test_weir_restarts_beneath(lab, keepalived):
    """keepalived never has to know: the table is there again, and the next change arrives."""
    keepalived.write(BOTH).start()
    wait_table(lab, FULL)
    lab.w.wait_saved(server_address(1), server_address(2))
    for end in (lab.w.kill, lab.w.stop):
        end()
        lab.w.start()
        assert table(lab) == FULL
        assert lab.w.service("tcp", VIP, 80)["servers"][0]["keepalived"]
        wait_for(lambda: set(lab.client.names(VIP, count=2)) == {"s1", "s2"}, what="both answer")
    lab.end(lab.nginxes[1])
    wait_table(lab, {HTTP: {endpoint(1): 1}})
    alive(lab, 2)
    wait_table(lab, FULL)
    # A new service of the same run is no start: nothing is swept after it.
    keepalived.reload(conf(service(server(1), server(2)), service(server(1, port=81), port=81)))
    wait_table(lab, {**FULL, f"{VIP}:81": {endpoint(1, 81): 1}})
    assert "left by an earlier keepalived" not in lab.w.log.read_text().rsplit("is ready", 1)[1]
    keepalived.reload(BOTH)
    wait_table(lab, FULL)


def test_server_dies_while_weir_is_down(lab, keepalived):
    """What keepalived could not tell weir, it tells it with a later check."""
    keepalived.write(BOTH).start()
    wait_table(lab, FULL)
    lab.w.wait_saved(server_address(1), server_address(2))
    lab.w.stop()
    lab.end(lab.nginxes[1])
    wait_for(lambda: "No such device" in keepalived.log.read_text(), 15, what="keepalived misses weir")
    lab.w.start()
    wait_table(lab, {HTTP: {endpoint(1): 1}})
    alive(lab, 2)
    wait_table(lab, FULL)


def test_flush_and_timeouts(lab, keepalived):
    """lvs_flush takes what came through this door, and nothing else."""
    before = lab.w.get("/v1/timeouts")
    lab.w.put(f"/v1/services/tcp/{VIP}/8080", {"servers": [{"address": server_address(1), "port": 8080}]})
    run(IPVSADM, "-A", "-t", f"{VIP}:81", env=lab.w.preload)
    keepalived.write(conf(service(server(1)), extra="lvs_flush\nlvs_timeouts tcp 700 tcpfin 20 udp 40")).start()
    wait_table(lab, {HTTP: {endpoint(1): 1}, f"{VIP}:8080": {endpoint(1, 8080): 1}})
    wait_for(lambda: lab.w.get("/v1/timeouts")["established"] == 700, what="timeouts of keepalived")
    now = lab.w.get("/v1/timeouts")
    assert (now["fin_wait"], now["udp_normal"], now["udp_one_way"]) == (20, 40, 40)
    keepalived.stop()
    assert lab.w.get("/v1/timeouts") == before, "put back by keepalived"
    lab.w.delete(f"/v1/services/tcp/{VIP}/8080")


def test_no_weir(lab, keepalived):
    """Without weir keepalived says so and ends; it does not spin."""
    lab.w.stop()
    try:
        keepalived.write(BOTH).start()
        wait_for(lambda: keepalived.process.poll() is not None, 20, what="keepalived ends")
        assert "IPVS" in keepalived.log.read_text()
    finally:
        lab.w.start()
    with pytest.raises(Refused):
        lab.w.service("tcp", VIP, 80)
