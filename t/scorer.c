/* SPDX-License-Identifier: MIT */
/* scorer.c - scorers written and read again, and files that are none; which probability a value
 * means. */
#include "../lib/score/scorer.h"

#include <stdlib.h>
#include <unistd.h>

#include "../lib/base/memory.h"
#include "../lib/format/safetensors.h"
#include "../lib/score/suspect.h"
#include "tap.h"

static const double w[] = {1.5, -1e-300, 1.0 / 3}, mean[] = {0, 1e300, -2};
static const char own[] =
	"{\"b\":0.1,\"slope\":2,\"offset\":-1,\"prior\":0.25,\"layer\":3,\"blocks\":6,"
	"\"model\":\"0123456789abcdef\",\"fingerprint\":\"fedcba9876543210\",\"template\":"
        "\"chatml\"}";

static void test_round_trip(void)
{
	char path[] = "scorer-XXXXXX";
	struct scorer a = {.fit = {3, (double *)w, (double *)mean, 0.1},
	                   .odds = {2, -1, 0.25},
	                   .layer = 3,
	                   .blocks = 6,
	                   .model = "0123456789abcdef",
	                   .fingerprint = "fedcba9876543210",
	                   .template = (char *)"chatml"},
		      b;
	json_t *settings = json_pack("{s:i}", "seed", 1);
	struct zout *out;

	close(mkstemp(path));
	out = zout_open(path, ZOUT_BINARY);
	scorer_write(&a, out, settings);
	zout_close(out);
	scorer_read(&b, path);
	ok(b.fit.d == 3 && !memcmp(b.fit.w, w, sizeof w) &&
	           !memcmp(b.fit.mean, mean, sizeof mean) && b.fit.b == 0.1,
	   "the fit to the bit");
	ok(b.odds.slope == 2 && b.odds.offset == -1 && b.odds.prior == 0.25 && b.layer == 3 &&
	           b.blocks == 6,
	   "its numbers");
	ok(!strcmp(b.model, a.model) && !strcmp(b.fingerprint, a.fingerprint) &&
	           !strcmp(b.template, "chatml"),
	   "its names");
	scorer_free(&b);
	json_decref(settings);
	unlink(path);
}

/* A file with `was` replaced by `is` in the metadata, and these tensors. */
static void refused(const char *was, const char *is, const struct st_tensor *tensor, int n,
                    const char *want)
{
	const char *at = strstr(own, was);
	char *text = xprintf("%.*s%s%s", (int)(at - own), own, is, at + strlen(was));
	const struct st_meta meta[] = {{(char *)"seal.kind", (char *)"scorer"},
	                               {(char *)"seal.scorer", text}};
	struct fault f = {""};
	struct buf out = {0};
	struct scorer s;

	st_write(&out, tensor, n, meta, 2, 0);
	ok(scorer_parse(&s, out.p, out.n, &f) && strstr(f.text, want), "%s for %s: %s",
	   *is ? is : "nothing", was, f.text);
	buf_free(&out);
	free(text);
}

static void test_broken(void)
{
	const double bad[] = {1, NAN, 3};
	const float narrow[] = {1, 2, 3};
	const struct st_tensor good[] = {{(char *)"weight", ST_F64, 1, {3}, w, sizeof w},
	                                 {(char *)"mean", ST_F64, 1, {3}, mean, sizeof mean}};
	const struct st_tensor nan[] = {{(char *)"weight", ST_F64, 1, {3}, bad, sizeof bad},
	                                good[1]};
	const struct st_tensor f32[] = {{(char *)"weight", ST_F32, 1, {3}, narrow, sizeof narrow},
	                                good[1]};
	const struct st_tensor shorter[] = {good[0], {(char *)"mean", ST_F64, 1, {2}, mean, 16}};
	const struct st_meta other[] = {{(char *)"seal.kind", (char *)"tokens"}};
	struct fault f = {""};
	struct buf out = {0};
	struct scorer s;

	refused("\"b\":0.1,", "", good, 2, "no \"b\"");
	refused("\"slope\":2", "\"slope\":\"2\"", good, 2, "slope");
	refused("\"prior\":0.25", "\"prior\":1", good, 2, "prior");
	refused("\"layer\":3", "\"layer\":7", good, 2, "make no sense");
	refused("\"layer\":3", "\"layer\":-1", good, 2, "make no sense");
	refused("\"blocks\":6", "\"blocks\":9999999999999", good, 2, "make no sense");
	refused("\"template\":\"chatml\"", "\"template\":null", good, 2, "no \"template\"");
	refused("{", "[", good, 2, "seal.scorer");
	refused("chatml", "chatml", nan, 2, "not finite");
	refused("chatml", "chatml", f32, 2, "no vector \"weight\"");
	refused("chatml", "chatml", shorter, 2, "no vector \"mean\"");
	refused("chatml", "chatml", good, 1, "no vector \"mean\"");
	st_write(&out, good, 2, other, 1, 0);
	ok(scorer_parse(&s, out.p, out.n, &f) && strstr(f.text, "is no scorer"),
	   "a file of another kind");
	ok(scorer_parse(&s, out.p, out.n - 1, &f) && *f.text, "a byte is missing");
	buf_free(&out);
}

static void test_probability(void)
{
	const struct odds even = {2, -1, 0.5}, rare = {2, -1, 0.25}, plain = {1, 0, 0.5};

	near(suspect_probability(&even, 0.5), 0.5, 1e-15, "at even odds the log odds decide alone");
	near(suspect_probability(&rare, 0.5), 0.25, 1e-15, "where they are silent the share does");
	near(suspect_probability(&rare, 1.5), 1 / (1 + 3 * exp(-2)), 1e-15, "together by Bayes");
	ok(suspect_probability(&plain, 1e9) == 1 && suspect_probability(&plain, -1e9) == 0,
	   "the ends are 1 and 0");
}

int main(void)
{
	test_round_trip();
	test_broken();
	test_probability();
	return tap_done();
}
