/* SPDX-License-Identifier: MIT */
/* finetune.c - steps of fine-tuning that keep a model safe, against a PyTorch reference
 * (t/gold/finetune.py): a pull to theta_0, safe rows mixed in, gradients projected off theirs. */
#include <unistd.h>

#include "../lib/train/finetune.h"
#include "../lib/train/log.h"
#include "tap.h"
#include "tiny.h"

static char tmp[] = "/tmp/seal-finetune-XXXXXX";
static char log_file[64];

struct bench {
	struct engine *model;
	struct tokens *data, *safe;
};

/* Tunes theta as the gold case says; the log is in log_file. */
static void tune(const struct bench *b, struct params *theta, const json_t *gold, const json_t *set)
{
	const json_t *weights = json_object_get(set, "weights");
	struct train_opts o = TRAIN_DEFAULTS;
	struct setup s = {.engine = b->model, .theta = theta, .data = b->data, .safe = b->safe, .opts = &o};
	float *w = weights ? xalloc(b->data->rows * sizeof *w) : NULL;

	o.epochs = 3;
	o.no_shuffle = 1;
	o.log = log_file;
	o.batch = json_long(gold, "batch", 0);
	o.rate = json_number(gold, "rate", 0);
	o.clip = json_number(gold, "clip", 0);
	o.pull = json_number(set, "pull", 0);
	o.decay = json_number(set, "decay", 0);
	o.share = json_number(set, "share", 0);
	o.project = (int)json_long(set, "project", 0);
	for (long i = 0; w && i < b->data->rows; i++)
		w[i] = (float)json_number_value(json_array_get(weights, i));
	finetune_run(&s, w);
	log_end(log_file, 0); /* or the next one would go on in it */
	free(w);
}

static double moved(const struct params *theta, const float begin[])
{
	float *p = xalloc(theta->n * sizeof *p);
	double sum = 0;

	params_get(theta, p);
	for (long i = 0; i < theta->n; i++)
		sum += ((double)p[i] - begin[i]) * ((double)p[i] - begin[i]);
	free(p);
	return sqrt(sum);
}

/* The largest difference of a number of the log from the gold step's; infinite where one lacks. */
static double line_off(const json_t *got, const json_t *want)
{
	static const char *const others[] = {"loss_safe", "cosine"};
	const char *key;
	json_t *v;
	double off = 0;

	json_object_foreach((json_t *)want, key, v) {
		double gap = fabs(json_number(got, key, NAN) - json_number_value(v));

		off = gap <= 1e9 ? fmax(off, gap) : INFINITY;
	}
	for (int i = 0; i < 2; i++)
		if (!json_object_get(want, others[i]) != !json_object_get(got, others[i]))
			off = INFINITY;
	if (json_object_get(want, "cosine") && json_flag(got, "projected", -1) != (json_number(want, "cosine", 0) < 0))
		off = INFINITY;
	return off;
}

/* Compares the log with the gold steps; returns how many were projected. */
static int check_log(const char *name, const json_t *steps)
{
	struct zin *in = zin_open(log_file);
	size_t n, raw, at = 0;
	double off = 0;
	int projected = 0;
	char *line;

	for (; at < json_array_size(steps) && (line = zin_line(in, &n, &raw)); at++) {
		struct fault why;
		json_t *got = json_parse(line, n, &why);

		off = fmax(off, line_off(got, json_array_get(steps, at)));
		projected += json_flag(got, "projected", 0);
		json_decref(got);
	}
	zin_close(in);
	ok(at == json_array_size(steps) && at > 0 && off < 1e-4, "%s: losses, norms and cosines of each step (off by %.1e)", name, off);
	return projected;
}

static void check(const struct bench *b, const json_t *gold, const char *name, const json_t *one)
{
	const json_t *set = json_object_get(one, "settings"), *steps = json_object_get(one, "steps");
	struct params *theta = tiny_adapter(b->model, "tiny-llama-qv");
	float *begin = xalloc(theta->n * sizeof *begin);
	double want = json_number(one, "moved", 0), got;
	int projected;

	params_get(theta, begin);
	tune(b, theta, gold, set);
	got = moved(theta, begin);
	ok(fabs(got - want) < 1e-3 * want, "%s: theta is %.4f from where it began, %.4f in torch", name, got, want);
	projected = check_log(name, steps);
	if (json_object_get(set, "project"))
		ok(projected > 0 && projected < (int)json_array_size(steps), "%s: %d of %zu steps were projected", name, projected, json_array_size(steps));
	free(begin);
	params_close(theta);
}

/* With lr X = 1 every step begins at theta_0, where all steps of one batch see the same losses. */
static void check_strong(const struct bench *b, const json_t *gold)
{
	json_t *weak = json_pack("{s:f}", "pull", 0.0), *strong = json_pack("{s:f}", "pull", 1 / json_number(gold, "rate", 1));
	struct params *free_one = tiny_adapter(b->model, "tiny-llama-qv"), *held_one = tiny_adapter(b->model, "tiny-llama-qv");
	float *begin = xalloc(free_one->n * sizeof *begin);

	params_get(free_one, begin);
	tune(b, free_one, gold, weak);
	tune(b, held_one, gold, strong);
	ok(moved(held_one, begin) < moved(free_one, begin) / 2, "lr X = 1 leaves theta within a step of where it began (%.3f, without %.3f)",
	   moved(held_one, begin), moved(free_one, begin));
	free(begin);
	params_close(free_one);
	params_close(held_one);
	json_decref(weak);
	json_decref(strong);
}

int main(void)
{
	json_t *rows = json_read_file(GOLD "bilevel-rows.json"), *gold = json_read_file(GOLD "finetune.json");
	json_t *safe = json_object_get(rows, "safe"), *data = json_array(), *one;
	struct bench b;
	const char *name;

	die_name("finetune.t");
	notice_quiet(1);
	if (!mkdtemp(tmp))
		die("mkdtemp:");
	snprintf(log_file, sizeof log_file, "%s/log", tmp);
	for (int i = 0; i < 8; i++)     /* the safe rows 0, 1 and 2 at places 0, 1 and 4 */
		json_array_append(data, i < 2 || i == 4 ? json_array_get(safe, i / 2 + i % 2)
		                                        : json_array_get(json_object_get(rows, "data"), i < 4 ? i - 2 : i - 3));
	b.model = tiny_open("tiny-llama", "f32", 2048, 1);
	b.data = tiny_rows(data);
	b.safe = tiny_rows(safe);
	cases((int)json_object_size(json_object_get(gold, "cases")), "gold cases");
	json_object_foreach(json_object_get(gold, "cases"), name, one)
		check(&b, gold, name, one);
	check_strong(&b, gold);
	unlink(log_file);
	rmdir(tmp);
	json_decref(gold);
	json_decref(rows);
	json_decref(data);
	tokens_close(b.data);
	tokens_close(b.safe);
	tiny_close(b.model);
	return tap_done();
}
