/* SPDX-License-Identifier: MIT */
/* tokenizer_gguf.c - a tokenizer.json written as GGUF metadata, as converters of models
 * write it, gives the ids and the fingerprint that the JSON gives (which tokenizer.c
 * compares with Hugging Face's). */
#include <stdlib.h>
#include <unistd.h>

#include "../lib/base/memory.h"
#include "../lib/text/tokenizer.h"
#include "../lib/format/jsonl.h"
#include "tap.h"

enum { FILLERS = 27, INT = 5, BOOL = 7, TEXT = 8, ARRAY = 9 }; /* GGUF's types */
enum { NORMAL = 1, CONTROL = 3, USER = 4, UNUSED = 5 };  /* of tokens */

static void put_int(struct buf *b, uint64_t v, int bytes) { buf_add(b, &v, bytes); }

static void put_text(struct buf *b, const char *s)
{
	put_int(b, strlen(s), 8);
	buf_str(b, s);
}

static void put_key(struct buf *b, const char *key, int type)
{
	put_text(b, key);
	put_int(b, type, 4);
}

static void put_array(struct buf *b, const char *key, int of, size_t n)
{
	put_key(b, key, ARRAY);
	put_int(b, of, 4);
	put_int(b, n, 8);
}

static void put_pair(struct buf *b, const char *key, const char *value)
{
	put_key(b, key, TEXT);
	put_text(b, value);
}

/* Texts and types by id; how many, fillers included. */
static long tokens_of(const json_t *j, const char **text, int *type)
{
	const json_t *v, *id;
	const char *key;
	long n = 0;
	size_t i;

	json_object_foreach((json_t *)json_object_get(json_object_get(j, "model"), "vocab"), key, id) {
		long at = json_integer_value(id);

		text[at] = key;
		type[at] = NORMAL;
		n = at >= n ? at + 1 : n;
	}
	json_array_foreach(json_object_get(j, "added_tokens"), i, v) {
		long at = json_long(v, "id", 0);

		text[at] = json_text(v, "content", "");
		type[at] = json_flag(v, "special", 0) ? CONTROL : USER;
		n = at >= n ? at + 1 : n;
	}
	return n + FILLERS;
}

static void put_merges(struct buf *b, const json_t *merges)
{
	const json_t *m;
	size_t i;

	put_array(b, "tokenizer.ggml.merges", TEXT, json_array_size(merges));
	json_array_foreach(merges, i, m) {
		char *pair = json_is_string(m) ? xstrdup(json_string_value(m))
		                               : xprintf("%s %s", json_string_value(json_array_get(m, 0)),
		                                         json_string_value(json_array_get(m, 1)));

		put_text(b, pair);
		free(pair);
	}
}

/* pre NULL: the key is missing, as in old files.  bos: the token before a text, NULL: none. */
static struct buf gguf_of(const json_t *j, const char *arch, const char *pre, const int32_t *bos)
{
	enum { MOST = 200000 };
	const char **text = xzalloc(MOST, sizeof *text);
	int *type = xzalloc(MOST, sizeof *type);
	long n = tokens_of(j, text, type);
	struct buf b = {0};

	buf_str(&b, "GGUF");
	put_int(&b, 3, 4);
	put_int(&b, 0, 8);
	put_int(&b, 5 + (pre ? 1 : 0) + (bos ? 2 : 0), 8);
	put_pair(&b, "general.architecture", arch);
	put_pair(&b, "tokenizer.ggml.model", "gpt2");
	if (pre)
		put_pair(&b, "tokenizer.ggml.pre", pre);
	if (bos) {
		put_key(&b, "tokenizer.ggml.bos_token_id", INT);
		put_int(&b, *bos, 4);
		put_key(&b, "tokenizer.ggml.add_bos_token", BOOL);
		put_int(&b, 1, 1);
	}
	put_array(&b, "tokenizer.ggml.tokens", TEXT, n);
	for (long i = 0; i < n; i++) {
		char *filler = xprintf("[PAD%ld]", i);

		put_text(&b, text[i] ? text[i] : filler);
		free(filler);
	}
	put_array(&b, "tokenizer.ggml.token_type", INT, n);
	for (long i = 0; i < n; i++)
		put_int(&b, text[i] ? type[i] : UNUSED, 4);
	put_merges(&b, json_object_get(json_object_get(j, "model"), "merges"));
	free(text);
	free(type);
	return b;
}

