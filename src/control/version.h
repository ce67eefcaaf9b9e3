/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

/* Set by the build; an editor or a check that compiles a single file has none. */
#ifndef WEIR_VERSION
#define WEIR_VERSION "0"
#endif
