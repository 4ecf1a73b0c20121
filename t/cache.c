/* SPDX-License-Identifier: MIT */
/* cache.c - generation: the key/value cache says what whole rows say, and greedy
 * continuations are those of transformers. */
#include "tap.h"
#include "tiny.h"

enum { ROWS = 6, MORE = 12 };

static int32_t best(const float *logits, long n)
{
	long at = 0;

	for (long i = 1; i < n; i++)
		if (logits[i] > logits[at])
			at = i;
	return (int32_t)at;
}

/* Continues all rows at once; the number of tokens that differ from gold. */
static int greedy_wrong(struct engine *m, struct params *a, const struct tokens *rows, json_t *gold)
{
	long vocab = engine_model(m)->config.vocab;
	struct cache *c = cache_open(m, a, ROWS, 80);
	float *logits = xalloc(ROWS * vocab * sizeof *logits);
	int32_t start[ROWS + 1], next[ROWS], named[ROWS];
	int slot[ROWS], wrong = 0;

	for (int i = 0; i < ROWS; i++) {
		slot[i] = ROWS - 1 - i;
		start[i] = (int32_t)rows->part->offset[i];
	}
	start[ROWS] = (int32_t)rows->part->offset[ROWS];
	cache_next(c, rows->part->token, start, slot, ROWS, logits);
	for (int k = 0; k < MORE; k++) {
		for (int i = 0; i < ROWS; i++) {
			next[i] = k % 2 ? named[i] : best(logits + i * vocab, vocab);
			wrong += next[i] != json_integer_value(json_array_get(json_array_get(gold, i), k));
			start[i] = i;
		}
		start[ROWS] = ROWS;
		if (k % 2)
			cache_next(c, next, start, slot, ROWS, logits);
		else
			cache_best(c, next, start, slot, ROWS, named);
	}
	cache_close(c);
	free(logits);
	return wrong;
}

static double nll_of(const float *logits, long n, int32_t token)
{
	double most = logits[best(logits, n)], sum = 0;

	for (long i = 0; i < n; i++)
		sum += exp(logits[i] - most);
	return most + log(sum) - logits[token];
}

/* Feeds row r in pieces of `step` tokens, into slot 1 of 3, beside a row of
 * other content; the largest difference from model_nll. */
static double pieces_off(struct engine *m, struct params *a, const struct tokens *rows, long r, int step)
{
	long n = tokens_length(rows, r), vocab = engine_model(m)->config.vocab;
	const int32_t *token = rows->part->token + rows->part->offset[r];
	struct batch b = tiny_batch(rows, &r, 1);
	struct cache *c = cache_open(m, a, 3, n);
	float *nll = xalloc(n * sizeof *nll), *logits = xalloc(2 * vocab * sizeof *logits);
	double most = 0;
	int32_t *fed = xalloc((n + 1) * sizeof *fed);

	tiny_nll(m, a, &b, 1, nll);
	for (long at = 0; at + step < n; at += step) {
		int with = at == step;          /* the other row comes and goes */
		int32_t start[3] = {0, step, step + 1};
		int slot[2] = {1, 0};

		memcpy(fed, token + at, step * sizeof *fed);
		fed[step] = 5;
		cache_next(c, fed, start, slot, 1 + with, logits);
		if (at + step <= engine_model(m)->config.rope[0].original)
			continue;               /* shorter rows turn otherwise than the whole */
		most = fmax(most, fabs(nll_of(logits, vocab, token[at + step]) - nll[at + step]));
	}
	cache_close(c);
	free(nll);
	free(logits);
	free(fed);
	return most;
}

/* A slot is fed a row, rewound to `keep` tokens, and fed those that follow: as if it had been fed
 * them alone.  Rows that grow beyond rope.original turn otherwise, and must turn back. */
