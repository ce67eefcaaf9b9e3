# SPDX-License-Identifier: BSD-3-Clause
"""Health checks of stock keepalived through weir's TAPs, reload, include, and weir-run itself."""

import os
import signal

import pytest

from keepalived_lab import Keepalived, TwoNodes, restart_nginx, run, server_address, tutorial
from lab import BUILD, Keep, wait_for


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(TwoNodes)
    for node in lab.nodes:
        node.w.start()
    return lab


# No VRRP: VIPs on the TAP by vip_bind_dev, local addresses that weir claims, files that are included.
MAIN = """
global_defs {
    router_id checks
}
local_address_group laddr {
    192.168.100.210-211 dpdk0
}
include services/*.conf
"""

SERVICE = """
virtual_server {vip} {port} {{
    delay_loop 1
    lb_algo rr
    lb_kind FNAT
    protocol {protocol}
    laddr_group_name laddr
    vip_bind_dev dpdk0
    alpha
    {more}
    real_server 192.168.100.2 {port} {{
        weight 10
        {check}
    }}
    real_server 192.168.100.3 {port} {{
        weight 10
        {check}
    }}
}}
"""

CHECKS = {
    80: "TCP_CHECK {\nconnect_timeout 1\nnb_sock_retry 1\ndelay_before_retry 1\n}",
    8080: "HTTP_GET {\nurl {\npath /\nstatus_code 200\n}\nconnect_timeout 1\nretry 1\ndelay_before_retry 1\n}",
    5353: "UDP_CHECK {\nconnect_timeout 1\nretry 1\ndelay_before_retry 1\n}",
    81: "PING_CHECK {\nconnect_timeout 1\nretry 1\ndelay_before_retry 1\n}",
    82: 'MISC_CHECK {\nmisc_path "/usr/bin/test ! -e %s"\n}',
}
CHECK_VIP = "192.168.100.240"


def service_file(port, check, more=""):
    return SERVICE.format(vip=CHECK_VIP, port=port, protocol="UDP" if port == 5353 else "TCP", check=check, more=more)


@pytest.fixture(scope="module")
def checks(lab):
    one = lab.nodes[0]
    keepalived = Keepalived(lab, one, "checks")
    services = keepalived.folder / "services"
    services.mkdir()
    for port, check in CHECKS.items():
        if port == 82:
            check %= keepalived.folder / "sick"
        (services / f"{port}.conf").write_text(service_file(port, check))
    for host in lab.servers:
        lab.udp_echo(host)
    keepalived.start(MAIN)
    for port in CHECKS:
        wait_for(lambda port=port: set(state(lab, port)) == {10}, 20, what=f"port {port} has two servers")
    yield keepalived
    keepalived.stop()


def state(lab, port, vip=CHECK_VIP):
    """The weights of both servers of a service, None for one that is not there."""
    weights = lab.weights(lab.nodes[0], vip, port, "udp" if port == 5353 else "tcp")
    return [weights.get(server_address(n)) for n in (1, 2)]


def test_checks(lab, checks):
    """Each kind of check takes a server out, by removing it here, and brings it back."""
    echo = [p for p in lab.processes if "udp_echo.py" in " ".join(map(str, p.args)) and lab.servers[0].role in p.args][0]
    assert set(lab.client.names(CHECK_VIP, 80, 4)) == {"s1", "s2"}
    assert {lab.client.udp_ask(CHECK_VIP, 5353).split()[0] for _ in range(4)} == {"s1", "s2"}
    assert lab.arp_answers("192.168.100.210", patience=0.4) == {lab.tap_mac(lab.nodes[0])}
    lab.end(lab.web[0])
    lab.end(echo)
    lab.servers[1].sysctl("net.ipv4.icmp_echo_ignore_all", 1)
    (checks.folder / "sick").touch()
    wanted = {80: [None, 10], 8080: [None, 10], 5353: [None, 10], 81: [10, None], 82: [None, None]}
    wait_for(lambda: {port: state(lab, port) for port in CHECKS} == wanted, 30,
             what=lambda: f"{wanted}, there is {({port: state(lab, port) for port in CHECKS})}")
    assert set(lab.client.names(CHECK_VIP, 80, 4)) == {"s2"}
    lab.web[0] = restart_nginx(lab, 1)
    lab.udp_echo(lab.servers[0])
    lab.servers[1].sysctl("net.ipv4.icmp_echo_ignore_all", 0)
    (checks.folder / "sick").unlink()
    wait_for(lambda: all(state(lab, port) == [10, 10] for port in CHECKS), 30, what="all are back")
    assert set(lab.client.names(CHECK_VIP, 80, 4)) == {"s1", "s2"}


def test_reload(lab, checks):
    """SIGHUP adds and removes a service and leaves the others and their connections alone."""
    one = lab.nodes[0]
    keep = Keep(lab.client, CHECK_VIP)
    added = checks.folder / "services/added.conf"
    added.write_text(service_file(8080, CHECKS[80]).replace(CHECK_VIP, "192.168.100.241"))
    checks.reload()
    wait_for(lambda: has(one, "192.168.100.241") and set(state(lab, 8080, "192.168.100.241")) == {10}, 20,
             what="the service is added")
    wait_for(lambda: lab.has(one, "192.168.100.241"), 10, what="its VIP is there")
    assert set(lab.client.names("192.168.100.241", 8080, 4)) == {"s1", "s2"}
    assert keep.ask() == keep.name
    # What cannot be translated changes nothing, and says where it stands.
    before = one.w.get("/v1/services"), one.w.get("/v1/ipvs")
    added.write_text(service_file(8080, CHECKS[80], "persistence_engine sip"))
    checks.reload()
    wait_for(lambda: f"{added}:10: error: persistence_engine: a persistence engine is not available yet" in checks.log_text(), 10,
             what="the error is logged")
    wait_for(lambda: "the configuration is not reloaded" in checks.log_text(), 10, what="and what follows from it")
    assert strip(before) == strip((one.w.get("/v1/services"), one.w.get("/v1/ipvs")))
    added.unlink()
    checks.reload()
    wait_for(lambda: not has(one, "192.168.100.241"), 20, what="the service is removed")
    assert keep.ask() == keep.name
    assert all(state(lab, port) == [10, 10] for port in CHECKS)
    keep.close()


