/* SPDX-License-Identifier: MIT */
/* losses.c - the losses of all rows, a batch at a time; see losses.h. */
#include "losses.h"

#include <math.h>

#include "../base/progress.h"
#include "../rows/order.h"

void all_losses(struct engine *e, const struct params *theta, const struct tokens *d, float loss[],
                const char *what)
{
	struct progress *p = progress_open(what, "rows", d->rows);
	struct order o;
	struct batch b;
	char id[128];
	long at = 0;

	order_open(&o, d, 0, 0, 0);
	for (order_next(&o, &b, LOSS_BATCH); b.n; order_next(&o, &b, LOSS_BATCH)) {
		engine_loss(e, theta, &b, loss + at);
		for (int i = 0; i < b.n; i++)
			if (!isfinite(loss[at + i]))
				die("%s: not finite on row %s", what,
				    row_id(&b.row[i], id, sizeof id));
		progress_at(p, at += b.n, NULL);
	}
	order_close(&o);
	progress_close(p);
}
