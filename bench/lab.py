# SPDX-License-Identifier: BSD-3-Clause
"""Where the programs under test run: a network namespace, hugepages, and the programs themselves."""
import ctypes
import http.client
import ipaddress
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import check
import control

HUGEPAGES = pathlib.Path("/proc/sys/vm/nr_hugepages")


class Failed(Exception):
    """The bench cannot go on; the text says why."""


def enter_namespace():
    """Begin again in a network namespace of our own; it ends with the last process inside."""
    if os.environ.get("WEIR_BENCH_INSIDE"):
        return
    if os.geteuid() != 0:
        raise Failed("the bench makes TAPs and reserves hugepages: run it as root")
    os.environ["WEIR_BENCH_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "--net", "--", sys.executable, *sys.argv])


def ip(*arguments):
    """Run ip(8)."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


class Hugepages:
    """As many 2 MB pages as are needed, as far as they can be had; given back at the end."""

    def __init__(self):
        self.before = int(HUGEPAGES.read_text())

    def want(self, megabytes):
        """Beside those that others use. Returns the megabytes that are really there."""
        used = self.count("HugePages_Total") - self.count("HugePages_Free")
        HUGEPAGES.write_text(str(max(self.before, used + megabytes // 2 + 1)))
        return self.count("HugePages_Free") * 2

    @staticmethod
    def count(name):
        """A line of /proc/meminfo."""
        text = pathlib.Path("/proc/meminfo").read_text()
        return int(re.search(rf"{name}:\s+(\d+)", text).group(1))

    def restore(self):
        """As it was."""
        HUGEPAGES.write_text(str(self.before))


def memory_available_mb():
    """What the machine can give now."""
    return Hugepages.count("MemAvailable") // 1024


def memory_resident(pid):
    """Bytes of a process, hugepages and shared mappings included; and those in explicit hugepages."""
    fields = dict(re.findall(r"^(\w+):\s+(\d+) kB", pathlib.Path(
        f"/proc/{pid}/smaps_rollup").read_text(), re.M))
    huge = int(fields.get("Private_Hugetlb", 0)) + int(fields.get("Shared_Hugetlb", 0))
    return (int(fields["Rss"]) + huge) * 1024, huge * 1024


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.unix_path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.unix_path)


def end_with_parent():
    """In a child: SIGTERM when the bench ends, however it ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Program:
    """One of the two programs: started, its output in a file, stopped in order."""

    def __init__(self, name, arguments, folder):
        self.name = name
        self.log = pathlib.Path(folder) / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL,
                                            preexec_fn=end_with_parent)

    def check_alive(self):
        """Failed with the end of its output when it has gone."""
        if self.process.poll() is not None:
            raise Failed(f"{self.name} ended with {self.process.returncode}:\n" + self.tail())

    def tail(self, lines=12):
        """The end of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self):
        """SIGTERM, then SIGKILL."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                print(f"bench: {self.name} does not stop, killing it", file=sys.stderr)
                self.process.kill()
                self.process.wait()


class Forwarder(Program):
    """io_forward on the same devices: the ceiling."""

    def __init__(self, build, folder, cpu, control_path):
        super().__init__("io_forward", [
            f"{build}/bench/io_forward", "-l", str(cpu), "--in-memory", "--no-pci",
            "--no-telemetry", "--log-level=warning", "-m", "96",
            "-d", f"{build}/bench/librte_net_weir_replay.so",
            "--vdev", f"net_weir_replay0,control={control_path}",
            "--vdev", f"net_weir_replay1,control={control_path}"], folder)


