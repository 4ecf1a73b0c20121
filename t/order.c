/* SPDX-License-Identifier: MIT */
/* Orders of rows: each once an epoch, reachable by seek, the same each time. */
#include "tap.h"

#include "../lib/rows/order.h"

enum { ROWS = 10 };

static const int64_t offset[ROWS + 1];
static const uint64_t hash[ROWS];
static struct tokens_part part = {.rows = ROWS,
                                  .offset = offset,
                                  .id_offset = offset,
                                  .hash = hash,
                                  .line = offset};
static const struct tokens data = {.rows = ROWS, .part = &part, .parts = 1};

static void epochs(void)
{
	struct order o;
	struct batch b;
	int seen[ROWS] = {0}, rows = 0, moved = 0, differs = 0;
	long first[ROWS];

	order_open(&o, &data, 7, 1, 1);
	for (order_next(&o, &b, 4); b.n; order_next(&o, &b, 4))
		for (int i = 0; i < b.n; i++, rows++) {
			moved += b.row[i].at != rows;
			first[rows] = b.row[i].at;
			seen[b.row[i].at]++;
		}
	for (int i = 0; i < ROWS; i++)
		rows -= seen[i] == 1;
	ok(!rows, "an epoch is every row once");
	ok(moved > 0, "in an order of its own");
	order_next(&o, &b, ROWS);
	for (int i = 0; i < ROWS; i++)
		differs += b.row[i].at != first[i];
	ok(b.n == ROWS && differs > 0, "the next epoch's is another");
	order_close(&o);
}

static void seek(void)
{
	struct order walked, sought;
	struct batch a, b;
	int differ = 0;

	order_open(&walked, &data, 7, 1, 1);
	order_open(&sought, &data, 7, 1, 1);
	for (int i = 0; i < 9; i++)                  /* 3 batches and an end, twice, and one more */
		order_next(&walked, &a, 4);
	ok(walked.epoch == 2 && walked.at == 4, "position (%ld, %ld)", walked.epoch, walked.at);
	order_seek(&sought, walked.epoch, walked.at);
	order_next(&walked, &a, 6);
	order_next(&sought, &b, 6);
	for (int i = 0; i < 6; i++)
		differ += a.row[i].at != b.row[i].at;
	ok(a.n == 6 && b.n == 6 && !differ, "a seek goes where walking goes");
	order_next(&sought, &b, 6);
	ok(!b.n && sought.epoch == 3 && !sought.at, "and the epoch ends");
	order_close(&walked);
	order_close(&sought);
}

static void cycle(void)
{
	struct order o;
	struct batch b;
	long wrong = -1;

	order_open(&o, &data, 7, 1, 0);
	for (int k = 0; k < 3; k++) {
		order_cycle(&o, &b, 25);
		for (int i = 0; i < 25 && wrong < 0; i++)
			if (b.n != 25 || b.row[i].at != (25 * k + i) % ROWS)
				wrong = 25 * k + i;
	}
	if (!ok(wrong < 0, "a cycle goes on in file order"))
		printf("# not with the row given as number %ld\n", wrong);
	order_close(&o);
}

static void streams(void)
{
	struct order a, b;
	struct batch x, y;
	int differ = 0;

	order_open(&a, &data, 7, 1, 1);
	order_open(&b, &data, 7, 2, 1);
	order_next(&a, &x, ROWS);
	order_next(&b, &y, ROWS);
	for (int i = 0; i < ROWS; i++)
		differ += x.row[i].at != y.row[i].at;
	ok(differ > 0, "another stream, another order");
	order_close(&a);
	order_close(&b);
}

int main(void)
{
	epochs();
	seek();
	cycle();
	streams();
	return tap_done();
}
