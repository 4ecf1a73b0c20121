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

static void put_number(struct buf *b, const char *key, int type, uint64_t v)
{
	put_key(b, key, type);
	put_int(b, v, type == BOOL ? 1 : 4);
}

/* What of a file's metadata is not as converters write it. */
static const struct odd {
	const char *pre;     /* NULL: the key is missing, as in old files */
	int bos, eos, eot;   /* -1: the key is missing */
	int add_bos, add_eos;
	int no_types;
	const char *text;    /* this key has a text */
	const char *normal;  /* this token's type says that it is a word */
} usual = {.bos = 0, .eos = 0, .eot = -1, .add_bos = -1, .add_eos = -1};

/* The file, of model `arch`, of a tokenizer.json. */
static struct buf gguf_of(const json_t *j, const char *arch, const struct odd *odd)
{
	enum { MOST = 200000 };
	const char **text = xzalloc(MOST, sizeof *text);
	int *type = xzalloc(MOST, sizeof *type);
	long n = tokens_of(j, text, type);
	struct buf b = {0};

	buf_str(&b, "GGUF");
	put_int(&b, 3, 4);
	put_int(&b, 0, 8);
	put_int(&b, 4 + !!odd->pre + (odd->bos >= 0) + (odd->eos >= 0) + (odd->eot >= 0) + (odd->add_bos >= 0) +
	            (odd->add_eos >= 0) + !!odd->text + !odd->no_types, 8);
	put_pair(&b, "general.architecture", arch);
	put_pair(&b, "tokenizer.ggml.model", "gpt2");
	if (odd->pre)
		put_pair(&b, "tokenizer.ggml.pre", odd->pre);
	if (odd->text)
		put_pair(&b, odd->text, "yes");
	if (odd->bos >= 0)
		put_number(&b, "tokenizer.ggml.bos_token_id", INT, odd->bos);
	if (odd->eos >= 0)
		put_number(&b, "tokenizer.ggml.eos_token_id", INT, odd->eos);
	if (odd->eot >= 0)
		put_number(&b, "tokenizer.ggml.eot_token_id", INT, odd->eot);
	if (odd->add_bos >= 0)
		put_number(&b, "tokenizer.ggml.add_bos_token", BOOL, odd->add_bos);
	if (odd->add_eos >= 0)
		put_number(&b, "tokenizer.ggml.add_eos_token", BOOL, odd->add_eos);
	put_array(&b, "tokenizer.ggml.tokens", TEXT, n);
	for (long i = 0; i < n; i++) {
		char *filler = xprintf("[PAD%ld]", i);

		put_text(&b, text[i] ? text[i] : filler);
		free(filler);
	}
	if (!odd->no_types)
		put_array(&b, "tokenizer.ggml.token_type", INT, n);
	for (long i = 0; i < n && !odd->no_types; i++)
		put_int(&b, !text[i] ? UNUSED : odd->normal && !strcmp(text[i], odd->normal) ? NORMAL : type[i], 4);
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
	struct odd odd = usual;
	struct tokenizer *a = tokenizer_open(path), *g;
	int before;
	const int32_t *bos = tokenizer_before(a, &before);
	struct buf b;
	struct fault f = {""};
	char *name = xprintf("%s as %s of %s", path, pre, arch);

	odd.pre = pre;
	if (before) {
		odd.bos = *bos;
		odd.add_bos = 1;
	}
	b = gguf_of(j, arch, &odd);
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

static struct tokenizer *odd_file(const char *path, const struct odd *odd, struct fault *f)
{
	json_t *j = json_read_file(path);
	struct buf b = gguf_of(j, "llama", odd);
	struct tokenizer *t = tokenizer_parse(b.p, b.n, f);

