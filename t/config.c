/* SPDX-License-Identifier: MIT */
/* config.c - what config.json says of families, windows and rotary scaling, and
 * what of it is refused. */
#include <math.h>
#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/model/config_read.h"
#include "tap.h"

#define SIZES                                                                            \
	"'vocab_size':96,'hidden_size':32,'num_hidden_layers':2,'intermediate_size':48," \
	"'num_attention_heads':4,'num_key_value_heads':2,'max_position_embeddings':96"

/* Quotes of one kind for those of the other: in the JSON below ' stands for ", as in what is said
 * of it. */
static char *quotes(char *s, char from, char to)
{
	for (char *p = s; (p = strchr(p, from));)
		*p = to;
	return s;
}

/* type: what follows 'model_type': ; 0 when it is taken */
static int take(struct config *c, const char *type, const char *more, struct fault *why)
{
	char text[1024];
	json_t *j;
	int r;

	snprintf(text, sizeof text, "{'model_type':%s," SIZES "%s}", type, more);
	j = json_parse(quotes(text, '\'', '"'), strlen(text), why);
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

	ok(take(&c, type, more, &why) && strstr(quotes(why.text, '"', '\''), said), "%s%s: \"%s\"",
	   type, more, why.text);
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
	refused("'gemma'", "",
	        "model_type 'gemma' is not a model family that seal knows (llama, mistral, qwen2, "
	        "phi3");
	refused("7", "", "'model_type' is not text");
	refused("'llama'", ",'rope_scaling':{'type':'dynamic','factor':2}",
	        "rope_type 'dynamic' is not supported");
	refused("'qwen2'", ",'rope_parameters':{'rope_type':'yarn','factor':4}",
	        "rope_type 'yarn' is not supported");
	refused("'llama'", ",'rope_scaling':{'type':'linear'}", "linear rope scaling by 0");
	refused("'llama'", ",'rope_scaling':{'rope_type':'llama3','factor':8}",
	        "low_freq_factor 0");
	refused("'phi3'", ",'rope_scaling':{'type':'longrope','long_factor':[1,1,1]}",
	        "long_factor is not a list of 4");
	refused("'phi3'", ",'rope_scaling':{'type':'longrope','long_factor':[1,1,1,0]}",
	        "long_factor: factor 3 is 0");
	refused("'phi3'",
	        ",'original_max_position_embeddings':0,'rope_scaling':{'type':'su',"
	        "'long_factor':[1,1,1,1],'short_factor':[1,1,1,1]}",
	        "original_max_position_embeddings 0");
	refused("'mistral'", ",'sliding_window':0", "sliding_window 0");
	refused("'qwen2'", ",'use_sliding_window':true,'sliding_window':0", "sliding_window 0");
	refused("'qwen2'", ",'layer_types':['full_attention']", "layer_types is not a list of 2");
	refused("'llama'", ",'rope_scaling':'x'", "'rope_scaling' is not an object");
	refused("'llama'", ",'rope_scaling':[{'type':'linear','factor':2}]",
	        "'rope_scaling' is not an object");
	refused("'llama'", ",'rope_parameters':2", "'rope_parameters' is not an object");
	refused("'llama'", ",'rope_scaling':{'type':7}", "'type' is not text");
	refused("'llama'", ",'rope_scaling':{'type':'linear','factor':'2'}",
	        "'factor' is not a number");
	refused("'llama'", ",'rope_scaling':{'type':'linear','factor':1e-320}",
	        "frequency of pair 0 is not finite");
	refused("'llama'", ",'head_dim':4294967304", "4 heads of -1 over 2 key heads");
	refused("'llama'", ",'rms_norm_eps':'1e-6'", "'rms_norm_eps' is not a number");
	refused("'llama'", ",'tie_word_embeddings':'yes'",
	        "'tie_word_embeddings' is not true or false");
	refused("'mistral'", ",'sliding_window':'none'", "'sliding_window' is not a whole number");
	refused("'llama'", ",'rope_theta':-1", "rotary base -1");
	refused("'llama'", ",'head_dim':1024", "1024 rotary columns a head");
	refused("'llama'", ",'partial_rotary_factor':0.5",
	        "partial_rotary_factor is not supported for llama");
	refused("'qwen2'", ",'rope_parameters':{'partial_rotary_factor':0.5}",
	        "is not supported for qwen2");
	refused("'mistral'", ",'layer_types':['sliding_attention','full_attention']",
	        "layer_types other than 'sliding_attention'");
	refused("'qwen2'", ",'layer_types':['full_attention','sliding_attention']",
	        "'sliding_attention' without a sliding window");
	refused("'qwen2'", ",'is_causal':false", "is_causal false");
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
	near(taken("'mistral'", "").heads.window, 4096, 0, "transformers' default");
	near(taken("'mistral'", ",'sliding_window':null").heads.window, 0, 0, "null: all keys");
	near(taken("'phi3'", "").heads.window, 0, 0, "none by default");
	near(taken("'phi3'", ",'sliding_window':2047").heads.window, 2047, 0, "as it says");
	near(taken("'llama'", ",'sliding_window':5").heads.window, 0, 0,
	     "not read, as transformers does not");
	near(taken("'qwen2'", ",'use_sliding_window':false,'sliding_window':5").heads.window, 0, 0,
	     "not used");
	near(config_heads(&(struct config[]){taken("'qwen2'",
	                                           ",'use_sliding_window':true,'sliding_window':5,"
	                                           "'max_window_layers':1")}[0],
	                  0)
	             .window,
	     0, 0, "layers below max_window_layers see all");
	near(config_heads(&(struct config[]){taken("'qwen2'",
	                                           ",'use_sliding_window':true,'sliding_window':5,"
	                                           "'max_window_layers':1")}[0],
	                  1)
	             .window,
	     5, 0, "the others have the window");
}

