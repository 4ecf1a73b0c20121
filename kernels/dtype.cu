/* SPDX-License-Identifier: MIT */
/* dtype.cu - rows of stored weights, decoded: a thread for each piece of a row. */
#include "cuda.h"
#include "dtype_blocks.h"

static inline __device__ float value(int type, const uint8_t *p, int j)
{
	switch (type) {
	case DT_F16: return f16(p, j);
	case DT_Q4_0: return q4_0(p, j);
	case DT_Q4_1: return q4_1(p, j);
	case DT_Q5_0: return q5_0(p, j);
	case DT_Q5_1: return q5_1(p, j);
	case DT_Q8_0: return q8_0(p, j);
	case DT_Q2_K: return q2_k(p, j);
	case DT_Q3_K: return q3_k(p, j);
	case DT_Q4_K: return q4_k(p, j);
	case DT_Q5_K: return q5_k(p, j);
	case DT_Q6_K: return q6_k(p, j);
	case DT_IQ4_NL: return iq4_nl(p, j);
	case DT_IQ4_XS: return iq4_xs(p, j);
	case DT_MXFP4: return mxfp4(p, j);
	}
	return 0;
}

/* y[i] = scale x[id[i]], of rows of blocks of so many values and bytes */
template <class Y>
static __global__ void decode_rows(Y *y, long ldy, const uint8_t *x, const int32_t *id, float scale,
                                   int type, long rows, long cols, int values, int bytes, int wide)
{
	float v[CUDA_PIECE];
	long i, j;

	if (!own_piece(rows, cols, &i, &j))
		return;
	x += id[i] * (cols / values) * bytes;
#pragma unroll
	for (int k = 0; k < CUDA_PIECE; k++)
		v[k] = j + k < cols
		               ? scale * value(type, x + (j + k) / values * bytes, (j + k) % values)
		               : 0;
	store_piece(y + i * ldy + j, v, cols - j, wide);
}

template <class Y>
static void decode_as(struct dev *d, struct mat y, struct mat x, const int32_t *id, float scale)
{
	LAUNCH((decode_rows<Y>), blocks_of(y.rows * pieces_of(x.cols)), CUDA_BLOCK, 0,
	       cuda_of(d)->stream, (Y *)y.p, y.ld, (const uint8_t *)x.p, id, scale, (int)x.type,
	       y.rows, x.cols, (int)dtype_block(x.type), (int)dtype_block_bytes(x.type),
	       is_wide(y));
}

void cuda_decode(struct dev *d, struct mat y, struct mat x, const int32_t *id, float scale)
{
	if (!y.rows || !x.cols)
		return;
	if (y.type == DT_F32)
		decode_as<float>(d, y, x, id, scale);
	else
		decode_as<bf16>(d, y, x, id, scale);
}
