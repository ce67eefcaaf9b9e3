# SPDX-License-Identifier: BSD-3-Clause
"""The case acl: what acl.c measures of access lists, as rows."""
import figures
from turns import DROPPED, Kind, Turns, print_rows as print_kinds

CASE = "acl"
PREFIXES = 1_000_000
ROUNDS_PER_SECOND = 20  # about
KINDS = (
    Kind("new", "new connection"),
    Kind("new-to-24", "... list of a million, to /24", "new"),
    Kind("new-beyond-24", "... list of a million, beyond /24", "new"),
    Kind("new-ipv6", "new connection, IPv6"),
    Kind("new-ipv6-list", "... list of a million", "new-ipv6"),
    Kind("denied-to-24", "denied by the node, list to /24", ceiling=DROPPED),
    Kind("denied-beyond-24", "denied by the node, list beyond /24", ceiling=DROPPED),
    Kind("denied-ipv6", "denied by the node, IPv6", ceiling=DROPPED),
)
LISTS = ("to-24", "beyond-24", "ipv6")


def rows(options, folder, hugepages):
    """One row for each kind of packets, and one for each list."""
    turns = Turns(options, folder, hugepages, "acl", ROUNDS_PER_SECOND, PREFIXES)
    found = [turns.row(CASE, kind) for kind in KINDS]
    return found + [{
        "case": CASE, "list": name, "prefixes": PREFIXES,
        "load_s": round(turns.figures[f"seconds-{name}"], 2),
        "megabytes": round(turns.figures[f"bytes-{name}"] / 1e6, 1),
        "change_ms": round(turns.figures[f"change-{name}"] * 1e3, 4),
        "longest_change_ms": round(turns.figures[f"change-longest-{name}"] * 1e3, 4),
    } for name in LISTS]


def print_rows(found):
    """For people."""
    print_kinds("access lists", [row for row in found if "kind" in row])
    for row in found:
        if "list" not in row:
            continue
        verdict = "reached" if row["longest_change_ms"] <= figures.CHANGE_MS else "MISSED"
        print(f"  list {row['list']}, {row['prefixes']:,} prefixes: loaded in {row['load_s']} s, "
              f"{row['megabytes']} MB; a change {row['change_ms']} ms, the longest of a thousand "
              f"{row['longest_change_ms']} ms, allowed {figures.CHANGE_MS:.0f}: {verdict}")