static void rotary(void)
{
	struct config c = taken("'llama'", ",'rope_theta':16");

	near(c.rope[0].rate[0][1], .5, 1e-12, "theta^(-1/4)");
	c = taken("'llama'", ",'rope_theta':16,'rope_parameters':{'rope_theta':81,'rope_type':'"
	                     "linear','factor':3}");
	near(c.rope[0].rate[0][2], 1 / 27., 1e-12,
	     "rope_parameters' theta^(-2/4), over the factor");
	c = taken("'phi3'", ",'rope_theta':16,'original_max_position_embeddings':32,'rope_scaling':"
	                    "{'type':'su','long_factor':[4,1,1,1],'short_factor':[2,1,1,1]}");
	near(c.rope[0].rate[0][0], .5, 1e-12, "short factors");
	near(c.rope[0].rate[1][0], .25, 1e-12, "long factors");
	near(c.rope[0].amplitude, sqrt(1 + log(3) / log(32)), 1e-6,
	     "the amplitude follows from 96 / 32 positions");
	near(rope_entry(&c.rope[0], 5, 32), 10, 0, "a row of 32 takes the short ones");
	near(rope_entry(&c.rope[0], 5, 33), 11, 0, "a longer one the long ones");
	c = taken("'phi3'",
	          ",'original_max_position_embeddings':32,'rope_scaling':{'type':'longrope',"
	          "'attention_factor':1.5,'long_factor':[4,1,1,1],'short_factor':[2,1,1,1]}");
	near(c.rope[0].amplitude, 1.5, 1e-6, "attention_factor is taken as it is");
	c = taken("'phi3'", ",'original_max_position_embeddings':32,'rope_scaling':{'type':'yarn',"
	                    "'long_factor':[4,1,1,1],'short_factor':[2,1,1,1]}");
	near(c.rope[0].rate[1][0], .25, 1e-12, "phi3's yarn is longrope");
}

/* What a family takes where its config.json does not say, and which keys it does not read: as
 * transformers. */
