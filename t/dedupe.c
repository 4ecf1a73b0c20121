/* SPDX-License-Identifier: MIT */
/* dedupe.c - MinHash and its bands against their formulas; groups of near-duplicates against the
 * Jaccard index of all pairs, computed from the words themselves. */
#include "../lib/score/dedupe.h"

#include <omp.h>
#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/base/num.h"
#include "../lib/base/rng.h"
#include "../lib/score/minhash.h"
#include "tap.h"

enum { PAIRS = 4000, ROWS = 600, WORDS = 5000, LONGEST = 90, MANY = 3000 };

static struct rng rng;

/* Two sets of different numbers, of which `both` are in both and `own` in one of them. */
static void two_sets(struct shingles *a, struct shingles *b, int both, int own)
{
	a->n = b->n = 0;
	for (int i = 0; i < both + own; i++) {
		uint64_t x = rng_next(&rng);

		if (i < both || i % 2)
			shingles_add(a, &x, sizeof x, 0);
		if (i < both || !(i % 2))
			shingles_add(b, &x, sizeof x, 0);
	}
}

/* How often the least values are equal, and how often a whole band is, for a given J. */
static void estimates(int both, int own)
{
	const struct bands bands = bands_for(0.8);
	const int k = bands.rows * bands.n;
	const double j = (double)both / (both + own), p = bands_find(bands, j);
	struct shingles a = {0}, b = {0};
	uint32_t x[MINHASH_MOST], y[MINHASH_MOST];
	double equal = 0, found = 0;

	for (int i = 0; i < PAIRS; i++) {
		int met = 0;

		two_sets(&a, &b, both, own);
		minhash(&a, x, k);
		minhash(&b, y, k);
		for (int h = 0; h < k; h++)
			equal += x[h] == y[h];
		for (int h = 0; h < bands.n && !met; h++)
			met = !memcmp(x + h * bands.rows, y + h * bands.rows,
			              bands.rows * sizeof *x);
		found += met;
	}
	equal /= (double)PAIRS * k;
	found /= PAIRS;
	ok(fabs(equal - j) < 4 * sqrt(j * (1 - j) / PAIRS / k) + 0.0005,
	   "J = %.3f: the share of equal least values is %.4f", j, equal);
	ok(fabs(found - p) < 4 * sqrt(p * (1 - p) / PAIRS) + 0.002,
	   "and of pairs that share a band %.4f, where 1 - (1 - J^r)^b is %.4f", found, p);
	shingles_free(&a);
	shingles_free(&b);
}

/* No plan of more rows, and none of fewer bands, finds as many within as many permutations. */
static void plans(void)
{
	long n = 0, bad = -1;

	for (int i = 10; i <= 100; i++, n++) {
		double j = i / 100.0;
		struct bands b = bands_for(j), fewer = {b.rows, b.n - 1};
		int good = b.rows * b.n <= MINHASH_MOST && bands_find(b, j) >= 0.99 &&
		           (b.n == 1 || bands_find(fewer, j) < 0.99);

		for (int r = b.rows + 1; r <= MINHASH_MOST; r++)
			good &= bands_find((struct bands){r, MINHASH_MOST / r}, j) < 0.99;
		if (!good && bad < 0)
			bad = n;
	}
	all_right(n, bad, "bands: the most rows and the fewest bands that find 0.99 of the pairs");
	ok(bands_for(0.8).rows == 8 && bands_for(0.8).n == 26, "26 bands of 8 rows for 0.8");
}

static int found_in(const struct shingles *s, uint32_t x)
{
	for (long i = 0; i < s->n; i++)
		if (s->p[i] == x)
			return 1;
	return 0;
}

/* |A and B| and |A or B| of a kind, counted one by one. */
static int alike(const struct shingles *a, const struct shingles *b, double least)
{
	for (uint32_t kind = 0; kind < SHINGLE_KINDS; kind++) {
		long both = 0, either = 0;

		for (long i = 0; i < a->n; i++)
			if (a->p[i] % SHINGLE_KINDS == kind) {
				both += found_in(b, a->p[i]);
				either++;
			}
		for (long i = 0; i < b->n; i++)
			either += b->p[i] % SHINGLE_KINDS == kind && !found_in(a, b->p[i]);
		if (either && (double)both / either < least - 1e-9)
			return 0;
	}
	return 1;
}

