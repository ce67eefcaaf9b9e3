# SPDX-License-Identifier: BSD-3-Clause
"""Real servers with weir-realserver: a class to be mixed into a lab."""

import json
from pathlib import Path

from lab import BUILD, run, wait_for

PROGRAM = BUILD / "realserver/weir-realserver"


def cgroup_root(folder):
    """Where the cgroups of version 2 are; mounted in the lab's folder when they are nowhere."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        words = line.split()
        if words[2] == "cgroup2":
            return Path(words[1])
    folder.mkdir()
    run("mount", "-t", "cgroup2", "none", folder)
    return folder


class RealServers:
    """Each server's programs are in a cgroup of their own, as if it were a host."""

    def server(self, number, *arguments):
        host = super().server(number, *arguments)
        host.cgroup = cgroup_root(self.folder / "cgroup") / f"{self.prefix}-{host.role}"
        host.cgroup.mkdir()
        return host

    def realserver(self, command, *words, host=None, check=True):
        host = host or self.servers[0]
        return run("nsenter", f"--net=/run/netns/{host.ns}", PROGRAM, command, "-c", host.cgroup, *words, check=check)

    def attach(self, *trusted):
        for host in self.servers:
            self.realserver("attach", *trusted, host=host)

    def counters(self, host):
        return json.loads(self.realserver("show", "--json", host=host).stdout)["counters"]

    def close(self):
        folders = [host.cgroup for host in self.hosts.values() if host.cgroup]
        mounted = self.folder / "cgroup"
        for process in self.processes:
            self.end(process)
        for folder in folders:
            wait_for(lambda: not (folder / "cgroup.procs").read_text(), 10, what="the cgroup is empty")
            folder.rmdir()
        if mounted.exists():
            run("umount", mounted)
        super().close()
