/* SPDX-License-Identifier: MIT */
/* adapter.h - theta: the trainable tensors, apart from the frozen model.  They are
 * LoRA pairs beside its matrices, or all of its tensors in place of them.
 *
 * All of an adapter's tensors lie in one contiguous F32 vector p with its
 * gradient g and Adam's moments m, v.  A LoRA pair adds scale * (x a') b' to
 * its part of a linear layer (Hu et al. 2021, "LoRA", section 4.1); the a's of
 * one layer are adjacent, so that all of a layer's x a' are one product.
 */
#ifndef SEAL_ADAPTER_H
#define SEAL_ADAPTER_H

#include "../base/buf.h"
#include "../format/jsonl.h"
#include "net.h"

struct lora { /* one pair */
	const struct part *part;
	long first, cols; /* columns of the layer's output that it adds to */
	long at;          /* its first column in the layer's t = x a' */
	long rank;
	struct mat a, b;   /* [rank x in], [cols x rank]; in the compute type */
	struct mat da, db; /* gradients, F32; added to */
};

struct lora_site { /* the pairs of one linear layer; n 0: none */
	struct lora pair[4];
	int n;
	long ranks;       /* the sum of theirs */
	struct mat a, da; /* all a's, [ranks x in] */
};

struct adapter {
	struct dev *dev;
	const struct config *config;
	long rank;
	double alpha;
	float scale;          /* scale = alpha / rank */
	char *targets;        /* PEFT names, comma-separated */
	long n;               /* trainable values */
	float *p, *g, *m, *v; /* device, [n] */
	void *shadow;         /* p in the compute type, or p itself when that is F32 */
	enum dtype type;
	long step;                       /* Adam steps taken */
	struct lora_site (*site)[SITES]; /* [layers] */
	long sites;                      /* how many have pairs */
	struct net *net, *grad; /* theta of all weights: them and their gradients; else NULL */
	float *sum;             /* device, for the squared gradient norm */
};

/* targets: "auto" or PEFT's module names.  a ~ U(-1/sqrt(in), 1/sqrt(in)) (PEFT's
 * kaiming_uniform with a = sqrt(5)), b = 0.  Dies on an unknown target. */
struct adapter *adapter_new(struct dev *, const struct config *, enum dtype, const char *targets,
                            long rank, double alpha, uint64_t seed);
/* All zero; for loading. */
struct adapter *adapter_blank(struct dev *, const struct config *, enum dtype, const char *targets,
                              long rank, double alpha);
/* Room for all tensors of the network, values unset; matrices in the compute type. */
struct adapter *adapter_whole(struct dev *, const struct config *, enum dtype,
                              const struct net *like);
/* The F32 values whose gradient is `grad`. */
struct mat adapter_master(const struct adapter *, struct mat grad);
struct adapter *adapter_clone(const struct adapter *); /* values, zero gradient and moments */
void adapter_close(struct adapter *);

/* PEFT folders.  Loading dies on what it cannot honour (another peft_type, dora,
 * modules_to_save, ...).  template and settings: recorded in the metadata of the
 * tensors' file; template may be NULL. */
struct adapter *adapter_load(struct dev *, const struct config *, enum dtype, const char *dir);
void adapter_save(const struct adapter *, const char *dir, const char *base, const char *template,
                  const json_t *settings);
/* The modules of an adapter_config.json, comma-separated and owned; NULL with a fault
 * where it asks for what adapter_load refuses.  "r" and "lora_alpha" make sense then. */
char *peft_targets(const struct config *, const json_t *, struct fault *);
/* Appends to out a GGUF file that llama.cpp takes with --lora. */
void adapter_write_gguf(const struct adapter *, struct buf *out);
char *adapter_template(const char *dir); /* owned, or NULL */

void adapter_zero(struct adapter *);         /* g = 0 */
double adapter_norm(const struct adapter *); /* of g */
/* One Adam step with torch's clipping, then g = 0; returns the norm that g had. */
double adapter_step(struct adapter *, struct adamw);
void adapter_refresh(struct adapter *); /* shadow = p, after p was set from outside */

#endif
