# SPDX-License-Identifier: BSD-3-Clause
"""The control block that the replay device maps: the Python side of control.h."""
import ipaddress
import mmap
import os
import struct
import time

MAGIC = 0x72696577
SAMPLES, CAPTURES, FRAME = 16384, 2048, 104
IDLE, SETUP, INBOUND, OUTBOUND, CONNECTIONS, DRAIN, PEERS = range(7)
CLIENT, SERVER = range(2)
WAY_BOTH, WAY_DIRECT, WAY_TUNNEL, WAY_VXLAN = range(4)

TRAFFIC = ("magic", "size", "family", "protocol", "flows", "packets", "zipf", "seed", "services",
           "vip_ports", "first_port", "clients", "new_client", "new_clients", "window", "held",
           "way", "server_family", "vni", "hosts", "peers", "interval", "told")
STATE = ("tsc_hz", "entered", "thread", "received_client", "received_server", "sent_client",
         "sent_server", "others_client", "others_server", "no_buffer", "learnt", "established",
         "begun", "ended", "built", "peers_up", "peers_flaps", "peers_gap", "peers_stall",
         "peers_given", "peers_got", "peers_marked", "samples", "captures")
SAMPLE = ("phase", "tsc", "cpu", "tsc_end", "cpu_end", "probe", "received", "sent", "ended")

TRAFFIC_BYTES = 8 * len(TRAFFIC) + 80
STATE_AT = TRAFFIC_BYTES + 24
SAMPLES_AT = STATE_AT + 8 * len(STATE)
CAPTURES_AT = SAMPLES_AT + SAMPLES * 8 * len(SAMPLE)
CAPTURE_BYTES = 24 + FRAME
SIZE = CAPTURES_AT + CAPTURES * CAPTURE_BYTES


class Stalled(Exception):
    """The program under test stopped answering."""


def address_bytes(text):
    """16 bytes; an IPv4 address is in the last four."""
    return ipaddress.ip_address(text).packed.rjust(16, b"\0")


class Control:
    """One control block, in a file of its own."""

    def __init__(self, path, ends, **traffic):
        self.path = path
        self.traffic = {name: 0 for name in TRAFFIC}
        self.traffic.update(traffic, magic=MAGIC, size=SIZE)
        with open(path, "wb") as file:
            file.truncate(SIZE)
            file.write(struct.pack(f"<{len(TRAFFIC)}Q", *(self.traffic[n] for n in TRAFFIC)))
            file.write(b"".join(address_bytes(end) for end in ends))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), SIZE)
        self.sample_mark = self.marks = 0
        self.capture_mark = 0
        self.check_alive = lambda: None  # raises when the program has ended

    def close(self):
        """Give back the memory."""
        self.map.close()
        os.unlink(self.path)

    def state(self):
        """All counters as of now."""
        return dict(zip(STATE, struct.unpack_from(f"<{len(STATE)}Q", self.map, STATE_AT)))

    def enter(self, phase, timeout=10):
        """Ask for a phase and wait until the device is in it."""
        struct.pack_into("<Q", self.map, TRAFFIC_BYTES, phase)
        self.wait(lambda state: state["entered"] == phase, timeout, "a phase to begin")

    def pace(self, cycles):
        """Of PEERS: TSC ticks for each packet."""
        struct.pack_into("<Q", self.map, TRAFFIC_BYTES + 8, int(cycles * 1000))

    def mark(self):
        """Count anew what there is of peers."""
        self.marks += 1
        struct.pack_into("<Q", self.map, TRAFFIC_BYTES + 16, self.marks)
        self.wait(lambda state: state["peers_marked"] == self.marks, 10, "the mark")

    def wait(self, done, timeout, what):
        """Until done(state); Stalled when nothing at all moved for `timeout` seconds."""
        before, since = None, time.monotonic()
        while True:
            state = self.state()
            if done(state):
                return state
            moved = [state[name] for name in STATE if name not in ("samples", "captures")]
            if moved != before:
                before, since = moved, time.monotonic()
            self.check_alive()
            if time.monotonic() - since > timeout:
                raise Stalled(f"waiting for {what}: {state}")
            time.sleep(0.002)

    def rest(self):
        """Nothing goes in any more; wait until nothing comes out either, and give the counters."""
        self.enter(IDLE)
        before = None
        while True:
            state = self.state()
            if state == before:
                return state
            before = state
            time.sleep(0.02)

    def new_samples(self):
        """Samples since the last call."""
        count = self.state()["samples"]
        first = max(self.sample_mark, count - SAMPLES + 16)
        self.sample_mark = count
        layout = f"<{len(SAMPLE)}Q"
        size = 8 * len(SAMPLE)
        return [dict(zip(SAMPLE, struct.unpack_from(
            layout, self.map, SAMPLES_AT + i % SAMPLES * size))) for i in range(first, count)]

    def new_captures(self):
        """(side, phase, frame) of the frames captured since the last call."""
        count = self.state()["captures"]
        first = max(self.capture_mark, count - CAPTURES + 16)
        self.capture_mark = count
        out = []
        for i in range(first, count):
            at = CAPTURES_AT + i % CAPTURES * CAPTURE_BYTES
            side, phase, length = struct.unpack_from("<3Q", self.map, at)
            out.append((side, phase, self.map[at + 24:at + 24 + min(length, FRAME)]))
        return out
