# SPDX-License-Identifier: BSD-3-Clause
"""A clean Debian 12 in a folder, and commands in it.

debootstrap's result is kept in build-deb/base-ARCH.tar beside the packages, so that only the first run
fetches it; each test run unpacks it anew. A command runs in a mount namespace of its own: what it
needs of /proc, /sys and /dev goes away with it, whatever happens.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build-deb"
MIRROR = os.environ.get("WEIR_DEBIAN_MIRROR", "http://deb.debian.org/debian")
BASE_DAYS = 7
# Mounts are private to the command; `exec` makes the program the process that was started.
ENTER = """
mount --make-rprivate /
mount -t proc proc "$0/proc"
mount --rbind /sys "$0/sys"
mount --rbind /dev "$0/dev"
exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
"""


def run(*command, check=True, timeout=300, **keywords):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout, **keywords)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(done.args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def packages():
    """The packages of the last commit, built when they are not there: {name: file}."""
    commit = run("git", "-C", ROOT, "rev-parse", "HEAD").stdout
    made = BUILD / "commit"
    if not made.exists() or made.read_text() != commit:
        made.unlink(missing_ok=True)
        # The tests themselves have a layer of their own.
        run(ROOT / "tools/make-deb", timeout=1800, env={**os.environ, "DEB_BUILD_OPTIONS": "nocheck"})
        made.write_text(commit)
    return {path.name.split("_")[0]: path for path in BUILD.glob("*.deb")}


def base():
    """The archive of a minimal Debian 12 with systemd, not older than a week."""
    architecture = run("dpkg", "--print-architecture").stdout.strip()
    kept = BUILD / f"base-{architecture}.tar"
    if kept.exists() and time.time() - kept.stat().st_mtime < BASE_DAYS * 86400:
        return kept
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="weir-debootstrap-") as folder:
        run("debootstrap", "--variant=minbase", "--include=systemd", "bookworm", folder, MIRROR, timeout=900)
        partial = kept.with_suffix(".partial")
        run("tar", "-C", folder, "--numeric-owner", "--xattrs", "-cf", partial, ".")
        partial.rename(kept)
    return kept


class Debian:
    """A root file system, and optionally the network namespace in which its commands run."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="weir-root-"))
        self.namespace = None
        run("tar", "-C", self.folder, "--numeric-owner", "--xattrs", "-xf", base())
        shutil.copy("/etc/resolv.conf", self.folder / "etc/resolv.conf")
        # Packages come from the archive, in which the machine's own proxy may be needed.
        for path in Path("/etc/apt/apt.conf.d").glob("*proxy*"):
            shutil.copy(path, self.folder / "etc/apt/apt.conf.d")
        self.folder.chmod(0o755)

    def path(self, name):
        return self.folder / name.lstrip("/")

    def words(self, *command, network=False):
        """What to start for a command in this root; `network` leaves it in the machine's network."""
        enter = ["unshare", "--mount", "sh", "-ec", ENTER, self.folder, *command]
        if self.namespace and not network:
            enter = ["ip", "netns", "exec", self.namespace, *enter]
        return [str(word) for word in enter]

    def run(self, *command, check=True, timeout=120, network=False):
        return run(*self.words(*command, network=network), check=check, timeout=timeout)

    def apt(self, *words, check=True):
        return self.run("apt-get", "-q", "-y", "--no-install-recommends", *words, check=check, timeout=600,
                        network=True)

    def install(self, *names):
        """Packages of the archive by name, ours as files, as a user would: apt finds what they need."""
        words = []
        for name in names:
            if isinstance(name, Path):
                shutil.copy(name, self.folder / "tmp")
                words.append(f"/tmp/{name.name}")
            else:
                words.append(name)
        return self.apt("install", *words)

    def files(self):
        """Every path of the root, but for what apt, dpkg and the test keep for themselves."""
        own = re.compile(r"/(proc|sys|dev|tmp|var/lib/(dpkg|apt)|var/cache|var/log)(/|$)")
        found = set()
        for folder, folders, names in os.walk(self.folder):
            inside = "/" + os.path.relpath(folder, self.folder).removeprefix(".")
            inside = re.sub("/+", "/", inside)
            folders[:] = [name for name in folders if not own.match(f"{inside.rstrip('/')}/{name}/")]
            found.update(f"{inside.rstrip('/')}/{name}" for name in [*folders, *names])
        return {path for path in found if not own.match(path)}

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


# systemd as the first process of namespaces of its own. It gets a group of processes to itself, and
# the units that would change settings of the whole machine are masked.
BOOT = """
mount --make-rprivate /
mount --bind "$0" "$0"
mount -t proc proc "$0/proc"
mount -t sysfs sysfs "$0/sys"
mount -t cgroup2 cgroup2 "$0/sys/fs/cgroup"
mount -t tmpfs tmpfs "$0/run"
mount -t tmpfs tmpfs "$0/dev"
mkdir -p "$0/dev/net" "$0/dev/shm" "$0/dev/pts"
for device in null zero full random urandom tty net/tun; do
	touch "$0/dev/$device"
	mount --bind "/dev/$device" "$0/dev/$device"
done
mount -t tmpfs tmpfs "$0/dev/shm"
cd "$0"
pivot_root . .
umount -l .
exec chroot . /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd \\
	--log-target=journal
"""
MASKED = ["systemd-sysctl", "systemd-modules-load", "systemd-udevd", "systemd-udev-trigger", "modprobe@"]