static void defaults(void)
{
	static const char scaled[] =
		",'rope_scaling':{'type':'longrope','original_max_position_embeddings':32,"
		"'long_factor':[4,1,1,1],'short_factor':[2,1,1,1]}";
	struct config c;

	near(taken("'llama'", "").norm.eps, 1e-6, 1e-12, "llama's epsilon");
	near(taken("'mistral'", "").norm.eps, 1e-6, 1e-12, "mistral's");
	near(taken("'qwen2'", "").norm.eps, 1e-6, 1e-12, "qwen2's");
	near(taken("'phi3'", "").norm.eps, 1e-5, 1e-11, "phi3's");
	near(taken("'gpt_neox'", ",'rotary_pct':1").norm.eps, 1e-5, 1e-11, "gpt_neox's");
	near(taken("'llama'", ",'rotary_emb_base':16").rope[0].rate[0][2], .01, 1e-12,
	     "llama has no rotary_emb_base");
	c = taken("'gpt_neox'", ",'rotary_pct':1,'partial_rotary_factor':0.5,'rope_theta':16,'"
	                        "rotary_emb_base':81");
	near(c.rope[0].rate[0][2], 1 / 9., 1e-12, "gpt_neox reads no rope_theta");
	near(c.rotary, 8, 0, "and no partial_rotary_factor");
	near(taken("'llama'", scaled).rope[0].original, 32, 0, "rope_scaling's original context");
	near(taken("'phi3'", scaled).rope[0].original, 4096, 0,
	     "which phi3 reads outside of it alone");
	c = taken("'llama'", ",'mlp_bias':true");
	near(2 * c.bias[SITE_QKV] + c.bias[SITE_DOWN], 1, 0, "biases as it says");
	c = taken("'qwen2'", "");
	near(2 * c.bias[SITE_QKV] + c.bias[SITE_OUT], 2, 0, "qwen2's");
}

/* What each of the newer families refuses, by its name. */
static void family_refusals(void)
{
	static const char *const gemmas[] = {"'gemma2'", "'gemma3_text'", NULL};

	for (const char *const *g = gemmas; *g; g++) {
		refused(*g, ",'use_bidirectional_attention':true",
		        "use_bidirectional_attention) is not supported");
		refused(*g, ",'hidden_activation':null", "hidden_activation is null");
		refused(*g, ",'hidden_activation':'relu'",
		        "hidden_activation 'relu' is not supported");
		refused(*g, ",'head_dim':null", "head_dim is null");
		refused(*g, ",'sliding_window':null",
		        "layer 0 has 'sliding_attention' without a sliding window");
		refused(*g, ",'sliding_window':0", "sliding_window 0");
		refused(*g, ",'layer_types':['sliding_attention','chunked_attention']",
		        "'chunked_attention' is not supported");
		refused(*g, ",'layer_types':['sliding_attention']",
		        "layer_types is not a list of 2");
		refused(*g, ",'query_pre_attn_scalar':0", "query_pre_attn_scalar 0");
		refused(*g, ",'query_pre_attn_scalar':null", "query_pre_attn_scalar is null");
		refused(*g, ",'final_logit_softcapping':0", "final_logit_softcapping 0");
		refused(*g, ",'final_logit_softcapping':-30", "final_logit_softcapping -30");
	}
	taken("'gemma2'",
	      ",'sliding_window':null,'layer_types':['full_attention','full_attention']");
	refused("'gemma2'", ",'attn_logit_softcapping':0", "attn_logit_softcapping 0");
	refused("'gemma3_text'", ",'attn_logit_softcapping':50",
	        "attn_logit_softcapping is not supported for gemma3_text");
	taken("'gemma3_text'", ",'attn_logit_softcapping':null");
	refused("'gemma3_text'", ",'sliding_window_pattern':0",
	        "layers between those that see all keys: 0");
	refused("'gemma3_text'", ",'sliding_window_pattern':null",
	        "sliding_window_pattern is null");
	refused("'granite'", ",'embedding_multiplier':0", "embedding_multiplier 0");
	refused("'granite'", ",'attention_multiplier':null", "attention_multiplier is null");
	refused("'granite'", ",'residual_multiplier':-1", "residual_multiplier -1");
	refused("'granite'", ",'logits_scaling':'8'", "'logits_scaling' is not a number");
	refused("'granite'", ",'hidden_act':null", "hidden_act is null");
	refused("'qwen3'", ",'head_dim':null", "head_dim is null");
	refused("'qwen3'", ",'layer_types':['full_attention','sliding_attention']",
	        "without a sliding window");
	refused("'qwen3'", ",'rope_scaling':{'rope_type':'yarn','factor':4}",
	        "rope_type 'yarn' is not supported");
	refused("'gpt_neox'", ",'head_dim':16",
	        "head_dim other than hidden_size / num_attention_heads");
	refused("'qwen3_moe'", "", "model_type 'qwen3_moe' is not a model family");
	refused("'olmo3'", "", "model_type 'olmo3' is not a model family");
	for (const struct family *m = families(); m->name; m++)
		if (!m->share && !m->text) {
			char *type = xprintf("'%s'", m->name);

			refused(type, ",'partial_rotary_factor':0.5",
			        "partial_rotary_factor is not supported");
			refused(type,
			        m->local_theta ? ",'rope_parameters':{'sliding_attention':{'"
			                         "partial_rotary_factor':0.5}}"
			                       : ",'rope_parameters':{'partial_rotary_factor':0.5}",
			        "partial_rotary_factor is not supported");
			free(type);
		}
}

