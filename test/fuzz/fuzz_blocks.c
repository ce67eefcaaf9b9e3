/* SPDX-License-Identifier: BSD-3-Clause */

/* keepalived.conf and dpvs.conf: whatever is read can be printed, read again and translated. */
#include <string.h>

#include "blocks.h"
#include "fuzz.h"
#include "translate.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

static char *print(struct blocks *blocks, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	fuzz_assert(out != NULL);
	block_print(blocks_root(blocks), out);
	fclose(out);
	return text;
}

static unsigned int count(const struct block *block)
{
	unsigned int statements = 1;

	for (const struct block *b = block->first; b; b = b->next)
		statements += count(b);
	return statements;
}

/* What was printed means the same. */
static void check_print(const char *bytes, size_t size, enum blocks_dialect dialect)
{
	char error[BLOCKS_ERROR];
	struct blocks *blocks = blocks_parse("f", bytes, size, dialect, error), *again;
	size_t printed_size, again_size;
	char *printed, *twice;

	if (!blocks) {
		fuzz_assert(!strncmp(error, "f:", 2) && strlen(error) < sizeof(error));
		return;
	}
	printed = print(blocks, &printed_size);
	again = blocks_parse("f", printed, printed_size, dialect, error);
	fuzz_assert(again != NULL);
	fuzz_assert(count(blocks_root(blocks)) == count(blocks_root(again)));
	twice = print(again, &again_size);
	fuzz_assert(printed_size == again_size && !memcmp(printed, twice, printed_size));
	free(printed);
	free(twice);
	blocks_free(blocks);
	blocks_free(again);
}

static void check_translate(const char *bytes, size_t size)
{
	const struct translate_options options = {.drain_file = "/run/weir.drain"};
	struct findings findings = {0};
	char error[BLOCKS_ERROR];
	struct blocks *blocks = blocks_parse("f", bytes, size, BLOCKS_KEEPALIVED, error);
	json_t *settings;

	if (!blocks)
		return;
	settings = translate(blocks, &options, &findings);
	fuzz_assert(json_is_array(json_object_get(settings, "services")));
	fuzz_assert(!findings.errors == !findings.text || findings.notes);
	json_decref(settings);
	findings_free(&findings);
	blocks_free(blocks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	// From a copy of that very size, so that a step beyond it is seen.
	char *bytes = malloc(size ? size : 1);

	memcpy(bytes, data, size);
	check_print(bytes, size, BLOCKS_KEEPALIVED);
	check_print(bytes, size, BLOCKS_DPVS);
	check_translate(bytes, size);
	free(bytes);
	return 0;
}
