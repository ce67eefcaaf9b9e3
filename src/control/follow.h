/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

/*
 * Follow the addresses that others put into Linux: show services again whose unclaimed local
 * addresses have come or gone. Cheap while no address of Linux changes; to be called after the
 * mirror of Linux has read something.
 */
void follow_addresses(void);
