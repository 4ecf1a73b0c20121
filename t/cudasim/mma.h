/* SPDX-License-Identifier: MIT */
/* mma.h - tensor cores through nvcuda::wmma.  Which lane holds which element is nobody's
 * business but the hardware's, so here it is scattered. */
#ifndef CUDASIM_MMA_H
#define CUDASIM_MMA_H

#include "cuda_bf16.h"
#include "cuda_runtime.h"

namespace cudasim {

enum factor { BF16_FACTOR, TF32_FACTOR };

/* One lane's part of d = a b + c. */
struct product {
	float *d;
	const void *a, *b;
	const float *c;
	int m, n, k, a_held, b_held, c_held;
	enum factor type;
};

/* The element that lane holds as its i-th of `held`, of a matrix of `total`. */
static inline int element_of(int lane, int i, int held, int total)
{
	return (lane * held + i) * 37 % total;
}

}

namespace nvcuda {
namespace wmma {

struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
enum layout_t { mem_row_major, mem_col_major };
namespace precision { struct tf32 {}; }

template <class T> struct storage { typedef T type; };
template <> struct storage<precision::tf32> { typedef float type; };

template <class Use, int M, int N, int K> struct extent;
template <int M, int N, int K> struct extent<matrix_a, M, N, K> { enum { rows = M, cols = K }; };
template <int M, int N, int K> struct extent<matrix_b, M, N, K> { enum { rows = K, cols = N }; };
template <int M, int N, int K> struct extent<accumulator, M, N, K> { enum { rows = M, cols = N }; };

template <class Use, int M, int N, int K, class T, class Layout = void> struct fragment {
	typedef typename storage<T>::type storage_element_type;
	typedef storage_element_type element_type;
	enum {
		rows = extent<Use, M, N, K>::rows, cols = extent<Use, M, N, K>::cols,
		total = rows * cols, num_elements = total / 32,
	};
	storage_element_type x[num_elements];
	fragment() { memset((void *)x, 0xff, sizeof x); }        /* not to be used before it is set */
};

static inline int lane_here()
{
	return (int)((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32);
}

/* The rules of load and store: all lanes come, pointer and stride are aligned. */
template <class F> void meet(const void *p, unsigned ld, struct cudasim::place at)
{
	size_t size = sizeof(typename F::storage_element_type);

	cudasim::together(cudasim::UNIFORM, 0xffffffffu, (uint64_t)p, (int)ld, 32, at);
	cudasim::aligned(p, 32, at);
	cudasim::aligned((const void *)(ld * size), 16, at);
}

template <class F, class T> void load(F &f, const T *p, unsigned ld, bool by_rows, struct cudasim::place at)
{
	meet<F>(p, ld, at);
	for (int i = 0; i < (int)F::num_elements; i++) {
		int e = cudasim::element_of(lane_here(), i, F::num_elements, F::total);
		size_t row = e / F::cols, col = e % F::cols;

		f.x[i] = by_rows ? p[row * ld + col] : p[col * ld + row];
	}
}

template <class Use, int M, int N, int K, class T>
void load_matrix_sync(fragment<Use, M, N, K, T, row_major> &f, const typename storage<T>::type *p,
                      unsigned ld, CUDASIM_PLACE)
{
	load(f, p, ld, true, at);
}

template <class Use, int M, int N, int K, class T>
void load_matrix_sync(fragment<Use, M, N, K, T, col_major> &f, const typename storage<T>::type *p,
                      unsigned ld, CUDASIM_PLACE)
{
	load(f, p, ld, false, at);
}

template <int M, int N, int K, class T>
void load_matrix_sync(fragment<accumulator, M, N, K, T> &f, const T *p, unsigned ld, layout_t layout,
                      CUDASIM_PLACE)
{
	load(f, p, ld, layout == mem_row_major, at);
}

template <int M, int N, int K, class T>
void store_matrix_sync(T *p, const fragment<accumulator, M, N, K, T> &f, unsigned ld, layout_t layout,
                       CUDASIM_PLACE)
{
	typedef fragment<accumulator, M, N, K, T> F;

	meet<F>(p, ld, at);
	for (int i = 0; i < (int)F::num_elements; i++) {
		int e = cudasim::element_of(lane_here(), i, F::num_elements, F::total);
		size_t row = e / F::cols, col = e % F::cols;

		p[layout == mem_row_major ? row * ld + col : col * ld + row] = f.x[i];
	}
}

template <class Use, int M, int N, int K, class T, class Layout, class V>
void fill_fragment(fragment<Use, M, N, K, T, Layout> &f, V value)
{
	for (int i = 0; i < (int)f.num_elements; i++)
		f.x[i] = (typename storage<T>::type)value;
}

template <class T> struct factor_of { static const cudasim::factor type = cudasim::BF16_FACTOR; };
template <> struct factor_of<precision::tf32> { static const cudasim::factor type = cudasim::TF32_FACTOR; };

template <int M, int N, int K, class T, class LA, class LB>
void mma_sync(fragment<accumulator, M, N, K, float> &d, const fragment<matrix_a, M, N, K, T, LA> &a,
              const fragment<matrix_b, M, N, K, T, LB> &b,
              const fragment<accumulator, M, N, K, float> &c, CUDASIM_PLACE)
{
	cudasim::product p = {d.x, a.x, b.x, c.x, M, N, K, a.num_elements, b.num_elements,
	                      c.num_elements, factor_of<T>::type};

	cudasim::together(cudasim::MMA, 0xffffffffu, (uint64_t)&p, 0, 32, at);
}

/* To tf32's ten bits after the point, ties away from zero. */
static inline float __float_to_tf32(float x)
{
	return __uint_as_float((__float_as_uint(x) + 0x1000) & 0xffffe000u);
}

}
}

#endif
