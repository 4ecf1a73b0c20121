/* SPDX-License-Identifier: MIT */
/* The token stream: what is written is read; what lies is told apart. */
#include "tap.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/base/memory.h"
#include "../lib/rows/tokens.h"

static const char print[] = "0123456789abcdef";
static char path[] = "/tmp/seal-tokens-XXXXXX";

static void write_stream(const char *to, int flags, long rows, long first)
{
	struct zout *z;
	json_t *settings = json_pack("{s:i}", "max-tokens", 9);
	struct tokens_writer *w;

	unlink(to);                     /* what was an input is none to be written */
	z = zout_open(to, flags);
	w = tokens_write_open(z, print, "seal", settings);
	for (long i = first; i < first + rows; i++) {
		int32_t token[5];
		uint8_t train[5] = {0, 0, 1, 1, 1};
		char id[24];
		int n = 3 + i % 3;

		for (int k = 0; k < n; k++)
			token[k] = 10 * i + k;
		snprintf(id, sizeof id, "row%ld", i);
		tokens_write(w, &(struct tokens_row){token, train, n, 0, id, strlen(id), 1000 + i, i + 1});
	}
	tokens_write_close(w, 77);
	zout_close(z);
	json_decref(settings);
}

static int right(const struct tokens *t, long i)
{
	struct tokens_row r = tokens_row(t, i);
	char id[24], want[24];

	snprintf(want, sizeof want, "row%ld", i);
	for (long k = 0; k < r.n; k++)
		if (r.token[k] != 10 * i + k || r.train[k] != (k > 1))
			return 0;
	return r.n == 3 + i % 3 && r.hash == (uint64_t)(1000 + i) && r.line == i + 1 &&
	       !strcmp(tokens_id(t, i, id, sizeof id), want);
}

static void round_trip(int flags, long rows, const char *name)
{
	struct tokens *t;
	long good = 0;

	write_stream(path, flags, rows, 0);
	t = tokens_read((char *[]){path}, 1);
	while (good < t->rows && right(t, good))
		good++;
	if (!ok(t->rows == rows && good == rows, "%s: %ld rows come back", name, rows))
		printf("# there are %ld rows, and row %ld is wrong\n", t->rows, good);
	ok(json_array_size(t->history) == 1 && !strcmp(t->fingerprint, print) &&
	   !strcmp(t->template, "seal"), "with history, fingerprint and template");
	tokens_close(t);
}

static char *slurp(size_t *n)
{
	struct zin *z = zin_open(path);
	char *p = xalloc(1 << 24);

	*n = zin_read(z, p, 1 << 24);
	zin_close(z);
	return p;
}

/* Reads the stream at p as tokens_read would; 0, or -1 with a fault. */
static int parse(const char *p, size_t n, struct tokens **into, struct fault *f)
{
	struct tokens *t = xzalloc(1, sizeof *t);
	size_t used = 0;
	int bad = 0;

	for (; n && !bad; p += used, n -= used)
		bad = tokens_blob(t, p, n, &used, f);
	if (!bad && t->open)
		bad = fault(f, "no seal.end");
	*into = t;
	return bad;
}

static void alone(void)
{
	struct tokens *t;
	struct fault f;
	uint64_t input;
	size_t n;
	char *p, *both;

	write_stream(path, ZOUT_PLAIN, 3, 0);
	p = slurp(&n);
	ok(n % 8 == 0, "a plain stream is a multiple of 8");
	both = xalloc(2 * n);
	memcpy(both, p, n);
	write_stream(path, ZOUT_PLAIN, 3, 3);
	free(p);
	p = slurp(&n);
	memcpy(both + n, p, n);
	if (ok(!parse(both, 2 * n, &t, &f), "two segments are one stream"))
		ok(t->rows == 6 && right(t, 2) && right(t, 5) && json_array_size(t->history) == 1,
		   "of six rows, the equal histories told once");
	tokens_close(t);
	write_stream(path, ZOUT_PLAIN, 6, 0);
	t = tokens_read((char *[]){path}, 1);
	input = t->input;
	ok(t->mapped == t->map[0].bytes && !t->in_memory, "a plain file is mapped, not copied");
	tokens_close(t);
	unlink(path);                       /* what was read is no longer an output */
	zio_save(path, both, 2 * n);
	t = tokens_read((char *[]){path}, 1);
	ok(t->input == input, "the input hash does not depend on segments");
	tokens_close(t);
	unlink(path);
	write_stream(path, ZOUT_ZSTD, 6, 0);
	t = tokens_read((char *[]){path}, 1);
	ok(t->input == input && !t->mapped && t->in_memory, "nor on compression");
	tokens_close(t);
	free(p);
	free(both);
}

