/* SPDX-License-Identifier: MIT */
/* ops.h - the whole of the numerics that seal needs.
 *
 * A device is memory plus the operations below; one list, a body for each
 * device (norm.c, norm.cu).  Everything above this header is written once and
 * never asks which device it runs on.
 *
 * Matrices are row-major; ld >= cols counts elements, so that a matrix may be
 * some columns of a wider one (columns()).  Types: where a contract says "any",
 * each operand may be F32 or BF16 of its own; sums are in F32 throughout.
 * Every output says whether it is set (=) or added to (+=).  Pointers are
 * device memory except where marked host.  Sums are in a fixed order: equal
 * input and threads give equal bits.
 */
#ifndef SEAL_OPS_H
#define SEAL_OPS_H

#include <stddef.h>
#include <stdint.h>

#include "dtype.h"

enum { MAT_ALIGN = 64 }; /* bytes: where memory of a matrix begins */

struct mat { /* a matrix in device memory; owns nothing */
	void *p;
	enum dtype type;
	long rows, cols, ld;
};

static inline struct mat mat_of(void *p, enum dtype type, long rows, long cols)
{
	return (struct mat){p, type, rows, cols, cols};
}

/* n columns of m from column `first` on. */
static inline struct mat columns(struct mat m, long first, long n)
{
	m.p = (char *)m.p + first * dtype_size(m.type);
	m.cols = n;
	return m;
}

/* n rows of m from row `first` on. */
static inline struct mat row_range(struct mat m, long first, long n)
{
	m.p = (char *)m.p + first * m.ld * dtype_size(m.type);
	m.rows = n;
	return m;
}

/* How packed tokens divide into rows, for attention.  Row r's queries are the
 * rows q[r]..q[r+1]-1 of the query matrix; its keys are len[r] rows of the key
 * and value matrices from k[r] on; the last query sees the last key, the one
 * before it all keys but the last, and so on.  k = q where rows share no keys. */
struct spans {
	const int32_t *q;       /* [n + 1] */
	const int32_t *k, *len; /* [n] */
	int n;
	int longest; /* the largest len */
};

/* Rows that are added up: group i is the rows place[start[i]] .. place[start[i + 1] - 1] of a
 * matrix, which go to row to[i] of another. */
struct groups {
	const int32_t *to;    /* [n], distinct */
	const int32_t *start; /* [n + 1] */
	const int32_t *place; /* [start[n]] */
	long n;
};

/* Head h of the queries is columns h * q_stride .. + dim; key and value head g
 * is g * kv_stride .. + dim; query head h reads key head h / (q / kv). */
struct heads {
	int q, kv, dim;
	long q_stride, kv_stride;
	int window;  /* a query sees at most so many last keys; 0: all */
	float scale; /* of q k', above 0, usually 1/sqrt(dim) */
	float cap;   /* scores are cap tanh(scale q k' / cap) (Gemma-2); 0: scale q k' */
};

/* gated: x = [gate | up], twice as wide as y, and y = f(gate) up; else y = f(x). */
enum act_function { ACT_GELU, ACT_GELU_TANH, ACT_SILU };
struct act {
	enum act_function f;
	int gated;
};

/* A row is `heads` groups of gain.cols columns, group h at column h * stride; each is
 * normalised by itself, all with the same gain and bias.  heads is at least 1; with 1 the
 * row is the group, and stride is not looked at. */
struct norm {
	int rms;      /* the mean is taken as 0 (RMSNorm) */
	float eps;    /* added to the mean square */
	float offset; /* the gain is offset + gain: 1 where a model stores gain - 1 (Gemma) */
	int heads;
	long stride;
};

struct adamw {
	float rate, beta1, beta2, eps, decay, clip;
	long step;
}; /* step from 1; clip 0: none */

struct dev;

