/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

/* The object file of toa.bpf.c as the compiler made it (embed.py). */
extern const unsigned char object_begin[];
extern const unsigned int object_size;
