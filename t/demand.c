/* SPDX-License-Identifier: MIT */
/* demand.c - the plan of a run's memory: what gives way to which limit, and that the
 * memory which a pass takes is what was planned. */
#include "tap.h"

#include "../lib/base/limits.h"
#include "../lib/model/model_in.h"
#include "../lib/model/plan.h"
#include "tiny.h"

enum { LONGEST = 100 };

/* Batches that fill whatever a pass holds. */
static void full(const void *run, long pass, int backward, struct passes *p)
{
	(void)run;
	if (backward)
		*p = (struct passes){pass, {1}};
}

static size_t of_pass(const struct plan *p)
{
	return p->bytes[MEMORY_ACTIVATIONS] + p->bytes[MEMORY_LOGITS] + p->bytes[MEMORY_SCRATCH];
}

static void limits(const struct model *m, const struct adapter *a)
{
	struct demand d = {.theta = a, .longest = LONGEST, .passes = full};
	struct plan all = {.limit = (size_t)1 << 40}, least = {.limit = 1};
	int over = 0, wrong = 0, kept = 99, halved = 0, few = 0, narrow = 0;
	size_t was = memory_resident();
	long pass = m->pass;

	ok(!plan_make(&all, m, &d) && all.kept == all.layers && all.pass == m->pass, "no limit: all blocks, whole passes");
	ok(plan_make(&least, m, &d) == -1 && least.total > 1 && least.total < all.total, "too little: -1, and the least");
	for (size_t limit = all.total; limit > least.total; limit -= (all.total - least.total) / 200 + 1) {
		struct plan p = {.limit = limit + memory_resident() - was};     /* the program itself grows */

		over += plan_make(&p, m, &d) || p.total > p.limit;
		wrong += p.pass > pass || (p.pass == pass && p.kept > kept) || (p.pass < pass && p.pass < LONGEST / 2);
		wrong += p.kept < p.layers && p.pass > 1280;
		halved += p.kept == p.layers && p.pass < m->pass;
		few += p.kept < p.layers && p.pass > 640;
		narrow += p.pass <= 640;
		pass = p.pass;
		kept = p.kept;
	}
	ok(!over, "within every limit in between");
	ok(!wrong, "less memory never means longer passes or more blocks");
	ok(halved && few && narrow, "first passes give way (%d limits), then blocks (%d), then passes (%d)", halved, few,
	   narrow);
}

/* The rows' own pass, as a run would have it planned. */
struct rows { struct batch batch; };

static void rows_passes(const void *run, long pass, int backward, struct passes *p)
{
	const struct rows *r = run;

	if (backward)
		passes_add(p, &r->batch, pass);
}

static void taken(struct model *m, struct adapter *a, struct rows *r)
{
	struct demand d = {.theta = a, .longest = r->batch.data->longest, .passes = rows_passes, .run = r};
	struct plan p = {.limit = (size_t)1 << 40};
	float weight[16] = {1, 1, 1}, loss[16];

	plan_make(&p, m, &d);
	m->largest[1] = p.largest[1];
	m->room = of_pass(&p);
	model_grad(m, a, &r->batch, weight, loss);
	ok(m->work->size == of_pass(&p), "a pass takes what was planned (%zu bytes, %zu)", m->work->size, of_pass(&p));
	ok(m->work->kept == p.kept, "and keeps as many blocks");
}

static void weights(struct model *m)
{
	struct dev *d = dev_counting();
	struct adapter *a = adapter_load(d, &m->config, m->type, gold_path("tiny-llama-lora", ""));

	ok(dev_counted(d) >= 4 * a->n * sizeof(float) && dev_counted(d) < 4 * a->n * sizeof(float) + 1024,
	   "an adapter is counted: values, gradient, two moments");
	ok(m->mapped > 0 && (long)(m->mapped + m->owned) > 4 * m->config.vocab * m->config.dim, "and the weights");
	ok(m->owned > 0 && m->owned < m->mapped / 4, "vectors are copied, matrices stay where they are");
	adapter_close(a);
	dev_counting_close(d);
}

/* As many products as a size of passes makes, into columns of something wider, for which oneDNN wants F32
 * sums on some processors: what they come to hold. */
static void products(const struct model *m)
{
	enum { SIZES = 13, ROWS = 1024, MOST = 2 * ROWS, WIDE = 576, K = 576 };
	const char *why;
	struct dev *d = dev_open("cpu", 1, &why);
	size_t room = d->op->room(d, DT_BF16, m->config.heads, LONGEST, (int[2]){1, 0}), before;
	struct mat a = mat_of(xzalloc(MOST, K * 2), DT_BF16, MOST, K), b = mat_of(xzalloc(WIDE, K * 2), DT_BF16, WIDE, K);
	struct mat wider = mat_of(xzalloc(MOST, 2 * WIDE * 2), DT_BF16, MOST, 2 * WIDE), c = columns(wider, 0, WIDE);
	long held;

	d->op->gemm(d, c, a, 0, b, 1, 1, 0);
	before = memory_resident();
	for (int i = 0; i < SIZES; i++)
		d->op->gemm(d, row_range(c, 0, ROWS + 64 * i), row_range(a, 0, ROWS + 64 * i), 0, b, 1, 1, 0);
	held = (long)(memory_resident() - before);
#ifdef SEAL_SAN
	room = SIZE_MAX >> 1;          /* the sanitizers hold on to what is freed */
#endif
	ok(held < (long)room, "%d products hold what they were planned to (%.1f of %.1f MB)", SIZES, held / 1e6, room / 1e6);
	free(a.p);
	free(b.p);
	free(wider.p);
	dev_close(d);
}

/* Theta of all weights needs no others. */
static void whole(const struct model *m)
{
	struct dev *counting = dev_counting();
	struct adapter *a = adapter_whole(counting, &m->config, m->type, &m->net);
	struct demand d = {.theta = a, .longest = LONGEST, .passes = full, .adapters = dev_counted(counting)};
	struct plan p = {.limit = (size_t)1 << 40};

	plan_make(&p, m, &d);
	ok(!p.bytes[MEMORY_MAPPED] && !p.bytes[MEMORY_WEIGHTS] && p.bytes[MEMORY_ADAPTERS], "theta of all weights: no others");
	d.theta = NULL;
	plan_make(&p, m, &d);
	ok(p.bytes[MEMORY_MAPPED] == m->mapped && p.bytes[MEMORY_WEIGHTS] == m->owned, "else they are planned");
	adapter_close(a);
	dev_counting_close(counting);
}

int main(void)
{
	json_t *rows = json_read_file(gold_path("rows", ".json"));
	long row[3] = {0, 1, 2};
	struct rows r = {{tiny_rows(rows), row, 3}};
	struct model *m = tiny_open("tiny-llama", "f32", 2048, 1);
	struct adapter *a = tiny_adapter(m, "tiny-llama-lora");

	limits(m, a);
	taken(m, a, &r);
	weights(m);
	whole(m);
	products(m);
	adapter_close(a);
	model_close(m);
	tokens_close((struct tokens *)r.batch.data);
	json_decref(rows);
	return tap_done();
}
