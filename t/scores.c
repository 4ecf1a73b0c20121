/* SPDX-License-Identifier: MIT */
/* scores.c - the scores file there and back, and the order statistics against
 * their definitions, counted pair by pair. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../lib/base/memory.h"
#include "../lib/base/rng.h"
#include "../lib/score/scores.h"
#include "tap.h"

enum { N = 300, MILLION = 1000000 };

static double pairs_auroc(const double v[], const int positive[], long n)
{
	double good = 0, all = 0;

	for (long i = 0; i < n; i++)
		for (long j = 0; j < n; j++)
			if (positive[i] && !positive[j]) {
				good += v[i] > v[j] ? 1 : v[i] == v[j] ? 0.5 : 0;
				all++;
			}
	return good / all;
}

static double auroc(const double v[], const int positive[], long n)
{
	double x[N], y[N], win[N], sum = 0;
	long nx = 0, ny = 0;

	for (long i = 0; i < n; i++)
		if (positive[i])
			x[nx++] = v[i];
		else
			y[ny++] = v[i];
	rank_wins(x, nx, y, ny, win);
	for (long j = 0; j < ny; j++)
		sum += win[j];
	return sum / nx / ny;
}

static double pairs_rank(const double v[], long n, long i)
{
	double below = 0, equal = 0;

	for (long j = 0; j < n; j++) {
		below += v[j] < v[i];
		equal += v[j] == v[i];
	}
	return below + (equal + 1) / 2;
}

static double pairs_spearman(const double x[], const double y[], long n)
{
	double sx = 0, sy = 0, xx = 0, yy = 0, xy = 0;

	for (long i = 0; i < n; i++) {
		double a = pairs_rank(x, n, i), b = pairs_rank(y, n, i);

		sx += a, sy += b, xx += a * a, yy += b * b, xy += a * b;
	}
	return (xy - sx * sy / n) / sqrt((xx - sx * sx / n) * (yy - sy * sy / n));
}

/* values: how many different ones, 0 for no ties */
static void statistics(struct rng *r, int values, const char *name)
{
	double x[N], y[N];
	int positive[N];

	for (int i = 0; i < N; i++) {
		positive[i] = rng_below(r, 3) == 0;
		x[i] = values ? (double)rng_below(r, values) : rng_unit(r);
		y[i] = values ? x[i] + rng_below(r, values) : x[i] + rng_unit(r);
	}
	x[0] = x[1] = -INFINITY;
	near(auroc(x, positive, N), pairs_auroc(x, positive, N), 1e-12, name);
	near(spearman(x, y, N), pairs_spearman(x, y, N), 1e-12, name);
}

static void edges(void)
{
	const double x[] = {1, 2, 3, 4}, down[] = {8, 4, 2, 1}, flat[] = {5, 5, 5, 5};
	const int half[] = {0, 0, 1, 1};

	ok(auroc(x, half, 4) == 1 && auroc(down, half, 4) == 0 && auroc(flat, half, 4) == 0.5,
	   "auroc is 1, 0 and 1/2 at its ends and for ties");
	ok(spearman(x, down, 4) == -1 && spearman(x, x, 4) == 1, "spearman is 1 and -1 at its ends");
	ok(isnan(spearman(x, flat, 4)) && isnan(spearman(x, x, 1)) && isnan(spearman(x, x, 0)),
	   "spearman of a constant, of one and of nothing is NaN");
}

static void keeps(void)
{
	ok(keep_count("80%", 10) == 8 && keep_count("50%", 5) == 3 && keep_count("50%", 4) == 2 &&
	   keep_count("0%", 9) == 0 && keep_count("100%", 9) == 9, "a share is rounded half up");
	ok(keep_count("33.3%", 500) == 167 && keep_count("0.1%", 500) == 1 &&
	   keep_count("1.1%", 500) == 6 && keep_count("16.4%", 375) == 62, "the half is a half for decimal shares too");
	ok(keep_count("17", 3) == 17 && keep_count("0", 3) == 0, "a count is itself");
	ok(keep_count("", 1) < 0 && keep_count("%", 1) < 0 && keep_count("-1", 1) < 0 &&
	   keep_count("101%", 1) < 0 && keep_count("8.5", 1) < 0 && keep_count("1e1%", 1) < 0 &&
	   keep_count("nan%", 1) < 0 && keep_count("80%%", 1) < 0 && keep_count("1.2.3%", 1) < 0 &&
	   keep_count("80 %", 1) < 0 && keep_count("99999999999999999999", 1) < 0,
	   "anything else is neither");
}

