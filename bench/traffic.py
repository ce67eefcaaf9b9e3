# SPDX-License-Identifier: BSD-3-Clause
"""The case traffic: what traffic.c measures of traffic control, as rows."""
from turns import Kind, Turns, print_rows as print_kinds

CASE = "traffic"
SESSIONS = 1000
ROUNDS_PER_SECOND = 100  # about
KINDS = (
    Kind("plain-in", "established, inbound"),
    Kind("policed-in", "... policed by 5-tuple on the way in", "plain-in"),
    Kind("shaped-in", "... shaped by 5-tuple on the way out", "plain-in"),
)


def rows(options, folder, hugepages):
    """One row for each kind of packets."""
    turns = Turns(options, folder, hugepages, "traffic", ROUNDS_PER_SECOND, SESSIONS)
    return [turns.row(CASE, kind) for kind in KINDS]


def print_rows(found):
    """For people."""
    print_kinds("traffic control below all rates", found)
