/* SPDX-License-Identifier: MIT */
/* family.c - the table of model families.  What a row leaves out is 0: RMSNorm, no window, no
 * caps, whole heads rotate, no biases. */
#include "family.h"

#include <stddef.h>

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

/* What several rows have in common. */
#define NAMES \
	.embed = "model.embed_tokens", .final_norm = "model.norm", .head = "lm_head", \
	.block = "model.layers.%ld"
#define LLAMA_NAMES NAMES, .theta = "rope_theta", .act_key = "hidden_act"
#define LLAMA_NORMS \
	[NORM_PRE_ATTN] = "input_layernorm", [NORM_PRE_MLP] = "post_attention_layernorm"
#define GEMMA_NORMS \
	[NORM_PRE_ATTN] = "input_layernorm", [NORM_POST_ATTN] = "post_attention_layernorm", \
	[NORM_PRE_MLP] = "pre_feedforward_layernorm", [NORM_POST_MLP] = "post_feedforward_layernorm"
#define QK_NORMS [NORM_QUERY] = "self_attn.q_norm", [NORM_KEY] = "self_attn.k_norm"
#define GEMMA \
	.part = llama_part, .targets = "q_proj,v_proj", \
	.eps = "rms_norm_eps", .eps_default = 1e-6, .gain_offset = 1, \
	.gated = 1, .act_key = "hidden_activation", .act = "gelu_pytorch_tanh", \
	.embed_root = 1, .tied = 1, .heads = 8, .kv_heads = 4, .head_dim = 256, \
	.theta = "rope_theta", \
	.bias = {ATTENTION_BIAS}
#define GEMMA3 \
	.vocab = 262208, .window = 4096, .gguf_window = WINDOW_NONE, \
	.full_every = 6, .every = "sliding_window_pattern", .theta_default = 1e6, \
	.local_theta = "rope_local_base_freq", .local_default = 1e4, .gguf_wide = 62
#define ATTENTION_BIAS {"attention_bias", 0}, {"attention_bias", 0}

/* Of rows with one name in GGUF the first is found: a file of Mistral calls itself llama, and one
 * of Gemma-3 has no parts for images. */
