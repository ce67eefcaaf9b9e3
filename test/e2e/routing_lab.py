# SPDX-License-Identifier: BSD-3-Clause
"""Routing daemons beside weir, a router with ECMP over two weirs, and a probe that measures gaps.

               +-- dpdk0 [n1: weir + BIRD or FRR] dpdk1 --+
  client -- router (BIRD, ECMP)                          br -- s1, s2, ...
               +-- dpdk0 [n2: weir + BIRD or FRR] dpdk1 --+

What the nodes' routing daemons are told is read from doc/operations.md, so that the examples there
are what is tested.
"""

import contextlib
import datetime
import json
import os
import re
import selectors
import shutil
import signal
import socket
import threading
import time

from lab import CLONE_NEWNET, ROOT, Lab, Weir, libc, run, wait_for

VIP, VIP6 = "10.10.0.100", "fd00:10::100"
CLIENT, CLIENT6 = "10.9.0.2", "fd00:9::2"
ROUTER, ROUTER6 = "10.0.0.254", "fd00:a::fe"
SLOW_BFD = 1000


def example(name):
    """The block of doc/operations.md that begins with ```name."""
    text = (ROOT / "doc/operations.md").read_text()
    found = re.search(rf"^```{re.escape(name)}\n(.*?)^```$", text, re.S | re.M)
    assert found, f"doc/operations.md has no example {name}"
    return found[1]


class Frr:
    """Some daemons of FRR in a host of the lab; `configs` maps their names to their configuration."""

    def __init__(self, lab, host, configs, name=None):
        self.lab, self.host = lab, host
        self.folder = lab.folder / f"frr-{name or host.role}"
        self.folder.mkdir(exist_ok=True)
        # They give root away at the start.
        shutil.chown(self.folder, "frr", "frr")
        self.processes = {}
        for daemon in ("zebra", *[daemon for daemon in configs if daemon != "zebra"]):
            self.begin(daemon, configs.get(daemon, ""))

    def begin(self, daemon, config):
        file = self.folder / f"{daemon}.conf"
        file.write_text(config)
        shutil.chown(file, "frr", "frr")
        self.processes[daemon] = self.host.start(
            f"/usr/lib/frr/{daemon}", "-f", file, "-i", self.folder / f"{daemon}.pid", "-z", self.folder / "zserv.api",
            "--vty_socket", self.folder, "-A", "127.0.0.1", "-P", "0",
            *(["--bfdctl", self.folder / "bfdd.sock"] if daemon == "bfdd" else []),
            log=self.folder / f"{daemon}.log")
        wait_for(lambda: self.answers(daemon), 20, what=f"{daemon} answers")

    def answers(self, daemon):
        process = self.processes[daemon]
        assert process.poll() is None, (self.folder / f"{daemon}.log").read_text()
        return "FRRouting" in self.ask("show version", daemon=daemon, check=False)

    def ask(self, *commands, daemon=None, check=True):
        """What vtysh prints."""
        words = [word for command in commands for word in ("-c", command)]
        return run("vtysh", "--vty_socket", self.folder, *(["-d", daemon] if daemon else []), *words, check=check,
                   env={**os.environ, "VTYSH_HISTFILE": "/dev/null"}).stdout

    def kill(self):
        for process in reversed(self.processes.values()):
            self.lab.end(process, signal.SIGKILL)


class Request:
    """One request of a probe, with a flow of its own."""

    __slots__ = ("begin", "end", "error", "name", "socket", "answer")

    def __init__(self, begin):
        self.begin, self.end, self.error, self.name, self.socket, self.answer = begin, None, None, None, None, b""


