/* SPDX-License-Identifier: MIT */
/* scores.c - formulas, the scores file there and back, joins, methods; and the order
 * statistics against their definitions, counted pair by pair. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "../lib/base/memory.h"
#include "../lib/base/rng.h"
#include "../lib/base/hash.h"
#include "../lib/score/join.h"
#include "../lib/score/method.h"
#include "../lib/score/rank.h"
#include "../lib/score/score.h"
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

/* --- formulas */

static void values(void)
{
	static const struct {
		const char *text;
		double want; /* with a = 3, b = 0.5, zero = 0, null = NaN */
	} list[] = {
		{"a", 3},
		{" 1.5e1 ", 15},
		{"a - b - b", 2},
		{"a/2/3", 0.5},
		{"a-b*2", 2},
		{"(a-b)*2", 5},
		{"-a + --b", -2.5},
		{"-(a)*-b", 1.5},
		{"2*-a", -6},
		{"a/b/2 - .5", 2.5},
		{"((((a))))", 3},
		{"a + null", NAN},
		{"0 * null", NAN},
		{"a/zero", NAN},
		{"a - a/zero", NAN},
		{"a\t*\tb", 1.5},
	};
	static const struct {
		const char *name;
		double value;
	} known[] = {{"a", 3}, {"b", 0.5}, {"zero", 0}, {"null", NAN}};

	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		struct formula f;
		struct fault fault = {""};
		double column[FORMULA_COLUMNS] = {0}, got = -999;

		if (!formula_parse(&f, list[i].text, &fault)) {
			for (int c = 0; c < f.columns; c++)
				for (size_t k = 0; k < 4; k++)
					if (!strcmp(f.column[c], known[k].name))
						column[c] = known[k].value;
			got = formula_value(&f, column);
		}
		ok(isnan(list[i].want) ? isnan(got) : got == list[i].want, "'%s' is %g", list[i].text,
		   list[i].want);
		if (*fault.text)
			printf("# %s\n", fault.text);
	}
}

static void named(void)
{
	static const struct {
		const char *name, *text;
	} list[] = {{"weight", "weight"},
	            {"loss", "-loss"},
	            {"gain", "loss_base - loss"},
	            {"gap", "loss_hat - loss"},
	            {"tempered", "loss_base / 2 - loss"}};
	struct formula f;
	struct fault fault;

	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		formula_parse(&f, list[i].name, &fault);
		same(f.text, list[i].text, list[i].name);
	}
	ok(!formula_parse(&f, "loss + 0", &fault) && formula_value(&f, (double[]){2}) == 2,
	   "within a formula, a name is a column");
}

static void no_formulas(void)
{
	char deep[200], wide[1000] = "a", names[400] = "c";
	const char *const bad[] = {
		"", "  ", "+", "a +", "a b", "(a", "a)", "()", "a--", "1..2", "1e", "1e999", "0x10",
		"a$", "rank(a)", "a**b", "\"a\"", "a,b", "1 2", "é", "nan(", ".", "a.b",
		"a_name_of_thirty_three_letters_xx", deep, wide, names,
		"0.0000000000000000000000000000000000000000000000000000000000000001",
	};
	struct formula f;
	struct fault fault;

	memset(deep, '(', 99);
	strcpy(deep + 99, "a");
	for (int k = 0; k < 50; k++)
		strcat(wide, "+a");
	for (int k = 0; k < 9; k++)
		sprintf(names + strlen(names), "+c%d", k);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(formula_parse(&f, bad[i], &fault) == -1 && *fault.text, "no formula: '%.40s'", bad[i]);
}

/* --- files */

static const struct column made[] = {
	{"w", COLUMN_F32, "a float"}, {"k", COLUMN_COUNT, "a count"}, {"d", COLUMN_F64, "a double"}, {0}};

enum { ROWS = 4 };
static const struct {
	const char *id;
	uint64_t hash;
	double value[3];
} rows[ROWS] = {
	{"1", 0xfedcba9876543210u, {(float)0.1, 3, 0.1}},
	{"\"ü\n", 0, {NAN, NAN, NAN}},
	{"x", 7, {-0.0, 0, 1e22}},
	{"y z", 8, {(float)1e-40, 2147483648, 5e-324}},
};