static double rewound_off(struct engine *m, struct params *a, const struct tokens *rows, long r, int keep)
{
	long n = tokens_length(rows, r), vocab = engine_model(m)->config.vocab;
	const int32_t *token = rows->part->token + rows->part->offset[r];
	const int32_t whole[] = {0, (int32_t)n}, kept[] = {0, keep}, two[] = {0, 2};
	struct cache *c = cache_open(m, a, 2, n);
	float *got = xalloc(vocab * sizeof *got), *want = xalloc(vocab * sizeof *want);
	const int used = 1, fresh = 0;
	double most = 0;

	cache_next(c, token, whole, &used, 1, got);
	cache_rewind(c, used, keep);
	cache_next(c, token + keep, two, &used, 1, got);
	cache_next(c, token, kept, &fresh, 1, want);
	cache_next(c, token + keep, two, &fresh, 1, want);
	for (long i = 0; i < vocab; i++)
		most = fmax(most, fabs(got[i] - want[i]));
	cache_close(c);
	free(got);
	free(want);
	return most;
}

/* Slots enough to fill a pass and the head's memory: each says the same of token 5. */
static double many_off(struct engine *m)
{
	enum { MANY = 600 };
	long vocab = engine_model(m)->config.vocab;
	struct cache *c = cache_open(m, NULL, MANY, 2);
	float *logits = xalloc(MANY * vocab * sizeof *logits);
	static int32_t token[MANY], start[MANY + 1];
	static int slot[MANY];
	double most = 0;

	for (int i = 0; i < MANY; i++) {
		token[i] = 5;
		slot[i] = i;
		start[i + 1] = i + 1;
	}
	for (int k = 0; k < 2; k++)
		cache_next(c, token, start, slot, MANY, logits);
	for (long i = 0; i < MANY * vocab; i++)
		most = fmax(most, fabs(logits[i] - logits[i % vocab]));
	cache_close(c);
	free(logits);
	return most;
}

static void check(const char *name)
{
	json_t *json = json_read_file(GOLD "rows.json"), *gold = json_read_file(gold_path(name, ".json"));
	struct tokens *rows = tiny_rows(json);
	struct engine *m = tiny_open(name, "f32", 2048, 1);
	struct params *a = NULL;
	char adapter[64];

	snprintf(adapter, sizeof adapter, "%s-lora", name);
	for (int lora = 0; lora < 2; lora++) {
		const char *part = lora ? "lora" : "base";
		int wrong;

		if (lora)
			a = tiny_adapter(m, adapter);
		wrong = greedy_wrong(m, a, rows, json_object_get(json_object_get(gold, part), "greedy"));
		ok(wrong == 0, "%s, %s: greedy continuation (%d of %d tokens differ)", name, part, wrong, ROWS * MORE);
		for (int step = 1; step < 8; step += 3) {
			double off = pieces_off(m, a, rows, 2, step);

			ok(off < 2e-5, "%s, %s: fed in pieces of %d as a whole (off by %.1e)", name, part, step, off);
		}
		for (int keep = 3; keep < 50; keep += 19) {
			double off = rewound_off(m, a, rows, 2, keep);

			ok(off < 2e-5, "%s, %s: rewound to %d tokens (off by %.1e)", name, part, keep, off);
		}
	}
	if (on_cpu() || !strcmp(name, "tiny-llama"))
		ok(many_off(m) < 2e-5, "%s: 600 slots at once", name);
	params_close(a);
	tiny_close(m);
	tokens_close(rows);
	json_decref(json);
	json_decref(gold);
}

int main(void)
{
	die_name("cache.t");
	check("tiny-llama");
	check("tiny-neox");
	if (!on_cpu())                          /* the simulator of a GPU is slow */
		return tap_done();
	check("tiny-tied");
	check("tiny-serial");
	check("tiny-llama3");
	check("tiny-mistral");
	check("tiny-qwen2");
	check("tiny-phi3");
	check("tiny-qwen3");
	check("tiny-qwen3-window");
	check("tiny-olmo2");
	check("tiny-gemma2");
	check("tiny-gemma2-layers");
	check("tiny-gemma3");
	check("tiny-gemma3-layers");
	check("tiny-granite");
	return tap_done();
}