/* Gemma-3's two kinds of layers, and how both are spelled. */
static void two_ropes(void)
{
	static const char type[] = "'gemma3_text'";
	struct config c = taken(type, ",'head_dim':8");

	near(c.rope[0].rate[0][2], 1e-3, 1e-12, "full layers: 1000000^(-2/4)");
	near(c.rope[1].rate[0][2], 1e-2, 1e-12, "those with a window: 10000^(-2/4)");
	c = taken(type, ",'head_dim':8,'rope_theta':16,'rope_local_base_freq':81,'rope_scaling':"
	                "{'rope_type':'linear','factor':2}");
	near(c.rope[0].rate[0][2], 1 / 8., 1e-12, "rope_scaling is of the full ones");
	near(c.rope[1].rate[0][2], 1 / 9., 1e-12, "alone");
	c = taken(type, ",'head_dim':8,'rope_theta':16,'rope_parameters':{'sliding_attention':"
	                "{'rope_theta':81,'type':'linear','factor':2}}");
	near(c.rope[0].rate[0][2], 1 / 4., 1e-12, "rope_parameters: of one kind");
	near(c.rope[1].rate[0][2], 1 / 18., 1e-12, "and of the other");
	c = taken(type, ",'head_dim':8,'sliding_window':99999999,'sliding_window_pattern':2");
	near(10 * c.local[0] + c.local[1], 10, 0,
	     "a window that hides nothing has its rotary base all the same");
	near(config_heads(&c, 0).window, 0, 0, "and hides nothing");
	taken(type, ",'rope_scaling':null,'rope_parameters':{}");
	refused(type, ",'rope_parameters':{'rope_type':'default','rope_theta':1e6}",
	        "rope_parameters does not tell");
	refused(type, ",'rope_scaling':{'type':'linear','factor':8}",
	        "rope_scaling has 'type' but no 'rope_type'");
	refused(type, ",'rope_scaling':{'full_attention':{}}",
	        "rope_scaling that tells full_attention");
	refused(type,
	        ",'rope_scaling':{'rope_type':'default'},'rope_parameters':{'full_attention':{}}",
	        "both rope_scaling");
	refused(type, ",'rope_parameters':{'full_attention':7}",
	        "'full_attention' is not an object");
	refused(type, ",'rope_parameters':{'sliding_attention':{'rope_type':'dynamic'}}",
	        "rope_type 'dynamic'");
	refused("'qwen3'", ",'rope_parameters':{'full_attention':{'rope_theta':5}}",
	        "is not supported for qwen3");
	refused(type,
	        ",'head_dim':8,'rope_scaling':{'rope_type':'longrope','long_factor':[1,1,1,1],"
	        "'short_factor':[1,1,1,1]}",
	        "longrope is not supported where layers with a window have a rotary base");
	refused(type,
	        ",'head_dim':8,'rope_parameters':{'sliding_attention':{'rope_type':'longrope',"
	        "'long_factor':[1,1,1,1],'short_factor':[1,1,1,1]}}",
	        "longrope is not supported where layers");
}

