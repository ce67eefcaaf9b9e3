# SPDX-License-Identifier: BSD-3-Clause
"""The case client-address: what client_address.c measures of TOA, PROXY and UOA, as rows."""
from turns import Kind, Turns, print_rows as print_kinds

CASE = "client-address"
SESSIONS = 1000
ROUNDS_PER_SECOND = 40  # about


def kinds():
    """Those of both directions; UDP is for information."""
    for direction, text in (("in", "inbound"), ("out", "outbound")):
        plain, udp = f"plain-{direction}", f"udp-{direction}"
        yield Kind(plain, f"TCP, {text}")
        yield Kind(f"toa-{direction}", "... told by TOA", plain)
        yield Kind(f"proxy-{direction}", "... told by the PROXY protocol", plain)
        yield Kind(udp, f"UDP, {text}")
        yield Kind(f"uoa-option-{direction}", "... told by UOA's option", udp)
        yield Kind(f"uoa-header-{direction}", "... told by UOA's header", udp)
        yield Kind(f"udp-proxy-{direction}", "... a PROXY header on each datagram", udp)


def rows(options, folder, hugepages):
    """One row for each kind of packets."""
    turns = Turns(options, folder, hugepages, "client_address", ROUNDS_PER_SECOND, SESSIONS)
    return [turns.row(CASE, kind) for kind in kinds()]


def print_rows(found):
    """For people."""
    print_kinds("client address, after the server knows it", found)
