# SPDX-License-Identifier: BSD-3-Clause
"""Are the frames that came out right? Addresses, ports, TTL, and every checksum in full."""
import ipaddress
import struct

import control


def folded(data):
    """The ones' complement sum of RFC 1071; 0xffff when a checksum inside is right."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


class Expect:
    """What frames must look like, from the configuration of the run."""

    def __init__(self, traffic, client, vip, local_addresses, servers, mode="fullnat", host="::"):
        self.traffic, self.mode = traffic, mode
        self.client, self.vip = int(ipaddress.ip_address(client)), int(ipaddress.ip_address(vip))
        self.host = int(ipaddress.ip_address(host))
        self.local_addresses = {ipaddress.ip_address(a) for a in local_addresses}
        self.servers = {(ipaddress.ip_address(a), p) for a, p in servers}
        self.wide = [traffic[name] == 6 for name in ("family", "server_family")]  # by side

    def is_client(self, address):
        """Does one of our clients live there?"""
        number = int(address) - self.client
        first = self.traffic["new_client"]
        return 0 <= number < self.traffic["clients"] or \
            first <= number < first + self.traffic["new_clients"]

    def is_service(self, address, port):
        """Is this one of the services?"""
        vip, number = int(address) - self.vip, port - self.traffic["first_port"]
        return 0 <= number < self.traffic["vip_ports"] and \
            0 <= vip * self.traffic["vip_ports"] + number < self.traffic["services"]

    def outer_fault(self, frame):
        """What is wrong with the headers around a frame for a VM, or None."""
        vm = int.from_bytes(frame[80:84], "big") - self.client
        if folded(frame[14:34]) != 0xffff:
            return "outer IP header checksum"
        if frame[:6] != CLIENT_GATEWAY_MAC:
            return "MAC address of the hosts' gateway"
        if int.from_bytes(frame[30:34], "big") - self.host != vm % self.traffic["hosts"]:
            return f"outer destination {ipaddress.ip_address(frame[30:34])} is not the host of VM {vm}"
        if frame[36:38] != b"\x12\xb5" or frame[42:50] != bytes([8, 0, 0, 0]) + \
                self.traffic["vni"].to_bytes(3, "big") + b"\0":
            return "VXLAN header"
        if frame[50:56] != b"\x02" + vm.to_bytes(5, "big"):
            return f"MAC address of VM {vm}"
        return None

    def fault(self, side, frame):
        """What is wrong with this frame, or None."""
        if side == control.SERVER and self.mode == "tunnel" and frame[23] == 4:
            if folded(frame[14:34]) != 0xffff:
                return "outer IP header checksum"
            if ipaddress.ip_address(frame[30:34]) not in {address for address, _ in self.servers}:
                return f"outer destination {ipaddress.ip_address(frame[30:34])} is no real server"
            frame = frame[:14] + frame[34:]
        if side == control.CLIENT and self.mode == "vxlan" and frame[23] == 17:
            fault = self.outer_fault(frame)
            if fault:
                return fault
            frame = CLIENT_GATEWAY_MAC + frame[56:]
        ethertype = frame[12:14]
        if ethertype != (b"\x86\xdd" if self.wide[side] else b"\x08\x00"):
            return None  # ARP and the like of the kernel
        if self.wide[side]:
            hops, protocol, l4 = frame[21], frame[20], frame[54:]
            length = struct.unpack(">H", frame[18:20])[0]
            source, destination = frame[22:38], frame[38:54]
            pseudo = source + destination + struct.pack(">IHBB", length, 0, 0, protocol)
        else:
            if folded(frame[14:34]) != 0xffff:
                return "IP header checksum"
            hops, protocol, l4 = frame[22], frame[23], frame[34:]
            length = struct.unpack(">H", frame[16:18])[0] - 20
            source, destination = frame[26:30], frame[30:34]
            pseudo = source + destination + struct.pack(">BBH", 0, protocol, length)
        if protocol != self.traffic["protocol"]:
            return None
        if len(l4) < length:
            return "shorter than it says"
        if folded(pseudo + l4[:length]) != 0xffff:
            return "TCP or UDP checksum"
        if hops != 63:
            return f"TTL {hops}"
        source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
        source_port, destination_port = struct.unpack(">HH", l4[:4])
        if side == control.SERVER:
            if frame[:6] != SERVER_GATEWAY_MAC:
                return "MAC address of the server's gateway"
            if self.mode not in ("fullnat", "snat", "vxlan"):
                if not self.is_client(source):
                    return f"source {source} is no client"
            elif source not in self.local_addresses:
                return f"source {source} is no local address"
            if self.mode in ("dr", "tunnel", "snat"):
                if not self.is_service(destination, destination_port):
                    return f"destination {destination} port {destination_port} is no service"
            elif (destination, destination_port) not in self.servers:
                return f"destination {destination} port {destination_port} is no real server"
            return None
        if frame[:6] != CLIENT_GATEWAY_MAC:
            return "MAC address of the client's gateway"
        if not self.is_service(source, source_port):
            return f"source {source} port {source_port} is no service"
        if not self.is_client(destination):
            return f"destination {destination} is no client"
        return None


CLIENT_GATEWAY_MAC = bytes.fromhex("0200000000aa")
SERVER_GATEWAY_MAC = bytes.fromhex("0200000000bb")


def check(expect, captures):
    """(frames checked from clients, frames checked to clients, list of faults)."""
    counts, faults = [0, 0], []
    for side, phase, frame in captures:
        fault = expect.fault(side, frame)
        counts[side] += 1
        if fault:
            faults.append(f"{'server' if side else 'client'} side, phase {phase}: {fault}: "
                          f"{frame.hex()}")
    return counts[control.SERVER], counts[control.CLIENT], faults
