/* SPDX-License-Identifier: MIT */
/* losses.c - the losses of all rows, a batch at a time; see losses.h. */
#include "losses.h"

#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"
#include "../base/progress.h"
#include "../base/world.h"
#include "../rows/order.h"

void share_losses(struct engine *e, const struct params *theta, const struct tokens *d,
                  struct share share, float loss[], const char *what)
{
	struct progress *p = progress_open(what, "rows", share.end - share.first);
	struct order o;
	struct batch b;
	char id[128];
	long at = share.first;

	order_open(&o, d, 0, 0, 0);
	order_within(&o, share.first, share.end);
	for (order_next(&o, &b, LOSS_BATCH); b.n; order_next(&o, &b, LOSS_BATCH)) {
		engine_loss(e, theta, &b, loss + at);
		for (int i = 0; i < b.n; i++)
			if (!isfinite(loss[at + i]))
				die("%s: not finite on row %s", what,
				    row_id(&b.row[i], id, sizeof id));
		at += b.n;
		progress_at(p, at - share.first, NULL);
	}
	engine_wait(e);
	order_close(&o);
	progress_close(p);
}

void all_losses(struct engine *e, const struct params *theta, const struct tokens *d, float loss[],
                const char *what)
{
	size_t *at = xalloc((world_size() + 1) * sizeof *at);

	for (int r = 0; r < world_size(); r++)
		at[r] = share_of_rank(r, d->rows, LOSS_BATCH).first * sizeof *loss;
	at[world_size()] = d->rows * sizeof *loss;
	share_losses(e, theta, d, share_of_rank(world_rank(), d->rows, LOSS_BATCH), loss, what);
	world_gather(loss, at);
	free(at);
}