static struct formula formula(const char *text) { return formula_option("test", text); }

static void write_file(const char *path, const char *score)
{
	const struct formula f = formula(score);
	json_t *header = json_pack("{s:s, s:i}", "method", "made", "seed", 3);
	struct zout *out;
	struct scores_out *s;

	unlink(path);
	out = zout_open(path, ZOUT_ZSTD);
	s = scores_create(out, header, made, &f, ROWS);
	for (int i = 0; i < ROWS; i++)
		scores_add(s, rows[i].id, strlen(rows[i].id), rows[i].hash, i + 1, rows[i].value);
	scores_finish(s);
	zout_close(out);
	json_decref(header);
}

static int equal(double a, double b) { return isnan(a) ? isnan(b) : a == b; }

/* Each column, and a formula of two, read back; f32 columns exactly. */
static void there_and_back(const char *path)
{
	static const char *const texts[] = {"w", "k", "d", "score"};

	write_file(path, "w - k");
	for (int c = 0; c < 4; c++) {
		const struct formula f = formula(texts[c]), both = formula("w - k");
		struct scores *s = scores_open(path, (struct scores_want[SCORES_FORMULAS]){{&f, 0}, {&both, 0}});
		struct scored *row;
		int n = 0, bad = -1;

		for (; scores_next(s, &row); n++) {
			double want = c < 3 ? rows[n].value[c] : rows[n].value[0] - rows[n].value[1];

			if (bad < 0 && (strcmp(row->id.p, rows[n].id) || row->hash != rows[n].hash || row->line != n + 2 ||
			                !equal(row->value[0], want) || !equal(row->value[1], rows[n].value[0] - rows[n].value[1])))
				bad = n;
		}
		ok(n == ROWS && bad < 0, "column %s reads back", texts[c]);
		if (bad >= 0)
			printf("# first wrong: row %d\n", bad);
		scores_close(s);
	}
}

static void header(const char *path)
{
	struct zin *in = zin_open(path);
	size_t n, raw;
	char *text = zin_line(in, &n, &raw);
	struct fault f;
	json_t *h = json_parse(text, n, &f), *c = json_object_get(h, "columns");

	same(json_text(h, "score", ""), "w - k", "the header has the formula");
	same(json_text(json_array_get(c, 0), "name", ""), "w", "and the columns");
	same(json_text(json_array_get(c, 0), "type", ""), "f32", "with their types");
	ok(json_array_size(c) == 3 && json_long(h, "rows", 0) == ROWS && json_long(h, "seed", 0) == 3, "and the rest");
	same(columns_lack(made, &(struct formula){.columns = 2, .column = {"d", "e"}}), "e", "a column that is lacking");
	ok(!columns_lack(made, &(struct formula){.columns = 2, .column = {"d", "w"}}), "none that is lacking");
	json_decref(h);
	zin_close(in);
}

/* --- lines */

static struct scored row_;
static struct scores_cell cell_[2] = {{.name = "score"}, {.name = "loss"}};

static int parse(const char *text, struct fault *f)
{
	return scores_row(&row_, cell_, 2, text, strlen(text), f);
}

static void broken(void)
{
	static const char *const bad[] = {
		"", "[]", "{}", "{\"id\":1,\"hash\":\"0000000000000000\",\"score\":1}",
		"{\"id\":\"a\",\"hash\":\"000000000000000\",\"score\":1}",
		"{\"id\":\"a\",\"hash\":\"000000000000000g\",\"score\":1}",
		"{\"id\":\"a\",\"score\":1}", "{\"hash\":\"0000000000000000\",\"score\":1}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\",\"score\":\"1\"}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\",\"score\":1.}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\",\"score\":01}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\",\"score\":1e999}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\",\"score\":1,\"score\":1}",
		"{\"id\":\"a\",\"id\":\"a\",\"hash\":\"0000000000000000\",\"score\":1}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\",\"score\":1}}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\",\"score\":1,}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\",\"loss\":[]}",
		"{\"id\":\"a\",\"hash\":\"0000000000000000\",\"score\":NaN}",
	};
	static const char *const heads[] = {
		"{}", "{\"seal\":\"tokens\",\"rows\":1}", "{\"seal\":\"scores\"}",
		"{\"seal\":\"scores\",\"rows\":-1}", "{\"seal\":\"scores\",\"rows\":1.0}", "7", "{",
	};
	struct fault f;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(parse(bad[i], &f) == -1 && *f.text, "broken: %s", bad[i]);
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		ok(!scores_header(heads[i], strlen(heads[i]), &f) && *f.text, "no header: %s", heads[i]);
}

