/* SPDX-License-Identifier: MIT */
/* tokenizer.c - ids against those of Hugging Face's `tokenizers`
 * (t/gold/tokenizer.py): small tokenizers of our own, and real ones where the
 * data folder is. */
#include "../lib/text/tokenizer.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../lib/base/memory.h"
#include "../lib/text/tokenizer.h"
#include "tap.h"

#define GOLD "t/gold/"
#define RANKS GOLD "tok-llama3/tokenizer.model"
#ifdef SEAL_SAN
#define LINEAR_SECONDS 20
#else
#define LINEAR_SECONDS 2
#endif

static const char *data(void)
{
	const char *d = getenv("SEAL_DATA");

	return d && *d ? d : "../shared/data";
}

/* Strings here hold NUL, which json_read_file refuses. */
static json_t *read_json(const char *path)
{
	json_error_t e;
	json_t *o = json_load_file(path, JSON_ALLOW_NUL, &e);

	if (!o)
		die("%s: %s", path, e.text);
	return o;
}

static int same_ids(const struct ids *ids, long skip, const json_t *want)
{
	if (ids->n != (long)json_array_size(want) - skip)
		return 0;
	for (long i = 0; i < ids->n; i++)
		if (ids->p[i] != json_integer_value(json_array_get(want, i + skip)))
			return 0;
	return 1;
}

/* want: an array of ids for each string; null: the same as otherwise has. */
static void check_ids(const struct tokenizer *t, const char *name, const char *mode, int flags,
                      const json_t *strings, const json_t *want, const json_t *otherwise)
{
	struct ids ids = {0};
	size_t i, wrong = 0, first = 0;
	json_t *s;

	json_array_foreach(strings, i, s) {
		const json_t *w = json_array_get(want, i);

		ids.n = 0;
		tokenizer_encode(t, json_string_value(s), json_string_length(s), flags, 0, &ids);
		if (same_ids(&ids, 0, json_is_null(w) ? json_array_get(otherwise, i) : w))
			continue;
		if (!wrong++)
			first = i;
	}
	ok(!wrong && json_array_size(strings) == json_array_size(want), "%s: ids of %zu strings as %s", name,
	   json_array_size(strings), mode);
	if (wrong)
		printf("# %zu differ, the first is string %zu\n", wrong, first);
	ids_free(&ids);
}

static void check_decoded(const struct tokenizer *t, const char *name, const json_t *ids, const json_t *want)
{
	struct buf text = {0};
	size_t i, wrong = 0, n = 0;
	json_t *w;

	json_array_foreach(want, i, w) {
		const json_t *list = json_array_get(ids, i);
		struct ids got = {0};

		if (json_is_null(w))
			continue;
		for (size_t k = 0; k < json_array_size(list); k++)
			ids_add(&got, json_integer_value(json_array_get(list, k)));
		text.n = 0;
		tokenizer_decode(t, got.p, got.n, 1, 1, &text);
		wrong += text.n != json_string_length(w) ||
		         (text.n && memcmp(text.p, json_string_value(w), text.n));
		n++;
		ids_free(&got);
	}
	ok(!wrong && n, "%s: text of %zu lists of ids", name, n);
	buf_free(&text);
}

static void check(const char *path, const char *name, const json_t *strings, const json_t *gold)
{
	struct tokenizer *t = tokenizer_open(path);
	const json_t *text = json_object_get(gold, "text"), *control = json_object_get(gold, "control");
	const json_t *more = json_object_get(gold, "continue"), *decoded = json_object_get(gold, "decoded");

	check_ids(t, name, "text", 0, strings, text, NULL);
	if (control)
		check_ids(t, name, "control text", TOKENIZE_CONTROL, strings, control, text);
	if (more)
		check_ids(t, name, "the rest of a text", TOKENIZE_CONTINUE, strings, more, NULL);
	if (decoded)
		check_decoded(t, name, text, decoded);
	tokenizer_close(t);
}

