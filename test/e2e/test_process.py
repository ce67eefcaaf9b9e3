# SPDX-License-Identifier: BSD-3-Clause
"""Starting and stopping: what it leaves behind, what it refuses, what it costs when idle."""

import contextlib
import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from lab import BUILD, CLIENT, ROOT, VIP, VIP6, Lab, TwoArm, Weir, run, server_address, wait_for


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(TwoArm)
    for server in lab.servers:
        # weir is restarted all the time here, and each one begins without knowing which of its ports
        # the servers still hold in TIME_WAIT for the one before.
        server.sysctl("net.ipv4.tcp_max_tw_buckets", 0)

    def settled():
        text = lab.balancer.ip("-o", "address")
        return all(f"{device} " in text.replace(":", "") and re.search(rf"{device} .*fe80", text)
                   for device in ("in0", "out0")) and "tentative" not in text

    wait_for(settled, 5, what="Linux has given the devices their own addresses")
    return lab


@pytest.fixture
def stopped(lab):
    """The lab; whatever weir a test started in it is stopped afterwards."""
    yield lab
    for weir in lab.weirs:
        if weir.process and weir.process.poll() is None:
            lab.end(weir.process)
    lab.weirs.clear()


def traces(lab):
    """Everything outside of its own folder in which a weir could leave something."""
    def below(folder):
        return sorted(str(path) for path in Path(folder).glob("*")) if os.path.isdir(folder) else []

    links = json.loads(lab.balancer.ip("-j", "-d", "link"))
    return {
        "links": sorted((link["ifname"], "xdp" in link, link["flags"], link.get("promiscuity")) for link in links),
        "addresses": sorted(lab.balancer.ip("-o", "address").splitlines()),
        "routes": sorted((lab.balancer.ip("route") + lab.balancer.ip("-6", "route")).splitlines()),
        "neighbours": lab.balancer.ip("neigh"),
        "qdiscs": lab.balancer.out("tc", "qdisc"),
        "dpdk": [name for name in below("/var/run/dpdk") if lab.prefix in name],
        "hugepages": [name for name in below("/dev/hugepages") if lab.prefix in name],
        "shm": [name for name in below("/dev/shm") if lab.prefix in name],
    }


def test_sigterm_leaves_nothing_behind(stopped):
    before = traces(stopped)
    weir = stopped.weir().start()
    assert set(stopped.client.names(VIP, count=2)) == {"s1", "s2"}
    weir.stop()
    assert not weir.socket.exists()
    assert traces(stopped) == before


def test_start_after_kill(stopped):
    before = traces(stopped)
    weir = stopped.weir().start()
    weir.kill()
    weir.start()
    wait_for(lambda: set(stopped.client.names(VIP, count=2)) == {"s1", "s2"}, 10, what="served again")
    assert stopped.client.names(VIP6)
    weir.stop()
    assert traces(stopped) == before


def test_what_was_made_by_hand_survives_a_restart(stopped):
    weir = stopped.weir().start()
    weir.ctl("service", "add", "tcp", f"{VIP}:9000", "--server", f"{server_address(1)}:80")
    weir.stop()
    weir.start()
    assert stopped.client.names(VIP, 9000) == ["s1"]
    weir.kill()
    weir.start()
    wait_for(lambda: stopped.client.names(VIP, 9000) == ["s1"], 5, what="served")
    weir.ctl("service", "delete", "tcp", f"{VIP}:9000")
    weir.stop()
    weir.start()
    assert f"{VIP}:9000" not in weir.ctl("service").stdout


@pytest.mark.parametrize("driver", ["net_af_packet", "net_af_xdp"])
def test_drivers(stopped, driver):
    """AF_PACKET and AF_XDP, asked for by name."""
    weir = stopped.weir(device0=f"{driver}0,iface=in0", device1=f"{driver}1,iface=out0").start()
    assert driver in weir.ctl("port").stdout
    for vip in (VIP, VIP6):
        figures = stopped.client.connections(vip, 80, 2000, 32)
        assert figures["done"] == 2000 and figures["slow"] == 0, figures
    assert stopped.client.udp_ask(VIP, 5353, "x")
    assert " 3 received" in stopped.client.out("ping", "-c", 3, "-i", 0.1, "-w", 10, VIP)


def test_frames_of_segmentation_offload_are_dropped_with_advice(stopped):
    """AF_PACKET takes what a peer's TSO makes, which is beyond any buffer: the drop says what to do."""
    weir = stopped.weir(device0="net_af_packet0,iface=in0", device1="net_af_packet1,iface=out0").start()
    stopped.client.run("ethtool", "-K", "eth0", "tso", "on", "gso", "on")
    try:
        with stopped.client.connect(VIP, 80, timeout=1) as sock:
            with contextlib.suppress(OSError):
                sock.sendall(b"PUT /put/x HTTP/1.0\r\nContent-Length: 2000000\r\n\r\n" + bytes(2000000))
        wait_for(lambda: weir.drops().get("frame_truncated", 0) > 0, 3, what="frame_truncated is counted")
        assert "ethtool -K PEER tso off gso off" in weir.ctl("drop").stdout
    finally:
        stopped.peer_offloads(stopped.client, "eth0")