def has(node, vip):
    return any(service["vip"] == vip for service in node.w.table("service"))


def strip(answers):
    services, settings = answers
    return sorted((s["vip"], s["port"]) for s in services["services"]), settings


def test_in_the_background(lab, checks):
    """Without -n weir-run goes into the background when keepalived is started; its pid file takes signals."""
    two = lab.nodes[1]
    keepalived = Keepalived(lab, two, "background").write(MAIN.replace("include", "! include") + service_file(80, CHECKS[80]))
    command = [str(word) for word in keepalived.command()]
    done = two.run(*command, env=keepalived.environment)
    wait_for(lambda: has(two, CHECK_VIP), 20, what="the service is there")
    pid = int(keepalived.pid_file.read_text())
    assert two.run(*command, check=False, env=keepalived.environment).returncode == 1
    keepalived.write(MAIN.replace("include", "! include") + service_file(81, CHECKS[80]))
    os.kill(pid, signal.SIGHUP)
    wait_for(lambda: [s["port"] for s in two.w.table("service") if s["vip"] == CHECK_VIP] == [81], 20,
             what="the other service is there")
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}") and not keepalived.pid_file.exists(), 20, what="weir-run ends")
    assert not has(two, CHECK_VIP), done.stderr


def test_exit_codes(lab, tmp_path):
    """weir-run ends as its program does; what cannot be is said with an exit code of its own."""
    node = lab.nodes[1]
    weir_run = [BUILD / "cli/weir-run", "-s", node.w.socket, "--library", BUILD / "shim/libweir-ipvs.so"]

    def code(*words):
        return run(*weir_run, *words, check=False).returncode

    assert code("sh", "-c", "exit 7") == 7
    assert code("no-such-program") == 127
    assert code("--library", "/nonexistent", "ipvsadm", "-ln") == 2
    assert run(*weir_run, "ipvsadm", "-ln").stdout.startswith("IP Virtual Server version")
    assert code("keepalived", "--version") == 0
    assert run(BUILD / "cli/weir-run", "-s", "/nonexistent", "--wait", "0", "--library", BUILD / "shim/libweir-ipvs.so",
               "keepalived", "-n", "-f", "/nonexistent", check=False).returncode == 3
    file = tmp_path / "keepalived.conf"
    file.write_text(tutorial())
    assert "keepalived and weir can use it" in run(*weir_run, "--check", "keepalived", "-f", file).stdout
    assert '"claim":false' in run(*weir_run, "--print", "keepalived", f"--use-file={file}").stdout


DPVS_CONF = """
! a dpvs.conf as it is shipped, shortened
global_defs {
    log_level   WARNING
    log_async_mode on
}
netif_defs {
    <init> pktpool_size 65535
    <init> device dpdk0 {
        rx {
            queue_number 1 <0-16>
            descriptor_number 1024
            rss all
        }
        kni_name dpdk0.kni
    }
    <init> device dpdk1 {
        mtu 1500
    }
}
worker_defs {
    <init> worker cpu0 {
        type master
        cpu_id 0
    }
    <init> worker cpu1 {
        type slave
        cpu_id 1
        port dpdk0 {
            rx_queue_ids 0
        }
    }
}
ipvs_defs {
    conn {
        <init> conn_pool_size 2097152
    }
    udp {
        defence_udp_drop
        timeout {
            oneway 60
        }
    }
    tcp {
        timeout {
            established 90
            listen 120
        }
    }
    nonsense 1
}
"""


def test_import(tmp_path):
    """weir.yaml out of a dpvs.conf: each line is used or named, and weir takes the result."""
    file = tmp_path / "dpvs.conf"
    file.write_text(DPVS_CONF)
    done = run(BUILD / "cli/weirctl", "import", file, "--map", "dpdk0=eth1", "--map", "dpdk1=0000:06:00.1")
    named = {int(line.split(":")[2]) for line in done.stderr.splitlines()}
    words = {number: line.split() for number, line in enumerate(DPVS_CONF.splitlines(), 1)}
    unused = {"log_async_mode", "pktpool_size", "queue_number", "rss", "port", "rx_queue_ids", "listen", "nonsense"}
    assert {(words[n] + [""])[words[n][0] == "<init>"] for n in named} == unused, done.stderr
    for text in ("log_level: warning", "main_cpu: 0", "workers: [1]", "ipv4: 2097152", "udp_one_way: 60",
                 "established: 90", 'device: "eth1"', 'device: "0000:06:00.1"', "descriptors: 1024", "mtu: 1500"):
        assert text in done.stdout, text
    made = tmp_path / "weir.yaml"
    made.write_text(done.stdout)
    run(BUILD / "weir", "-c", made, "--check")
    # Without a device the port is there, and weir says that it has none.
    done = run(BUILD / "cli/weirctl", "import", file)
    assert "port dpdk1 has no device yet: --map dpdk1=DEVICE" in done.stderr
    made.write_text(done.stdout)
    assert "ports[0].device" in run(BUILD / "weir", "-c", made, "--check", check=False).stderr
