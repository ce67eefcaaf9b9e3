# SPDX-License-Identifier: BSD-3-Clause
"""The Debian packages, in a clean Debian 12: installed by apt, started as the units say, removed again.

Twice: what the units say is run by hand, with the capabilities that they grant, which works everywhere;
and a systemd is booted in the root, where systemctl does it. The tests go in their order.
"""

import json
import re
import shutil
import signal

import pytest

import debian as debians
import lab as labs

UNITS = ["weir.service", "weir@blue.service"]
# What lintian says of a package that is for no archive: the address of its maintainer, and that its
# first version closes no bug of Debian.
NOT_FOR_AN_ARCHIVE = ["bogus-mail-host", "bogus-mail-host-in-debian-changelog", "initial-upload-closes-no-bugs"]


@pytest.fixture(scope="module")
def packages():
    return debians.packages()


@pytest.fixture(scope="module")
def root(packages, lab):
    made = debians.Debian()
    try:
        made.apt("update")
        made.namespace = lab.balancer.ns
        made.before = made.files()
        yield made
    finally:
        # A daemon of a failed test still has files open there.
        for process in lab.processes:
            if process.poll() is None:
                process.kill()
        made.close()


@pytest.fixture
def running(root, lab):
    """Start units, and stop them as systemd would, whatever the test does with them."""
    started = []

    def start(name, socket):
        log = lab.folder / f"{name}.log"
        process = debians.Unit(root, name).start(lab.balancer, log)
        started.append(process)
        words = ["weirctl", "-s", socket, "-o", "json", "status"]

        def answers():
            assert process.poll() is None, log.read_text()
            done = root.run(*words, check=False)
            return done.returncode == 0 and json.loads(done.stdout)

        process.status = labs.wait_for(answers, 30, 0.2, what=f"{name} answers")
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0