class Weir(Program):
    """The daemon on the replay devices."""

    def __init__(self, build, folder, cpu, plan, control_path):
        self.folder, self.plan = folder, plan
        self.socket = f"{folder}/weir.sock"
        config = plan.config(f"{build}/bench/librte_net_weir_replay.so", control_path, cpu)
        config.update(instance=f"bench{os.getpid()}", socket=self.socket,
                      state_dir=f"{folder}/state")
        path = f"{folder}/weir.yaml"
        pathlib.Path(path).write_text(json.dumps(config))  # JSON is YAML
        self.prepare_kernel()
        super().__init__("weir", [f"{build}/weir", "-c", path], folder)
        self.wait_for_api()
        self.settle()

    def prepare_kernel(self):
        """A quiet namespace: no IPv6 chatter where it is not measured, no duplicate detection."""
        ip("link", "set", "lo", "up")
        settings = pathlib.Path("/proc/sys/net/ipv6/conf")
        for which in ("all", "default"):
            (settings / which / "disable_ipv6").write_text("0" if self.plan.wide else "1")
            (settings / which / "accept_dad").write_text("0")
            (settings / which / "router_solicitations").write_text("0")

    def get(self, path):
        """The JSON answer of the daemon."""
        connection = UnixConnection(self.socket)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise Failed(f"weir: GET {path}: {answer.status} {text.decode()[:200]}")
            return json.loads(text)
        finally:
            connection.close()

    def wait_for_api(self):
        """The daemon answers and its TAPs are there."""
        since = time.monotonic()
        while True:
            self.check_alive()
            try:
                self.get("/v1/status")
                break
            except (OSError, http.client.HTTPException):
                if time.monotonic() - since > 120:
                    self.stop()
                    raise Failed("weir does not answer on its socket:\n" + self.tail()) from None
                time.sleep(0.05)

    def settle(self):
        """Addresses, routes and neighbours; wait until the data path has them."""
        plan = self.plan
        for port in plan.ports:
            tap, family = f"{port['name']}.kni", f"-{port['family']}"
            ip("link", "set", tap, "up")
            stations = [port["gateway"]] if port["network"] else [
                address for address, _ in plan.service_servers(0)]
            for station in stations:
                ip("neigh", "replace", station, "lladdr", port["gateway_mac"], "dev", tap,
                   "nud", "permanent")
            if port["network"]:
                ip(family, "route", "replace", port["network"], "via", port["gateway"], "dev", tap)
        since = time.monotonic()
        while True:
            self.check_alive()
            known = json.dumps(self.get("/v1/neighbours")) + json.dumps(self.get("/v1/routes"))
            if all((port["gateway"] in known and port["network"] in known) if port["network"]
                   else plan.service_servers(0)[-1][0] in known for port in plan.ports):
                break
            if time.monotonic() - since > 10:
                raise Failed("weir does not take over routes and neighbours:\n" + known)
            time.sleep(0.05)

        while self.control_ticks(0.3) > 3:  # it looks up the ways to all real servers
            self.check_alive()

    def control_ticks(self, seconds):
        """CPU time of the control thread in the next moment, in hundredths of a second."""
        def ticks():
            fields = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/stat"
                                  ).read_text().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])
        before = ticks()
        time.sleep(seconds)
        return ticks() - before

    def sessions(self):
        """How many there are now, all workers."""
        workers = self.get("/v1/workers")
        workers = workers.get("workers", workers) if isinstance(workers, dict) else workers
        return sum(w.get("sessions", 0) + w.get("sessions_wide", 0) for w in workers)

    def drops(self):
        """What the daemon says it dropped, for a message."""
        try:
            return json.dumps(self.get("/v1/drops"))
        except (Failed, OSError, http.client.HTTPException) as error:
            return f"unknown ({error})"