static void compared(void)
{
	long yes = 0, bad = -1;

	for (long i = 0; i < PAIRS; i++) {
		struct shingles a = {0}, b = {0};
		double least = 0.5 + 0.05 * rng_below(&rng, 8);

		for (long k = rng_below(&rng, 60); k > 0; k--) {
			uint64_t x = rng_below(&rng, 40);

			if (rng_below(&rng, 8))
				shingles_add(&a, &x, sizeof x, x % 3);
			if (rng_below(&rng, 8))
				shingles_add(&b, &x, sizeof x, x % 3);
		}
		shingles_sort(&a);
		shingles_sort(&b);
		yes += alike(&a, &b, least);
		if (shingles_alike(a.p, a.n, b.p, b.n, least) != alike(&a, &b, least) && bad < 0)
			bad = i;
		shingles_free(&a);
		shingles_free(&b);
	}
	all_right(PAIRS, bad, "sets are compared kind by kind");
	ok(yes > PAIRS / 10 && yes < PAIRS * 9 / 10, "of which some are alike and some are not");
}

/* A row of the test: a prompt and an answer, each of words that are numbers. */
struct made {
	int word[2][LONGEST], n[2];
	uint64_t run[2][LONGEST]; /* the set of its runs of three words */
	long runs[2];
};

static void make_runs(struct made *m)
{
	for (int part = 0; part < 2; part++) {
		const int *w = m->word[part];
		uint64_t *run = m->run[part];
		long n = 0;

		for (int i = 0; i + 3 <= m->n[part]; i++)
			run[n++] = ((uint64_t)w[i] << 40) + ((uint64_t)w[i + 1] << 20) + w[i + 2];
		qsort(run, n, sizeof *run, u64_order);
		m->runs[part] = 0;
		for (long i = 0; i < n; i++)
			if (!i || run[i] != run[i - 1])
				run[m->runs[part]++] = run[i];
	}
}

/* The lesser Jaccard index of the two parts. */
static double jaccard(const struct made *a, const struct made *b)
{
	double least = 1;

	for (int part = 0; part < 2; part++) {
		long both = 0;

		for (long i = 0; i < a->runs[part]; i++)
			both += bsearch(&a->run[part][i], b->run[part], b->runs[part],
			                sizeof(uint64_t), u64_order) != NULL;
		least = fmin(least,
		             (double)both / (a->runs[part] + b->runs[part] - both));
	}
	return least;
}

/* A third of the rows are earlier ones with some words changed. */
static struct made *make_rows(void)
{
	struct made *m = xzalloc(ROWS, sizeof *m);

	for (int i = 0; i < ROWS; i++) {
		if (i && !rng_below(&rng, 3)) {
			m[i] = m[rng_below(&rng, i)];
			for (int part = 0; part < 2; part++)
				for (int k = rng_below(&rng, 3); k > 0; k--)
					m[i].word[part][rng_below(&rng, m[i].n[part])] =
						rng_below(&rng, WORDS);
		} else {
			for (int part = 0; part < 2; part++) {
				m[i].n[part] = 12 + rng_below(&rng, LONGEST - 12);
				for (int k = 0; k < m[i].n[part]; k++)
					m[i].word[part][k] = rng_below(&rng, WORDS);
			}
		}
		make_runs(&m[i]);
	}
	return m;
}

static json_t *row_of(const struct made *m)
{
	struct buf text[2] = {{0}, {0}};
	json_t *row;

	for (int part = 0; part < 2; part++)
		for (int i = 0; i < m->n[part]; i++)
			buf_fmt(&text[part], i % 7 ? " w%d" : "\n W%d", m->word[part][i]);
	row = json_pack("{s:s, s:s}", "prompt", text[0].p, "completion", text[1].p);
	buf_free(&text[0]);
	buf_free(&text[1]);
	return row;
}

static const struct schema_opts any;

/* The keepers of these rows, with these scores. */
static uint32_t *keepers(json_t *row[], long n, double j, const double score[])
{
	struct dedupe *d = dedupe_open(&any, j);
	struct fault f;
	uint32_t *k;

	for (long i = 0; i < n; i++)
		if (dedupe_row(d, row[i], &f))
			die("row %ld: %s", i, f.text);
	k = dedupe_keepers(d, score);
	dedupe_close(d);
	return k;
}

static int top(const int up[], int i)
{
	while (up[i] != i)
		i = up[i];
	return i;
}

