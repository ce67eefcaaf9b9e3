/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level log_level = LOG_INFO;

/* Priorities of syslog(3), which journald takes from a "<N>" prefix when it reads our output. */
static const char *const log_prefix[] = {"<3>", "<4>", "<5>", "<6>", "<7>"};
static const char *const log_word[] = {"error: ", "warning: ", "", "", "debug: "};

void log_set_level(enum log_level level)
{
	log_level = level;
}

void log_write(enum log_level level, const char *format, ...)
{
	static int terminal = -1;
	char line[1024];
	va_list arguments;
	int used, more;

	if (level > log_level)
		return;
	if (terminal < 0)
		terminal = isatty(STDERR_FILENO);
	used = snprintf(line, sizeof(line), "%s%s", terminal ? "" : log_prefix[level],
			log_word[level]);
	va_start(arguments, format);
	more = vsnprintf(line + used, sizeof(line) - used - 1, format, arguments);
	va_end(arguments);
	used += more < (int)sizeof(line) - used - 1 ? more : (int)sizeof(line) - used - 2;
	line[used++] = '\n';
	// One write, so that lines of several threads never mix; nothing to do when it fails.
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}