/* Replaces `from` by `to`, of equal length, wherever it is in a stream. */
static void lie(const char *from, const char *to, size_t len, const char *what)
{
	struct tokens *t = NULL;
	struct fault f = {""};
	size_t n, hits = 0;
	char *p;

	write_stream(path, ZOUT_PLAIN, 3, 0);
	p = slurp(&n);
	for (size_t i = 0; i + len <= n; i++)
		if (!memcmp(p + i, from, len)) {
			memcpy(p + i, to, len);
			hits++;
		}
	if (ok(hits && parse(p, n, &t, &f) && strstr(f.text, what), "found out: %s", what))
		;
	else
		printf("# %zu hits, said: %s\n", hits, f.text);
	if (t)
		tokens_close(t);
	free(p);
}

static void lies(void)
{
	int64_t good[] = {0, 3, 7, 12}, back[] = {0, 8, 7, 12}, late[] = {1, 3, 7, 12}, far[] = {0, 3, 7, 13};
	int64_t hollow[] = {0, 3, 3, 12};
	int32_t token[] = {11, 12}, negative[] = {-11, 12};

	lie("\"tokens\",\"seal", "\"scores\",\"seal", 14, "not a token stream");
	lie("seal.end", "seal.fin", 8, "no seal.end");
	lie("\\\"rows\\\":3", "\\\"rows\\\":4", 10, "seal.end counts 4 rows");
	lie("\"input\\", "\"inpud\\", 7, "missing or malformed");
	lie("\"hash\"", "\"mash\"", 6, "no tensor \"hash\"");
	lie("\"dtype\":\"U64\"", "\"dtype\":\"F64\"", 13, "not a list of U64");
	lie("\"shape\":[4]", "\"shape\":[5]", 11, "its shape takes");
	lie((char *)good, (char *)back, sizeof good, "runs backwards");
	lie((char *)good, (char *)hollow, sizeof good, "is empty");
	lie((char *)good, (char *)late, sizeof good, "does not run from 0");
	lie((char *)good, (char *)far, sizeof good, "does not run from 0");
	lie((char *)token, (char *)negative, sizeof token, "token id -11");
	lie("\0\0\1\1\1row0", "\0\0\1\2\1row0", 9, "\"train\" is 2");
	lie("\0\0\1\1\1row0", "\1\0\1\1\1row0", 9, "the first token cannot be trained");
	lie("\0\0\1\1\1row0", "\0\0\0\0\0row0", 9, "no trained token");
	lie("row0", "ro\xffy", 4, "not UTF-8");
	lie("0123456789abcdef\"", "0123456789abcdeF\"", 17, "seal.fingerprint");
}

static void segments_differ(void)
{
	struct { const char *from, *to, *what; } c[] = {
		{"0123456789abcdef", "0123456789abcdee", "another tokenizer"},
		{"\"seal.template\":\"seal\"", "\"seal.template\":\"zeal\"", "another template"},
	};

	for (int i = 0; i < 2; i++) {
		struct tokens *t;
		struct fault f = {""};
		size_t n;
		char *p, *both, *at;

		write_stream(path, ZOUT_PLAIN, 3, 0);
		p = slurp(&n);
		both = xalloc(2 * n);
		memcpy(both, p, n);
		memcpy(both + n, p, n);
		at = memmem(both + n, n, c[i].from, strlen(c[i].from));
		memcpy(at, c[i].to, strlen(c[i].to));
		ok(parse(both, 2 * n, &t, &f) && strstr(f.text, c[i].what), "segments of %s", c[i].what);
		tokens_close(t);
		free(p);
		free(both);
	}
}

