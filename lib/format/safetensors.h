/* SPDX-License-Identifier: MIT */
/* safetensors.h - named arrays in one blob (github.com/huggingface/safetensors): the length of
 * the header (8 bytes, little-endian), the header (JSON), the data.
 */
#ifndef SEAL_SAFETENSORS_H
#define SEAL_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "../base/die.h"
#include "../../kernels/dtype.h"

/* clang-format off */
enum st_type {
	ST_F64, ST_F32, ST_F16, ST_BF16, ST_I64, ST_I32, ST_I16, ST_I8, ST_U64, ST_U32, ST_U16, ST_U8,
	ST_BOOL, ST_TYPES
};
/* clang-format on */

enum { ST_RANK = 8 };

struct st_tensor {
	char *name;
	enum st_type type;
	int rank;
	long shape[ST_RANK];
	const void *data; /* borrowed from the blob; bytes of them */
	size_t bytes;
};

struct st_meta {
	char *key, *value;
};

struct safetensors {
	struct st_tensor *tensor;
	int n;
	struct st_meta *meta; /* __metadata__, in file order */
	int metas;
};

size_t st_size(enum st_type);
const char *st_name(enum st_type); /* "F32" ... */
/* The type of weights that it is, DT_TYPES when it is none; and the reverse, for F32, BF16, F16. */
enum dtype st_dtype(enum st_type);
enum st_type st_of_dtype(enum dtype);

/* The header's length from the blob's first 8 bytes; -1 when it is over 100 MB, which is a lie. */
int st_header_bytes(const void *first8, size_t *bytes, struct fault *);

/* Reads the blob that begins at p.  *used is set to its whole length, at most `bytes`.  Every
 * offset, shape and size is checked; tensors may neither overlap nor leave holes.  -1 with a
 * fault, and nothing to close. */
int st_parse(struct safetensors *, const void *p, size_t bytes, size_t *used, struct fault *);
/* As st_parse, of the header alone (the JSON text at p), for reading a stream blob by blob.  In
 * place of data there are offsets from the beginning of the data, of which *data_bytes follow
 * the header. */
int st_parse_header(struct safetensors *, const void *p, size_t header, size_t *data_bytes,
                    struct fault *);
void st_close(struct safetensors *);

const struct st_tensor *st_find(const struct safetensors *, const char *name); /* or NULL */
const char *st_meta(const struct safetensors *, const char *key);              /* or NULL */

/* Appends to out what stands before the data of these tensors: the length and the header. */
void st_head(struct buf *out, const struct st_tensor *, int n, const struct st_meta *, int metas);
/* Appends to out the whole blob of these tensors (all fields set) and metadata.  The tensors keep
 * their order; the first is aligned to 8 bytes, and all are aligned to their type when wider
 * types come first.  With `align` a U8 tensor `pad` is added where the length is no multiple
 * of 8.  Equal input gives equal bytes. */
void st_write(struct buf *out, const struct st_tensor *, int n, const struct st_meta *, int metas,
              int align);

#endif
