# SPDX-License-Identifier: BSD-3-Clause
"""The two tables of the article on the CLOUD-DPVS gateway (seeds/cloud-dpvs-gateway.txt), as they are printed there."""

SERVICES = """\
Vxlan
VIP
vPort
RS-IP
Port
96
172.16.25.13
80
10.182.10.13
80
96
172.16.25.13
80
10.182.10.23
80
101
172.16.25.13
8080
10.182.20.2
80
"""

VMS = """\
Vxlan
Virtual IP
Virtual MAC
Host IP
96
172.16.25.30
fa:16:3f:5d:6c:08
10.162.10.13
96
172.16.25.23
fa:16:3f:5d:7c:08
10.162.10.23
101
172.16.25.30
fa:16:3f:5d:6c:81
10.192.20.2
"""


def rows(table, columns):
    """The rows below the headings, each a tuple."""
    words = table.splitlines()[columns:]
    return [tuple(words[at:at + columns]) for at in range(0, len(words), columns)]