def test_chosen_driver_is_explained(stopped):
    weir = stopped.weir().start()
    log = weir.log_tail(200)
    assert re.search(r"(?i)in0.*(AF_XDP|AF_PACKET)|(AF_XDP|AF_PACKET).*in0", log), log
    assert re.search(r"(?i)\bpages\b", log), log
    assert re.search(r"(?i)MB of session tables", log), log


def test_several_weirs_on_one_host(stopped):
    """A second weir in the same namespace, with ports and TAPs of its own."""
    other = stopped.host("other")
    stopped.link(other, "eth0", stopped.balancer, "in1")
    stopped.peer_offloads(other, "eth0")
    stopped.address(other, "eth0", "10.5.0.2/24")
    first = stopped.weir().start()
    second = Weir(stopped, stopped.balancer, {
        "ports": [{"name": "dpdk5", "device": "in1", "addresses": ["10.5.0.1/24"]}]}, "second").start()
    assert " 2 received" in other.out("ping", "-c", 2, "-i", 0.1, "-w", 10, "10.5.0.1")
    assert set(stopped.client.names(VIP, count=2)) == {"s1", "s2"}
    assert [row["name"] for row in second.table("port")] == ["dpdk5"]
    second.stop()
    assert set(stopped.client.names(VIP, count=2)) == {"s1", "s2"}
    first.stop()


def test_same_instance_twice_is_refused(stopped):
    weir = stopped.weir().start()
    done = stopped.balancer.run(BUILD / "weir", "-c", weir.file, check=False, timeout=20)
    assert done.returncode not in (0, -11, -6) and done.stderr.strip()
    assert set(stopped.client.names(VIP, count=2)) == {"s1", "s2"}, "the first one must not notice"


@pytest.mark.parametrize("driver", ["automatic", "net_af_packet", "net_af_xdp"])
def test_idle_costs_hardly_any_cpu(stopped, driver):
    prefix = {} if driver == "automatic" else {"device0": f"{driver}0,iface=in0", "device1": f"{driver}1,iface=out0"}
    weir = stopped.weir(services=[], **prefix).start()
    time.sleep(2)
    before, started = weir.cpu_seconds(), time.monotonic()
    time.sleep(3)
    share = (weir.cpu_seconds() - before) / (time.monotonic() - started)
    print(f"idle: {share * 100:.2f} % of a CPU")
    assert share < 0.04, f"{share * 100:.1f} %; the aim is 2 % on a quiet machine"
    # And wakes up at once.
    text = stopped.client.out("ping", "-c", 5, "-i", 0.2, "-w", 10, "10.0.0.1")
    fastest = float(re.search(r"= ([\d.]+)/", text)[1])
    assert fastest < 20, text


def test_device_with_addresses_is_refused(stopped):
    """It might be the ssh session of the one who types."""
    host = stopped.balancer
    host.ip("address", "add", "10.7.0.1/24", "dev", "in0")
    host.ip("route", "add", "10.70.0.0/16", "via", "10.7.0.2")
    try:
        weir = stopped.weir()
        weir.launch()
        assert weir.process.wait(20) != 0
        assert "in0" in weir.log_tail() and "take_over" in weir.log_tail(), weir.log_tail()
        assert "10.7.0.1/24" in host.ip("address", "show", "dev", "in0")
    finally:
        host.ip("address", "delete", "10.7.0.1/24", "dev", "in0")


def test_take_over_moves_addresses_and_brings_them_back(stopped):
    host, client = stopped.balancer, stopped.client
    host.ip("address", "add", "10.7.0.1/24", "dev", "in0")
    host.ip("route", "add", "10.70.0.0/16", "via", "10.7.0.2")
    client.ip("address", "add", "10.7.0.2/24", "dev", "eth0")
    try:
        before = host.ip("-o", "address", "show", "dev", "in0").replace("\\", ""), host.ip("route")
        config = stopped.config()
        config["ports"][0]["take_over"] = True
        weir = Weir(stopped, host, config).start()
        assert "10.7.0.1/24" in host.ip("address", "show", "dev", "dpdk0.kni")
        assert "10.7.0.1/24" not in host.ip("address", "show", "dev", "in0")
        assert "10.70.0.0/16 via 10.7.0.2 dev dpdk0.kni" in host.ip("route")
        assert " 2 received" in client.out("ping", "-c", 2, "-i", 0.2, "-w", 10, "10.7.0.1")
        weir.stop()
        after = host.ip("-o", "address", "show", "dev", "in0").replace("\\", ""), host.ip("route")
        assert "10.7.0.1/24" in after[0] and "10.70.0.0/16 via 10.7.0.2 dev in0" in after[1], (before, after)
        assert " 2 received" in client.out("ping", "-c", 2, "-i", 0.2, "-w", 10, "10.7.0.1")
    finally:
        client.ip("address", "delete", "10.7.0.2/24", "dev", "eth0")
        host.run("ip", "address", "delete", "10.7.0.1/24", "dev", "in0", check=False)
        host.run("ip", "route", "delete", "10.70.0.0/16", check=False)