/* A file of transformers.js's tests; the first `skip` ids are of the template. */
static void check_published(const char *file, const char *key, const char *tokenizer, long skip)
{
	char *gold = xprintf("%s/tokenizers/gold/%s", data(), file);
	char *path = xprintf("%s/tokenizers/%s/tokenizer.json", data(), tokenizer);
	struct tokenizer *t = tokenizer_open(path);
	json_t *root = read_json(gold), *item;
	struct ids ids = {0};
	const char *name;
	int wrong = 0, n = 0;

	json_object_foreach(json_object_get(root, key), name, item) {
		const json_t *text = json_object_get(item, "text");

		ids.n = 0;
		n++;
		tokenizer_encode(t, json_string_value(text), json_string_length(text), TOKENIZE_CONTROL, 0, &ids);
		if (!same_ids(&ids, skip, json_object_get(item, "ids"))) {
			printf("# %s differs\n", name);
			wrong++;
		}
	}
	ok(n && !wrong, "%s: %d published texts", key, n);
	ids_free(&ids);
	json_decref(root);
	tokenizer_close(t);
	free(path);
	free(gold);
}

/* The number of tokens before a text, which has to be bos if it is one. */
static int puts_before(const struct tokenizer *t)
{
	int n;
	const int32_t *id = tokenizer_before(t, &n);

	return n == 1 && id[0] != tokenizer_bos(t) ? -1 : n;
}

static void check_same_fingerprint(const char *a, const char *b, const char *name)
{
	struct tokenizer *x = tokenizer_open(a), *y = tokenizer_open(b);
	char hx[17], hy[17], less[17];

	tokenizer_fingerprint(x, 0, hx);
	tokenizer_fingerprint(y, tokenizer_size(y), hy);
	tokenizer_fingerprint(y, tokenizer_size(y) - 1, less);
	same(hx, hy, name);
	ok(strcmp(hy, less), "... and another below one token less");
	tokenizer_close(x);
	tokenizer_close(y);
}

static void check_real(const json_t *gold)
{
	static const char *const name[] = {"smollm", "gpt2", "pythia", "llama2", "mistral"};
	const json_t *strings = json_object_get(gold, "strings"), *ids = json_object_get(gold, "ids");
	char *folder = xprintf("%s/tokenizers", data());
	char *gpt2 = xprintf("%s/gpt2/tokenizer.json", folder), *llama = xprintf("%s/llama2/tokenizer.json", folder);
	char *llama3 = xprintf("%s/llama3/tokenizer.model", folder);
	char *gpt2_gguf = xprintf("%s/gguf-vocab/ggml-vocab-gpt-2.gguf", folder);
	char *llama_gguf = xprintf("%s/gguf-vocab/ggml-vocab-llama-spm.gguf", folder);
	struct tokenizer *t;

	if (access(folder, R_OK)) {
		skip("real tokenizers", "no tokenizers in SEAL_DATA");
	} else {
		for (int i = 0; i < 5; i++) {
			char *path = xprintf("%s/%s", folder, name[i]);

			check(path, name[i], strings, json_object_get(ids, name[i]));
			free(path);
		}
		check(llama3, "llama3 ranks", strings, json_object_get(ids, "llama3"));
		check(gpt2_gguf, "gpt2.gguf", strings, json_object_get(ids, "gpt2"));
		/* that json file matches control tokens in its own way, so only as text */
		t = tokenizer_open(llama_gguf);
		check_ids(t, "llama2.gguf", "text", 0, strings,
		          json_object_get(json_object_get(ids, "llama2"), "text"), NULL);
		tokenizer_close(t);
		check_same_fingerprint(gpt2, gpt2_gguf, "gpt2: one fingerprint from JSON and GGUF");
		check_same_fingerprint(llama, llama_gguf, "llama2: one fingerprint from JSON and GGUF");
		check_published("transformersjs_gpt2.json", "Xenova/gpt2", "gpt2", 0);
		check_published("transformersjs_llama.json", "Xenova/llama-tokenizer", "llama2", 1);
	}
	free(folder);
	free(gpt2);
	free(llama);
	free(llama3);
	free(gpt2_gguf);
	free(llama_gguf);
}