struct ops {
	/* Memory.  alloc dies when there is none and aligns to MAT_ALIGN. */
	void *(*alloc)(struct dev *, size_t bytes);
	void (*free)(struct dev *, void *);
	void (*put)(struct dev *, void *dst, const void *host, size_t bytes);
	void (*get)(struct dev *, void *host, const void *src, size_t bytes);
	/* x = 0 */
	void (*zero)(struct dev *, struct mat x);
	/* Bytes that a run may take where it is not told: most of what there is. */
	size_t (*spare)(struct dev *);
	/* y = x, any types */
	void (*copy)(struct dev *, struct mat y, struct mat x);

	/* c = alpha op(a) op(b) + beta c; op transposes when ta (tb) is set.
	 * a and b are of one type, c any; beta 0 does not read c. */
	void (*gemm)(struct dev *, struct mat c, struct mat a, int ta, struct mat b, int tb,
	             float alpha, float beta);
	/* c = base + alpha op(a) op(b): base is of c's type and shape, and elsewhere */
	void (*gemm_add)(struct dev *, struct mat c, struct mat base, struct mat a, int ta,
	                 struct mat b, int tb, float alpha);
	/* y[i] += scale b; y any, b F32 [1 x cols] */
	void (*bias)(struct dev *, struct mat y, struct mat b, float scale);
	/* db += scale sum_i dy[i]; dy any, db F32 [1 x cols] */
	void (*bias_back)(struct dev *, struct mat db, struct mat dy, float scale);

	/* y[i] = scale x[id[i]] for i < y.rows; y any, x of any type that files hold (embedding,
	 * and the decoding of matrices) */
	void (*gather)(struct dev *, struct mat y, struct mat x, const int32_t *id, float scale);
	/* y[id[i]] = x[i] for i < x.rows, ids distinct; any types (key/value cache,
	 * gradient of the head's rows) */
	void (*scatter)(struct dev *, struct mat y, struct mat x, const int32_t *id);
	/* y[to] += scale times the sum of the group's rows of x; any types (gradient of gather) */
	void (*scatter_add)(struct dev *, struct mat y, struct mat x, struct groups, float scale);

	/* y = (or += where add) (x - mean) / std * (offset + gain) + bias, a group of columns at a
	 * time; where rms, mean is 0 and std the root of the mean square.  x any; y any, F32 where
	 * add, and where not add it may be the same memory as x of the same type.  gain and bias
	 * F32 [1 x columns of a group]; bias.p may be NULL.  stat [rows * heads x 2]: mean and 1/std
	 * of each group.  A GPU refuses groups of more than 16384 columns.
	 * (Ba, Kiros, Hinton 2016; Zhang, Sennrich 2019) */
	void (*norm)(struct dev *, struct mat y, float *stat, struct mat x, struct mat gain,
	             struct mat bias, struct norm, int add);
	/* dx = (or += where add) its gradient; dgain, dbias += theirs where p is not NULL, F32.
	 * dy and x any; dx any, F32 where add, and where not add it may be the same memory as dy
	 * of the same type.  half = dx in BF16 where its p is not NULL.  stat is what norm set. */
	void (*norm_back)(struct dev *, struct mat dx, struct mat half, struct mat dgain,
	                  struct mat dbias, struct mat dy, struct mat x, struct mat gain,
	                  const float *stat, struct norm, int add);

	/* Rotates, in place, the first `rotary` columns of each of n heads (head h
	 * at column h * stride of x) by the angles of each token's position: pairs
	 * (j, j + rotary/2), table[position] = cos[rotary/2], sin[rotary/2].
	 * sign -1 is the inverse, which is the gradient.  x any.  (Su et al. 2021) */
	void (*rope)(struct dev *, struct mat x, int n, long stride, int rotary,
	             const int32_t *position, const float *table, int sign);

	/* o = softmax(scores where visible) v, per head, with the scores that struct heads says;
	 * o [tokens x q*dim] packs its heads; lse [tokens x q] = log of the sum of exponentials,
	 * may be NULL.  q, k, v, o of one type, any.  A GPU refuses heads of more than 256 columns. */
	void (*attn)(struct dev *, struct mat o, float *lse, struct mat q, struct mat k,
	             struct mat v, struct spans, struct heads);
	/* dq, dk, dv = their gradients; laid out as q, k, v. */
	void (*attn_back)(struct dev *, struct mat dq, struct mat dk, struct mat dv,
	                  struct mat dout, struct mat o, const float *lse, struct mat q,
	                  struct mat k, struct mat v, struct spans, struct heads);