class RequestProbe:
    """
    A client that begins a new request every `interval` seconds, each on a connection or UDP flow of
    its own, whatever became of those before. What is not answered within `timeout` is lost; TCP
    itself would try again after a second.

    tcp: HTTP, of which the whole answer has to come; udp: the echo server of the labs.
    """

    def __init__(self, host, address, port, protocol="tcp", interval=0.01, timeout=0.8):
        self.host, self.target, self.tcp = host, (address, port), protocol == "tcp"
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.interval, self.timeout = interval, timeout
        self.requests, self.open = [], {}
        self.running, self.failure = True, None
        self.selector = selectors.DefaultSelector()
        self.thread = threading.Thread(target=self.body, daemon=True)
        self.thread.start()

    def body(self):
        fd = os.open(f"/run/netns/{self.host.ns}", os.O_RDONLY)
        try:
            if libc.setns(fd, CLONE_NEWNET):
                raise OSError("setns")
            self.loop()
        except BaseException as error:  # handed to stop()
            self.failure = error
        finally:
            os.close(fd)

    def loop(self):
        following = time.monotonic()
        while self.running or self.open:
            now = time.monotonic()
            if self.running and now >= following:
                # After a pause of the machine there is no burst to make up for it.
                following = max(following + self.interval, now)
                self.begin(now)
            for key, _ in self.selector.select(max(0, following - now) if self.running else 0.05):
                self.proceed(key.data)
            for request in [r for r in self.open.values() if r.begin + self.timeout < time.monotonic()]:
                self.finish(request, "no answer")

    def begin(self, now):
        request = Request(now)
        self.requests.append(request)
        request.socket = socket.socket(self.family, socket.SOCK_STREAM if self.tcp else socket.SOCK_DGRAM)
        request.socket.setblocking(False)
        self.open[request.socket.fileno()] = request
        try:
            request.socket.connect(self.target)
        except BlockingIOError:
            pass
        except OSError as error:
            self.finish(request, str(error))
            return
        self.selector.register(request.socket, selectors.EVENT_WRITE, request)

    def proceed(self, request):
        key = self.selector.get_key(request.socket)
        try:
            if key.events & selectors.EVENT_WRITE:
                text = "GET / HTTP/1.0\r\nHost: x\r\n\r\n" if self.tcp else "x"
                request.socket.send(text.encode())
                self.selector.modify(request.socket, selectors.EVENT_READ, request)
                return
            piece = request.socket.recv(65536)
        except OSError as error:
            self.finish(request, str(error))
            return
        request.answer += piece
        if not self.tcp:
            request.name = piece.split()[0].decode()
            self.finish(request)
        elif not piece:
            body = request.answer.split(b"\r\n\r\n", 1)
            if len(body) == 2 and body[1].endswith(b"\n"):
                request.name = body[1].split()[0].decode()
                self.finish(request)
            else:
                self.finish(request, "closed without an answer")

    def finish(self, request, error=None):
        request.end, request.error = time.monotonic(), error
        del self.open[request.socket.fileno()]
        try:
            self.selector.unregister(request.socket)
        except KeyError:
            pass
        request.socket.close()

    def stop(self):
        """Begin no more, wait for those under way."""
        self.running = False
        self.thread.join()
        self.selector.close()
        if self.failure:
            raise self.failure
        return self

    def answered(self, since=0.0):
        """How many requests that began at or after `since` (time.monotonic()) have been answered by now."""
        return sum(1 for r in list(self.requests) if r.begin >= since and r.end and not r.error)

    def wait(self, count=20, timeout=20):
        """Until so many more are answered."""
        now = time.monotonic()
        wait_for(lambda: self.failure or self.answered(now) >= count, timeout, what=f"{count} answers to a probe")

    def lost(self, since=0.0, until=float("inf")):
        """Requests that were begun in this time and failed."""
        return [r for r in self.requests if r.error and since <= r.begin < until]

    def gap(self, since=0.0, apart=1.0):
        """
        The longest time, in seconds, in which requests were lost: from the beginning of the first
        lost one to that of the last, without `apart` seconds of luck in between.
        """
        longest, first, last = 0.0, None, None
        for request in self.lost(since):
            if first is None or request.begin - last > apart:
                first = request.begin
            last = request.begin
            longest = max(longest, last - first + self.interval)
        return longest

    def slowest(self):
        return max((r.end - r.begin for r in self.requests if r.end and not r.error), default=0.0)

    def told(self):
        """For people: what was asked and what was lost."""
        return (f"{len(self.requests)} requests, {len(self.lost())} lost"
                f"{' (' + ', '.join(sorted({r.error for r in self.lost()})) + ')' if self.lost() else ''}, "
                f"gap {self.gap() * 1000:.0f} ms, slowest answer {self.slowest() * 1000:.0f} ms")


BIRD_ROUTER = """
router id 10.0.0.254;
protocol device { scan time 2; }
protocol direct { ipv4; ipv6; interface "eth1"; }
protocol kernel { merge paths on; ipv4 { import none; export where source != RTS_DEVICE; }; }
protocol kernel { merge paths on; ipv6 { import none; export where source != RTS_DEVICE; }; }
"""

BIRD_ROUTER_BFD = """
protocol bfd {{
  accept direct;
  interface "eth0" {{ min rx interval {interval} ms; min tx interval {interval} ms; multiplier 3; }};
}}
"""