static double seconds_for(const struct tokenizer *t, const char *text, size_t n, long most)
{
	struct ids ids = {0};
	clock_t begun = clock();                /* of this process: others may be busy */

	tokenizer_encode(t, text, n, 0, most, &ids);
	ids_free(&ids);
	return (double)(clock() - begun) / CLOCKS_PER_SEC;
}

/* A megabyte of one character, and of marks that are to be sorted by class. */
static void check_linear(const char *path, const char *name)
{
	static const char c[] = "a ^'\n1";
	struct tokenizer *t = tokenizer_open(path);
	size_t n = 1000000;
	char *text = xalloc(n);
	double worst;

	for (size_t i = 0; i < n; i += 2)
		memcpy(text + i, i < n / 2 ? "\xcc\x81" : "\xcc\x96", 2);
	worst = seconds_for(t, text, n, 0);
	for (int i = 0; c[i]; i++) {
		memset(text, c[i], n);
		worst = fmax(worst, seconds_for(t, text, n, 0));
	}
	ok(worst < LINEAR_SECONDS, "%s: a megabyte of one character takes at most %.2f s", name, worst);
	free(text);
	tokenizer_close(t);
}

/* Longer than the steps that Oniguruma goes back by default. */
static void check_long_run(void)
{
	struct tokenizer *t = tokenizer_open(RANKS);
	struct ids ids = {0};
	size_t n = 10100000;
	char *text = xalloc(n);

	memset(text, ' ', n);
	text[n - 1] = 'x';
	tokenizer_encode(t, text, n, 0, 0, &ids);
	ok(ids.n > 0, "ten million spaces are split");
	ids_free(&ids);
	free(text);
	tokenizer_close(t);
}

/* The first ids of a long text are those of the whole, and cost little. */
static void check_early(const char *path, const char *name)
{
	static const char words[] = "The seals' 12 pups lay on the warm rocks,\n and watched. ";
	struct tokenizer *t = tokenizer_open(path);
	size_t n = 60000 * (sizeof words - 1);
	char *text = xalloc(n);
	struct ids all = {0}, some = {0};
	double whole, part = INFINITY;

	for (size_t i = 0; i < n; i += sizeof words - 1)
		memcpy(text + i, words, sizeof words - 1);
	whole = seconds_for(t, text, n, 0);
	for (int i = 0; i < 20; i++)            /* the best of twenty: the machine may be busy */
		part = fmin(part, seconds_for(t, text, n, 1000));
	ok(part < whole / 2, "%s: 1000 ids of %zu bytes take %.4f s, all take %.4f s", name, n, part, whole);
	tokenizer_encode(t, text, n, 0, 0, &all);
	tokenizer_encode(t, text, n, 0, 1000, &some);
	ok(some.n >= 1000 && some.n < 1100 && !memcmp(some.p, all.p, 1000 * sizeof *all.p), "... and are the first ones");
	ids_free(&all);
	ids_free(&some);
	free(text);
	tokenizer_close(t);
}

struct reader { const struct tokenizer *t; const json_t *strings; struct ids ids; };

static void *read_all(void *arg)
{
	struct reader *r = arg;
	size_t i;
	json_t *s;

	for (int again = 0; again < 20; again++)
		json_array_foreach(r->strings, i, s)
			tokenizer_encode(r->t, json_string_value(s), json_string_length(s), again & 1, 0, &r->ids);
	return NULL;
}

static void check_threads(const json_t *strings)
{
	struct tokenizer *t = tokenizer_open(GOLD "tok-added");
	struct reader r[4] = {{0}};
	pthread_t thread[4];
	int equal = 1;

	for (int i = 0; i < 4; i++) {
		r[i] = (struct reader){t, strings, {0}};
		if (pthread_create(&thread[i], NULL, read_all, &r[i]))
			die("pthread_create:");
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		equal &= r[i].ids.n == r[0].ids.n && !memcmp(r[i].ids.p, r[0].ids.p, r[0].ids.n * sizeof *r[0].ids.p);
	}
	ok(equal && r[0].ids.n > 1000, "four threads share a tokenizer");
	for (int i = 0; i < 4; i++)
		ids_free(&r[i].ids);
	tokenizer_close(t);
}