def cgroup_root():
    """Where the second version of cgroups is mounted; None when it is not."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        words = line.split()
        if words[2] == "cgroup2" and "rw" in words[3].split(","):
            return Path(words[1])
    return None


class Booted:
    """A root whose systemd runs, in the network namespace of the lab; commands see what it sees."""

    def __init__(self, debian, host):
        self.debian = debian
        for unit in MASKED:
            path = debian.path(f"/etc/systemd/system/{unit}.service")
            if not path.is_symlink():
                path.symlink_to("/dev/null")
        # A private /dev cannot be made over the one of a root in a folder.
        override = debian.path("/etc/systemd/system/weir-checker.service.d/here.conf")
        override.parent.mkdir(exist_ok=True)
        override.write_text("[Service]\nPrivateDevices=no\n")
        self.group = cgroup_root() / f"weir-package-{os.getpid()}"
        self.group.mkdir()
        # Not by `ip netns exec`, which hides the groups.
        self.process = subprocess.Popen(
            ["sh", "-c", 'echo $$ >"$1/cgroup.procs" && exec nsenter --net="$4" unshare --mount --pid --uts --ipc '
             '--cgroup --fork --kill-child sh -ec "$2" "$3"', "sh", self.group, BOOT, debian.folder,
             f"/run/netns/{host.ns}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        host.lab.processes.append(self.process)
        end = time.monotonic() + 60
        while self.run("systemctl", "is-system-running", check=False).stdout.strip() not in ("running", "degraded"):
            assert self.process.poll() is None and time.monotonic() < end, "systemd does not come up"
            time.sleep(0.2)

    def pid(self):
        """Of systemd, the child of unshare."""
        children = run("pgrep", "-P", self.process.pid, check=False).stdout.split()
        return children[0] if children else None

    def run(self, *command, check=True, timeout=120):
        pid = self.pid()
        if pid is None:
            return subprocess.CompletedProcess(command, 1, "", "systemd is not there yet")
        return run("nsenter", "-t", pid, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd",
                   "env", "DEBIAN_FRONTEND=noninteractive", *command, check=check, timeout=timeout)

    def systemctl(self, *words):
        """With what the units have logged, when it fails."""
        try:
            return self.run("systemctl", *words).stdout
        except AssertionError as error:
            journal = self.run("journalctl", "-b", "--no-pager", "-n", "60", "-u", "weir*", check=False).stdout
            raise AssertionError(f"{error}\n{journal}") from None

    def close(self):
        self.process.kill()  # and with it, by --kill-child, all of the namespace
        self.process.wait(10)
        for _ in range(100):
            if all(not path.read_text() for path in self.group.rglob("cgroup.procs")):
                break
            time.sleep(0.1)
        for path in sorted((path for path in [self.group, *self.group.rglob("*")] if path.is_dir()), reverse=True):
            path.rmdir()


class Unit:
    """A unit file as systemd would carry it out, so far as that can be done without systemd."""

    def __init__(self, debian, name):
        self.debian = debian
        self.instance = name.split("@")[1].split(".")[0] if "@" in name else ""
        file = re.sub("@.*\\.", "@.", name)
        text = debian.path(f"/lib/systemd/system/{file}").read_text()
        self.settings = dict(re.findall(r"^(\w+)=(.*)$", text, re.M))

    def value(self, key):
        return self.settings[key].replace("%i", self.instance)

    def command(self, key="ExecStart"):
        return self.value(key).split()

    def start(self, host, log):
        """Its folders, capabilities and limits, and then its program."""
        for setting, place in (("RuntimeDirectory", "/run"), ("StateDirectory", "/var/lib")):
            if setting in self.settings:
                self.debian.path(f"{place}/{self.value(setting)}").mkdir(exist_ok=True)
        # Not every kernel knows the newest capabilities by name; setpriv is this Debian's own.
        kept = [f"+{name.removeprefix('CAP_').lower()}"
                for name in self.settings.get("CapabilityBoundingSet", "").split()]
        words = ["setpriv"]
        if kept:
            words.append(f"--bounding-set=-all,{','.join(kept)}")
        if self.settings.get("DynamicUser") == "yes":
            groups = [re.search(rf"^{name}:[^:]*:(\d+)", self.debian.path("/etc/group").read_text(), re.M)[1]
                      for name in self.settings.get("SupplementaryGroups", "").split()]
            ambient = ",".join(f"+{name.removeprefix('CAP_').lower()}"
                               for name in self.settings.get("AmbientCapabilities", "").split()) or "-all"
            words += ["--reuid=65534", "--regid=65534", f"--groups={','.join(groups)}" if groups else "--clear-groups",
                      f"--inh-caps={ambient}", f"--ambient-caps={ambient}"]
        if self.settings.get("NoNewPrivileges") == "yes":
            words.append("--no-new-privs")
        enter = self.debian.words(*words, *self.command(), network=True)  # the host is the namespace
        return host.start(*enter, log=log)


if __name__ == "__main__":
    # So that it is there when the tests ask for it.
    packages()
    base()
