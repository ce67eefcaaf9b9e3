# SPDX-License-Identifier: BSD-3-Clause
"""Labs of private network namespaces, with real programs in them and a real weir in the middle.

Two shapes, as users build them (a dash is a veth pair, br0 a bridge in a namespace of its own):

  two-arm   client -- dpdk0 [weir] dpdk1 -- br0 -- s1, s2, ...
  one-arm   br0 -- client, [weir] dpdk0, s1, s2, ...

Offloads stay as Linux has them, checksum offload included, except what weir tells its users to turn
off at the peers of a veth: TSO and GSO.  Everything that a lab makes is named after the process that
made it, is ended by its own process id, and goes away in Lab.close(), also after a failure.
"""

import ctypes
import http.client
import itertools
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = Path(os.environ.get("WEIR_BUILD", ROOT / "build"))
# `make soak` multiplies the numbers of the load tests.
SCALE = 10 if os.environ.get("WEIR_SOAK") else 1
CLONE_NEWNET = 0x40000000
NAME = re.compile(r"^wt(\d+)x\d+-")

numbers = itertools.count(1)
libc = ctypes.CDLL(None, use_errno=True)


def wait_for(condition, timeout=10.0, interval=0.02, what=None):
    """
    Call until it returns something true, which is given back; AssertionError after `timeout` seconds,
    saying `what` was waited for (a text, or a function that makes one).
    """
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            told = what() if callable(what) else what or condition.__name__
            raise AssertionError(f"not within {timeout} s: {told}")
        time.sleep(interval)


def best(bound, measure, tries=5):
    """
    What weir can do, on a machine that others may hold up: `measure` is called until what it gives
    back is below `bound`, in seconds, or `tries` are over. None says that something else was
    measured, and is no try.
    """
    measured, calls = [], 0
    while len(measured) < tries and calls < 4 * tries and not (measured and measured[-1] < bound):
        value, calls = measure(), calls + 1
        measured += [value] if value is not None else []
    assert measured and measured[-1] < bound, f"never below {bound} s in {calls} calls: {measured}"
    return measured[-1]


