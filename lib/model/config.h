/* SPDX-License-Identifier: MIT */
/* config.h - what a model is: its shapes, and which tensor plays which role.
 *
 * To add a family: one row in the table of config.c.
 */
#ifndef SEAL_CONFIG_H
#define SEAL_CONFIG_H

#include "../../kernels/ops.h"
#include "rope.h"

/* The linear layers of a block, each one matrix product. */
enum site { QKV, OUT, UP, DOWN, SITES };

/* Which columns of its layer's output a matrix fills. */
enum extent { WHOLE, QUERY, KEY, VALUE, GATE, GATED };

/* A matrix of a linear layer: the layer, Hugging Face's name below the block
 * (PEFT's module), GGUF's below "blk.N.", and the columns that it fills. */
struct part {
	enum site site;
	const char *module, *gguf;
	enum extent extent;
};

struct family {
	const char *name, *gguf;               /* model_type of config.json; general.architecture */
	const char *embed, *final_norm, *head; /* Hugging Face's names, without ".weight" */
	const char *block;                     /* "model.layers.%ld" */
	const char *norm1, *norm2;             /* below the block */
	const struct part *part;               /* ends with module NULL */
	const char *targets;                   /* default LoRA targets, comma-separated */
	int rms;                               /* RMSNorm, else LayerNorm */
	int gated;         /* mlp: act(gate) up, gate and up being halves of one layer's output */
	long window;       /* a config.json's sliding_window where it has none; 0: not read */
	double eps;        /* its norm's epsilon where it has none */
	const char *share; /* its key of the share of a head that rotates; NULL: all of it does */
	struct rope_keys rope;
	struct bias_key {
		const char *key;
		int otherwise;
	} bias[SITES];   /* its key of a layer's having biases */
	int interleaved; /* q, k, v of a head adjacent (GPT-NeoX), else all q, all k, all v */
	int gguf_rotated; /* GGUF's q and k have the two halves of a head's rotary pairs interleaved */
};

struct config {
	const struct family *family;
	long vocab, dim, layers, ffn;
	struct heads heads;   /* strides and scale included */
	long k_at, v_at, qkv; /* columns of the qkv activation where k, v start; its width */
	int rotary;           /* columns of a head that rotate */
	struct rope rope;
	struct act act;
	long context;     /* positions that the model was made for; 0: not said */
	int parallel;     /* attention and mlp both read x */
	int tied;         /* head = embed */
	int bias[SITES];  /* may the layer have biases? */
	const char *head; /* the head's name in this model's files */
	float eps;
};

/* The norm of a whole row. */
static inline struct norm config_norm(const struct config *c)
{
	return (struct norm){.rms = c->family->rms, .eps = c->eps, .heads = 1};
}

const struct family *config_families(void); /* ends with name NULL */
/* The columns [*first, *first + *cols) that a part fills. */
void config_extent(const struct config *, const struct part *, long *first, long *cols);
/* The width of a layer's input and of its output. */
void config_site(const struct config *, enum site, long *in, long *out);

/* From config.json or GGUF metadata; -1 with a fault that names an unknown
 * family or a missing or nonsensical key. */
int config_json(struct config *, const json_t *, struct fault *);
int config_gguf(struct config *, const struct gguf *, struct fault *);

#endif
