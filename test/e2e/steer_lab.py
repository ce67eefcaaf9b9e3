# SPDX-License-Identifier: BSD-3-Clause
"""VMs behind an Open vSwitch that weir-vpc-steer looks after, and three gateways.

  vm96  --\\                     /-- weir1 --\\
           Open vSwitch -- under --- weir2 --- dc -- s1, s2, s3
  vm101 --/                     \\-- weir3 --/

Both VMs have the same address, and both VNIs have the same VIP. The gateways have the same services, but
list the servers in different orders and know them by other numbers.
"""

import json
import os

from lab import BUILD, Lab, Weir, run, server_address, wait_for, yaml_text
from open_vswitch import Switch

OVS, VM, VIP = "10.90.0.31", "172.16.25.30", "172.16.25.13"
MACS = {96: "fa:16:3f:5d:6c:08", 101: "fa:16:3f:5d:6c:81"}
GATEWAYS, SERVERS = (1, 2, 3), (1, 2, 3)
CALM = 1000  # milliseconds between packets of BFD: no pause of the machine is a failure


def gateway_address(number):
    return f"10.90.0.{number}"


class SteerLab(Lab):
    def __init__(self):
        super().__init__()
        self.underlay, self.dc = self.switch("under"), self.switch("dc")
        for n in SERVERS:
            self.nginx(self.server(n, self.dc, f"{server_address(n)}/24"))
        self.gateways = {n: self.gateway(n) for n in GATEWAYS}
        self.hypervisor = self.host("ovs")
        # Linux would answer ARP on eth0 as well, for an address that is behind the switch.
        self.hypervisor.sysctl("net.ipv4.conf.all.arp_ignore", 1)
        self.plug(self.underlay, "p0", self.hypervisor, "eth0")
        self.vms = {vni: self.vm(vni) for vni in MACS}
        self.ovs = Switch(self, self.hypervisor)
        self.ovs.vsctl("set", "bridge", "br0", "fail_mode=secure")
        self.ovs.vsctl("add-br", "phy", "--", "set", "bridge", "phy", "datapath_type=netdev",
                       "--", "add-port", "phy", "eth0")
        self.address(self.hypervisor, "phy", f"{OVS}/24")
        self.hypervisor.ip("link", "set", "dev", "phy", "up")
        for vni in MACS:
            self.ovs.vsctl("add-port", "br0", f"v{vni}")
        self.file = self.folder / "vpc-steer.yaml"
        self.environment = {**os.environ, "OVS_RUNDIR": str(self.ovs.folder)}
        self.wanted = {
            "bridge": "br0", "group": 7, "bfd": {"interval": CALM, "multiplier": 3},
            "gateways": [{"address": gateway_address(n), "name": f"gw{n}"} for n in GATEWAYS],
            "vms": [{"port": f"v{vni}", "vni": vni, "mac": MACS[vni], "vips": [VIP]} for vni in MACS],
        }

    def gateway(self, number):
        host = self.host(f"weir{number}")
        self.plug(self.underlay, f"g{number}", host, "in0")
        self.plug(self.dc, f"d{number}", host, "out0")
        self.peer_offloads(self.underlay, f"g{number}")
        self.peer_offloads(self.dc, f"d{number}")
        servers = [{"address": server_address(n), "port": 80} for n in SERVERS]
        turned = servers[number - 1:] + servers[:number - 1]
        first = [{"vip": "10.90.0.200", "port": 80 + i, "protocol": "udp",
                  "servers": [{"address": server_address(i + 1), "port": 53}]} for i in range(number)]
        return Weir(self, host, {
            "ports": [{"name": "dpdk0", "device": "in0", "addresses": [f"{gateway_address(number)}/24"]},
                      {"name": "dpdk1", "device": "out0", "addresses": [f"192.168.100.25{number}/24"]}],
            "local_addresses": [{"address": f"192.168.100.20{number}", "interface": "dpdk1"}],
            "vpc": {"addresses": [gateway_address(number)],
                    "vms": [{"vni": vni, "address": VM, "mac": MACS[vni], "host": OVS} for vni in MACS]},
            "bfd": {"accept": [{"kind": "vxlan", "vm_hosts": True, "interval": 50}]},
            "services": first + [{**({"vni": vni} if vni else {}), "vip": VIP, "port": 80, "protocol": "tcp", "scheduler": "mh",
                                  "scheduler_flags": ["port"], "servers": turned} for vni in (*MACS, 0)],
        }, f"weir{number}").start()

    def vm(self, vni):
        vm = self.host(f"vm{vni}")
        self.link(vm, "eth0", self.hypervisor, f"v{vni}")
        vm.ip("link", "set", "dev", "eth0", "address", MACS[vni], "mtu", 1450)
        vm.run("ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off")
        self.address(vm, "eth0", f"{VM}/24")
        return vm

    def steer(self, *words, check=True):
        self.file.write_text(yaml_text(self.wanted))
        return run(BUILD / "steer/weir-vpc-steer", "-c", self.file, *words, check=check, env=self.environment)

    def shown(self):
        """What weir-vpc-steer shows of the gateways, by number."""
        rows = json.loads(self.steer("show", "--json").stdout)["gateways"]
        return {int(row["name"][2:]): row for row in rows}

    def ofctl(self, command, *words):
        """What ovs-ofctl prints, nothing while the switch does not run."""
        return run("ovs-ofctl", "-O", "OpenFlow15", command, "br0", *words, env=self.environment, check=False).stdout

    def flows(self):
        return [line for line in self.ofctl("dump-flows").splitlines() if "cookie=0x57530007" in line]

    def wait_up(self, *numbers):
        """Until Open vSwitch and the gateways agree that they see each other."""
        wait_for(lambda: all(row["gets_flows"] for n, row in self.shown().items() if n in (numbers or GATEWAYS)),
                 20, 0.1, what=lambda: f"all gateways get flows: {self.shown()}")

    def gateway_of(self, vni, port):
        """The gateway that has the session of the VM's open connection from this port."""
        return next((n for n, weir in self.gateways.items() if weir.process.poll() is None and
                     any(s.get("vni") == vni and s["state"] == "ESTABLISHED"
                                                                 for s in weir.sessions(client=f"{VM}:{port}"))), None)
