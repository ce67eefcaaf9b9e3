# SPDX-License-Identifier: BSD-3-Clause
"""The case cookies: what cookies.c measures of the SYN proxy, as rows."""
from turns import DROPPED, Kind, Turns, print_rows as print_kinds

CASE = "cookies"
ROUNDS_PER_SECOND = 60  # about
KINDS = (
    Kind("syn", "SYN answered with a cookie"),
    Kind("syn-ipv6", "SYN answered with a cookie, IPv6"),
    Kind("ack", "ACK of no cookie", ceiling=DROPPED),
    Kind("ack-ipv6", "ACK of no cookie, IPv6", ceiling=DROPPED),
    Kind("plain-in", "established, inbound"),
    Kind("syn-proxy-in", "... of the SYN proxy", "plain-in"),
    Kind("plain-out", "established, outbound"),
    Kind("syn-proxy-out", "... of the SYN proxy", "plain-out"),
)


def rows(options, folder, hugepages):
    """One row for each kind of packets."""
    turns = Turns(options, folder, hugepages, "cookies", ROUNDS_PER_SECOND)
    return [turns.row(CASE, kind) for kind in KINDS]


def print_rows(found):
    """For people."""
    print_kinds("SYN proxy", found)
