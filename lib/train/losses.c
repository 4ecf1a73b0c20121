/* SPDX-License-Identifier: MIT */
/* losses.c - the losses of all rows, a batch at a time; see losses.h. */
#include "losses.h"

#include <math.h>

#include "../base/progress.h"
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
	order_close(&o);
	progress_close(p);
}

void all_losses(struct engine *e, const struct params *theta, const struct tokens *d, float loss[],
                const char *what)
{
	share_losses(e, theta, d, (struct share){0, d->rows, 1}, loss, what);
}
