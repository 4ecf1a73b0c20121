/* SPDX-License-Identifier: MIT */
/* family.c - the table of model families.  What a row leaves out is 0: RMSNorm, no window, no
 * caps, whole heads rotate, no biases. */
#include "family.h"

#include <stddef.h>

enum { NO_WINDOW = 1 << 24 }; /* a window of so many tokens hides none */

/* clang-format off */
static const struct part llama_part[] = {
	{SITE_QKV,  "self_attn.q_proj", "attn_q",      EXTENT_QUERY},
	{SITE_QKV,  "self_attn.k_proj", "attn_k",      EXTENT_KEY},
	{SITE_QKV,  "self_attn.v_proj", "attn_v",      EXTENT_VALUE},
	{SITE_OUT,  "self_attn.o_proj", "attn_output", EXTENT_WHOLE},
	{SITE_UP,   "mlp.gate_proj",    "ffn_gate",    EXTENT_GATE},
	{SITE_UP,   "mlp.up_proj",      "ffn_up",      EXTENT_UP},
	{SITE_DOWN, "mlp.down_proj",    "ffn_down",    EXTENT_WHOLE},
	{0},
};

static const struct part phi3_part[] = {
	{SITE_QKV,  "self_attn.qkv_proj", "attn_qkv",    EXTENT_WHOLE},
	{SITE_OUT,  "self_attn.o_proj",   "attn_output", EXTENT_WHOLE},
	{SITE_UP,   "mlp.gate_up_proj",   "ffn_up",      EXTENT_WHOLE},
	{SITE_DOWN, "mlp.down_proj",      "ffn_down",    EXTENT_WHOLE},
	{0},
};

static const struct part neox_part[] = {
	{SITE_QKV,  "attention.query_key_value", "attn_qkv",    EXTENT_WHOLE},
	{SITE_OUT,  "attention.dense",           "attn_output", EXTENT_WHOLE},
	{SITE_UP,   "mlp.dense_h_to_4h",         "ffn_up",      EXTENT_WHOLE},
	{SITE_DOWN, "mlp.dense_4h_to_h",         "ffn_down",    EXTENT_WHOLE},
	{0},
};

/* The names that all families but GPT-NeoX have in common. */
#define LLAMA_NAMES \
	.embed = "model.embed_tokens", .final_norm = "model.norm", .head = "lm_head", \
	.block = "model.layers.%ld", .act_key = "hidden_act", .theta = "rope_theta"
#define LLAMA_NORMS \
	[NORM_PRE_ATTN] = "input_layernorm", [NORM_PRE_MLP] = "post_attention_layernorm"

/* A GGUF file of Mistral calls itself llama, and is found as that. */
static const struct family table[] = {
	{
		.name = "llama", .gguf = "llama", LLAMA_NAMES, .norm = {LLAMA_NORMS},
		.part = llama_part, .targets = "q_proj,v_proj",
		.eps = "rms_norm_eps", .eps_default = 1e-6, .gated = 1, .act = "silu",
		.theta_default = 1e4, .gguf_rotated = 1,
		.bias = {{"attention_bias", 0}, {"attention_bias", 0}, {"mlp_bias", 0}, {"mlp_bias", 0}},
	}, {
		.name = "mistral", .gguf = "llama", LLAMA_NAMES, .norm = {LLAMA_NORMS},
		.part = llama_part, .targets = "q_proj,v_proj",
		.eps = "rms_norm_eps", .eps_default = 1e-6, .gated = 1, .act = "silu",
		.kv_heads = 8, .window = 4096, .theta_default = 1e4, .gguf_rotated = 1,
	}, {
		.name = "qwen2", .gguf = "qwen2", LLAMA_NAMES, .norm = {LLAMA_NORMS},
		.part = llama_part, .targets = "q_proj,v_proj",
		.eps = "rms_norm_eps", .eps_default = 1e-6, .gated = 1, .act = "silu",
		.kv_heads = 32, .window = 4096, .window_upper = 1,
		.theta_default = 1e4, .bias = {[SITE_QKV] = {NULL, 1}},
	}, {
		.name = "phi3", .gguf = "phi3", LLAMA_NAMES, .norm = {LLAMA_NORMS},
		.part = phi3_part, .targets = "qkv_proj",
		.eps = "rms_norm_eps", .eps_default = 1e-5, .gated = 1, .act = "silu",
		.window = NO_WINDOW, .share = "partial_rotary_factor", .share_default = 1,
		.theta_default = 1e4, .rope_original = 4096,
	}, {
		.name = "gpt_neox", .gguf = "gptneox",
		.embed = "gpt_neox.embed_in", .final_norm = "gpt_neox.final_layer_norm",
		.head = "embed_out", .block = "gpt_neox.layers.%ld", .norm = {LLAMA_NORMS},
		.part = neox_part, .targets = "query_key_value", .interleaved = 1,
		.layer_norm = 1, .eps = "layer_norm_eps", .eps_default = 1e-5,
		.act_key = "hidden_act", .act = "gelu", .parallel = "use_parallel_residual",
		.share = "rotary_pct", .share_default = .25,
		.theta = "rotary_emb_base", .theta_default = 1e4,
		.bias = {{"attention_bias", 1}, {"attention_bias", 1}, {NULL, 1}, {NULL, 1}},
	},
	{0},
};
/* clang-format on */

const struct family *families(void) { return table; }