static void check_rest(void)
{
	struct tokenizer *t = tokenizer_open(GOLD "tok-bytelevel"), *s = tokenizer_open(GOLD "tok-spm/tokenizer.json");
	struct tokenizer *g = tokenizer_open(GOLD "tok-bytelevel.gguf");
	struct ids ids = {0};
	struct buf text = {0};

	ok(tokenizer_bos(t) == 1 && tokenizer_eos(t) == 2 && !puts_before(t),
	   "ends of a text from tokenizer_config.json");
	ok(tokenizer_bos(s) == 1 && tokenizer_eos(s) == 2 && puts_before(s),
	   "ends of a text from the post-processor and by name");
	ok(tokenizer_bos(g) == 1 && tokenizer_eos(g) == 2 && !puts_before(g), "ends of a text from GGUF");
	same(json_text(tokenizer_chat(t), "default", NULL), "{{ messages }}", "chat template from tokenizer_config.json");
	same(json_text(tokenizer_chat(g), "default", NULL), "{{ messages }}", "chat template from GGUF");
	ok(tokenizer_id(t, "<|im_end|>") == 2 && tokenizer_special(t, 2) && !tokenizer_special(t, 70) &&
	   tokenizer_id(t, "no such token") == -1, "tokens by text");
	tokenizer_encode(t, "The seals lay on the warm rocks", 31, 0, 3, &ids);
	ok(ids.n >= 3 && ids.n < 12, "encoding stops when there is enough");
	ids.n = 0;
	tokenizer_encode(t, "a<|im_end|>", 11, TOKENIZE_CONTROL, 0, &ids);
	tokenizer_decode(t, ids.p, ids.n, 0, 1, &text);
	same(text.p, "a", "special tokens are left out of the text");
	text.n = ids.n = 0;
	tokenizer_encode(s, "the seal", 8, 0, 0, &ids);
	tokenizer_decode(s, ids.p, ids.n, 0, 0, &text);
	same(text.p, " the seal", "the dummy prefix stays where the ids do not begin a text");
	ids_free(&ids);
	buf_free(&text);
	tokenizer_close(t);
	tokenizer_close(s);
	tokenizer_close(g);
}

/* "QQ== 0" and so on for every byte, then `more`. */
static char *rank_text(const char *more)
{
	static const char sign[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct buf b = {0};

	for (int i = 0; i < 256; i++)
		buf_fmt(&b, "%c%c== %d\n", sign[i >> 2], sign[(i & 3) << 4], i);
	buf_str(&b, more);
	return b.p;
}

static void check_ranks(void)
{
	static const struct { const char *more, *says; } bad[] = {
		{"YWI= 257\n", "ranks are missing"},
		{"YWI= 256\nYWI= 257\n", "rank 257 has another rank"},
		{"YWI= 255\n", "two tokens have the id 255"},
		{"YWI 256\n", "line 257 is not"}, {"YWI= x\n", "line 257 is not"}, {"YWI=\n", "line 257 is not"},
		{"YWI= \n", "line 257 is not"}, {"Y=I= 256\n", "line 257 is not"}, {"==== 256\n", "line 257 is not"},
		{"YWI= 99999999999\n", "line 257 is not"},
	};
	char *text = rank_text("YWI= 256\n\nYWJj 257\r\nYmM= 258");
	struct tokenizer *t;
	struct ids ids = {0};
	struct fault f;

	t = tokenizer_parse(text, strlen(text), &f);
	ok(!!t, "ranks without a last newline, with an empty line");
	if (t) {
		ok(tokenizer_size(t) == 259 + 256 && tokenizer_bos(t) == 259 && tokenizer_eos(t) == 260 &&
		   puts_before(t) && tokenizer_id(t, "<|reserved_special_token_0|>") == 261 &&
		   tokenizer_id(t, "<|eot_id|>") == 268 && tokenizer_id(t, "<|reserved_special_token_250|>") == 514,
		   "special tokens stand behind the ranks");
		tokenizer_encode(t, "abcabcd", 7, 0, 0, &ids);
		ok(ids.n == 3 && ids.p[0] == 257 && ids.p[1] == 257 && ids.p[2] == 'd', "merged by rank");
		tokenizer_close(t);
	}
	free(text);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		text = rank_text(bad[i].more);
		t = tokenizer_parse(text, strlen(text), &f);
		ok(!t && strstr(f.text, bad[i].says), "fault: %s", f.text);
		free(text);
	}
	t = tokenizer_parse("YQ== 0\n", 7, &f);
	ok(!t && strstr(f.text, "byte 0 is no token"), "fault: %s", f.text);
	ids_free(&ids);
}

