# SPDX-License-Identifier: BSD-3-Clause
"""The doors: weirctl, REST and the file; and that wrong input is refused whole, with its field named."""

import copy
import json
import os
import re
import stat
import subprocess
import threading
import time

import pytest

from lab import BUILD, ROOT, VIP, VIP6, Keep, Refused, run, server_address, yaml_text


def ctl(lab, *words, **keywords):
    return lab.w.ctl(*words, **keywords)


# weirctl

def test_exit_codes(two_arm):
    assert ctl(two_arm, "status", check=False).returncode == 0
    refused = ctl(two_arm, "service", "delete", "tcp", "10.0.0.99:80", check=False)
    assert refused.returncode == 1 and refused.stderr.startswith("weirctl: ")
    for words in (["nonsense"], ["service", "nonsense"], ["service", "add", "tcp"], ["service", "add", "dccp", "1.2.3.4:5"],
                  ["service", "add", "tcp", "1.2.3.4:80", "--nonsense"], ["-o", "xml", "status"],
                  ["service", "set", "tcp", "1.2.3.4:80"], ["server", "set", "tcp", "1.2.3.4:80", "1.2.3.4:80", "-w", "x"],
                  ["apply"], ["apply", "-f", "/nonexistent"]):
        done = ctl(two_arm, *words, check=False)
        assert done.returncode == 2 and done.stderr.startswith("weirctl: "), (words, done)
    unreachable = run(BUILD / "cli/weirctl", "-s", "/nonexistent", "status", check=False)
    assert unreachable.returncode == 3 and "/nonexistent" in unreachable.stderr


def test_service_and_servers_by_hand(two_arm):
    service = ["tcp", f"{VIP}:8000"]
    ctl(two_arm, "service", "add", *service, "--scheduler", "wrr", "--timeout", "established=600", "--mss", "1400")
    assert "exists" in ctl(two_arm, "service", "add", *service, check=False).stderr
    ctl(two_arm, "server", "add", *service, f"{server_address(1)}:80", "--weight", "3")
    ctl(two_arm, "server", "add", *service, f"{server_address(2)}:80")
    ctl(two_arm, "service", "set", *service, "-s", "rr")
    ctl(two_arm, "server", "set", *service, f"{server_address(2)}:80", "-w", "5")
    shown = json.loads(ctl(two_arm, "-o", "json", "service", "show", *service).stdout)
    assert shown["scheduler"] == "rr" and shown["mss"] == 1400 and shown["timeouts"]["established"] == 600
    assert {s["address"]: s["weight"] for s in shown["servers"]} == {server_address(1): 3, server_address(2): 5}
    assert set(two_arm.client.names(VIP, 8000, 4)) == {"s1", "s2"}
    assert server_address(2) in ctl(two_arm, "server", "list", *service).stdout
    ctl(two_arm, "server", "delete", *service, f"{server_address(2)}:80")
    assert set(two_arm.client.names(VIP, 8000, 4)) == {"s1"}
    ctl(two_arm, "service", "delete", *service)
    assert f"{VIP}:8000" not in ctl(two_arm, "service").stdout


def test_service_in_one_command_ipv6(two_arm):
    ctl(two_arm, "service", "add", "tcp", f"[{VIP6}]:8000", "-s", "rr", "--server", "[fd00:b::2]:80,2",
        "--local-address", "fd00:b::201@dpdk1")
    name, peer, _ = two_arm.client.curl("-g", f"http://[{VIP6}]:8000/").stdout.split()
    assert (name, peer) == ("s1", "fd00:b::201")
    ctl(two_arm, "service", "delete", "tcp", f"[{VIP6}]:8000")


def test_local_addresses(two_arm):
    ctl(two_arm, "local-address", "add", "192.168.100.210", "--interface", "dpdk1")
    assert "192.168.100.210" in ctl(two_arm, "local-address").stdout
    assert "192.168.100.210" in two_arm.balancer.ip("address", "show", "dev", "dpdk1.kni")
    two_arm.client.names(VIP, count=4)
    ctl(two_arm, "local-address", "delete", "192.168.100.210")
    assert "192.168.100.210" not in ctl(two_arm, "local-address").stdout
    assert ctl(two_arm, "local-address", "add", "192.168.100.210", "-i", "nonsense", check=False).returncode == 1


@pytest.mark.parametrize("noun", ["service", "server", "local-address", "port", "route", "neighbour", "address",
                                  "worker", "drop", "counter", "rate", "status", "version", "config", "session"])
def test_every_listing_as_table_and_json(two_arm, noun):
    two_arm.client.names(VIP, count=2)
    words = [noun, "list"] if noun == "session" else [noun]
    table = ctl(two_arm, *words).stdout
    assert table.strip(), noun
    text = ctl(two_arm, "-o", "json", *words).stdout
    for line in text.splitlines() if noun == "session" else [text]:
        json.loads(line)