static void order(void)
{
	const double score[] = {-3, 2, NAN, NAN, 5, 2, 2, -0.0, 0, -INFINITY, INFINITY};
	const uint64_t hash[] = {1, 9, 0, 1, 7, 4, 9, 3, UINT64_MAX, 2, 2};
	const uint32_t want[] = {10, 4, 5, 1, 6, 7, 8, 0, 9};
	uint32_t got[11];

	ok(rank_order(score, hash, 11, got) == 9, "null and missing scores are not counted");
	ok(!memcmp(got, want, sizeof want), "best first, ties by hash, then as they stand");
}

static void there_and_back(const char *path)
{
	const struct score rows[] = {
		{ "1", 0xfedcba9876543210u, 1, 0.1, 1.0 / 3, 1, 12, 1e-300, -2.5, 1e22 },
		{ "\"ü\n", 0, 5, NAN, NAN, -1, -1, NAN, NAN, NAN },
		{ "x", 7, 6, (float)0.1, -0.0, 0, 0, 5e-324, 123456789.123456789, 3 },
	};
	json_t *header = json_pack("{s:s, s:i}", "method", "loss", "seed", 3);
	struct zout *out = zout_open(path, ZOUT_ZSTD);
	struct scores *s;
	int same = 1;

	scores_write(out, header, rows, 3);
	zout_close(out);
	json_decref(header);
	s = scores_read(path);
	for (int i = 0; i < s->n && i < 3; i++) {
		const struct score *a = &rows[i], *b = &s->row[i];
		const double *p = &a->loss_base, *q = &b->loss_base;

		same &= !strcmp(a->id, b->id) && a->hash == b->hash && a->line == b->line &&
		        a->visits == b->visits && a->last == b->last;
		same &= isnan(a->score) ? isnan(b->score) : a->score == b->score;
		same &= isnan(a->weight) ? isnan(b->weight) : a->weight == b->weight;
		for (int k = 0; k < 3; k++)
			same &= isnan(p[k]) ? isnan(q[k]) : p[k] == q[k];
	}
	ok(s->n == 3 && same, "every number reads back");
	ok(json_integer_value(json_object_get(s->header, "rows")) == 3 &&
	   !strcmp(json_text(s->header, "method", ""), "loss"), "and the header");
	ok(score_lookup(s, "x", 7) == &s->row[2] && !score_lookup(s, "y", 7), "rows are found by id");
	scores_close(s);
}

static void broken(void)
{
	static const char *const bad[] = {
		"", "[]", "{}", "{\"id\":1,\"hash\":\"0000000000000000\",\"score\":1}",
		"{\"id\":\"a\",\"hash\":\"000000000000000\",\"score\":1}",
		"{\"id\":\"a\",\"hash\":\"000000000000000g\",\"score\":1}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\"}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\",\"score\":\"1\"}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\",\"score\":1,\"last\":1.5}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\",\"score\":1,\"line\":-1}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\",\"score\":1,\"loss\":[]}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\",\"score\":NaN}",
	};
	static const char *const heads[] = {
		"{}", "{\"seal\":\"tokens\",\"rows\":1}", "{\"seal\":\"scores\"}",
		"{\"seal\":\"scores\",\"rows\":-1}", "{\"seal\":\"scores\",\"rows\":1.0}", "7", "{",
	};
	const char *good = "{\"id\":\"a\",\"hash\":\"00000000000000ff\",\"score\":null}";
	struct score s;
	struct fault f;
	json_t *h;
	long rows;
	int all = 1;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		all &= score_parse(bad[i], strlen(bad[i]), &s, &f) == -1 && *f.text;
	ok(all, "broken rows are faults");
	for (size_t i = all = 0; i < sizeof heads / sizeof *heads; i++)
		all += scores_header(heads[i], strlen(heads[i]), &h, &rows, &f) == -1;
	ok(all == sizeof heads / sizeof *heads, "broken headers are faults");
	ok(!score_parse(good, strlen(good), &s, &f) && s.hash == 255 && isnan(s.score) &&
	   s.line == -1 && isnan(s.loss), "what a row lacks is null");
	free(s.id);
}

static int equal(const void *a, const void *b, size_t n) { return !memcmp(a, b, n); }