def test_lintian_is_content(packages):
    changes = next(debians.BUILD.glob("*.changes"))
    done = debians.run("lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags",
                       ",".join(NOT_FOR_AN_ARCHIVE), changes, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_apt_installs_it_with_what_it_needs(root, packages):
    root.install(packages["weir"])
    assert root.run("weir", "--version").stdout.startswith("weir ")
    # The configuration that came with it names no port, and weir says that one is wanted.
    refused = root.run("weir", "--check", check=False)
    assert refused.returncode == 1 and "ports: is missing" in refused.stderr
    assert re.search(r"^weir:", root.path("/etc/group").read_text(), re.M)
    # Nothing of Debian's is in the way: its ipvsadm and keepalived can be there too.
    assert not root.path("/usr/sbin/ipvsadm").exists()
    assert root.path("/usr/lib/weir/bin/ipvsadm").is_symlink()


def test_manual_pages_and_completion_are_there(root):
    for page in (debians.ROOT / "doc/man").iterdir():
        if page.name in ("weir-vpc-steer.8", "weir-realserver.8"):
            continue  # packages of their own
        folder = root.path(f"/usr/share/man/man{page.suffix[1:]}")
        # Pages of faces have a name of their own beside Debian's pages.
        assert (folder / f"{page.name}.gz").exists() or (folder / f"weir-{page.name}.gz").exists(), page.name
    completion = root.run("cat", "/usr/share/bash-completion/completions/weirctl").stdout
    assert "complete -F" in completion and "weirctl" in completion


def check_unit(root, folder, name):
    """A unit of another package by systemd's own check, in the clean Debian, without installing what it needs."""
    names = [f"lib/systemd/system/{name}.service", f"usr/sbin/{name}"]
    try:
        for file in names:
            shutil.copy(folder / file, root.path(f"/{file}"))
        done = debians.run("systemd-analyze", f"--root={root.folder}", "verify", "--man=no", f"/{names[0]}", check=False)
        said = [line for line in (done.stdout + done.stderr).splitlines() if name in line]
        assert not said, "\n".join(said)
    finally:
        for file in names:
            root.path(f"/{file}").unlink(missing_ok=True)


def test_the_scheduler_for_hosts_of_vms_is_a_package_of_its_own(root, packages, tmp_path):
    """It needs Open vSwitch and nothing of weir; the file that comes with it as an example is right."""
    needs = debians.run("dpkg-deb", "-f", packages["weir-vpc-steer"], "Depends").stdout
    assert "openvswitch-switch" in needs and "dpdk" not in needs and "weir" not in needs
    debians.run("dpkg-deb", "-x", packages["weir-vpc-steer"], tmp_path)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {"usr/sbin/weir-vpc-steer", "usr/share/man/man8/weir-vpc-steer.8.gz",
            "lib/systemd/system/weir-vpc-steer.service"} <= files
    example = tmp_path / "usr/share/doc/weir-vpc-steer/examples/vpc-steer.yaml"
    assert "is right" in debians.run(tmp_path / "usr/sbin/weir-vpc-steer", "-c", example, "check").stdout
    check_unit(root, tmp_path, "weir-vpc-steer")


def test_what_real_servers_need_is_a_package_of_its_own(root, packages, tmp_path):
    """A library for eBPF and nothing of weir."""
    needs = debians.run("dpkg-deb", "-f", packages["weir-realserver"], "Depends").stdout
    assert "libbpf" in needs and "dpdk" not in needs and "weir" not in needs
    debians.run("dpkg-deb", "-x", packages["weir-realserver"], tmp_path)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {"usr/sbin/weir-realserver", "usr/share/man/man8/weir-realserver.8.gz",
            "lib/systemd/system/weir-realserver.service"} <= files
    assert debians.run(tmp_path / "usr/sbin/weir-realserver", "--version").stdout.startswith("weir-realserver ")
    check_unit(root, tmp_path, "weir-realserver")


def test_units_are_right(root):
    """Every unit and drop-in by systemd's own check; nothing that they start is missing."""
    folder = root.path("/lib/systemd/system")
    names = sorted(path.name for path in folder.glob("weir*.service"))
    assert "weir.service" in names
    done = debians.run("systemd-analyze", f"--root={root.folder}", "verify", "--man=no",
                       *[f"/lib/systemd/system/{name.replace('@.', '@blue.')}" for name in names], check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "weir" in line]
    assert not said, "\n".join(said)
    for name in names:
        unit = debians.Unit(root, name.replace("@.", "@blue."))
        for key in ("ExecStart", "ExecReload"):
            if key in unit.settings:
                program = unit.command(key)[0]
                assert root.path(program).exists(), f"{name}: {key} says {program}"


def test_starts_with_one_port_more_than_it_came_with(root, running):
    file = root.path("/etc/weir/weir.yaml")
    text = file.read_text()
    assert "\nports: []\n" in text
    file.write_text(text.replace("\nports: []\n", "\nports: [{name: dpdk0, device: in0}]\n"))
    process = running("weir.service", "/run/weir/weir.sock")
    assert process.status["workers"]
    mode = root.path("/run/weir/weir.sock").stat()
    assert oct(mode.st_mode)[-3:] == "660"
    group = re.search(r"^weir:[^:]*:(\d+)", root.path("/etc/group").read_text(), re.M)
    assert mode.st_gid == int(group[1])
    assert "IP Virtual Server" in root.run("/usr/lib/weir/bin/ipvsadm", "-ln").stdout
    assert "nothing differs" in root.run(*debians.Unit(root, "weir.service").command("ExecReload")).stdout


def test_balances_with_the_capabilities_of_the_unit(root, lab, running):
    """As an administrator would: /etc/weir/weir.yaml is written, the service started, a client served."""
    root.path("/etc/weir/weir.yaml").write_text(labs.yaml_text(
        {"memory": {"hugepages": "never", "megabytes": 256}, "sessions": {"ipv4": 100000, "ipv6": 50000},
         **lab.config()}))
    running("weir.service", "/run/weir/weir.sock")
    labs.wait_for(lambda: lab.client.curl(f"http://{labs.VIP}/", check=False).stdout, what="the first answer")
    assert set(lab.client.names(labs.VIP, count=10)) == {"s1", "s2"}
    assert set(lab.client.names(labs.VIP6, count=10)) == {"s1", "s2"}
    text = root.run("/usr/lib/weir/bin/ipvsadm", "-ln").stdout
    assert f"TCP  {labs.VIP}:80 rr" in text and "FullNat" in text
    assert f"inet {labs.LIP}/32 scope global dpdk1" in root.run("/usr/lib/weir/bin/dpip", "addr", "show").stdout
    # Debian's own ipvsadm by way of the library, and the face: two doors to one table.
    root.install("ipvsadm")
    stock = root.run("weir-run", "ipvsadm", "-ln").stdout
    assert f"TCP  {labs.VIP}:80 rr" in stock and f"{labs.server_address(1)}:80" in stock
    root.run("weir-run", "ipvsadm", "-e", "-t", f"{labs.VIP}:80", "-r", f"{labs.server_address(1)}:80", "-m", "-w", "0")
    assert set(lab.client.names(labs.VIP, count=10)) == {"s2"}


def test_the_checker_of_the_package_finds_what_is_down(root, lab, running):
    """As its unit says: without root, in the group weir."""
    check = {"type": "http", "interval": 0.5, "timeout": 0.4}
    made = lab.config(services=[{
        "vip": labs.VIP, "port": 80, "protocol": "tcp", "check": check,
        "servers": [{"address": labs.server_address(1), "port": 80}, {"address": labs.server_address(2), "port": 7}]}])
    root.path("/etc/weir/weir.yaml").write_text(labs.yaml_text(
        {"memory": {"hugepages": "never", "megabytes": 256}, "sessions": {"ipv4": 100000, "ipv6": 50000}, **made}))
    running("weir.service", "/run/weir/weir.sock")
    log = lab.folder / "checker.log"
    process = debians.Unit(root, "weir-checker.service").start(lab.balancer, log)
    try:
        def found():
            assert process.poll() is None, log.read_text()
            rows = json.loads(root.run("weirctl", "-o", "json", "check").stdout)
            rows = rows if isinstance(rows, list) else next(v for v in rows.values() if isinstance(v, list))
            return sorted(str(row["state"]) for row in rows) == ["down", "up"]

        labs.wait_for(found, 30, 0.2, what=lambda: root.run("weirctl", "check").stdout + log.read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def test_a_second_instance_beside_it(root, lab, running):
    lab.link(lab.client, "eth1", lab.balancer, "in1")
    root.path("/etc/weir/blue.yaml").write_text(labs.yaml_text(
        {"instance": "blue", "memory": {"hugepages": "never", "megabytes": 128},
         "sessions": {"ipv4": 10000, "ipv6": 10000},
         "ports": [{"name": "blue0", "device": "in1", "addresses": ["10.9.0.1/24"]}]}))
    first = running("weir.service", "/run/weir/weir.sock")
    second = running("weir@blue.service", "/run/weir/blue.sock")
    assert "blue0" in root.run("weirctl", "--instance", "blue", "port").stdout
    assert root.run(*debians.Unit(root, "weir@blue.service").command("ExecReload")).returncode == 0
    assert first.poll() is None and second.poll() is None


@pytest.fixture(scope="module")
def booted(root, lab):
    if not debians.cgroup_root():
        pytest.skip("systemd needs the second version of cgroups, which is not mounted here")
    made = debians.Booted(root, lab.balancer)
    yield made
    made.close()


def answered(lab):
    labs.wait_for(lambda: lab.client.curl("-m", "1", f"http://{labs.VIP}/", check=False).stdout, 20,
                  what="an answer to a client")


def test_systemd_starts_reloads_restarts_and_stops_it(booted, root, lab):
    """The real systemctl, under a systemd that has been booted in the root."""
    booted.systemctl("enable", "--now", "weir", "weir-checker")
    answered(lab)
    assert booted.run("systemctl", "is-active", "weir", "weir-checker").stdout.split() == ["active", "active"]
    assert booted.run("weirctl", "status").returncode == 0
    booted.systemctl("reload", "weir")
    labs.wait_for(lambda: "up" in booted.run("weirctl", "check").stdout, 20, what="the checker reports")
    pid = booted.run("systemctl", "show", "-P", "MainPID", "weir").stdout
    booted.systemctl("kill", "--signal=KILL", "--kill-whom=main", "weir")
    labs.wait_for(lambda: booted.run("systemctl", "show", "-P", "MainPID", "weir").stdout not in (pid, "0\n"), 20,
                  what="systemd starts it again")
    answered(lab)
    booted.systemctl("start", "weir@blue")
    labs.wait_for(lambda: booted.run("weirctl", "--instance", "blue", "status", check=False).returncode == 0, 20,
                  what="the second instance answers")
    booted.systemctl("stop", "weir", "weir@blue")
    # What is bound to weir ends with it.
    labs.wait_for(lambda: booted.run("systemctl", "is-active", "weir", "weir-checker", "weir@blue",
                                     check=False).stdout.split() == ["inactive"] * 3, 20, what="all have stopped")


def test_an_upgrade_keeps_the_configuration(root, packages):
    before = root.path("/etc/weir/weir.yaml").read_text()
    shutil.copy(packages["weir"], root.path("/tmp"))
    root.apt("install", "--reinstall", f"/tmp/{packages['weir'].name}")
    assert root.path("/etc/weir/weir.yaml").read_text() == before


def test_removing_it_stops_it(booted):
    booted.systemctl("start", "weir", "weir@blue")
    booted.run("apt-get", "-q", "-y", "remove", "weir")
    assert "active" not in booted.run("systemctl", "is-active", "weir", "weir@blue", check=False).stdout.split()


def test_purge_leaves_only_what_is_the_administrators(root):
    """Blue's configuration was never the package's; the group stays, as Debian's policy has it."""
    root.apt("purge", "--autoremove", "weir", "ipvsadm")
    left = root.files() - root.before
    # Copies of the password files are adduser's, and what lies in /run goes with the next boot.
    own = r"/etc/(group|gshadow|passwd|shadow)-$|/run/(?!weir)|/var/lib/(systemd|private)|/etc/(\.updated|machine-id)"
    own += r"|/etc/systemd/system/(systemd-|modprobe@|weir-checker.service.d)|/var/(\.updated|tmp/)|/var/lib/dbus"  # systemd's, and its masks
    left -= {path for path in left if re.match(own, path)}
    assert left == {"/etc/weir", "/etc/weir/blue.yaml"}
    assert re.search(r"^weir:", root.path("/etc/group").read_text(), re.M)


def test_keepalived_is_hijacked_only_when_asked(root, packages):
    """weir alone leaves keepalived's unit alone; weir-keepalived is how an administrator asks for it."""
    root.install(packages["weir"], "keepalived")
    drop_in = root.path("/lib/systemd/system/keepalived.service.d/weir.conf")
    assert not drop_in.is_symlink()
    root.install(packages["weir-keepalived"])
    text = root.run("cat", "/lib/systemd/system/keepalived.service.d/weir.conf").stdout
    program = re.search(r"^ExecStart=(/\S+)", text, re.M)[1]
    assert root.run(program, "--help").returncode == 0
    done = debians.run("systemd-analyze", f"--root={root.folder}", "verify", "--man=no",
                       "/lib/systemd/system/keepalived.service", check=False)
    assert "weir" not in done.stdout + done.stderr, done.stdout + done.stderr
    root.apt("remove", "weir-keepalived")
    assert not drop_in.is_symlink()