BIRD_ROUTER_BGP = """
protocol bgp n{n} {{
  local 10.0.0.254 as 65001; neighbor 10.0.0.{n} as 65000; bfd on;
  connect retry time 1; connect delay time 1; error wait time 1, 2;
  ipv4 {{ import all; export where source = RTS_DEVICE; next hop self; }};
}}
protocol bgp n{n}v6 {{
  local fd00:a::fe as 65001; neighbor fd00:a::{n} as 65000; bfd on;
  connect retry time 1; connect delay time 1; error wait time 1, 2;
  ipv6 {{ import all; export where source = RTS_DEVICE; next hop self; }};
}}
"""

BIRD_ROUTER_OSPF = """
protocol ospf v2 up {
  merge external yes;
  ipv4 { import all; export none; };
  area 0 { interface "eth0" { hello 1; dead count 4; wait 2; bfd on; }; interface "eth1" { stub; }; };
}
"""


class Node:
    """A host with a weir and a routing daemon."""

    def __init__(self, lab, number, **extra):
        self.lab, self.number = lab, number
        self.host = lab.host(f"n{number}")
        lab.plug(lab.sw, f"n{number}", self.host, "in0")
        lab.plug(lab.sw2, f"n{number}", self.host, "out0")
        lab.peer_offloads(lab.sw, f"n{number}")
        lab.peer_offloads(lab.sw2, f"n{number}")
        self.w = Weir(lab, self.host, lab.config(number, **extra), f"n{number}")
        self.birdc = self.frr = self.bird_process = None

    def adapted(self, text):
        """The example of the documentation is node 1's."""
        return re.sub(r"\bfd00:a::1\b", f"fd00:a::{self.number}",
                      re.sub(r"\b10\.0\.0\.1\b", f"10.0.0.{self.number}", text))

    def bird(self, name):
        self.birdc = self.lab.bird(self.host, self.adapted(example(name)))
        self.bird_process = self.birdc.process

    def start_frr(self, *names):
        """`names` are the examples of the documentation, each that of a daemon: frr-bgpd."""
        self.frr = Frr(self.lab, self.host, {name.split("-")[1]: self.adapted(example(name)) for name in names})

    def vips(self, ipv6=False):
        """The addresses that Linux has on the device of announced VIPs."""
        done = run("ip", "-n", self.host.ns, "-j", "address", "show", "dev", "weir.vip", check=False)
        if done.returncode:
            return set()
        return {a["local"] for a in json.loads(done.stdout)[0]["addr_info"]
                if a["family"] == ("inet6" if ipv6 else "inet") and a.get("scope") != "link"}

    def cut(self):
        """Pull the cable to the router out of the switch."""
        self.lab.sw.ip("link", "set", "dev", f"n{self.number}", "down")

    def mend(self):
        self.lab.sw.ip("link", "set", "dev", f"n{self.number}", "up")

    def kill(self):
        """The whole node at once, as by a power failure: no program of it can say a word any more."""
        processes = [self.w.process, self.bird_process, *(self.frr.processes.values() if self.frr else [])]
        for process in processes:
            if process and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        for process in processes:
            if process:
                process.wait(10)