static void against_all_pairs(double j)
{
	struct made *m = make_rows();
	json_t *row[ROWS];
	double score[ROWS], sim;
	int up[ROWS];
	long near_pairs = 0, kept = 0, sure = 0, sure_kept = 0, apart = 0, wrong = 0;
	uint32_t *k, *again;

	for (int i = 0; i < ROWS; i++) {
		row[i] = row_of(&m[i]);
		score[i] = i % 11 ? (double)rng_below(&rng, 20) : NAN;
		up[i] = i;
	}
	omp_set_num_threads(1);
	k = keepers(row, ROWS, j, score);
	for (int a = 0; a < ROWS; a++)
		for (int b = 0; b < a; b++) {
			sim = jaccard(&m[a], &m[b]);
			if (sim < j - 1e-9)
				continue;
			near_pairs++;
			kept += k[a] == k[b];
			sure += sim >= j + 0.05;
			sure_kept += sim >= j + 0.05 && k[a] == k[b];
			up[top(up, a)] = top(up, b);
		}
	for (int i = 0; i < ROWS; i++) {
		apart += top(up, i) != top(up, k[i]);
		for (int a = 0; a < ROWS; a++) /* no row of the group is better than the kept one */
			wrong += k[a] == k[i] && (score[a] > score[k[i]] ||
			                          (isnan(score[k[i]]) && !isnan(score[a])) ||
			                          (a < (int)k[i] && score[a] == score[k[i]]));
	}
	ok(near_pairs > 40 && sure > 20, "J = %g: %ld pairs are near, %ld by 0.05 more", j, near_pairs,
	   sure);
	ok(sure_kept >= 0.99 * sure, "of those %ld are found", sure_kept);
	ok(kept >= 0.97 * near_pairs, "and of all %ld", kept);
	ok(!apart, "no row is kept for one that no chain of near pairs connects with it");
	ok(!wrong, "the best of each group is kept, of equal ones the first");
	for (int threads = 2; threads < 5; threads++) {
		omp_set_num_threads(threads);
		again = keepers(row, ROWS, j, score);
		ok(!memcmp(k, again, sizeof *k * ROWS), "the same with %d threads", threads);
		free(again);
	}
	for (int i = 0; i < ROWS; i++)
		json_decref(row[i]);
	free(k);
	free(m);
}

/* Long texts, each of which differs from all others in its last word. */
static void many(void)
{
	json_t **row = xalloc(MANY * sizeof *row);
	double *score = xzalloc(MANY, sizeof *score);
	struct made m = {.n = {20, LONGEST}};
	uint32_t *k;
	long bad = -1;

	for (int i = 0; i < LONGEST; i++)
		m.word[0][i] = m.word[1][i] = i;
	for (int i = 0; i < MANY; i++) {
		m.word[1][LONGEST - 1] = WORDS + i;
		row[i] = row_of(&m);
	}
	k = keepers(row, MANY, 0.9, score);
	for (int i = 0; i < MANY; i++) {
		if (k[i] && bad < 0)
			bad = i;
		json_decref(row[i]);
	}
	all_right(MANY, bad, "rows that are all alike are one group");
	free(k);
	free(row);
	free(score);
}

/* How many rows are kept of two. */
static int kept_of(const char *a, const char *b, double j)
{
	json_t *row[2] = {json_loads(a, 0, NULL), json_loads(b, 0, NULL)};
	const double score[2] = {0, 0};
	uint32_t *k = keepers(row, 2, j, score);
	int n = k[1] ? 2 : 1;

	free(k);
	json_decref(row[0]);
	json_decref(row[1]);
	return n;
}

