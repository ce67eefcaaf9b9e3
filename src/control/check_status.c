/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/check_status.h"

#include <stddef.h>

#include "control/check.h"

/* What the checker has in common with the daemon, and needs neither the model nor a table for. */
const char *const check_types[] = {
	[CHECK_TCP] = "tcp",   [CHECK_UDP] = "udp",	[CHECK_HTTP] = "http",
	[CHECK_PING] = "ping", [CHECK_PING + 1] = NULL,
};
const char *const check_failures[] = {
	[CHECK_INHIBIT] = "inhibit",
	[CHECK_REMOVE] = "remove",
	[CHECK_REMOVE + 1] = NULL,
};

/* A number of three digits, 100 to 599, at `*text`, which is moved behind it; 0: none. */
static unsigned int status_number(const char **text)
{
	unsigned int number = 0;

	for (unsigned int i = 0; i < 3; i++) {
		if ((*text)[i] < '0' || (*text)[i] > '9')
			return 0;
		number = 10 * number + (unsigned int)((*text)[i] - '0');
	}
	*text += 3;
	return number >= 100 && number <= 599 ? number : 0;
}

/* The next entry of a list; false at its end and where it is wrong (`*list` is then no end). */
static bool status_entry(const char **list, unsigned int *first, unsigned int *last)
{
	*first = status_number(list);
	*last = *first;
	if (**list == '-') {
		(*list)++;
		*last = status_number(list);
	}
	if (*first == 0 || *last < *first)
		return false;
	if (**list == ',' && (*list)[1] != '\0')
		(*list)++;
	else if (**list != '\0')
		return false;
	return true;
}

bool check_status_valid(const char *list)
{
	unsigned int first, last;

	do {
		if (!status_entry(&list, &first, &last))
			return false;
	} while (*list != '\0');
	return true;
}

bool check_status_has(const char *list, unsigned int status)
{
	unsigned int first, last;

	while (*list != '\0' && status_entry(&list, &first, &last)) {
		if (status >= first && status <= last)
			return true;
	}
	return false;
}