class EcmpLab(Lab):
    """
    Two nodes behind a router that has a route over each. `routing`: "bgp" or "ospf" for the
    router's BIRD; the nodes' daemons are begun by the tests. `bfd`: milliseconds, times 3; those of
    the nodes are in doc/operations.md, and the slower of two neighbours decides.
    """

    def __init__(self, routing="bgp", servers=2, nodes=2, big=None, bfd=100, **extra):
        super().__init__()
        self.sw, self.sw2 = self.switch("sw"), self.switch("sw2")
        self.client, self.router = self.host("client"), self.host("router")
        self.plug(self.sw, "up0", self.router, "eth0")
        self.link(self.client, "eth0", self.router, "eth1")
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        for family in ("ipv4", "ipv6"):
            self.router.sysctl(f"net.{family}.fib_multipath_hash_policy", 1)
        self.address(self.router, "eth0", f"{ROUTER}/24", f"{ROUTER6}/64")
        self.address(self.router, "eth1", "10.9.0.1/24", "fd00:9::1/64")
        self.address(self.client, "eth0", f"{CLIENT}/24", f"{CLIENT6}/64")
        self.client.ip("route", "add", "default", "via", "10.9.0.1")
        self.client.ip("-6", "route", "add", "default", "via", "fd00:9::1")
        self.peer_offloads(self.client, "eth0")
        self.servers = []
        for n in range(1, servers + 1):
            host = self.server(n, self.sw2, f"192.168.100.{10 + n}/24", f"fd00:b::{10 + n:x}/64")
            self.nginx(host, big)
            self.udp_echo(host)
            self.servers.append(host)
        text = BIRD_ROUTER
        if routing == "bgp":
            text += "".join(BIRD_ROUTER_BGP.format(n=n) for n in range(1, nodes + 1))
        else:
            text += BIRD_ROUTER_OSPF
        self.routes = self.folder / "routes"
        self.router.start("ip", "-ts", "monitor", "route", log=self.routes)
        self.router_text = text
        self.routerc = self.bird(self.router, text + BIRD_ROUTER_BFD.format(interval=bfd))
        self.nodes = [Node(self, n, **extra) for n in range(1, nodes + 1)]

    def bfd(self, interval):
        self.routerc.file.write_text(self.router_text + BIRD_ROUTER_BFD.format(interval=interval))
        self.routerc("configure")

    @contextlib.contextmanager
    def quick_bfd(self, alive=2):
        """
        100 ms x 3 while something is measured. Otherwise a lab in which nothing else may be lost
        would lose a node whenever the machine that it shares stands still for so long. What is
        given tells whether that happened even now: node `alive` was lost, which nobody had touched.
        """
        self.bfd(100)

        def sessions():
            """The neighbours: state, since when, interval and detection time."""
            rows = re.findall(r"^(\S+) +eth0 +(\w+) +(\S+) +(\S+) +(\S+)", self.routerc("show", "bfd", "sessions"), re.M)
            return {address: (state, since, interval, limit) for address, state, since, interval, limit in rows}

        def agreed():
            rows = sessions().values()
            return rows and all((state, interval, limit) == ("Up", "0.100", "0.300")
                                for state, _, interval, limit in rows)

        try:
            wait_for(agreed, 20, what=lambda: f"BFD at 100 ms: {sessions()}")
            before = sessions()
            yield lambda: any(sessions()[address] != row for address, row in before.items()
                              if address in (f"10.0.0.{alive}", f"fd00:a::{alive}"))
        finally:
            self.bfd(SLOW_BFD)

    def close(self):
        # A stop would linger, for routers that are about to go as well.
        for node in getattr(self, "nodes", []):
            if node.w.process:
                self.end(node.w.process, signal.SIGKILL)
        super().close()

    def services(self):
        return [{"vip": vip, "port": port, "protocol": protocol, "scheduler": "rr", "announce": True,
                 "servers": [{"address": f"{subnet}{10 + n:x}" if ":" in vip else f"{subnet}{10 + n}", "port": port}
                             for n in range(1, len(self.servers) + 1)]}
                for vip, subnet in ((VIP, "192.168.100."), (VIP6, "fd00:b::"))
                for protocol, port in (("tcp", 80), ("udp", 5353))]

    def config(self, number, **extra):
        return {
            "ports": [
                {"name": "dpdk0", "device": "in0", "addresses": [f"10.0.0.{number}/24", f"fd00:a::{number}/64"]},
                {"name": "dpdk1", "device": "out0",
                 "addresses": [f"192.168.100.{number}/24", f"fd00:b::{number}/64"]}],
            "local_addresses": [{"address": f"192.168.100.{200 + number}", "interface": "dpdk1"},
                                {"address": f"fd00:b::{200 + number:x}", "interface": "dpdk1"}],
            "services": self.services(),
            **extra,
        }

    def legs(self, vip=VIP):
        """The nodes over which the router sends to a VIP, by number."""
        ipv6 = ":" in vip
        rows = json.loads(self.router.ip("-j", *(["-6"] if ipv6 else []), "route", "show", vip) or "[]")
        gateways = [leg["gateway"] for row in rows for leg in row.get("nexthops", [row]) if "gateway" in leg]
        return {int(g.rsplit(":", 1)[1], 16) if ipv6 else int(g.rsplit(".", 1)[1]) for g in gateways}

    def route_changes(self, vip=VIP):
        """When the router changed its route to a VIP, by time.monotonic()."""
        offset = time.time() - time.monotonic()
        return [datetime.datetime.fromisoformat(moment).timestamp() - offset for moment in
                re.findall(rf"^\[(\S+)\] (?:Deleted )?{re.escape(vip)} ", self.routes.read_text(), re.M)]

    def wait_legs(self, *numbers, vip=VIP, timeout=30):
        """Until the router sends to exactly these nodes; how long that took, in seconds."""
        begin = time.monotonic()
        wait_for(lambda: self.legs(vip) == set(numbers), timeout, interval=0.01,
                 what=lambda: f"routes to {vip} over {set(numbers)}, which are {self.legs(vip)}")
        return time.monotonic() - begin
