/* SPDX-License-Identifier: MIT */
/* scores.c - the scores file there and back, its lines, joins; and the table of methods. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "../lib/base/memory.h"
#include "../lib/base/rng.h"
#include "../lib/score/join.h"
#include "../lib/score/method.h"
#include "../lib/score/score.h"
#include "tap.h"

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
	s = scores_create(out, header, made, &f, ROWS, (struct share){0, ROWS, 1});
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
	s = scores_create(out, header, made, &f, MANY, (struct share){0, MANY, 1});
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

int main(void)
{
	struct rng r = rng_new(1, 2);
	char path[] = "/tmp/seal-scores-XXXXXX";

	close(mkstemp(path));
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
	return tap_done();
}