static void any_form(void)
{
	static const char *const good[] = {
		"{\"id\":\"a\",\"hash\":\"00000000000000ff\",\"score\":-2.5}",
		"{\"score\":-25e-1,\"what\":null,\"hash\":\"00000000000000ff\",\"text\":\"x\",\"id\":\"a\"}",
		" { \"id\" : \"a\", \"score\" : -2.5 , \"hash\" : \"00000000000000ff\" } ",
		"{\"id\":\"\\u0061\",\"hash\":\"00000000000000ff\",\"more\":{\"score\":[1]},\"score\":-2.5}",
	};
	struct fault f = {""};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ok(!parse(good[i], &f) && row_.hash == 255 && !strcmp(row_.id.p, "a") && cell_[0].value == -2.5 &&
		   cell_[0].here && isnan(cell_[1].value) && !cell_[1].here, "%s", good[i]);
	ok(!parse("{\"id\":\"a\",\"hash\":\"00000000000000ff\",\"score\":null}", &f) && isnan(cell_[0].value) && cell_[0].here,
	   "null is NaN");
}

/* Lines as they are written, with a byte or two changed, left out or put in: that the plain
 * way says something of a line means that JSON's says the same.  A space behind the line
 * sends it the other way. */
static void two_ways(struct rng *r)
{
	static const char other[] = "0123456789-+.eE\"\\,:{}[]nul \t\xc3\xa9xX";
	struct scored a = {0}, b = {0};
	struct scores_cell ca[2] = {{.name = "score"}, {.name = "loss"}}, cb[2] = {{.name = "score"}, {.name = "loss"}};
	long good = 0, bad = 0;

	for (int i = 0; i < 100000; i++) {
		char line[256], spaced[300];
		int n = snprintf(line, sizeof line, "{\"id\":\"r %d\",\"hash\":\"%016" PRIx64 "\",\"line\":%d,\"score\":%.*g,\"loss\":null}",
		                 i, rng_next(r), i, 1 + (int)rng_below(r, 17), rng_unit(r) * 100 - 50);
		size_t at = rng_below(r, n), skip = rng_below(r, 3);
		struct fault f;
		int way;

		line[at] = other[rng_below(r, sizeof other - 1)];
		if (at + 1 + skip < (size_t)n)
			memmove(line + at + 1, line + at + 1 + skip, n - at - skip);
		sprintf(spaced, "%s ", line);
		way = scores_row(&b, cb, 2, spaced, strlen(spaced), &f);
		if (scores_row(&a, ca, 2, line, strlen(line), &f))
			continue;
		good++;
		if (way || strcmp(a.id.p, b.id.p) || a.hash != b.hash || !equal(ca[0].value, cb[0].value) ||
		    !equal(ca[1].value, cb[1].value))
			if (!bad++)
				printf("# first: %s\n", line);
	}
	ok(!bad && good > 10000, "%ld changed lines are read as any JSON is", good);
	buf_free(&a.id);
	buf_free(&b.id);
}

/* --- joins */

static void joined(const char *path, const int order[], int n, int found, const char *name)
{
	const struct formula f = formula("d");
	struct join *j = join_open(path, (struct scores_want[SCORES_FORMULAS]){{&f, 0}});
	int bad = -1;

	for (int i = 0; i < n; i++) {
		const char *id = order[i] < ROWS ? rows[order[i]].id : "no such row";

		join_row(j, id, strlen(id), order[i] < ROWS ? rows[order[i]].hash : 99);
	}
	join_end(j, 0);
	for (int i = 0; i < n && bad < 0; i++)
		if (j->scored[i] != (order[i] < ROWS) || !equal(j->value[0][i], order[i] < ROWS ? rows[order[i]].value[2] : NAN))
			bad = i;
	ok(j->n == n && j->found == found && bad < 0, "joined: %s", name);
	if (bad >= 0)
		printf("# first wrong: row %d\n", bad);
	join_close(j);
}

