/* SPDX-License-Identifier: MIT */
/* config.c - what config.json says of families, windows and rotary scaling, and
 * what of it is refused. */
#include <math.h>
#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/model/config_read.h"
#include "tap.h"

#define SIZES "\"vocab_size\":96,\"hidden_size\":32,\"num_hidden_layers\":2,\"intermediate_size\":48," \
	"\"num_attention_heads\":4,\"num_key_value_heads\":2,\"max_position_embeddings\":96"

/* type: what follows "model_type": ; 0 when it is taken */
static int take(struct config *c, const char *type, const char *more, struct fault *why)
{
	char text[1024];
	json_t *j;
	int r;

	snprintf(text, sizeof text, "{\"model_type\":%s," SIZES "%s}", type, more);
	j = json_parse(text, strlen(text), why);
	if (!j)
		die("%s: %s", text, why->text);
	r = config_hf(c, j, why);
	json_decref(j);
	return r;
}

static void refused(const char *type, const char *more, const char *said)
{
	struct config c;
	struct fault why = {0};

	ok(take(&c, type, more, &why) && strstr(why.text, said), "%s%s: \"%s\"", type, more, why.text);
}

static struct config taken(const char *type, const char *more)
{
	struct config c;
	struct fault why = {0};
	int r = take(&c, type, more, &why);

	ok(!r, "%s%s is taken%s%s", type, more, r ? ": " : "", why.text);
	return c;
}

static void refusals(void)
{
	refused("\"gemma\"", "", "model_type \"gemma\" is not a model family that seal knows (llama, mistral, qwen2, phi3");
	refused("7", "", "\"model_type\" is not text");
	refused("\"llama\"", ",\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}", "rope_type \"dynamic\" is not supported");
	refused("\"qwen2\"", ",\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4}", "rope_type \"yarn\" is not supported");
	refused("\"llama\"", ",\"rope_scaling\":{\"type\":\"linear\"}", "linear rope scaling by 0");
	refused("\"llama\"", ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8}", "low_freq_factor 0");
	refused("\"phi3\"", ",\"rope_scaling\":{\"type\":\"longrope\",\"long_factor\":[1,1,1]}", "long_factor is not a list of 4");
	refused("\"phi3\"", ",\"rope_scaling\":{\"type\":\"longrope\",\"long_factor\":[1,1,1,0]}", "long_factor: factor 3 is 0");
	refused("\"phi3\"", ",\"original_max_position_embeddings\":0,\"rope_scaling\":{\"type\":\"su\","
	        "\"long_factor\":[1,1,1,1],\"short_factor\":[1,1,1,1]}", "original_max_position_embeddings 0");
	refused("\"mistral\"", ",\"sliding_window\":0", "sliding_window 0");
	refused("\"qwen2\"", ",\"use_sliding_window\":true,\"sliding_window\":0", "sliding_window 0");
	refused("\"qwen2\"", ",\"layer_types\":[\"full_attention\"]", "layer_types is not a list of 2");
	refused("\"llama\"", ",\"rope_scaling\":\"x\"", "\"rope_scaling\" is not an object");
	refused("\"llama\"", ",\"rope_scaling\":[{\"type\":\"linear\",\"factor\":2}]", "\"rope_scaling\" is not an object");
	refused("\"llama\"", ",\"rope_parameters\":2", "\"rope_parameters\" is not an object");
	refused("\"llama\"", ",\"rope_scaling\":{\"type\":7}", "\"type\" is not text");
	refused("\"llama\"", ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":\"2\"}", "\"factor\" is not a number");
	refused("\"llama\"", ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":1e-320}", "frequency of pair 0 is not finite");
	refused("\"llama\"", ",\"head_dim\":4294967304", "4 heads of -1 over 2 key heads");
	refused("\"llama\"", ",\"rms_norm_eps\":\"1e-6\"", "\"rms_norm_eps\" is not a number");
	refused("\"llama\"", ",\"tie_word_embeddings\":\"yes\"", "\"tie_word_embeddings\" is not true or false");
	refused("\"mistral\"", ",\"sliding_window\":\"none\"", "\"sliding_window\" is not a whole number");
	refused("\"llama\"", ",\"rope_theta\":-1", "rotary base -1");
	refused("\"llama\"", ",\"head_dim\":1024", "1024 rotary columns a head");
	refused("\"llama\"", ",\"partial_rotary_factor\":0.5", "partial_rotary_factor is not supported for llama");
	refused("\"qwen2\"", ",\"rope_parameters\":{\"partial_rotary_factor\":0.5}", "is not supported for qwen2");
	refused("\"mistral\"", ",\"layer_types\":[\"sliding_attention\",\"full_attention\"]",
	        "layer_types other than \"sliding_attention\"");
	refused("\"qwen2\"", ",\"layer_types\":[\"full_attention\",\"sliding_attention\"]",
	        "\"sliding_attention\" without a sliding window");
	refused("\"qwen2\"", ",\"is_causal\":false", "is_causal false");
}

