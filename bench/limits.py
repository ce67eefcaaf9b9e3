# SPDX-License-Identifier: BSD-3-Clause
"""The case limits: what limits.c measures where nothing is refused, as rows."""
from turns import Kind, Turns, print_rows as print_kinds

CASE = "limits"
SESSIONS = 1000
ROUNDS_PER_SECOND = 40  # about
LIMITS = (
    ("connections", "... connections and new ones limited"),
    ("packets", "... packets and bits limited"),
    ("all", "... all of these"),
    ("sources", "... all, of each source too"),
)


def kinds(direction, what):
    """Of established packets, or of new connections."""
    base = f"no-limit-{direction}"
    return [Kind(base, what)] + [Kind(f"{name}-{direction}", text, base) for name, text in LIMITS]


def rows(options, folder, hugepages):
    """One row for each kind of packets."""
    found = []
    for sessions, direction, what in ((SESSIONS, "in", "established, inbound"),
                                      (0, "new", "new connection")):
        turns = Turns(options, folder, hugepages, "limits", ROUNDS_PER_SECOND, sessions)
        found += [turns.row(CASE, kind) for kind in kinds(direction, what)]
    return found


def print_rows(found):
    """For people."""
    print_kinds("limits that refuse nothing", found)