	/* y = act(x), dx = dy act'(x); all of one type, any.  dx may be the memory of x, or of
	 * dy where not gated. */
	void (*act)(struct dev *, struct mat y, struct mat x, struct act);
	void (*act_back)(struct dev *, struct mat dx, struct mat dy, struct mat x, struct act);

	/* id[i] = the column of the largest value of row i of x, the first of equal ones; -1 where one is
	 * no number or the largest is not finite.  x F32 */
	void (*argmax)(struct dev *, int32_t *id, struct mat x);
	/* x = cap tanh(x / cap); x F32, cap > 0 (the logits of Gemma-2) */
	void (*softcap)(struct dev *, struct mat x, float cap);
	/* loss[i] = -log softmax(logits[i])[target[i]], 0 where target[i] < 0.
	 * Where dlogits.p is not NULL: dlogits[i] = weight[i] times the gradient of
	 * loss[i].  Where cap > 0, logits are what softcap made of others, and dlogits are the
	 * gradient of those.  logits F32, dlogits any; they may be the same memory if F32. */
	void (*xent)(struct dev *, float *loss, struct mat dlogits, struct mat logits,
	             const int32_t *target, const float *weight, float cap);

	/* *sum = x'y of n F32 values; x and y may be the same memory */
	void (*dot)(struct dev *, float *sum, const float *x, const float *y, long n);
	/* One AdamW step (Kingma, Ba 2015; Loshchilov, Hutter 2019) on n values:
	 * g is first scaled by min(1, clip / sqrt(*sum)) where clip > 0 (torch's
	 * clip_grad_norm_: clip / (norm + 1e-6)); decay: p -= rate decay p;
	 * p, m, v are updated, bias-corrected, eps added outside the root. */
	void (*adamw)(struct dev *, float *p, const float *g, float *m, float *v, long n,
	              struct adamw, const float *sum);

	/* Calls f(part, first, n, with) for ranges first..first+n-1 of 0..rows-1 that together are all
	 * of it, several at a time where the processor has so many threads.  f computes on the device
	 * part, which is d or a part of it, and reads nothing that the others set.  The ranges follow
	 * from the number of rows and d's threads. */
	void (*by_rows)(struct dev *d, long rows,
	                void (*f)(struct dev *part, long first, long n, void *with), void *with);

	/* Sends F32 out[r] [1 x cols] to each rank r of the run (../lib/base/world.h), and sets in[r] to
	 * what that one sends; cols 0: nothing.  0 where it cannot, on all ranks, and nothing was done;
	 * NULL: it never can. */
	int (*exchange)(struct dev *, const struct mat out[], const struct mat in[]);

	/* Frees all that the device holds; its allocations were freed before. */
	void (*close)(struct dev *);
};

struct dev { /* to be read */
	const struct ops *op;
	const char *name;
	void *self;
	int fast_bf16;    /* it multiplies bf16 faster than f32 */
	int apart;        /* its memory is not the host's */
	int large_pages;  /* memory that is used whole is to be in pages of 2 MB */
	long pass_tokens; /* it works well on so many tokens at a time, */
	long head_rows;   /* and on the logits of so many: a multiple of 64 */
};

/* To be called first in main, before anything is read.  OpenMP's threads spin while
 * they wait, and take the processor from those that they wait for when anything
 * else runs (a step then took eight times as long); it reads the setting that has
 * them sleep, but for the shortest waits, before main, so this starts the program again with it. */
void dev_prepare(char **argv);

extern const char dev_names[]; /* the names that dev_open takes, as -h says them */
/* NULL with the reason if this build or machine has no such device.  threads 0: all.  Of a device
 * that opens *why is NULL, but where "auto" passed over one that the machine seems to have: then it
 * is the reason. */
struct dev *dev_open(const char *name, int threads, const char **why);
void dev_close(struct dev *);

#endif
