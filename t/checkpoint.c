/* SPDX-License-Identifier: MIT */
/* checkpoint.c - a state comes back from its file as it was, and neither way takes
 * memory of its size beside it. */
#include <stdlib.h>
#include <unistd.h>

#include "../lib/base/memory.h"
#include "../lib/base/progress.h"
#include "../lib/train/checkpoint.h"
#include "tap.h"

enum { VALUES = 16 << 20, ROOM = 24 << 20 };

static void fill(int32_t *x)
{
	for (long i = 0; i < VALUES; i++)
		x[i] = (int32_t)(i * 2654435761);
}

static int is_filled(const int32_t *x)
{
	for (long i = 0; i < VALUES; i++)
		if (x[i] != (int32_t)(i * 2654435761))
			return 0;
	return 1;
}

int main(void)
{
	char dir[] = "/tmp/seal-checkpoint-XXXXXX", *at;
	int32_t *x = xalloc(VALUES * sizeof *x);
	json_t *settings = json_pack("{s:i}", "of", 1);
	struct state s = {0};
	long before;

	if (!mkdtemp(dir))
		return 1;
	fill(x);
	state_add(&s, "x", ST_I32, x, VALUES);
	before = peak_memory();
	checkpoint_save(dir, 3, &s, settings);
	ok(peak_memory() - before < ROOM, "written without a copy (%ld more bytes)", peak_memory() - before);
	memset(x, 0, VALUES * sizeof *x);
	ok(checkpoint_load(dir, &s, settings) == 3 && is_filled(x), "and read again");
	ok(peak_memory() - before < ROOM, "without one either (%ld more bytes)", peak_memory() - before);
	at = xprintf("%s/step-3/state.safetensors", dir);
	unlink(at);
	free(at);
	at = xprintf("%s/step-3", dir);
	rmdir(at);
	free(at);
	rmdir(dir);
	json_decref(settings);
	free(x);
	return tap_done();
}
