# SPDX-License-Identifier: BSD-3-Clause
"""Open vSwitch in a namespace."""

import os

from lab import run, wait_for


class Switch:
    """An Open vSwitch of its own, in user space, for a namespace: it speaks LACP and knows VLANs."""

    def __init__(self, lab, host):
        self.lab, self.host = lab, host
        self.folder = lab.folder / f"ovs-{host.role}"
        self.folder.mkdir()
        database = self.folder / "conf.db"
        run("ovsdb-tool", "create", database, "/usr/share/openvswitch/vswitch.ovsschema")
        self.environment = {**os.environ, **{f"OVS_{name}DIR": str(self.folder) for name in ("RUN", "LOG", "DB")}}
        self.socket = f"unix:{self.folder}/db.sock"
        host.start("ovsdb-server", database, f"--remote=p{self.socket}", f"--unixctl={self.folder}/db.ctl",
                   log=self.folder / "ovsdb.log", env=self.environment)
        wait_for(lambda: (self.folder / "db.sock").exists(), what="ovsdb-server listens")
        self.vsctl("--no-wait", "init")
        self.start()
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")

    def start(self):
        self.process = self.host.start("ovs-vswitchd", self.socket, f"--unixctl={self.folder}/vswitchd.ctl",
                                       "--disable-system", log=self.folder / "vswitchd.log", env=self.environment)

    def kill(self):
        """The switch itself; its database goes on."""
        self.process.kill()
        self.process.wait(10)

    def vsctl(self, *words):
        return run("ovs-vsctl", f"--db={self.socket}", "--timeout=10", *words).stdout

    def ofctl(self, command, *words):
        return run("ovs-ofctl", "-O", "OpenFlow13", command, f"unix:{self.folder}/br0.mgmt", *words).stdout

    def appctl(self, *words):
        return run("ovs-appctl", "-t", self.folder / "vswitchd.ctl", *words).stdout
