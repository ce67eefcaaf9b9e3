/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/syn_flood.h"

#include <stdbool.h>
#include <stdint.h>

#include "balance/syn_guard.h"
#include "base/log.h"
#include "control/model.h"

static void tell(uint32_t number, bool on)
{
	const struct model_service *service = model_by_number(number);
	char name[SERVICE_TEXT];

	log_notice("SYN proxy of %s: %s, %u handshakes a second are begun and not completed",
		   service ? model_service_format(&service->key, name)
			   : "all services that have it automatically",
		   on ? "on" : "off", syn_guard_rate(number));
}

void syn_flood_tick(void)
{
	uint32_t number;
	bool on;

	syn_guard_tick();
	while (syn_guard_changed(&number, &on))
		tell(number, on);
}