static const struct family table[] = {
	{
		.name = "llama", .gguf = "llama", LLAMA_NAMES, .norm = {LLAMA_NORMS},
		.part = llama_part, .targets = "q_proj,v_proj",
		.eps = "rms_norm_eps", .eps_default = 1e-6, .gated = 1, .act = "silu",
		.gguf_window = WINDOW_NONE, .theta_default = 1e4, .gguf_rotated = 1,
		.bias = {ATTENTION_BIAS, {"mlp_bias", 0}, {"mlp_bias", 0}},
	}, {
		.name = "mistral", .gguf = "llama", LLAMA_NAMES, .norm = {LLAMA_NORMS},
		.part = llama_part, .targets = "q_proj,v_proj",
		.eps = "rms_norm_eps", .eps_default = 1e-6, .gated = 1, .act = "silu",
		.kv_heads = 8, .window = 4096, .gguf_window = WINDOW_NONE,
		.theta_default = 1e4, .gguf_rotated = 1,
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
		.window = WINDOW_NONE, .gguf_window = WINDOW_NONE,
		.share = "partial_rotary_factor", .share_default = 1,
		.theta_default = 1e4, .rope_original = 4096,
	}, {
		.name = "gpt_neox", .gguf = "gptneox",
		.embed = "gpt_neox.embed_in", .final_norm = "gpt_neox.final_layer_norm",
		.head = "embed_out", .block = "gpt_neox.layers.%ld", .norm = {LLAMA_NORMS},
		.part = neox_part, .targets = "query_key_value", .interleaved = 1,
		.head_dim = HEAD_DIM_FIXED,
		.layer_norm = 1, .eps = "layer_norm_eps", .eps_default = 1e-5,
		.act_key = "hidden_act", .act = "gelu", .parallel = "use_parallel_residual",
		.share = "rotary_pct", .share_default = .25,
		.theta = "rotary_emb_base", .theta_default = 1e4,
		.bias = {{"attention_bias", 1}, {"attention_bias", 1}, {NULL, 1}, {NULL, 1}},
	}, {
		.name = "qwen3", .gguf = "qwen3", LLAMA_NAMES,
		.norm = {LLAMA_NORMS, QK_NORMS},
		.part = llama_part, .targets = "q_proj,v_proj",
		.eps = "rms_norm_eps", .eps_default = 1e-6, .gated = 1, .act = "silu",
		.head_dim = 128, .kv_heads = 32, .window = 4096, .window_upper = 1,
		.theta_default = 1e4, .bias = {ATTENTION_BIAS},
	}, {
		.name = "olmo2", .gguf = "olmo2", LLAMA_NAMES,
		.norm = {[NORM_POST_ATTN] = "post_attention_layernorm",
		         [NORM_POST_MLP] = "post_feedforward_layernorm", QK_NORMS},
		.row_norms = 1, .part = llama_part, .targets = "q_proj,v_proj",
		.eps = "rms_norm_eps", .eps_default = 1e-5, .gated = 1, .act = "silu",
		.theta_default = 1e4, .bias = {ATTENTION_BIAS},
	}, {
		.name = "gemma2", .gguf = "gemma2", NAMES, GEMMA, .norm = {GEMMA_NORMS},
		.window = 4096, .gguf_window = 4096, .full_every = 2,
		.theta_default = 1e4, .gguf_wide = 46,
		.number = {
			[NUMBER_QUERY] = {"query_pre_attn_scalar", 256, NULL, 0},
			[NUMBER_ATTN_CAP] = {"attn_logit_softcapping", 50, "attn_logit_softcapping", 50},
			[NUMBER_LOGIT_CAP] = {"final_logit_softcapping", 30, "final_logit_softcapping", 30},
		},
	}, {
		.name = "gemma3_text", .gguf = "gemma3", NAMES, GEMMA, GEMMA3,
		.norm = {GEMMA_NORMS, QK_NORMS}, .unset = {"attn_logit_softcapping"},
		.number = {
			[NUMBER_QUERY] = {"query_pre_attn_scalar", 256, NULL, 0},
			[NUMBER_LOGIT_CAP] = {"final_logit_softcapping", 0, "final_logit_softcapping", 0},
		},
	}, {
		.name = "gemma3", .gguf = "gemma3", GEMMA, GEMMA3,
		.text = "text_config",
		.embed = "language_model.model.embed_tokens",
		.final_norm = "language_model.model.norm", .head = "language_model.lm_head",
		.block = "language_model.model.layers.%ld",
		.peft_block = "model.language_model.layers.%ld",
		.norm = {GEMMA_NORMS, QK_NORMS},
		.unset = {"attn_logit_softcapping", "final_logit_softcapping"},
		.number = {[NUMBER_QUERY] = {"query_pre_attn_scalar", 256, NULL, 0}},
	}, {
		.name = "granite", .gguf = "granite", LLAMA_NAMES, .norm = {LLAMA_NORMS},
		.part = llama_part, .targets = "q_proj,v_proj",
		.eps = "rms_norm_eps", .eps_default = 1e-6, .gated = 1, .act = "silu",
		.theta_default = 1e4, .gguf_rotated = 1, .gguf_unrotated = 1,
		.bias = {ATTENTION_BIAS, {"mlp_bias", 0}, {"mlp_bias", 0}},
		.number = {
			[NUMBER_EMBED] = {"embedding_multiplier", 1, "embedding_scale", 0},
			[NUMBER_ATTN] = {"attention_multiplier", 1, "attention.scale", 0},
			[NUMBER_RESIDUAL] = {"residual_multiplier", 1, "residual_scale", 0},
			[NUMBER_LOGIT] = {"logits_scaling", 1, "logit_scale", 0},
		},
	},
	{0},
};
/* clang-format on */

const struct family *families(void) { return table; }