/* A file that a fuzzer found. */
static void broken(const char *name, const char *said)
{
	char *path = xprintf("t/broken/config-%s.json", name);
	json_t *j = json_read_file(path);
	struct config c;
	struct fault why = {0};

	ok(config_hf(&c, j, &why) && strstr(why.text, said), "%s: \"%s\"", path, why.text);
	json_decref(j);
	free(path);
}

static void windows(void)
{
	near(taken("\"mistral\"", "").heads.window, 4096, 0, "transformers' default");
	near(taken("\"mistral\"", ",\"sliding_window\":null").heads.window, 0, 0, "null: all keys");
	near(taken("\"phi3\"", "").heads.window, 0, 0, "none by default");
	near(taken("\"phi3\"", ",\"sliding_window\":2047").heads.window, 2047, 0, "as it says");
	near(taken("\"llama\"", ",\"sliding_window\":5").heads.window, 0, 0, "not read, as transformers does not");
	near(taken("\"qwen2\"", ",\"use_sliding_window\":false,\"sliding_window\":5").heads.window, 0, 0, "not used");
	near(config_heads(&(struct config[]){taken("\"qwen2\"", ",\"use_sliding_window\":true,\"sliding_window\":5,"
	                  "\"max_window_layers\":1")}[0], 0).window, 0, 0, "layers below max_window_layers see all");
	near(config_heads(&(struct config[]){taken("\"qwen2\"", ",\"use_sliding_window\":true,\"sliding_window\":5,"
	                  "\"max_window_layers\":1")}[0], 1).window, 5, 0, "the others have the window");
}

static void rotary(void)
{
	struct config c = taken("\"llama\"", ",\"rope_theta\":16");

	near(c.rope[0].rate[0][1], .5, 1e-12, "theta^(-1/4)");
	c = taken("\"llama\"", ",\"rope_theta\":16,\"rope_parameters\":{\"rope_theta\":81,\"rope_type\":\"linear\",\"factor\":3}");
	near(c.rope[0].rate[0][2], 1 / 27., 1e-12, "rope_parameters' theta^(-2/4), over the factor");
	c = taken("\"phi3\"", ",\"rope_theta\":16,\"original_max_position_embeddings\":32,\"rope_scaling\":"
	          "{\"type\":\"su\",\"long_factor\":[4,1,1,1],\"short_factor\":[2,1,1,1]}");
	near(c.rope[0].rate[0][0], .5, 1e-12, "short factors");
	near(c.rope[0].rate[1][0], .25, 1e-12, "long factors");
	near(c.rope[0].amplitude, sqrt(1 + log(3) / log(32)), 1e-6, "the amplitude follows from 96 / 32 positions");
	near(rope_entry(&c.rope[0], 5, 32), 10, 0, "a row of 32 takes the short ones");
	near(rope_entry(&c.rope[0], 5, 33), 11, 0, "a longer one the long ones");
	c = taken("\"phi3\"", ",\"original_max_position_embeddings\":32,\"rope_scaling\":{\"type\":\"longrope\","
	          "\"attention_factor\":1.5,\"long_factor\":[4,1,1,1],\"short_factor\":[2,1,1,1]}");
	near(c.rope[0].amplitude, 1.5, 1e-6, "attention_factor is taken as it is");
}

