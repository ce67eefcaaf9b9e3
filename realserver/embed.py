#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Print a file as the C arrays object_begin and object_size: embed.py FILE."""

import sys
from pathlib import Path

data = Path(sys.argv[1]).read_bytes()
print('#include "realserver/object.h"\n')
print("_Alignas(8) const unsigned char object_begin[] = {")
for at in range(0, len(data), 16):
    print("\t" + " ".join(f"{byte}," for byte in data[at:at + 16]))
print("};")
print("const unsigned int object_size = sizeof(object_begin);")