/* Ten thousand rows in an order of their own. */
static void permuted(struct rng *r, const char *path)
{
	enum { MANY = 10000 };
	const struct formula f = formula("k");
	int32_t *order = xalloc(MANY * sizeof *order);
	json_t *header = json_pack("{s:s}", "method", "made");
	struct scores_out *s;
	struct zout *out;
	struct join *j;
	char id[32];
	long bad = 0;

	unlink(path);
	out = zout_open(path, ZOUT_PLAIN);
	s = scores_create(out, header, made, &f, MANY);
	for (int i = 0; i < MANY; i++)
		scores_add(s, id, sprintf(id, "r%d", i), i * 77, i + 1, (double[]){i, i, i});
	scores_finish(s);
	zout_close(out);
	for (int i = 0; i < MANY; i++)
		order[i] = i;
	rng_shuffle(r, order, MANY);
	j = join_open(path, (struct scores_want[SCORES_FORMULAS]){{&f, 0}});
	for (int i = 0; i < MANY; i++)
		join_row(j, id, sprintf(id, "r%d", order[i]), order[i] * 77);
	join_end(j, 1);
	for (int i = 0; i < MANY; i++)
		if (!j->scored[i] || j->value[0][i] != order[i])
			if (!bad++)
				printf("# first wrong: row %d, of %d\n", i, order[i]);
	ok(!bad && j->found == MANY, "joined: %d rows in another order", MANY);
	join_close(j);
	json_decref(header);
	free(order);
}

static void joins(const char *path)
{
	write_file(path, "d");
	joined(path, (int[]){0, 1, 2, 3}, 4, 4, "in order");
	joined(path, (int[]){3, 1, 2, 0}, 4, 4, "in another order");
	joined(path, (int[]){9, 0, 1, 2, 3}, 5, 4, "a row without a score first");
	joined(path, (int[]){0, 2, 9, 3}, 4, 3, "a score without a row in the middle");
	joined(path, (int[]){2}, 1, 1, "one row");
	joined(path, NULL, 0, 0, "none");
}

/* --- methods */

static void table(void)
{
	static struct score_opts opts = SCORE_DEFAULTS;
	struct opt_group groups[SCORE_GROUPS];
	int n = 0;

	score_groups(&opts, groups);
	while (groups[n].table)
		n++;
	ok(n < SCORE_GROUPS, "%d groups of options", n);
	for (int k = 0; methods[k]; k++) {
		const struct method *m = methods[k];
		struct formula f = formula(m->score);

		ok(m->name && m->what && m->run && method_of(m->name) == m && !columns_lack(m->columns(), &f),
		   "method %s has a name of its own, and fills the columns of its score", m->name);
		for (const struct column *c = m->columns(); c->name; c++)
			if (!c->meaning)
				ok(0, "column %s has no meaning", c->name);
	}
	ok(!method_of("none"), "no method");
}

static void scale(struct rng *r)
{
	double *score = xalloc(MILLION * sizeof *score);
	uint64_t *hash = xalloc(MILLION * sizeof *hash);
	uint32_t *place = xalloc(MILLION * sizeof *place);
	long bad = 0;

	for (long i = 0; i < MILLION; i++) {
		hash[i] = rng_next(r);
		score[i] = rng_below(r, MILLION / 2);
	}
	ok(rank_order(score, hash, MILLION, place) == MILLION, "a million scores are ranked");
	for (long i = 1; i < MILLION; i++) {
		uint32_t p = place[i - 1], q = place[i];

		if (!(score[p] > score[q] || (score[p] == score[q] && hash[p] < hash[q])) && !bad++)
			printf("# first wrong: place %ld\n", i);
	}
	ok(!bad, "and rightly so");
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
	values();
	named();
	no_formulas();
	there_and_back(path);
	header(path);
	broken();
	any_form();
	two_ways(&r);
	joins(path);
	permuted(&r, path);
	unlink(path);
	table();
	buf_free(&row_.id);
	scale(&r);
	return tap_done();
}
