/* SPDX-License-Identifier: MIT */
/* family.h - what distinguishes one family of language models from another, as data.
 *
 * A transformer block is the same everywhere but for which norms stand where, which linear
 * layers there are and what they are called, which function the MLP has, and some numbers.
 * struct family says these; block.c walks the roles and asks no family anything.  To add a
 * family: one row in family.c (CONTRIBUTING.md has an example).
 */
#ifndef SEAL_FAMILY_H
#define SEAL_FAMILY_H

/* The linear layers of a block; each is one matrix product, of one or several matrices. */
enum site { SITE_QKV, SITE_OUT, SITE_UP, SITE_DOWN, SITES };

/* Which columns of its layer's output a matrix fills. */
enum extent {
	EXTENT_WHOLE,
	EXTENT_QUERY,
	EXTENT_KEY,
	EXTENT_VALUE, /* of SITE_QKV */
	EXTENT_GATE,
	EXTENT_UP /* of SITE_UP, where the MLP is gated */
};

/* Where a block has norms.  The first four are over the residual's width; those of queries
 * and keys are over each head, or over the whole row. */
enum norm_role {
	NORM_PRE_ATTN,  /* attention's input */
	NORM_POST_ATTN, /* attention's output, before it is added to the residual */
	NORM_PRE_MLP,
	NORM_POST_MLP,
	NORM_QUERY, /* before rotation */
	NORM_KEY,
	NORM_ROLES
};

/* One matrix of a linear layer: Hugging Face's name below the block, which is PEFT's module,
 * and GGUF's below "blk.N.". */
struct part {
	enum site site;
	const char *module, *gguf;
	enum extent extent;
};

/* Numbers that a family reads from its metadata, and 1 (scales) or 0 (caps) in others. */
enum number {
	NUMBER_EMBED,     /* embeddings are multiplied by it */
	NUMBER_ATTN,      /* the scale of q k'; else 1 / sqrt(head dim) */
	NUMBER_QUERY,     /* the same, said as x in 1 / sqrt(x) */
	NUMBER_RESIDUAL,  /* what a block adds to the residual is multiplied by it */
	NUMBER_LOGIT,     /* logits are divided by it */
	NUMBER_ATTN_CAP,  /* scores s become cap tanh(s / cap); 0: none */
	NUMBER_LOGIT_CAP, /* likewise logits */
	NUMBERS
};

/* Its keys, GGUF's without the architecture's name (NULL: not read there), and what it is where
 * the key is absent (0: as in families without it). */
struct number_key {
	const char *hf;
	double hf_default;
	const char *gguf;
	double gguf_default;
};

enum { HEAD_DIM_FIXED = -1 };   /* dim / heads, with as many heads of keys as of queries */
enum { WINDOW_NONE = 1 << 24 }; /* a window of so many tokens hides none */

struct family {
	const char *name, *gguf; /* model_type; general.architecture */
	const char *text;        /* config.json's key of the configuration of a model that also has
	                            parts for images; NULL: config.json is it */
	const char *unset[3];    /* keys that must be absent or null, since versions of transformers
	                            do not agree on what they mean here */

	const char *embed, *final_norm, *head; /* Hugging Face's names, without ".weight" */
	const char *block;                     /* "model.layers.%ld" */
	const char *peft_block;                /* the block's name in PEFT; NULL: the same */
	const char *norm[NORM_ROLES];          /* below the block; NULL: none there */
	const struct part *part;               /* ends with module NULL */
	const char *targets;                   /* default LoRA targets, comma-separated */

	int layer_norm;     /* LayerNorm, with a bias; else RMSNorm */
	const char *eps;    /* config.json's key of the norms' epsilon */
	double eps_default; /* where it has none */
	float gain_offset;  /* the gain is this much more than what Hugging Face stores */
	int row_norms;      /* NORM_QUERY and NORM_KEY are over the row, not over each head */

	int gated;            /* MLP: down(f(gate x) * up x), else down(f(up x)) */
	const char *act_key;  /* config.json's key of f */
	const char *act;      /* f where it has none */
	const char *parallel; /* its key that lets attention and MLP both read x; NULL: never */

	long window;      /* its sliding_window where it has none; 0: that key is not read */
	long gguf_window; /* a GGUF file's where it has none; 0: a file that has one is refused */
	int window_upper; /* layers from max_window_layers on have it, if use_sliding_window is set */
	int full_every; /* layer i sees all keys if i + 1 divides by it; 0: every layer is alike */
	const char *every;    /* its key of full_every; NULL: not read */
	const char *share;    /* its key of the share of a head that rotates; NULL: all of it */
	double share_default; /* where it has none */
	const char *theta;    /* its key of the rotary base outside of rope_parameters */
	double theta_default;
	const char *local_theta; /* the base of layers with a window; NULL: the same */
	double local_default;
	long rope_original; /* original_max_position_embeddings where it has none; 0: see rope */

	/* Sizes where config.json does not say them; 0: vocabulary and heads have to be said. */
	long vocab, heads;
	long kv_heads;      /* 0: heads */
	long head_dim;      /* 0: dim / heads; HEAD_DIM_FIXED: nothing else */
	int tied;           /* tie_word_embeddings where it has none */
	int embed_root;     /* embeddings are multiplied by sqrt(dim) */
	int interleaved;    /* q, k, v of a head adjacent (GPT-NeoX), else all q, all k, all v */
	int gguf_rotated;   /* GGUF's q and k have the two halves of rotary pairs interleaved */
	int gguf_unrotated; /* rope.scaling.finetuned false says that nothing rotates */
	int gguf_wide; /* in a GGUF file of so many layers q k' is scaled by 1 / sqrt(dim / heads) */
	struct number_key number[NUMBERS];
	struct bias_key {
		const char *key; /* config.json's key of a layer's having biases */
		int otherwise;
	} bias[SITES];
};

/* The table; it ends with name NULL.  block.c wants of a row that one with norms after attention
 * and MLP has no NUMBER_RESIDUAL, and that one with norms of queries and keys is not interleaved:
 * t/config.c checks every row. */
const struct family *families(void);

static inline const char *family_peft_block(const struct family *m)
{
	return m->peft_block ? m->peft_block : m->block;
}

#endif
