/* SPDX-License-Identifier: MIT */
/* stories.c - stories260K, a real trained model: the published text, and
 * log-likelihoods as transformers gives them (t/gold/stories.py). */
#include <unistd.h>

#include "../lib/text/tokenizer.h"
#include "tap.h"
#include "tiny.h"

enum { TOKENS = 120 };

static const char published[] =
	"Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, "
	"she saw a big, red ball. She wanted to play with it, but it was too high.";

static void check_text(struct engine *m, const struct tokenizer *t)
{
	long vocab = engine_model(m)->config.vocab;
	struct cache *c = cache_open(m, NULL, 1, TOKENS);
	float *logits = xalloc(vocab * sizeof *logits);
	struct ids ids = {0};
	struct buf text = {0};
	int32_t next = tokenizer_bos(t), start[2] = {0, 1};
	int slot = 0;

	for (int i = 0; i + 1 < TOKENS; i++) {
		cache_next(c, &next, start, &slot, 1, logits);
		next = 0;
		for (int32_t k = 1; k < vocab; k++)
			if (logits[k] > logits[next])
				next = k;
		ids_add(&ids, next);
	}
	tokenizer_decode(t, ids.p, ids.n, 0, 1, &text);
	if (text.n > strlen(published))
		text.p[strlen(published)] = 0;
	same(text.p, published, "greedy text is the published one");
	cache_close(c);
	free(logits);
	ids_free(&ids);
	buf_free(&text);
}

static void check_row(struct engine *m, const struct tokenizer *t, const struct tokens *rows, long r,
                      const json_t *row)
{
	const char *text = json_text(row, "text", "");
	const json_t *want = json_object_get(row, "nll");
	long n = tokens_length(rows, r);
	float *nll = xalloc(n * sizeof *nll);
	struct batch b = tiny_batch(rows, &r, 1);
	struct ids ids = {0};
	double most = 0;

	ids_add(&ids, tokenizer_bos(t));
	tokenizer_encode(t, text, strlen(text), 0, 0, &ids);
	ok(ids.n == n && !memcmp(ids.p, rows->part->token + rows->part->offset[r], n * sizeof *ids.p), "row %ld: token ids", r);
	tiny_nll(m, NULL, &b, 0, nll);
	for (long i = 1; i < n; i++) {
		double off = fabs(nll[i] - json_number_value(json_array_get(want, i - 1)));

		if (!(off <= most))
			most = off;
	}
	ok(most < 1e-4, "row %ld: log-likelihood of each of %ld tokens (off by %.1e)", r, n - 1, most);
	free(nll);
	ids_free(&ids);
}

int main(void)
{
	const char *data = getenv("SEAL_DATA");
	char *path = xprintf("%s/models/stories260K", data && *data ? data : "../shared/data");
	struct compute_opts o = COMPUTE_DEFAULTS;
	struct tokenizer *t;
	struct tokens *rows;
	struct engine *m;
	json_t *gold;

	die_name("stories.t");
	if (access(path, R_OK)) {
		skip("stories260K", "no models/stories260K in SEAL_DATA");
		free(path);
		return tap_done();
	}
	o.device = "cpu";
	o.dtype = "f32";
	o.threads = 1;
	m = tiny_engine(path, o, TINY_PLAIN);
	t = tokenizer_open(path);
	gold = json_read_file(GOLD "stories.json");
	rows = tiny_rows(gold);
	check_text(m, t);
	for (long r = 0; r < rows->rows; r++)
		check_row(m, t, rows, r, json_array_get(gold, r));
	tokens_close(rows);
	json_decref(gold);
	tokenizer_close(t);
	tiny_close(m);
	free(path);
	return tap_done();
}
