/* SPDX-License-Identifier: MIT */
/* gguf.h - GGUF files (v2, v3): metadata, tensors, and their block formats.
 *
 * Source: ggml's docs/gguf.md and the layouts of its quantised blocks. */
#ifndef SEAL_GGUF_H
#define SEAL_GGUF_H

#include <stddef.h>
#include <stdint.h>

#include "../base/die.h"
#include "dtype.h"

struct gguf_tensor {
	const char *name; /* not NUL-terminated in the file: owned copy */
	enum dtype type;
	int rank;
	long shape[4];    /* ggml's order: shape[0] is the fastest (columns) */
	const void *data; /* borrowed from the map */
	size_t bytes;
};

enum gguf_kind { GGUF_UINT, GGUF_INT, GGUF_REAL, GGUF_BOOL, GGUF_TEXT, GGUF_ARRAY };

struct gguf_value {
	const char *key;
	enum gguf_kind kind; /* of an array: GGUF_ARRAY, its items' in `of` */
	enum gguf_kind of;
	uint64_t u;
	int64_t i;
	double r; /* all three set for numbers and BOOL */
	const char *text;
	size_t n;   /* TEXT: bytes borrowed, not terminated */
	long count; /* ARRAY: items */
	const void *items;
	int item_type; /* for gguf_item */
	size_t *at;    /* text arrays: offset of each item */
};

struct gguf {
	struct gguf_value *value;
	long values;
	struct gguf_tensor *tensor;
	long tensors;
	const void *map;
	size_t bytes;
};

/* A value to write: a text, or else a FLOAT32. */
struct gguf_pair {
	const char *key, *text;
	float real;
};

/* Appends to out a GGUF file of these pairs and tensors (name, type, rank, shape, data, bytes). */
void gguf_write(struct buf *out, const struct gguf_pair *, int pairs, const struct gguf_tensor *,
                int n);

int gguf_is(const void *p, size_t bytes); /* starts with the magic */
/* Parses a mapped file, which must outlive it. -1 with a fault. */
int gguf_parse(struct gguf *, const void *map, size_t bytes, struct fault *);
void gguf_close(struct gguf *); /* frees; does not unmap */

const struct gguf_value *gguf_find(const struct gguf *, const char *key); /* or NULL */
long gguf_int(const struct gguf *, const char *key, long otherwise);
double gguf_real(const struct gguf *, const char *key, double otherwise);
/* Owned copy of a text value, or NULL. */
char *gguf_text(const struct gguf *, const char *key);
/* Item i of an array: text (borrowed) or number. */
const char *gguf_item_text(const struct gguf_value *, long i, size_t *n);
double gguf_item(const struct gguf_value *, long i);
const struct gguf_tensor *gguf_tensor(const struct gguf *, const char *name);

/* ggml's number of a type. */
int gguf_number(enum dtype);

#endif