class Plan:
    """One run: what is configured, and what the replay device is told."""

    CLIENTS, NEW_CLIENTS, NEW_CLIENT = 65536, 1 << 20, 1 << 20
    VIP_PORTS = 1000
    VMS, HOSTS, VNI, HOST = 100_000, 2500, 96, "10.192.0.1"
    PEER, PEER_MS = "10.224.0.1", 50

    # Of each family: what addresses of clients, VIPs and servers begin with, and local ones.
    ENDS = {4: ("10.128.0.0", "10.1.0.0", "10.64.0.0", "192.168.100.{}"),
            6: ("2001:db8:8000::", "2001:db8:1::", "2001:db8:40::", "2001:db8:64::{:x}")}
    # Of each family and side: network, gateway, own address, its length.
    SIDES = {4: (("10.128.0.0/9", "192.168.1.2", "192.168.1.1", 24),
                 ("10.64.0.0/10", "192.168.2.2", "192.168.2.1", 24)),
             6: (("2001:db8:8000::/40", "2001:db8:10::2", "2001:db8:10::1", 64),
                 ("2001:db8:40::/44", "2001:db8:20::2", "2001:db8:20::1", 64))}

    def __init__(self, family=4, protocol=6, flows=1, services=1, zipf=0.0, connections=False,
                 held=0, mode="fullnat", server_family=None, vxlan=False, peers=0, told=True,
                 syn_proxy=False):
        server_family = server_family or family
        self.families = (family, server_family)
        self.wide = 6 in self.families  # the sessions
        self.protocol, self.flows, self.services = protocol, flows, services
        self.connections, self.mode, self.vxlan, self.peers = connections, mode, vxlan, peers
        self.syn_proxy = syn_proxy
        self.one_way = mode in ("dr", "tunnel")
        self.client, self.vip = self.ENDS[family][:2]
        self.server, local = self.ENDS[server_family][2:]
        networks, gateways, own, widths = zip(self.SIDES[family][0], self.SIDES[server_family][1])
        if mode == "dr":  # its servers are stations on the wire
            own = (own[0], "10.64.255.1")
        macs = (check.CLIENT_GATEWAY_MAC.hex(":"), check.SERVER_GATEWAY_MAC.hex(":"))
        self.ports = [{"name": f"dpdk{i}", "gateway": gateways[i], "gateway_mac": macs[i],
                       "network": networks[i], "address": f"{own[i]}/{widths[i]}", "family": self.families[i]} for i in range(2)]
        if mode == "dr":
            self.ports[1].update(network=None, address=f"{own[1]}/10")
        if mode == "snat":  # what clients ask for is behind the servers' gateway
            self.ports[1].update(network="2001:db8:1::/48" if family == 6 else "10.1.0.0/16")
        # Ports enough for all flows: 64,512 for each pair of local address and server.
        self.servers_each = 16 if services == 1 else 2
        self.locals = [local.format(200 + i) for i in range(16 if services == 1 else 4)]
        repeats = 4 if flows <= 1_000_000 else 2
        packets = max(flows * repeats, 8192 // flows * flows)
        self.traffic = {
            "family": family, "server_family": server_family, "protocol": protocol, "flows": flows, "packets": packets,
            "zipf": int(zipf * 1000), "seed": 0x5eed, "services": services,
            "vip_ports": self.VIP_PORTS, "first_port": 80 if services == 1 else 8000,
            "clients": self.VMS if vxlan else self.CLIENTS, "new_client": self.NEW_CLIENT,
            "new_clients": self.NEW_CLIENTS, "window": 512, "held": held,
            "way": control.WAY_VXLAN if vxlan else
                   {"dr": control.WAY_DIRECT, "tunnel": control.WAY_TUNNEL}.get(mode, 0),
            "vni": self.VNI, "hosts": self.HOSTS, "peers": peers, "interval": self.PEER_MS * 1000,
            # A cookie has to be acknowledged as it is; new connections do nothing but begin and end.
            "told": int(told and not syn_proxy and not connections)}

    def ends(self):
        """Addresses that the replay device counts from, and where weir takes VXLAN packets."""
        return self.client, self.vip, self.HOST, self.PEER, self.ports[0]["address"].split("/")[0]

    def vms(self):
        """Rows of the VM table."""
        first, host = (int(ipaddress.ip_address(a)) for a in (self.client, self.HOST))
        return [{"vni": self.VNI, "address": str(ipaddress.ip_address(first + i)),
                 "mac": "02:" + ":".join(f"{byte:02x}" for byte in i.to_bytes(5, "big")),
                 "host": str(ipaddress.ip_address(host + i % self.HOSTS))} for i in range(self.VMS)]

    def service_servers(self, number):
        """The real servers of a service: (address, port), no two services share one."""
        base = int(ipaddress.ip_address(self.server)) + 1
        first = number * self.servers_each
        port = self.traffic["first_port"] if self.one_way else 8080
        return [(str(ipaddress.ip_address(base + first + i)), port)
                for i in range(self.servers_each)]

    def expect(self):
        """What the frames must look like."""
        servers = [one for s in range(self.services) for one in self.service_servers(s)]
        return check.Expect(self.traffic, self.client, self.vip, self.locals, servers,
                            "vxlan" if self.vxlan else self.mode, self.HOST)

    def capacity(self):
        """Sessions that the table has room for."""
        return self.flows * 5 // 4 + (9_000_000 if self.connections else 2048)

    def megabytes_huge(self):
        """Hugepages that weir and the forwarder take."""
        return 256 + 128 + self.capacity() * (192 if self.wide else 116) // 1_000_000 + 64

    def megabytes_device(self):
        """What the replay device takes, in one program."""
        slot = 128 if self.wide and self.protocol == 6 else 64  # of the wider side
        traffic = self.traffic
        return (traffic["packets"] * (2 * slot + 4) + traffic["flows"] * slot) >> 20

    def config(self, library, control_path, cpu):
        """weir.yaml of the run."""
        timeouts = {"established": 20000, "udp_normal": 20000, "udp_one_way": 20000}
        if self.connections:
            timeouts["close"] = 1
        first = int(ipaddress.ip_address(self.vip))
        services = [{
            "vip": str(ipaddress.ip_address(first + s // self.VIP_PORTS)),
            "port": self.traffic["first_port"] + s % self.VIP_PORTS,
            "protocol": "tcp" if self.protocol == 6 else "udp",
            "scheduler": "rr", "mode": self.mode,
            "servers": [{"address": address, "port": port, "weight": 1}
                        for address, port in self.service_servers(s)],
        } for s in range(self.services)]
        if self.syn_proxy:
            services = [dict(service, syn_proxy=True) for service in services]
        if self.mode == "snat":
            services = [{
                "match": {"protocol": services[0]["protocol"], "source": self.ports[0]["network"], "out": "dpdk1"},
                "scheduler": "rr", "servers": [{"address": address} for address in self.locals]}]
        more = {}
        if self.peers:
            first = int(ipaddress.ip_address(self.PEER))
            more = {"bfd": {"sessions": [
                {"peer": str(ipaddress.ip_address(first + i)), "kind": "multihop",
                 "local": self.ends()[-1], "interval": self.PEER_MS} for i in range(self.peers)]}}
        if self.vxlan:
            more = {"vpc": {"addresses": [self.ends()[-1]], "vms": self.vms()}}
            services = [dict(service, vni=self.VNI) for service in services]
        sessions = {"ipv4": 1024, "ipv6": 1024, "half_open_percent": 50}
        sessions["ipv6" if self.wide else "ipv4"] = self.capacity()
        return {
            "log_level": "info", "workers": [cpu], "main_cpu": 0,
            "memory": {"hugepages": "auto", "megabytes": 256},
            "sessions": sessions, "timeouts": timeouts, "eal": ["-d", library],
            "ports": [{"name": port["name"], "device": f"net_weir_replay{i},control={control_path}",
                       "addresses": [port["address"]]} for i, port in enumerate(self.ports)],
            "local_addresses": [{"address": a, "interface": "dpdk1"} for a in self.locals],
            "services": services, **more,
        }