/* What a family takes where its config.json does not say, and which keys it does not read: as transformers. */
static void defaults(void)
{
	static const char scaled[] = ",\"rope_scaling\":{\"type\":\"longrope\",\"original_max_position_embeddings\":32,"
	                             "\"long_factor\":[4,1,1,1],\"short_factor\":[2,1,1,1]}";
	struct config c;

	near(taken("\"llama\"", "").norm.eps, 1e-6, 1e-12, "llama's epsilon");
	near(taken("\"mistral\"", "").norm.eps, 1e-6, 1e-12, "mistral's");
	near(taken("\"qwen2\"", "").norm.eps, 1e-6, 1e-12, "qwen2's");
	near(taken("\"phi3\"", "").norm.eps, 1e-5, 1e-11, "phi3's");
	near(taken("\"gpt_neox\"", ",\"rotary_pct\":1").norm.eps, 1e-5, 1e-11, "gpt_neox's");
	near(taken("\"llama\"", ",\"rotary_emb_base\":16").rope[0].rate[0][2], .01, 1e-12, "llama has no rotary_emb_base");
	c = taken("\"gpt_neox\"", ",\"rotary_pct\":1,\"partial_rotary_factor\":0.5,\"rope_theta\":16,\"rotary_emb_base\":81");
	near(c.rope[0].rate[0][2], 1 / 9., 1e-12, "gpt_neox reads no rope_theta");
	near(c.rotary, 8, 0, "and no partial_rotary_factor");
	near(taken("\"llama\"", scaled).rope[0].original, 32, 0, "rope_scaling's original context");
	near(taken("\"phi3\"", scaled).rope[0].original, 4096, 0, "which phi3 reads outside of it alone");
	c = taken("\"llama\"", ",\"mlp_bias\":true");
	near(2 * c.bias[SITE_QKV] + c.bias[SITE_DOWN], 1, 0, "biases as it says");
	c = taken("\"qwen2\"", "");
	near(2 * c.bias[SITE_QKV] + c.bias[SITE_OUT], 2, 0, "qwen2's");
}

static void put_int(struct buf *b, uint64_t v, int bytes) { buf_add(b, &v, bytes); }

static void put_text(struct buf *b, const char *s)
{
	put_int(b, strlen(s), 8);
	buf_str(b, s);
}

/* A GGUF file of two values: the family, and `key` with this type and these bytes. */
static void refused_gguf(const char *key, int type, const void *bytes, size_t n, const char *said)
{
	struct buf b = {0};
	struct gguf g;
	struct config c;
	struct fault why = {0};

	buf_str(&b, "GGUF");
	put_int(&b, 3, 4);
	put_int(&b, 0, 8);
	put_int(&b, 2, 8);
	put_text(&b, "general.architecture");
	put_int(&b, 8, 4);
	put_text(&b, "llama");
	put_text(&b, key);
	put_int(&b, type, 4);
	buf_add(&b, bytes, n);
	if (gguf_parse(&g, b.p, b.n, &why))
		die("%s", why.text);
	ok(config_gguf(&c, &g, &why) && strstr(why.text, said), "GGUF: \"%s\"", why.text);
	gguf_close(&g);
	buf_free(&b);
}

static void gguf_refusals(void)
{
	static const char text[] = "\1\0\0\0\0\0\0\0x", list[] = "\4\0\0\0\1\0\0\0\0\0\0\0\2\0\0";

	refused_gguf("llama.attention.head_count_kv", 9, list, sizeof list, "llama.attention.head_count_kv is not a number");
	refused_gguf("llama.rope.freq_base", 8, text, sizeof text - 1, "llama.rope.freq_base is not a number");
	refused_gguf("llama.block_count", 4, "\2\0\0", 4, "llama.attention.head_count is missing");
}

int main(void)
{
	die_name("config.t");
	refusals();
	gguf_refusals();
	broken("rotary-share", "rotary columns: 1e+306 of a head's");
	windows();
	rotary();
	defaults();
	return tap_done();
}