#define MODEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":["

static void check_faults(void)
{
	static const struct { const char *json, *says; } bad[] = {
		{"", "column"},
		{"{}", "no model"},
		{"{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", "model type \"Unigram\""},
		{"{\"normalizer\":{\"type\":\"Lowercase\"}," MODEL "]}}", "normalizer type \"Lowercase\""},
		{"{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Punctuation\"}]}," MODEL "]}}",
		 "pre_tokenizer type \"Punctuation\""},
		{"{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavior\":\"Isolated\"}," MODEL "]}}",
		 "bad pattern \"(\""},
		{"{\"decoder\":{\"type\":\"CTC\"}," MODEL "]}}", "decoder type \"CTC\""},
		{"{\"post_processor\":{\"type\":\"BertProcessing\"}," MODEL "]}}", "post_processor type \"BertProcessing\""},
		{"{" MODEL "\"a c\"]}}", "merge 0, \"a\" and \"c\""},
		{"{" MODEL "\"ab\"]}}", "item 1 is no pair"},
		{"{" MODEL "],\"dropout\":0.1}}", "dropout"},
		{"{\"model\":{\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", "two tokens have the id 0"},
		{"{\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}", "no proper id"},
		{"{\"model\":{\"vocab\":{\"a\":0},\"merges\":[],\"unk_token\":\"u\"}}", "unk_token \"u\""},
		{"GGUF", ""},
	};
	struct fault f;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct tokenizer *t;

		f.text[0] = 0;
		t = tokenizer_parse(bad[i].json, strlen(bad[i].json), &f);
		ok(!t && *f.text && strstr(f.text, bad[i].says), "fault: %s", f.text);
	}
}

int main(void)
{
	static const char *const ours[] = {"tok-bytelevel", "tok-added", "tok-neox", "tok-spm", "tok-llama3", "tok-qwen2", "tok-phi3"};
	json_t *gold = read_json(GOLD "tokenizer.json");
	const json_t *strings = json_object_get(gold, "strings"), *ids = json_object_get(gold, "ids");

	die_name("tokenizer.t");
	for (int i = 0; i < 7; i++) {
		char *path = xprintf(GOLD "%s", ours[i]);

		check(path, ours[i], strings, json_object_get(ids, ours[i]));
		check_linear(path, ours[i]);
		check_early(path, ours[i]);
		free(path);
	}
	for (int i = 0; i < 7; i++) {
		char *json = xprintf(GOLD "%s", ours[i]), *gguf = xprintf(GOLD "%s.gguf", ours[i]);
		char *name = xprintf("%s: one fingerprint from JSON and GGUF", ours[i]);

		if (strcmp(ours[i], "tok-added") && strcmp(ours[i], "tok-neox")) {
			check(gguf, gguf + strlen(GOLD), strings, json_object_get(ids, ours[i]));
			check_same_fingerprint(json, gguf, name);
		}
		free(json);
		free(gguf);
		free(name);
	}
	check(RANKS, "ranks", strings, json_object_get(ids, "tok-llama3"));
	check_same_fingerprint(GOLD "tok-llama3", RANKS, "one fingerprint from JSON and ranks");
	check_ranks();
	check_long_run();
	check_threads(strings);
	check_rest();
	check_faults();
	check_real(gold);
	json_decref(gold);
	return tap_done();
}