/* Whether both ways say the same of a line, if the fast one says anything. */
static int agree(const char *line, size_t n, long *taken)
{
	struct score a = {0}, b = {0};
	struct fault f;
	char *text = xstrndup(line, n);
	int ok = 1;

	if (!score_line(text, n, &a)) {
		++*taken;
		ok = !score_object(text, n, &b, &f) && !strcmp(a.id, b.id) && a.hash == b.hash &&
		     a.line == b.line && a.visits == b.visits && a.last == b.last &&
		     equal(&a.score, &b.score, 2 * sizeof(double)) && equal(&a.loss_base, &b.loss_base, 3 * sizeof(double));
		free(a.id);
		free(b.id);
	}
	free(text);
	return ok;
}

static double any_real(struct rng *r)
{
	union { uint64_t bits; double x; } u = { rng_next(r) };

	switch (rng_below(r, 4)) {
	case 0: return u.x;
	case 1: return NAN;
	case 2: return (double)rng_below(r, 2000) - 1000;
	}
	return rng_unit(r);
}

/* Lines as they are written, and the same with a byte or two changed, left out or put in. */
static void fast_way(struct rng *r, const char *path)
{
	static const char other[] = "0123456789-+.eE\"\\,:{}[]nul \t\xc3\xa9xX";
	struct score s[500];
	char ids[500][24];
	size_t n, raw;
	struct zout *out;
	struct zin *in;
	json_t *header = json_object();
	long whole = 0, lines = 0, changed = 0, all = 1;

	unlink(path);
	out = zout_open(path, ZOUT_PLAIN);
	for (int i = 0; i < 500; i++) {
		snprintf(ids[i], sizeof ids[i], "r %d", i);
		s[i] = (struct score){ ids[i], rng_next(r), rng_below(r, 1000), any_real(r), any_real(r),
		                       (long)rng_below(r, 9) - 1, (long)rng_below(r, 9) - 1, any_real(r), any_real(r), any_real(r) };
	}
	scores_write(out, header, s, 500);
	zout_close(out);
	json_decref(header);
	in = zin_open(path);
	zin_line(in, &n, &raw);
	for (char *line; (line = zin_line(in, &n, &raw)); lines++) {
		all &= agree(line, n, &whole);
		for (int k = 0; k < 200; k++) {
			char *edit = xalloc(n + 2);
			size_t at = rng_below(r, n), skip = rng_below(r, 3), len;

			memcpy(edit, line, at);
			edit[at] = other[rng_below(r, sizeof other - 1)];
			skip = at + skip > n ? n - at : skip;
			len = at + 1 + n - at - skip;
			memcpy(edit + at + 1, line + at + skip, n - at - skip);
			all &= agree(edit, len, &changed);
			free(edit);
		}
	}
	zin_close(in);
	ok(lines == 500 && whole == 500, "all lines as we write them are read the fast way");
	ok(all && changed > 1000, "and, like %ld that were changed, as jansson reads them", changed);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static void scale(struct rng *r)
{
	double *score = xalloc(MILLION * sizeof *score), start;
	uint64_t *hash = xalloc(MILLION * sizeof *hash);
	uint32_t *place = xalloc(MILLION * sizeof *place);
	int sorted = 1;

	for (long i = 0; i < MILLION; i++) {
		hash[i] = rng_next(r);
		score[i] = rng_below(r, MILLION / 2);
	}
	start = seconds();
	sorted = rank_order(score, hash, MILLION, place) == MILLION;
#ifdef SEAL_SAN
	start = seconds();
#endif
	ok(seconds() - start < 1, "a million scores are ranked in under a second (%.2f)", seconds() - start);
	for (long i = 1; i < MILLION; i++) {
		uint32_t p = place[i - 1], q = place[i];

		sorted &= score[p] > score[q] || (score[p] == score[q] && hash[p] < hash[q]);
	}
	ok(sorted, "and rightly so");
	free(place);
	free(hash);
	free(score);
}

int main(void)
{
	struct rng r = rng_new(1, 2);
	char path[] = "/tmp/seal-scores-XXXXXX";

	close(mkstemp(path));
	statistics(&r, 0, "without ties");
	statistics(&r, 4, "with many ties");
	edges();
	keeps();
	order();
	there_and_back(path);
	fast_way(&r, path);
	unlink(path);
	broken();
	scale(&r);
	return tap_done();
}