@pytest.mark.parametrize("text, words", [
    ("ports:\n  - {name: dpdk0, device: nonsense0}\n", ["nonsense0"]),
    ("workers: 0\n", ["workers"]),
    ("ports: 5\n", ["ports"]),
    ("ports: [{name: dpdk0, device: net_null0}]\nservices:\n  - {vip: 10.0.0.1, port: 99999, protocol: tcp}\n", ["services[0].port"]),
    ("ports:\n\t- x\n", ["line 3"]),
])
def test_wrong_file_is_refused(stopped, text, words):
    file = stopped.folder / "wrong.yaml"
    file.write_text(f"instance: {stopped.prefix}wrong\n{text}")
    done = stopped.balancer.run(BUILD / "weir", "-c", file, check=False, timeout=20)
    assert done.returncode not in (0, -11, -6), done
    for word in words:
        assert word in done.stderr + done.stdout, done.stderr + done.stdout


def test_options_of_the_program():
    assert "weir" in run(BUILD / "weir", "--version").stdout
    assert "-c" in run(BUILD / "weir", "--help").stdout
    assert run(BUILD / "weir", "--nonsense", check=False).returncode != 0
    assert run(BUILD / "weir", "-c", "/nonexistent", check=False).returncode != 0


def documented_examples():
    readme = (ROOT / "README.md").read_text()
    page = (ROOT / "doc/man/weir.yaml.5").read_text()
    default = (ROOT / "dist/weir.yaml").read_text()
    block = re.search(r"```yaml\n(.*?)```", readme, re.S)[1]
    example = re.search(r"^\.SH EXAMPLE\n\.nf\n(.*?)^\.fi", page, re.S | re.M)[1].replace("\\-", "-")
    # What the default configuration shows as comments is meant to be taken in.
    head, lists = default.split("\nports: []\n")
    lists = re.sub(r"^#  ", "  ", lists.replace(": []", ":"), flags=re.M)
    return {"README": block, "weir.yaml.5": example, "default": f"{head}\nports:\n{lists}"}


@pytest.mark.parametrize("name", ["README", "weir.yaml.5", "default"])
def test_documented_examples_are_right(tmp_path, name):
    file = tmp_path / "weir.yaml"
    file.write_text(documented_examples()[name])
    assert run(BUILD / "weir", "--check", "-c", file).returncode == 0


def test_unknown_port_of_a_vip_can_be_punted(stopped):
    stopped.weir(unknown_vip_port="punt").start()
    listener = stopped.balancer.socket()
    listener.bind((VIP, 2222))
    listener.listen()
    with stopped.client.connect(VIP, 2222):
        peer, address = listener.accept()
        assert address[0] == CLIENT
        peer.close()
    listener.close()
    assert stopped.client.names(VIP)


def test_ports_without_a_linux_interface(make_lab):
    """A DPDK virtual device by its name; nothing in Linux is touched but the TAP."""
    lab = make_lab(Lab)
    weir = Weir(lab, lab.host("weir"), {"ports": [{"name": "dpdk0", "device": "net_null0,no-rx=1"}]}).start()
    assert [row["driver"] for row in weir.table("port")] == ["net_null"]
    assert "dpdk0.kni" in weir.host.ip("link")
    weir.stop()
    assert "dpdk0.kni" not in weir.host.ip("link")


def test_sighup_applies_the_file_again(stopped):
    weir = stopped.weir().start()
    config = {**weir.config, "services": weir.config["services"] + [
        {"vip": VIP, "port": 9100, "protocol": "tcp",
         "servers": [{"address": server_address(1), "port": 80, "weight": 1}]}]}
    weir.write(config)
    weir.process.send_signal(signal.SIGHUP)
    wait_for(lambda: f"{VIP}:9100" in weir.ctl("service").stdout, 5, what="the new service is there")
    weir.file.write_text("services: 5\n")
    weir.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "services" in weir.log_tail(5), 5, what="the mistake is logged")
    assert stopped.client.names(VIP, 9100) == ["s1"]