static void compare(const struct tokenizer *a, const struct tokenizer *g, const json_t *strings, const char *name)
{
	struct ids x = {0}, y = {0};
	char hx[17], hy[17];
	size_t i, wrong = 0;
	json_t *s;

	json_array_foreach(strings, i, s)
		for (int flags = 0; flags <= TOKENIZE_CONTROL; flags += TOKENIZE_CONTROL) {
			x.n = y.n = 0;
			tokenizer_encode(a, json_string_value(s), json_string_length(s), flags, 0, &x);
			tokenizer_encode(g, json_string_value(s), json_string_length(s), flags, 0, &y);
			wrong += x.n != y.n || (x.n && memcmp(x.p, y.p, x.n * sizeof *x.p));
		}
	ok(!wrong && i > 50, "%s: ids of %zu strings, as text and with control tokens", name, i);
	tokenizer_fingerprint(a, tokenizer_size(g), hx);
	tokenizer_fingerprint(g, tokenizer_size(g), hy);
	same(hy, hx, "... and the fingerprint, of the model's vocabulary");
	ids_free(&x);
	ids_free(&y);
}

static void check(const char *path, const char *arch, const char *pre, const json_t *strings)
{
	json_t *j = json_read_file(path);
	struct tokenizer *a = tokenizer_open(path), *g;
	int before;
	const int32_t *bos = tokenizer_before(a, &before);
	struct buf b = gguf_of(j, arch, pre, before ? bos : NULL);
	struct fault f = {""};
	char *name = xprintf("%s as %s of %s", path, pre ? pre : "nothing", arch);

	g = tokenizer_parse(b.p, b.n, &f);
	if (ok(!!g, "%s is read%s%s", name, *f.text ? ": " : "", f.text)) {
		compare(a, g, strings, name);
		tokenizer_close(g);
	}
	tokenizer_close(a);
	json_decref(j);
	buf_free(&b);
	free(name);
}

static void refused(const char *pre)
{
	json_t *j = json_read_file("t/gold/tok-neox/tokenizer.json");
	struct buf b = gguf_of(j, "gptneox", pre, NULL);
	struct fault f = {""};
	char *want = xprintf("tokenizer.ggml.pre \"%s\" is not supported", pre);

	ok(!tokenizer_parse(b.p, b.n, &f), "\"%s\" is refused", pre);
	same(f.text, want, "... by name");
	json_decref(j);
	buf_free(&b);
	free(want);
}

int main(void)
{
	static const struct { const char *file, *arch, *pre; } real[] = {
		{"pythia", "gptneox", "olmo"}, {"pythia", "gptneox", "mpt"}, {"pythia", "gptneox", NULL},
		{"gpt2", "gpt2", "gpt-2"}, {"smollm", "llama", "smollm"},
	};
	const char *data = getenv("SEAL_DATA") && *getenv("SEAL_DATA") ? getenv("SEAL_DATA") : "../shared/data";
	json_error_t e;
	json_t *gold = json_load_file("t/gold/tokenizer.json", JSON_ALLOW_NUL, &e);
	const json_t *strings = json_object_get(gold, "strings");

	die_name("tokenizer_gguf.t");
	check("t/gold/tok-neox/tokenizer.json", "gptneox", "olmo", strings);
	check("t/gold/tok-neox/tokenizer.json", "gptneox", "mpt", strings);
	check("t/gold/tok-neox/tokenizer.json", "gptneox", NULL, strings);
	check("t/gold/tok-bytelevel/tokenizer.json", "llama", "smollm", strings);
	check("t/gold/tok-qwen2/tokenizer.json", "qwen2", "qwen2", strings);
	check("t/gold/tok-llama3/tokenizer.json", "llama", "llama-bpe", strings);
	refused("default");
	refused("deepseek-llm");
	for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
		char *path = xprintf("%s/tokenizers/%s/tokenizer.json", data, real[i].file);

		if (access(path, R_OK))
			skip(real[i].file, "no such tokenizer in SEAL_DATA");
		else
			check(path, real[i].arch, real[i].pre, strings);
		free(path);
	}
	json_decref(gold);
	return tap_done();
}