def test_completion():
    script = run(BUILD / "cli/weirctl", "completion", "bash").stdout
    environment = {**os.environ, "PATH": f"{BUILD}/cli:{os.environ['PATH']}"}
    program = script + '''
COMP_WORDS=(weirctl service ad); COMP_CWORD=2; _weirctl; echo "${COMPREPLY[@]}"
COMP_WORDS=(weirctl service add tcp 1.2.3.4:80 --ms); COMP_CWORD=5; _weirctl; echo "${COMPREPLY[@]}"
COMP_WORDS=(weirctl service add tcp 1.2.3.4:80 --scheduler w); COMP_CWORD=6; _weirctl; echo "${COMPREPLY[@]}"
'''
    done = subprocess.run(["bash", "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["add", "--mss", "wrr wlc"]


def test_help_names_every_command():
    text = run(BUILD / "cli/weirctl", "help").stdout
    for noun in ("service add", "server set", "local-address delete", "session list", "apply", "trace", "capture"):
        assert noun in text
    assert "--scheduler" in run(BUILD / "cli/weirctl", "help", "service", "add").stdout


# the file

def test_apply_changes_only_what_differs(two_arm):
    w = two_arm.w
    before = w.get("/v1/config")
    assert "nothing differs" in ctl(two_arm, "apply", "-f", w.file).stdout
    config = copy.deepcopy(w.config)
    config["services"][0]["servers"][0]["weight"] = 7
    config["services"].append({"vip": VIP, "port": 9000, "protocol": "tcp",
                               "servers": [{"address": server_address(1), "port": 80, "weight": 1}]})
    changed = w.folder / "changed.yaml"
    changed.write_text(yaml_text(config))
    dry = ctl(two_arm, "apply", "-f", changed, "--dry-run").stdout
    assert f"{VIP}:9000" in dry and f"{VIP}:80" in dry and VIP6 not in dry, dry
    assert w.get("/v1/config") == before, "a dry run changed something"
    keep = Keep(two_arm.client, VIP)
    ctl(two_arm, "apply", "-f", changed)
    assert two_arm.client.names(VIP, 9000) == ["s1"]
    assert keep.ask() == keep.name
    assert ctl(two_arm, "apply", "-f", w.file).returncode == 0
    assert w.get("/v1/config") == before
    with pytest.raises(Refused) as refusal:
        w.service("tcp", VIP, 9000)
    assert refusal.value.status == 404


def test_apply_leaves_what_came_through_another_door(two_arm):
    ctl(two_arm, "service", "add", "tcp", f"{VIP}:9001", "--server", f"{server_address(1)}:80")
    ctl(two_arm, "apply", "-f", two_arm.w.file)
    assert two_arm.client.names(VIP, 9001) == ["s1"]
    ctl(two_arm, "service", "delete", "tcp", f"{VIP}:9001")


def test_config_can_be_applied_again(two_arm):
    text = ctl(two_arm, "config").stdout
    done = ctl(two_arm, "apply", "-f", "-", stdin=None, input=text)
    assert "nothing differs" in done.stdout


WRONG = [
    (lambda c: c["services"][0]["servers"][1].update(weight=70000), "services[0].servers[1].weight"),
    (lambda c: c["services"][0].update(vip="10.0.0.300"), "services[0].vip"),
    (lambda c: c["services"][0].update(port=70000), "services[0].port"),
    (lambda c: c["services"][0].update(protocol="icmp"), "services[0].protocol"),
    (lambda c: c["services"][0].update(scheduler="best"), "services[0].scheduler"),
    (lambda c: c["services"][0].update(mode="teleport"), "services[0].mode"),
    (lambda c: c["services"][1].update(timeouts={"established": 0}), "services[1].timeouts.established"),
    (lambda c: c["services"][1].update(timeouts={"nonsense": 5}), "services[1].timeouts.nonsense"),
    (lambda c: c["services"][1].update(colour="red"), "services[1].colour"),
    (lambda c: c["services"].append(copy.deepcopy(c["services"][0])), "services[6]"),
    (lambda c: c["services"][0]["servers"][0].update(address="fd00:b::2", mode="nat"),
     "services[0].servers[0].address"),
    (lambda c: c["local_addresses"][0].update(interface="eth9"), "local_addresses[0].interface"),
    (lambda c: c.update(colour="red"), "colour"),
    (lambda c: c["services"][0].update(servers="all"), "services[0].servers"),
    (lambda c: c["ports"][0].update(mtu="large"), "ports[0].mtu"),
]


@pytest.mark.parametrize("spoil, field", WRONG, ids=[field for _, field in WRONG])
def test_wrong_input_is_refused_whole(two_arm, spoil, field):
    w = two_arm.w
    before = w.get("/v1/config")
    config = copy.deepcopy(w.config)
    # Something right comes before what is wrong: it must not be taken either.
    config["services"][0]["servers"][0]["weight"] = 9
    spoil(config)
    with pytest.raises(Refused) as refusal:
        w.request("PUT", "/v1/config", yaml_text(config), kind="application/yaml")
    assert refusal.value.status in (400, 404, 409, 422)
    assert refusal.value.error["field"].startswith(field), refusal.value.error
    assert refusal.value.error["text"] and refusal.value.error["code"].startswith("E")
    assert w.get("/v1/config") == before


def test_yaml_errors_name_the_line(two_arm):
    with pytest.raises(Refused) as refusal:
        two_arm.w.request("PUT", "/v1/config", "services:\n  - vip: [\n", kind="application/yaml")
    assert refusal.value.status == 400 and re.search(r"line \d+", refusal.value.error["text"])


def test_mode_of_another_kind_of_service_is_refused_with_a_sentence(two_arm):
    with pytest.raises(Refused) as refusal:
        two_arm.w.put(f"/v1/services/tcp/{VIP}/9002", {"mode": "snat"})
    assert refusal.value.error["field"] == "mode" and len(refusal.value.error["text"]) > 20


# REST

def test_refusals_of_rest(two_arm):
    w = two_arm.w
    for method, path, body, status in (
            ("GET", "/v1/nonsense", None, 404), ("GET", "/v1/services/tcp/1.2.3.4/80", None, 404),
            ("DELETE", "/v1/services/tcp/1.2.3.4/80", None, 404), ("POST", "/v1/services", "{}", 405),
            ("PUT", "/v1/services/tcp/nonsense/80", "{}", 400), ("PUT", "/v1/services/tcp/1.2.3.4/99999", "{}", 400),
            ("PUT", f"/v1/services/tcp/{VIP}/9003", "{not json", 400),
            ("PATCH", f"/v1/services/tcp/{VIP}/80", '{"weight": 5}', 400)):
        with pytest.raises(Refused) as refusal:
            w.request(method, path, body)
        assert refusal.value.status == status, (method, path, refusal.value)
        assert refusal.value.error["text"], (method, path)


def test_socket_is_not_for_everybody(two_arm):
    mode = stat.S_IMODE(os.stat(two_arm.w.socket).st_mode)
    assert mode & 0o007 == 0, oct(mode)


def test_metrics_speak_prometheus(two_arm):
    two_arm.client.names(VIP, count=3)
    text = two_arm.w.get("/metrics")
    sample = re.compile(r'^[a-z_:][a-z0-9_:]*(\{([a-z_]+="[^"]*",?)*\})? -?[0-9.e+]+$', re.I)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) > 20
    for line in lines:
        assert sample.match(line), line
    typed = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    assert {re.split(r"[{ ]", line)[0] for line in lines} <= typed


def test_documented_paths_answer(two_arm):
    """Every GET of the OpenAPI file without a parameter in its path is there."""
    files = [path for path in (ROOT / "doc").rglob("openapi*") if path.is_file()]
    assert files, "the API is not documented"
    paths = re.findall(r'^  "?(/(?:v1|metrics)[^"\s:]*)"?:\n(?:    .*\n)*?    get:', files[0].read_text(), re.M)
    assert len(paths) > 10
    for path in paths:
        if "{" in path or path.endswith(("trace", "capture")):
            continue
        two_arm.w.get(path)


def test_many_clients_at_once(two_arm):
    """Requests share grace periods: a hundred changes from ten clients take no ten seconds."""
    failures = []

    def change(number):
        try:
            for step in range(10):
                two_arm.w.patch(f"/v1/services/tcp/{VIP}/80", {"timeouts": {"established": 100 + number + step}})
        except (OSError, Refused) as error:
            failures.append(error)

    started = time.monotonic()
    threads = [threading.Thread(target=change, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and time.monotonic() - started < 5


def test_ten_thousand_services_while_traffic_flows(two_arm):
    """10,000 services with 40,000 real servers by one `apply`, without a lost connection."""
    w = two_arm.w
    config = copy.deepcopy(w.config)
    servers = [{"address": server_address(1 + n % 2), "port": 80 + n // 2, "weight": 1} for n in range(4)]
    config["services"] += [
        {"vip": f"10.60.{n // 200}.{n % 200 + 1}", "port": 80, "protocol": "tcp", "scheduler": "wlc",
         "servers": servers} for n in range(10000)]
    many = w.folder / "many.json"
    many.write_text(json.dumps(config))
    figures = {}
    load = threading.Thread(target=lambda: figures.update(two_arm.client.connections(VIP, 80, 20000, 16)))
    load.start()
    started = time.monotonic()
    ctl(two_arm, "apply", "-f", many, timeout=60)
    took = time.monotonic() - started
    load.join()
    print(f"applied in {took:.2f} s")
    assert len(w.table("service")) >= 10000
    assert figures["done"] == 20000 and figures["slow"] == 0, figures
    assert took < 4, "the aim is 2 s on an idle machine"
    ctl(two_arm, "apply", "-f", w.file, timeout=60)