	json_decref(j);
	buf_free(&b);
	return t;
}

static void refused(const char *path, struct odd odd, const char *want)
{
	struct fault f = {""};

	ok(!odd_file(path, &odd, &f), "%s is refused", path);
	same(f.text, want, "... and told why");
}

/* Of a file whose words are not known the vocabulary is. */
static void vocabulary_alone(const char *path, struct odd odd)
{
	json_t *j = json_read_file(path);
	struct buf b = gguf_of(j, "llama", &odd);
	char name[] = "tokenizer_gguf.XXXXXX", x[17], y[17];
	int fd = mkstemp(name);
	struct tokenizer *t, *u = tokenizer_open(path);

	if (fd < 0 || write(fd, b.p, b.n) != (ssize_t)b.n || close(fd))
		die("%s:", name);
	t = tokenizer_open_vocabulary(name);
	tokenizer_fingerprint(t, tokenizer_size(t), x);
	tokenizer_fingerprint(u, tokenizer_size(t), y);
	same(x, y, "the vocabulary of what cannot encode");
	unlink(name);
	tokenizer_close(t);
	tokenizer_close(u);
	json_decref(j);
	buf_free(&b);
}

#define NO_PRE \
	"tokenizer.ggml.pre is missing, without which words are not known: encode with the model's tokenizer.json " \
	"(seal-tokenize -t), or convert the model anew, or use gguf-new-metadata --pre-tokenizer"

static void refusals(void)
{
	static const char neox[] = "t/gold/tok-neox/tokenizer.json", chatml[] = "t/gold/tok-bytelevel/tokenizer.json";
	struct odd odd = usual;

	refused(neox, odd, NO_PRE);
	vocabulary_alone(neox, odd);
	odd.pre = "default";
	refused(neox, odd, "tokenizer.ggml.pre \"default\" is not supported: encode with the model's tokenizer.json "
	        "(seal-tokenize -t)");
	odd.pre = "deepseek-llm";
	refused(neox, odd, "tokenizer.ggml.pre \"deepseek-llm\" is not supported: encode with the model's tokenizer.json "
	        "(seal-tokenize -t)");
	vocabulary_alone(neox, odd);
	odd = usual;
	odd.pre = "olmo";
	odd.eos = -1;
	refused(neox, odd, "tokenizer.ggml.eos_token_id is missing");
	vocabulary_alone(neox, odd);
	odd.eos = 1 << 20;
	refused(chatml, odd, "tokenizer.ggml.eos_token_id is none of the 507 tokens");
	odd = usual;
	odd.pre = "llama-bpe";
	odd.bos = -1;
	refused(chatml, odd, "tokenizer.ggml.bos_token_id is missing, and texts begin with that token");
	odd.pre = "smollm";
	odd.add_bos = 1;
	refused(chatml, odd, "tokenizer.ggml.bos_token_id is missing, and texts begin with that token");
	odd = usual;
	odd.pre = "smollm";
	odd.add_eos = 1;
	odd.text = "tokenizer.ggml.add_bos_token";
	refused(chatml, odd, "tokenizer.ggml.add_bos_token is neither true nor false");
	odd.text = "tokenizer.ggml.add_space_prefix";
	refused(chatml, odd, "tokenizer.ggml.add_space_prefix is neither true nor false");
	odd.text = "tokenizer.ggml.eom_token_id";
	refused(chatml, odd, "tokenizer.ggml.eom_token_id is none of the 507 tokens");
	odd = usual;
	odd.pre = "smollm";
	odd.no_types = 1;
	refused(chatml, odd, "tokenizer.ggml.token_type is missing, or not as long as the tokens");
}

static void check_begin(const char *pre, int add_bos, int begins)
{
	int n;
	struct odd odd = usual;
	struct fault f = {""};
	struct tokenizer *t;

	odd.pre = pre;
	odd.add_bos = add_bos;
	t = odd_file("t/gold/tok-bytelevel/tokenizer.json", &odd, &f);
	if (!ok(!!t, "%s with add_bos_token %d is read%s", pre, add_bos, f.text))
		return;
	tokenizer_before(t, &n);
	ok(n == begins, "... and texts begin with a token: %d", begins);
	tokenizer_close(t);
}

static int is_end(const struct tokenizer *t, int32_t id)
{
	int n, found = 0;
	const int32_t *end = tokenizer_ends(t, &n);

	while (n)
		found |= end[--n] == id;
	return found;
}

/* What texts begin with, and answers end with. */
static void ends(void)
{
	struct odd odd = usual;
	struct fault f = {""};
	struct tokenizer *t;
	struct ids ids = {0};
	int32_t end;

	check_begin("llama-bpe", -1, 1);
	check_begin("llama3", -1, 1);
	check_begin("llama-v3", -1, 1);
	check_begin("llama-bpe", 0, 0);
	check_begin("smollm", -1, 0);
	check_begin("gpt-2", -1, 0);
	check_begin("qwen2", -1, 0);
	check_begin("olmo", -1, 0);
	check_begin("gpt-2", 1, 1);
	odd.pre = "smollm";
	odd.eot = 7;
	odd.normal = "<|im_end|>";
	t = odd_file("t/gold/tok-bytelevel/tokenizer.json", &odd, &f);
	if (!ok(!!t, "a file whose <|im_end|> is a word is read%s", f.text))
		return;
	end = tokenizer_id(t, "<|im_end|>");
	tokenizer_encode(t, "a<|im_end|>", 11, TOKENIZE_CONTROL, 0, &ids);
	ok(end > 0 && ids.n == 2 && ids.p[1] == end && tokenizer_special(t, end), "and it is a control token");
	ok(is_end(t, end), "that ends answers");
	ok(is_end(t, 0) && is_end(t, 7), "as the end token does, and that of a turn");
	ok(!is_end(t, 1) && !is_end(t, 8) && !is_end(t, -1), "and others do not");
	ids_free(&ids);
	tokenizer_close(t);
}

int main(void)
{
	static const struct { const char *file, *arch, *pre; } real[] = {
		{"pythia", "gptneox", "olmo"}, {"pythia", "gptneox", "mpt"},
		{"gpt2", "gpt2", "gpt-2"}, {"smollm", "llama", "smollm"},
	};
	const char *data = getenv("SEAL_DATA") && *getenv("SEAL_DATA") ? getenv("SEAL_DATA") : "../shared/data";
	json_error_t e;
	json_t *gold = json_load_file("t/gold/tokenizer.json", JSON_ALLOW_NUL, &e);
	const json_t *strings = json_object_get(gold, "strings");

	die_name("tokenizer_gguf.t");
	check("t/gold/tok-neox/tokenizer.json", "gptneox", "olmo", strings);
	check("t/gold/tok-neox/tokenizer.json", "gptneox", "mpt", strings);
	check("t/gold/tok-bytelevel/tokenizer.json", "llama", "smollm", strings);
	check("t/gold/tok-qwen2/tokenizer.json", "qwen2", "qwen2", strings);
	check("t/gold/tok-llama3/tokenizer.json", "llama", "llama-bpe", strings);
	refusals();
	ends();
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
