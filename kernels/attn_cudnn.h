/* SPDX-License-Identifier: MIT */
/* attn_cudnn.h - attention by cuDNN's fused kernels, which on an H200 take 0.3 to 1.2 of the
 * time of attn.cu's and attn_back.cu's; of attn_hopper.cu's 0.6 to 0.9 forwards where heads are
 * wide, and 1 to 2 back.  They are for bf16 rows that can be read 16 bytes at a time, without a
 * cap.
 *
 * What is needed to build this is a folder of headers, cudnn-frontend, by which cuDNN is told what
 * to compute; a program that was built so looks for cuDNN itself when attention is first computed.
 */
#ifndef SEAL_ATTN_CUDNN_H
#define SEAL_ATTN_CUDNN_H

#include "cuda.h"

/* Where rows have fewer queries than that on average, as one each in generation, what is made for
 * many is slower than the kernels of attn.cu. */
enum { ATTN_MANY = 8 };

/* The matrices of attention, in a struct mat [DV + 1], forwards [O + 1].  STATS is lse. */
enum { Q, K, V, O, DOUT, DQ, DK, DV, STATS, MATS };

static inline __host__ __device__ bool is_of_keys(int matrix)
{
	return matrix == K || matrix == V || matrix == DK || matrix == DV;
}

/* Where rows of tokens begin in each matrix, in elements, then their numbers of queries and keys:
 * MATS + 2 arrays of RAGGED(rows) numbers.  Rows from the spans' n-th on are empty. */
#define RAGGED(rows) ((rows) + 4)
void cuda_ragged(struct dev *, int32_t *to, struct spans, int rows, const long ld[MATS]);

/* Attention, forwards or back; lse may be NULL forwards.  0 where cuDNN does not do it: then
 * nothing was done. */
#ifdef SEAL_CUDNN
int cudnn_attn(struct dev *, const struct mat m[], float *lse, struct spans, struct heads,
               int back);
void cudnn_close(struct cudnn *);
#else
static inline int cudnn_attn(struct dev *, const struct mat *, float *, struct spans, struct heads,
                             int)
{
	return 0;
}
static inline void cudnn_close(struct cudnn *) {}
#endif

#endif