/* The exit status of a process that reads the stream of n bytes. */
static int reads(const char *p, size_t n)
{
	int status;
	pid_t child;
	FILE *out = fopen(path, "wb");

	fwrite(p, 1, n, out);
	fclose(out);
	fflush(stdout);
	child = fork();
	if (!child) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(9);
		tokens_read((char *[]){path}, 1);
		_exit(0);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void cuts(int flags, const char *name)
{
	struct buf b = {0};
	size_t n = 0;
	FILE *in;

	write_stream(path, flags, 2, 0);
	in = fopen(path, "rb");
	buf_need(&b, 1 << 16);
	b.n = fread(b.p, 1, 1 << 16, in);
	fclose(in);
	ok(!reads(b.p, b.n), "a whole %s stream reads", name);
	while (n < b.n && reads(b.p, n) == 1)
		n++;
	if (!ok(n == b.n, "cut at any of its %zu bytes it fails", b.n))
		printf("# but not at byte %zu\n", n);
	buf_add(&b, "x", 1);
	ok(reads(b.p, b.n) == 1, "and with a byte too many");
	memset(b.p, 0, b.n);
	ok(reads(b.p, b.n - 1) == 1, "and all zeros");
	buf_free(&b);
}

static void duplicates(void)
{
	struct buf b = {0};
	char *p;
	size_t n;

	write_stream(path, ZOUT_PLAIN, 3, 0);
	p = slurp(&n);
	buf_add(&b, p, n);
	buf_add(&b, p, n);
	ok(reads(b.p, b.n) == 1, "two rows of one id across segments");
	buf_free(&b);
	free(p);
}

/* Both halves of a stream of three blobs, in three shares. */
static void split(void)
{
	static const double shares[] = {0.1, 0.5, 0.9};
	char *const one[] = {path};
	long rows = 20000;

	for (int k = 0; k < 3; k++) {
		struct tokens *all, *in, *out;
		long right_side = 0, in_order = 0, total, longest = 0;

		write_stream(path, ZOUT_PLAIN, rows, 0);
		all = tokens_read(one, 1);
		in = tokens_read(one, 1);
		total = in->total;
		out = tokens_split(in, shares[k]);
		ok(in->rows + out->rows == rows && labs(out->rows - (long)(rows * shares[k])) < 300,
		   "%ld of %ld rows are a share of %g", out->rows, rows, shares[k]);
		for (int side = 0; side < 2; side++) {
			const struct tokens *t = side ? out : in;

			for (long i = 0; i < t->rows; i++) {
				struct tokens_row r = tokens_row(t, i), same = tokens_row(all, r.line - 1);
				double u = (double)tokens_row_key(&r) / 18446744073709551616.0;

				right_side += (u < shares[k]) == side && r.at == i;
				in_order += r.n == same.n && !memcmp(r.token, same.token, r.n * sizeof *r.token) &&
				            r.hash == same.hash && (!i || r.line > tokens_row(t, i - 1).line);
				longest = r.n > longest ? r.n : longest;
			}
		}
		ok(right_side == rows, "each on the side of its tokens' hash");
		ok(in_order == rows, "all rows as they were, in order");
		ok(in->total + out->total == total && longest == 5 && tokens_most(out, 2) == 10, "so many tokens");
		tokens_close(in);
		tokens_close(out);
		tokens_close(all);
	}
}

int main(void)
{
	int fd = mkstemp(path);

	close(fd);
	round_trip(ZOUT_PLAIN, 0, "plain");
	round_trip(ZOUT_PLAIN, 4097, "plain");
	round_trip(ZOUT_ZSTD, 8192, "zstd");
	alone();
	lies();
	segments_differ();
	cuts(ZOUT_PLAIN, "plain");
	cuts(ZOUT_ZSTD, "zstd");
	duplicates();
	split();
	unlink(path);
	return tap_done();
}