/* Which layers see all keys. */
static void kinds_of_layers(void)
{
	static const struct {
		const char *type, *more;
		int local;
	} cases[] = {
		{"'gemma2'", "", 10},
		{"'gemma2'", ",'sliding_window_pattern':1", 10}, /* not read */
		{"'gemma2'", ",'layer_types':null", 10},
		{"'gemma2'", ",'layer_types':['full_attention','sliding_attention']", 1},
		{"'gemma3_text'", "", 11},
		{"'gemma3_text'", ",'sliding_window_pattern':2", 10},
		{"'gemma3_text'", ",'sliding_window_pattern':1", 0},
		{"'gemma3_text'",
	         ",'layer_types':['full_attention','sliding_attention'],'sliding_window_pattern':1",
	         1},
		{"'qwen3'", ",'use_sliding_window':true,'max_window_layers':1", 1},
		{"'qwen3'", ",'use_sliding_window':true", 0}, /* from layer 28 on */
		{"'qwen3'",
	         ",'use_sliding_window':true,'sliding_window':null,'max_window_layers':0", 0},
		{"'qwen3'", ",'sliding_window':8,'max_window_layers':0", 0},
		{"'olmo2'", ",'sliding_window':8", 0}, /* not read */
		{"'granite'", ",'sliding_window':8", 0},
		{NULL, NULL, 0},
	};

	for (int i = 0; cases[i].type; i++) {
		struct config c = taken(cases[i].type, cases[i].more);

		near(10 * c.local[0] + c.local[1], cases[i].local, 0, "layers with a window");
	}
}

/* model_type gemma3, whose text model's configuration lies within. */
static void image_models(void)
{
	static const char type[] = "'gemma3'";
	static const char text[] = ",'text_config':{'hidden_size':32,'intermediate_size':48,'num_"
	                           "hidden_layers':2%s}%s";
	char *bare = xprintf(text, "", ""),
	     *untied = xprintf(text, ",'tie_word_embeddings':true", ",'tie_word_embeddings':false");
	char *cap = xprintf(text, ",'final_logit_softcapping':30", ""),
	     *no_cap = xprintf(text, ",'final_logit_softcapping':null", "");
	struct config c = taken(type, bare);

	near(c.vocab, 262208, 0, "its vocabulary is transformers' default");
	near(10000 * c.heads.q + 1000 * c.heads.kv + c.heads.dim, 84256, 0, "heads too");
	near(c.heads.window, 4096, 0, "and the window");
	near(c.tied, 1, 0, "tied by default");
	near(taken(type, untied).tied, 0, 0, "as the outer key says, not the inner one");
	same(family_peft_block(c.family), "model.language_model.layers.%ld",
	     "PEFT's name of a block");
	taken(type, no_cap);
	refused(type, cap, "final_logit_softcapping is not supported for gemma3");
	refused(type, "", "'text_config' is not an object");
	refused(type, ",'text_config':null", "'text_config' is not an object");
	free(bare);
	free(untied);
	free(cap);
	free(no_cap);
}

/* What block.c cannot do, no row may ask for. */
static void rows_of_the_table(void)
{
	for (const struct family *m = families(); m->name; m++) {
		ok(!(m->norm[NORM_POST_ATTN] || m->norm[NORM_POST_MLP]) ||
		           !m->number[NUMBER_RESIDUAL].hf,
		   "%s: no scale of what a norm puts out", m->name);
		ok(!m->norm[NORM_QUERY] == !m->norm[NORM_KEY] &&
		           !(m->norm[NORM_QUERY] && m->interleaved),
		   "%s: norms of both queries and keys, which are apart, or of neither", m->name);
		ok(!m->every == !m->local_theta && (!m->every || m->full_every),
		   "%s: its key has a default", m->name);
	}
}

int main(void)
{
	die_name("config.t");
	refusals();
	family_refusals();
	two_ropes();
	kinds_of_layers();
	image_models();
	rows_of_the_table();
	broken("rotary-share", "rotary columns: 1e+306 of a head's");
	windows();
	rotary();
	defaults();
	return tap_done();
}