def run(*command, check=True, timeout=60, **keywords):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=timeout, stdin=keywords.pop("stdin", subprocess.DEVNULL), **keywords)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(done.args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def sweep_stale_labs():
    """Remove what test runs left behind that were killed so hard that they could not do it."""
    for line in run("ip", "netns", "list").stdout.splitlines():
        name = line.split()[0]
        match = NAME.match(name)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            for pid in run("ip", "netns", "pids", name, check=False).stdout.split():
                os.kill(int(pid), signal.SIGKILL)
            run("ip", "netns", "delete", name, check=False)


class Host:
    """A network namespace."""

    def __init__(self, lab, role):
        self.lab = lab
        self.role = role
        self.ns = f"{lab.prefix}-{role}"
        self.cgroup = None  # a folder: where its programs start from now on
        run("ip", "netns", "add", self.ns)
        for scope in ("all", "default"):
            self.sysctl(f"net.ipv6.conf.{scope}.accept_dad", 0)
            # A cable that is pulled and put back must not cost IPv6 its addresses.
            self.sysctl(f"net.ipv6.conf.{scope}.keep_addr_on_down", 1)
        self.sysctl("net.ipv6.conf.default.router_solicitations", 0)
        self.sysctl("net.ipv4.ping_group_range", "0 0")
        self.ip("link", "set", "lo", "up")

    def command(self, *words):
        return ["ip", "netns", "exec", self.ns, *[str(word) for word in words]]

    def run(self, *words, **keywords):
        return run(*self.command(*words), **keywords)

    def out(self, *words, **keywords):
        return self.run(*words, **keywords).stdout

    def ip(self, *words, **keywords):
        return run("ip", "-n", self.ns, *words, **keywords).stdout

    def ip_batch(self, lines):
        run("ip", "-n", self.ns, "-batch", "-", stdin=None, input="\n".join(lines) + "\n")

    def sysctl(self, name, value):
        self.run("sysctl", "-qw", f"{name}={value}")

    def start(self, *words, log=None, **keywords):
        """A program that runs until the lab is closed or Lab.end() ends it."""
        output = open(log, "ab") if log else subprocess.DEVNULL
        if self.cgroup:
            keywords["preexec_fn"] = lambda: (self.cgroup / "cgroup.procs").write_text("0")
        process = subprocess.Popen(self.command(*words), stdin=keywords.pop("stdin", subprocess.DEVNULL),
                                   stdout=keywords.pop("stdout", output), stderr=subprocess.STDOUT if log
                                   else subprocess.DEVNULL, start_new_session=True, **keywords)
        self.lab.processes.append(process)
        if log:
            output.close()
        return process

    def inside(self, function, *arguments):
        """Call a function in this namespace, for the sockets that it makes."""
        result = {}

        def body():
            fd = os.open(f"/run/netns/{self.ns}", os.O_RDONLY)
            try:
                if libc.setns(fd, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
                result["value"] = function(*arguments)
            except BaseException as error:  # handed to the caller's thread
                result["error"] = error
            finally:
                os.close(fd)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if "error" in result:
            raise result["error"]
        return result["value"]

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0, timeout=3.0):
        made = self.inside(socket.socket, family, kind, protocol)
        made.settimeout(timeout)
        return made

    def connect(self, address, port, source=None, timeout=3.0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = self.socket(family, timeout=timeout)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if source:
                made.bind(source)
            made.connect((address, port))
        except OSError:
            made.close()
            raise
        return made

    def raw(self, interface):
        """A socket that sends and receives whole frames."""
        made = self.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        made.bind((interface, 0))
        return made

    def mac(self, interface):
        return json.loads(self.ip("-j", "link", "show", "dev", interface))[0]["address"]

    def curl(self, *words, check=True, timeout=30):
        return self.run("curl", "-sS", "--max-time", timeout - 2, *words, check=check, timeout=timeout)

    def names(self, vip, port=80, count=1):
        """The names of the servers that answer `count` requests, each on a new connection."""
        host = f"[{vip}]" if ":" in vip else vip
        text = self.curl("-g", "-H", "Connection: close",
                         *[f"http://{host}:{port}/"] * count).stdout
        return [line.split()[0] for line in text.splitlines()]

    def udp_ask(self, address, port, text="x", tries=3, sock=None):
        """Send to a UDP echo server; what it answers, or None."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = sock or self.socket(family, socket.SOCK_DGRAM, timeout=1.0)
        try:
            for _ in range(tries):
                made.sendto(text.encode(), (address, port))
                try:
                    return made.recv(65536).decode()
                except TimeoutError:
                    continue
                except ConnectionRefusedError:
                    return None
            return None
        finally:
            if not sock:
                made.close()

    def connections(self, address, port, total, parallel=64, **options):
        """Short HTTP connections with the program of that name; its figures as a dictionary."""
        options = {"timeout": 5, **options}
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        done = self.run(BUILD / "test/e2e/connections", *words, address, port, total, parallel,
                        timeout=120 * SCALE, check=False)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)


class Keep:
    """One HTTP connection that is kept open, to see which server is behind it and that it lives."""

    def __init__(self, host, vip, port=80, **options):
        self.socket = host.connect(vip, port, **options)
        self.name = self.ask()

    def ask(self):
        """The name of the server that answers; raises when the connection is gone."""
        self.socket.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while not re.search(rb"\r\n\r\n.*\n", answer, re.S):
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionResetError("closed by the other side")
            answer += piece
        return answer.split(b"\r\n\r\n", 1)[1].split()[0].decode()

    def close(self):
        self.socket.close()

    def abort(self):
        """Close with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Unix(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("weir", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Refused(Exception):
    """The daemon's answer to a request that it did not carry out."""

    def __init__(self, status, body):
        super().__init__(f"HTTP {status}: {body}")
        self.status = status
        self.error = json.loads(body).get("error", {}) if body.startswith("{") else {}


class Weir:
    """The daemon in a host of the lab."""

    def __init__(self, lab, host, config, name="weir"):
        self.lab = lab
        self.host = host
        self.folder = lab.folder / name
        self.folder.mkdir(exist_ok=True)
        self.socket = self.folder / "api.sock"
        self.log = self.folder / "log"
        self.file = self.folder / "weir.yaml"
        self.process = None
        self.config = {
            "instance": f"{lab.prefix}{name}",
            "socket": str(self.socket),
            "state_dir": str(self.folder / "state"),
            "memory": {"hugepages": "never", "megabytes": 256},
            "sessions": {"ipv4": 200000, "ipv6": 50000},
            **config,
        }
        lab.weirs.append(self)

    def write(self, config=None):
        if config is not None:
            self.config = config
        self.file.write_text(yaml_text(self.config))
        return self.file

    def launch(self, *options):
        self.write()
        self.process = self.host.start(BUILD / "weir", "-c", self.file, *options, log=self.log)

    def start(self, timeout=30):
        self.launch()
        wait_for(self.ready, timeout, what="weir answers")
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"weir ended with {self.process.returncode}:\n{self.log_tail()}")
        try:
            return self.get("/v1/status")
        except (OSError, Refused):
            return None

    @property
    def pid(self):
        """Of the daemon itself: `ip netns exec` becomes the program that it starts."""
        return self.process.pid

    def log_tail(self, lines=40):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def stop(self, timeout=15):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        assert code == 0, f"weir ended with {code}:\n{self.log_tail()}"

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def request(self, method, path, body=None, kind="application/json", timeout=30):
        connection = Unix(self.socket, timeout)
        try:
            if body is not None and not isinstance(body, (str, bytes)):
                body = json.dumps(body)
            connection.request(method, path, body, {"Content-Type": kind} if body is not None else {})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        if answer.status >= 300:
            raise Refused(answer.status, text)
        try:
            return json.loads(text)
        except ValueError:
            return text  # metrics, or one object a line

    def get(self, path):
        return self.request("GET", path)

    def put(self, path, body):
        return self.request("PUT", path, body)

    def patch(self, path, body):
        return self.request("PATCH", path, body)

    def delete(self, path):
        return self.request("DELETE", path)

    def ctl(self, *words, check=True, timeout=30, **keywords):
        return run(BUILD / "cli/weirctl", "-s", self.socket, *words, check=check, timeout=timeout, **keywords)

    def wait_saved(self, *texts):
        """Until what is kept over a crash (written 50 ms after a change, or later) says all of this."""
        file = self.folder / "state" / "model.json"
        wait_for(lambda: file.exists() and all(text in file.read_text() for text in texts), what=f"{texts} in {file}")

    @property
    def preload(self):
        """The environment in which stock ipvsadm and keepalived speak to this weir."""
        return {**os.environ, "LD_PRELOAD": str(BUILD / "shim/libweir-ipvs.so"),
                "WEIR_IPVS_SOCKET": str(self.folder / "api.ipvs.sock"), "LC_ALL": "C"}

    def table(self, *words):
        """What a listing of weirctl gives as JSON: a list of dictionaries."""
        answer = json.loads(self.ctl("-o", "json", *words).stdout)
        return answer if isinstance(answer, list) else next(v for v in answer.values() if isinstance(v, list))

    def sessions(self, **filters):
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        text = self.request("GET", f"/v1/sessions?{query}")
        if isinstance(text, dict):
            return [text]
        return [json.loads(line) for line in (text or "").splitlines() if line] if text else []

    def drops(self):
        """Counts by reason, without those that are zero."""
        return {row["reason"]: row["packets"] for row in self.table("drop")}

    def service(self, protocol, vip, port, fresh=True):
        return self.get(f"/v1/services/{protocol}/{vip}/{port}" + ("?fresh=1" if fresh else ""))

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def yaml_text(value, indent=0):
    """Enough YAML for a configuration: block style, scalars as JSON writes them."""
    space = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{space}{key}:{yaml_inner(inner, indent)}" for key, inner in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{space}-{yaml_inner(inner, indent)}" for inner in value)
    return f"{space}{json.dumps(value)}\n"


def yaml_inner(value, indent):
    if isinstance(value, (dict, list)) and value:
        return "\n" + yaml_text(value, indent + 1)
    return f" {json.dumps(value)}\n"


class Lab:
    def __init__(self):
        self.prefix = f"wt{os.getpid()}x{next(numbers)}"
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.prefix}-"))
        self.folder.chmod(0o755)  # nginx's workers read from it as another user
        self.hosts = {}
        self.processes = []
        self.weirs = []

    # building blocks

    def host(self, role):
        self.hosts[role] = Host(self, role)
        return self.hosts[role]

    def link(self, a, a_name, b, b_name, queues=None):
        """A veth pair between two hosts, both ends up."""
        extra = ["numtxqueues", queues, "numrxqueues", queues] if queues else []
        run("ip", "link", "add", a_name, "netns", a.ns, *extra, "type", "veth",
            "peer", "name", b_name, "netns", b.ns, *extra)
        a.ip("link", "set", "dev", a_name, "up")
        b.ip("link", "set", "dev", b_name, "up")

    @staticmethod
    def peer_offloads(host, interface):
        """What weir's documentation asks of the Linux end of a veth that weir uses."""
        host.run("ethtool", "-K", interface, "tso", "off", "gso", "off")

    @staticmethod
    def address(host, interface, *addresses):
        for address in addresses:
            extra = ["nodad"] if ":" in address else []
            host.ip("address", "add", address, "dev", interface, *extra)

    def switch(self, role="sw"):
        host = self.host(role)
        host.ip("link", "add", "br0", "type", "bridge")
        host.ip("link", "set", "br0", "up")
        return host

    def plug(self, switch, port, host, interface, queues=None):
        self.link(host, interface, switch, port, queues)
        switch.ip("link", "set", "dev", port, "master", "br0")

    def server(self, number, switch, *addresses):
        host = self.host(f"s{number}")
        self.plug(switch, f"p{number}", host, "eth0")
        self.address(host, "eth0", *addresses)
        return host

    # programs

    def nginx(self, host, big=None):
        """Ports 80 (keeps connections) and 81 (closes first); / names the server and its peer."""
        folder = self.folder / f"nginx-{host.role}"
        folder.mkdir()
        (folder / "nginx.conf").write_text(f"""
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
daemon off;
user root;
worker_rlimit_nofile 20000;
events {{ worker_connections 10000; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 0;
  server {{
    listen 0.0.0.0:80 backlog=4096; listen [::]:80 backlog=4096;
    listen 0.0.0.0:8080; listen [::]:8080;
    default_type text/plain;
    location / {{ return 200 "{host.role} $remote_addr $remote_port\\n"; }}
    location /file/ {{ alias {big or folder}/; }}
    location /slow/ {{ alias {big or folder}/; limit_rate 10m; }}
    location /put {{ dav_methods PUT; root {folder}/www; create_full_put_path on; }}
  }}
  server {{
    listen 0.0.0.0:81 backlog=4096; listen [::]:81 backlog=4096;
    keepalive_timeout 0;
    default_type text/plain;
    location / {{ return 200 "{host.role} $remote_addr $remote_port\\n"; }}
  }}
}}
""")
        process = host.start("/usr/sbin/nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf",
                             "-p", folder, log=folder / "log")
        wait_for(lambda: self.listens(host, 80, process, folder), 10, what="nginx listens")
        return process

    @staticmethod
    def listens(host, port, process, folder):
        if process.poll() is not None:
            raise AssertionError((folder / "error.log").read_text())
        return host.out("ss", "-Hltn", f"sport = :{port}")

    def udp_echo(self, host, port=5353):
        process = host.start("/usr/bin/python3", HERE / "udp_echo.py", host.role, port)
        wait_for(lambda: host.out("ss", "-Hlun", f"sport = :{port}"), 10, what="UDP echo listens")
        return process

    def iperf(self, host):
        process = host.start("iperf3", "-s", "-p", 5201)
        wait_for(lambda: host.out("ss", "-Hltn", "sport = :5201"), 10, what="iperf3 listens")
        return process

    def bird(self, host, text):
        folder = self.folder / f"bird-{host.role}"
        folder.mkdir(exist_ok=True)
        (folder / "bird.conf").write_text(text)
        control = folder / "ctl"
        process = host.start("/usr/sbin/bird", "-f", "-c", folder / "bird.conf", "-s", control, "-P", folder / "pid",
                             log=folder / "log")

        def talk(*words, check=True):
            return run("birdc", "-s", control, *words, check=check).stdout

        def ready():
            assert process.poll() is None, (folder / "log").read_text()
            return control.exists() and "BIRD" in talk("show", "status", check=False)

        talk.process, talk.file = process, folder / "bird.conf"
        wait_for(ready, 10, what="BIRD answers")
        return talk

    def end(self, process, number=signal.SIGTERM):
        """End one program and all that it started."""
        if process.poll() is None:
            try:
                os.killpg(process.pid, number)
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)
            except ProcessLookupError:
                pass

    def report(self):
        """For a failed test: what the daemons of the lab have to say, short enough that a CI shows it."""
        parts = []
        for weir in self.weirs:
            parts.append(f"--- log of {weir.folder.name}\n{weir.log_tail(12)}")
            if weir.process and weir.process.poll() is None:
                for noun in ("drop", "worker"):
                    try:
                        parts.append(f"--- {noun}\n" + weir.ctl(noun, check=False, timeout=5).stdout[:1500])
                    except subprocess.TimeoutExpired:
                        parts.append(f"--- {noun}: no answer")
        return "\n".join(parts)[:6000]

    def close(self):
        for weir in self.weirs:
            if weir.process and weir.process.poll() is None:
                self.end(weir.process)
        for process in reversed(self.processes):
            self.end(process, signal.SIGKILL)
        for host in self.hosts.values():
            for pid in run("ip", "netns", "pids", host.ns, check=False).stdout.split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            run("ip", "netns", "delete", host.ns, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


# The addresses of all labs.
VIP, VIP6 = "10.0.0.100", "fd00:a::100"
LIP, LIP6 = "192.168.100.200", "fd00:b::200"
CLIENT, CLIENT6 = "10.0.0.2", "fd00:a::2"


def url(vip, port=80):
    return f"http://[{vip}]:{port}/" if ":" in vip else f"http://{vip}:{port}/"


def server_address(number):
    return f"192.168.100.{number + 1}"


def server_address6(number):
    return f"fd00:b::{number + 1:x}"


def services(servers, scheduler="rr", weights=None, **extra):
    """HTTP on ports 80 and 81 and UDP echo on 5353, IPv4 and IPv6, over the first `servers`."""
    made = []
    for vip, address in ((VIP, server_address), (VIP6, server_address6)):
        for protocol, port in (("tcp", 80), ("tcp", 81), ("udp", 5353)):
            made.append({
                "vip": vip, "port": port, "protocol": protocol, "scheduler": scheduler,
                **extra,
                "servers": [{"address": address(n), "port": port,
                             "weight": weights[n - 1] if weights else 1} for n in range(1, servers + 1)],
            })
    return made


class TwoArm(Lab):
    """client -- dpdk0 [weir] dpdk1 -- br0 -- s1, s2, ..."""

    def __init__(self, servers=2, queues=None, big=None, echo=True):
        super().__init__()
        self.client = self.host("client")
        self.balancer = self.host("weir")
        self.sw = self.switch()
        self.link(self.client, "eth0", self.balancer, "in0", queues)
        self.plug(self.sw, "up0", self.balancer, "out0", queues)
        self.peer_offloads(self.client, "eth0")
        self.peer_offloads(self.sw, "up0")
        self.address(self.client, "eth0", f"{CLIENT}/24", f"{CLIENT6}/64")
        self.client.ip("route", "add", "default", "via", "10.0.0.1")
        self.client.ip("-6", "route", "add", "default", "via", "fd00:a::1")
        self.servers = []
        for n in range(1, servers + 1):
            host = self.server(n, self.sw, f"{server_address(n)}/24", f"{server_address6(n)}/64")
            self.nginx(host, big)
            if echo:
                self.udp_echo(host)
            self.servers.append(host)

    def config(self, device0="in0", device1="out0", **extra):
        return {
            "ports": [
                {"name": "dpdk0", "device": device0,
                 "addresses": ["10.0.0.1/24", "fd00:a::1/64", f"{VIP}/32", f"{VIP6}/128"]},
                {"name": "dpdk1", "device": device1,
                 "addresses": ["192.168.100.1/24", "fd00:b::1/64"]},
            ],
            "local_addresses": [{"address": LIP, "interface": "dpdk1"},
                                {"address": LIP6, "interface": "dpdk1"}],
            "services": services(len(self.servers)),
            **extra,
        }

    def weir(self, name="weir", **extra):
        return Weir(self, self.balancer, self.config(**extra), name)


class OneArm(Lab):
    """br0 -- client, [weir] dpdk0, s1, s2, ...; servers and clients share 10.0.0.0/24."""

    LIP, LIP6 = "10.0.0.200", "fd00:a::200"

    def __init__(self, servers=2):
        super().__init__()
        self.sw = self.switch()
        self.client = self.host("client")
        self.balancer = self.host("weir")
        self.plug(self.sw, "pc", self.client, "eth0")
        self.plug(self.sw, "up0", self.balancer, "in0")
        self.peer_offloads(self.sw, "up0")
        self.address(self.client, "eth0", f"{CLIENT}/24", f"{CLIENT6}/64")
        self.servers = []
        for n in range(1, servers + 1):
            host = self.server(n, self.sw, f"10.0.0.{10 + n}/24", f"fd00:a::{10 + n:x}/64")
            self.nginx(host)
            self.udp_echo(host)
            self.servers.append(host)

    def config(self, **extra):
        made = services(len(self.servers))
        for service in made:
            for number, server in enumerate(service["servers"], 1):
                server["address"] = f"fd00:a::{10 + number:x}" if ":" in server["address"] else f"10.0.0.{10 + number}"
        return {
            "ports": [{"name": "dpdk0", "device": "in0",
                       "addresses": ["10.0.0.1/24", "fd00:a::1/64", f"{VIP}/32", f"{VIP6}/128"]}],
            "local_addresses": [{"address": self.LIP, "interface": "dpdk0"},
                                {"address": self.LIP6, "interface": "dpdk0"}],
            "services": made,
            **extra,
        }

    def weir(self, name="weir", **extra):
        return Weir(self, self.balancer, self.config(**extra), name)