static const struct two {
	const char *name, *a, *b;
	int exact, near; /* kept of the two */
} two[] = {
	{"another id and order of keys", "{\"id\":1,\"prompt\":\"a\",\"completion\":\"b\"}",
         "{\"completion\":\"b\",\"prompt\":\"a\",\"id\":\"x\",\"source\":3}", 1, 1},
	{"escapes", "{\"prompt\":\"\\u00fc\",\"completion\":\"b\"}",
         "{\"prompt\":\"ü\",\"completion\":\"b\"}", 1, 1},
	{"another schema", "{\"instruction\":\"a\",\"output\":\"b\"}",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
         "\"content\":\"b\"}]}",
         1, 1},
	{"case and white space", "{\"prompt\":\"One, two\",\"completion\":\"three\"}",
         "{\"prompt\":\" one ,\\n TWO\",\"completion\":\"three \"}", 2, 1},
	{"a sign", "{\"prompt\":\"3 + 4\",\"completion\":\"b\"}",
         "{\"prompt\":\"3 * 4\",\"completion\":\"b\"}", 2, 2},
	{"one word less", "{\"prompt\":\"a b c\",\"completion\":\"d\"}",
         "{\"prompt\":\"a b\",\"completion\":\"d\"}", 2, 2},
	{"the same words, split elsewhere", "{\"prompt\":\"a b\",\"completion\":\"c\"}",
         "{\"prompt\":\"a\",\"completion\":\"b c\"}", 2, 2},
	{"no answer", "{\"prompt\":\"a\"}", "{\"prompt\":\"a\",\"completion\":\"b\"}", 2, 2},
	{"prompts alone", "{\"prompt\":\"a\"}", "{\"prompt\":\"a\",\"completion\":\"\"}", 1, 1},
	{"another question to one long answer",
         "{\"prompt\":\"how so\",\"completion\":\"a b c d e f g h i j k l m n o p q r s t\"}",
         "{\"prompt\":\"and why\",\"completion\":\"a b c d e f g h i j k l m n o p q r s t\"}", 2,
         2},
	{"another answer to one long question",
         "{\"prompt\":\"a b c d e f g h i j k l m n o p q r s t\",\"completion\":\"yes\"}",
         "{\"prompt\":\"a b c d e f g h i j k l m n o p q r s t\",\"completion\":\"no\"}", 2, 2},
	{"the last word of twenty",
         "{\"prompt\":\"why\",\"completion\":\"a b c d e f g h i j k l m n o p q r s t\"}",
         "{\"prompt\":\"why\",\"completion\":\"a b c d e f g h i j k l m n o p q r s u\"}", 2, 1},
	{"one character of twenty-one",
         "{\"prompt\":\"为什么\",\"completion\":\"天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋\"}",
         "{\"prompt\":\"为什么\",\"completion\":\"天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往冬\"}",
         2, 1},
	{"another system prompt",
         "{\"messages\":[{\"role\":\"system\",\"content\":\"x\"},{\"role\":\"user\",\"content\":"
         "\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]}",
         "{\"messages\":[{\"role\":\"system\",\"content\":\"y\"},{\"role\":\"user\",\"content\":"
         "\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]}",
         2, 2},
	{"another call of a tool",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
         "\"content\":\"b\",\"tool_calls\":[{\"function\":{\"name\":\"x\",\"arguments\":{}}}]}]}",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
         "\"content\":\"b\",\"tool_calls\":[{\"function\":{\"name\":\"y\",\"arguments\":{}}}]}]}",
         2, 2},
	{"the same call, other keys first, and a null",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
         "\"content\":\"b\",\"tool_calls\":[{\"function\":{\"name\":\"x\",\"arguments\":{}}}]}]}",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"tool_calls\":null},{\"tool_calls\":"
         "[{\"function\":{\"arguments\":{},\"name\":\"x\"}}],\"role\":\"assistant\","
         "\"content\":\"b\"}]}",
         1, 1},
	{"other tools",
         "{\"tools\":[{\"name\":\"x\"}],\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
         "{\"role\":\"assistant\",\"content\":\"b\"}]}",
         "{\"tools\":[{\"name\":\"y\"}],\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
         "{\"role\":\"assistant\",\"content\":\"b\"}]}",
         2, 2},
	{"roles that change places",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
         "\"content\":\"b\"},{\"role\":\"user\",\"content\":\"c\"},{\"role\":\"assistant\","
         "\"content\":\"d\"}]}",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"b\"},{\"role\":\"assistant\","
         "\"content\":\"a\"},{\"role\":\"user\",\"content\":\"c\"},{\"role\":\"assistant\","
         "\"content\":\"d\"}]}",
         2, 2},
};

int main(void)
{
	const int n = sizeof two / sizeof *two;
	struct dedupe *d = dedupe_open(&any, 0);
	json_t *strange = json_loads("{\"id\":1,\"n\":2}", 0, NULL);
	struct fault f;

	rng = rng_new(1, 0);
	plans();
	estimates(60, 40);
	estimates(80, 20);
	estimates(85, 15);
	estimates(30, 70);
	compared();
	against_all_pairs(0.8);
	against_all_pairs(0.7);
	against_all_pairs(0.9);
	many();
	for (int i = 0; i < n; i++) {
		ok(kept_of(two[i].a, two[i].b, 0) == two[i].exact, "exact: %s", two[i].name);
		ok(kept_of(two[i].a, two[i].b, 0.8) == two[i].near, "near: %s", two[i].name);
	}
	cases(n, "pairs of rows");
	ok(dedupe_row(d, strange, &f) == -1, "a row of no schema is at fault");
	same(f.text, "no known schema (keys: id, n)", "by its name");
	dedupe_close(d);
	json_decref(strange);
	return tap_done();
}
