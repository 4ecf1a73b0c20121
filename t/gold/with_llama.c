/* SPDX-License-Identifier: MIT */
/* with_llama.c - l(theta; z) of rows by llama.cpp's library, for t/peer/llama.t:
 *
 *     with_llama MODEL.gguf ROWS.jsonl [ADAPTER.gguf]
 *
 * ROWS are what seal-tokenize --json writes; a line of stdout a row. */
#include <jansson.h>
#include <llama.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 2048 };

static void fail(const char *what)
{
	fprintf(stderr, "with_llama: %s\n", what);
	exit(1);
}

static void quiet(enum ggml_log_level level, const char *text, void *ctx)
{
	(void)ctx;
	if (level == GGML_LOG_LEVEL_ERROR)
		fputs(text, stderr);
}

/* The tiny models have no tokenizer, and llama.cpp wants them to say so. */
static struct llama_model *open_model(const char *path)
{
	struct llama_model_kv_override none[2] = {{.tag = LLAMA_KV_OVERRIDE_TYPE_STR, .key = "tokenizer.ggml.model"}};
	struct llama_model_params p = llama_model_default_params();
	struct llama_model *m;

	strcpy(none[0].val_str, "none");
	p.kv_overrides = none;
	p.use_extra_bufts = false;
	m = llama_model_load_from_file(path, p);
	if (!m)
		fail("no model");
	return m;
}

/* All that it computes with is F32, but the products with the model's own matrices. */
static struct llama_context *open_context(struct llama_model *m)
{
	struct llama_context_params p = llama_context_default_params();
	struct llama_context *c;

	p.n_ctx = p.n_batch = p.n_ubatch = LONGEST;
	p.n_threads = p.n_threads_batch = 1;
	p.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
	p.type_k = p.type_v = GGML_TYPE_F32;
	c = llama_init_from_model(m, p);
	if (!c)
		fail("no context");
	return c;
}

static double nll(const float *logit, int n, int token)
{
	double most = logit[0], sum = 0;

	for (int i = 1; i < n; i++)
		most = fmax(most, logit[i]);
	for (int i = 0; i < n; i++)
		sum += exp(logit[i] - most);
	return log(sum) + most - logit[token];
}

static double loss(struct llama_context *c, int vocab, const json_t *row)
{
	const json_t *tokens = json_object_get(row, "tokens"), *train = json_object_get(row, "train");
	int n = (int)json_array_size(tokens), trained = 0;
	struct llama_batch b = llama_batch_init(n, 0, 1);
	double sum = 0;

	b.n_tokens = n;
	for (int i = 0; i < n; i++) {
		b.token[i] = (llama_token)json_integer_value(json_array_get(tokens, i));
		b.pos[i] = i;
		b.n_seq_id[i] = 1;
		b.seq_id[i][0] = 0;
		b.logits[i] = i + 1 < n && json_integer_value(json_array_get(train, i + 1));
	}
	llama_memory_clear(llama_get_memory(c), true);
	if (n > LONGEST || llama_decode(c, b))
		fail("a row that it does not compute");
	for (int i = 0; i < n; i++)
		if (b.logits[i]) {
			sum += nll(llama_get_logits_ith(c, i), vocab, b.token[i + 1]);
			trained++;
		}
	llama_batch_free(b);
	return sum / trained;
}

int main(int argc, char **argv)
{
	struct llama_model *m;
	struct llama_context *c;
	FILE *rows;
	json_t *row;

	if (argc < 3 || !(rows = fopen(argv[2], "r")))
		fail("MODEL ROWS [ADAPTER]");
	llama_log_set(quiet, NULL);
	m = open_model(argv[1]);
	c = open_context(m);
	if (argc > 3) {
		struct llama_adapter_lora *a = llama_adapter_lora_init(m, argv[3]);
		float one = 1;

		if (!a || llama_set_adapters_lora(c, &a, 1, &one))
			fail("no adapter");
	}
	while ((row = json_loadf(rows, JSON_DISABLE_EOF_CHECK, NULL))) {
		printf("%.9g\n", loss(c, llama_vocab_n_tokens(llama_model_get_vocab(m)), row));
		json_decref(row);
	}
	fclose(rows);
	llama_free(c);
	llama_model_free(m);
	return 0;
}
