# SPDX-License-Identifier: BSD-3-Clause
"""Two weirs with stock keepalived under weir-run, as the tutorial has them: one arm, one network.

  br0 -- client, [n1: weir + keepalived] dpdk0, [n2: likewise], s1, s2
"""

import json
import os
import signal
import socket
import struct
import time

from lab import BUILD, HERE, Lab, Refused, Weir, run, wait_for

VIP = "192.168.100.254"
LIPS = ("192.168.100.200", "192.168.100.201")
CLIENT = "192.168.100.146"


def server_address(number):
    return f"192.168.100.{number + 1}"


def tutorial(state="MASTER", priority=100):
    """The tutorial's keepalived.conf as printed, but for the mail addresses that its page masks."""
    text = (HERE / "keepalived_tutorial.conf").read_text()
    return (text.replace("[email protected]", "root@localhost").replace("state MASTER", f"state {state}")
            .replace("priority 100", f"priority {priority}"))


def fast(state="MASTER", priority=100):
    """The tutorial's file with adverts every 100 ms, which version 3 of VRRP has."""
    return (tutorial(state, priority).replace("advert_int 1", "advert_int 0.1")
            .replace("global_defs {", "global_defs {\nvrrp_version 3"))


def restart_nginx(lab, number):
    """nginx again, with the folder that it had."""
    host = lab.servers[number - 1]
    folder = lab.folder / f"nginx-{host.role}"
    process = host.start("/usr/sbin/nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf", "-p", folder,
                         log=folder / "log")
    wait_for(lambda: lab.listens(host, 80, process, folder), 10, what="nginx listens")
    return process


class Keepalived:
    """Stock keepalived under weir-run on a node of the lab."""

    def __init__(self, lab, node, name="keepalived"):
        self.lab, self.node = lab, node
        self.folder = lab.folder / f"{node.role}-{name}"
        self.folder.mkdir(exist_ok=True)
        self.file = self.folder / "keepalived.conf"
        self.log = self.folder / "log"
        self.pid_file = self.folder / "pid"
        self.process = None
        lab.keepaliveds.append(self)

    def command(self, *options):
        words = ["-f", self.file, "-p", self.pid_file, "-r", self.folder / "vrrp.pid", "-c", self.folder / "checkers.pid",
                 "-b", self.folder / "bfd.pid", "-l", "-G", "-D"]
        return [BUILD / "cli/weir-run", "-s", self.node.w.socket, *options, "keepalived", *words]

    @property
    def environment(self):
        return {**os.environ, "WEIR_IPVS_LIBRARY": str(BUILD / "shim/libweir-ipvs.so")}

    def write(self, text):
        self.file.write_text(text)
        return self

    def start(self, text=None):
        if text is not None:
            self.write(text)
        self.process = self.node.start(*self.command(), "-n", log=self.log, env=self.environment)
        return self

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def reload(self, text=None):
        if text is not None:
            self.write(text)
        self.process.send_signal(signal.SIGHUP)

    def stop(self, timeout=20):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        assert code == 0, f"weir-run ended with {code}:\n{self.log_text()[-3000:]}"

    def kill(self):
        """weir-run, keepalived and its children, at once."""
        self.lab.end(self.process, signal.SIGKILL)


class TwoNodes(Lab):
    def __init__(self, servers=2):
        super().__init__()
        self.keepaliveds = []
        self.sw = self.switch()
        self.client = self.host("client")
        self.plug(self.sw, "pc", self.client, "eth0")
        self.address(self.client, "eth0", f"{CLIENT}/24")
        self.servers, self.web = [], []
        for n in range(1, servers + 1):
            host = self.server(n, self.sw, f"{server_address(n)}/24")
            self.web.append(self.nginx(host))
            self.servers.append(host)
        self.nodes = [self.node(n) for n in (1, 2)]

    def node(self, number):
        host = self.host(f"n{number}")
        self.plug(self.sw, f"up{number}", host, "in0")
        self.peer_offloads(self.sw, f"up{number}")
        host.w = Weir(self, host, {
            "ports": [{"name": "dpdk0", "device": "in0", "addresses": [f"192.168.100.{10 + number}/24"]}],
        }, name=f"n{number}")
        host.keepalived = Keepalived(self, host)
        return host

    def has(self, node, address):
        """Does Linux of the node have the address on its TAP?"""
        links = json.loads(node.ip("-j", "address", "show"))
        return any(a["local"] == address for link in links for a in link["addr_info"])

    def is_master(self, node, *addresses):
        return all(self.has(node, address) for address in addresses or (VIP, *LIPS))

    def tap_mac(self, node):
        return node.mac("dpdk0.kni")

    def arp_answers(self, address, host=None, interface="eth0", patience=1.0):
        """The MAC addresses that answer ARP for an address."""
        host = host or self.client
        sock = host.raw(interface)
        mine = bytes.fromhex(host.mac(interface).replace(":", ""))
        target = socket.inet_aton(address)
        frame = (b"\xff" * 6 + mine + struct.pack("!HHHBBH", 0x806, 1, 0x800, 6, 4, 1) + mine +
                 socket.inet_aton(CLIENT) + bytes(6) + target)
        found, end = set(), time.monotonic() + patience
        sock.settimeout(0.1)
        sock.send(frame)
        while time.monotonic() < end:
            try:
                got = sock.recv(2048)
            except TimeoutError:
                continue
            if got[12:14] == b"\x08\x06" and got[20:22] == b"\x00\x02" and got[28:32] == target:
                found.add(got[22:28].hex(":"))
        sock.close()
        return found

    def weights(self, node, vip=VIP, port=80, protocol="tcp"):
        """What new connections are given by, by server address; without those that are not there."""
        try:
            service = node.w.service(protocol, vip, port)
        except Refused:
            return {}
        return {server["address"]: 0 if server.get("health") == "down" else server["weight"]
                for server in service["servers"]}

    def report(self):
        parts = [super().report()]
        for keepalived in self.keepaliveds:
            lines = [line for line in keepalived.log_text().splitlines() if "gratuitous" not in line]
            parts.append(f"--- {keepalived.folder.name}\n" + "\n".join(lines[-60:]))
        return "\n".join(parts)


__all__ = ["CLIENT", "LIPS", "VIP", "Keepalived", "TwoNodes", "fast", "restart_nginx", "run", "server_address", "tutorial"]
