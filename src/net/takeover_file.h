/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "net/takeover_record.h"

/*
 * The file that remembers a takeover: STATE_DIR/takeover-DEVICE.json. It is good for the boot and
 * the interface that it was written for, since Linux forgets addresses with both.
 */

/* Replace the file as a whole. 0 or negative errno. */
int takeover_file_save(const char *state_dir, const struct takeover_record *record);
/*
 * Add what the file holds to `record`, of which device and index are set. 0; -ENOENT when there is
 * no file; -ESTALE when it is of another boot or interface; -EINVAL when it cannot be read.
 */
int takeover_file_load(const char *state_dir, struct takeover_record *record);
void takeover_file_remove(const char *state_dir, const char *device);
/* The device that a file of this name is about; NULL when it is no such file. */
const char *takeover_file_device(const char *file_name, char device[16]);
