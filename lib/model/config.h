/* config.h - what a model is: its shapes, and which tensor plays which role.
 *
 * To add a family: one row in the table of config.c.
 */
#ifndef SEAL_CONFIG_H
#define SEAL_CONFIG_H

#include "../../kernels/ops.h"
#include "../format/gguf.h"
#include "../format/jsonl.h"

/* The linear layers of a block, each one matrix product. */
enum site { QKV, OUT, UP, DOWN, SITES };

/* A matrix of a linear layer: its name in either file format (%d is the layer),
 * PEFT's name of the module, and the layer that it is part of. */
struct part {
	enum site site;
	const char *module;        /* "self_attn.q_proj" below the block */
	const char *gguf;          /* "blk.%d.attn_q" */
	int bias;                  /* 1: always has one; 0: if the file has it */
};

enum { PARTS = 8 };

struct family {
	const char *name;          /* model_type of config.json */
	const char *gguf;          /* general.architecture */
	const char *embed, *final_norm, *head;         /* without .weight; Hugging Face */
	const char *block;         /* "model.layers.%d" */
	const char *norm1, *norm2; /* below the block */
	const char *gguf_norm1, *gguf_norm2;
	struct part part[PARTS];
	const char *targets;       /* default LoRA targets, comma-separated */
	int rms, packed_heads;     /* packed_heads: q, k, v interleaved per head (NeoX) */
	int gguf_permuted;         /* GGUF stores q, k with rotary pairs interleaved */
};

struct config {
	const struct family *family;
	long vocab, dim, layers, ffn, max_position;
	struct heads heads;        /* strides and scale included */
	long k_at, v_at, qkv;      /* columns of the qkv activation where k, v start; its width */
	int rotary;                /* columns of a head that rotate */
	double theta;              /* rotary base */
	enum act act;
	int parallel;              /* attention and mlp both read x */
	int tied;                  /* head = embed */
	float eps;
};

/* From config.json or GGUF metadata; -1 with a fault that names an unknown
 * family or a missing or nonsensical key. */
int config_json(struct config *, const json_t *, struct fault *);
int config_gguf(struct config *, const struct gguf *, struct fault *);

#endif
