/* SPDX-License-Identifier: MIT */
/* gguf.h - GGUF files, versions 2 and 3: metadata and tensors (ggml's docs/gguf.md). */
#ifndef SEAL_GGUF_H
#define SEAL_GGUF_H

#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "../base/die.h"
#include "../../kernels/dtype.h"

struct gguf_tensor {
	const char *name; /* owned by the struct gguf */
	enum dtype type;  /* DT_TYPES: none that can be decoded */
	const char *kind; /* its name */
	int rank;
	long shape[4];    /* in ggml's order: shape[0] counts the columns */
	const void *data; /* borrowed from the map */
	size_t bytes;
};

enum gguf_kind { GGUF_INT, GGUF_REAL, GGUF_BOOL, GGUF_TEXT, GGUF_ARRAY };

struct gguf_value {
	const char *key;
	enum gguf_kind kind;
	enum gguf_kind of; /* ARRAY: the kind of its items */
	int64_t i;
	double r;         /* a number or BOOL is set in both */
	const char *text; /* TEXT: n bytes, borrowed from the map, without a NUL */
	size_t n;
	long count; /* ARRAY: how many items */
	const void *items;
	int item_type; /* for gguf_item */
	size_t *at;    /* ARRAY of TEXT: the offset of each item */
};

struct gguf {
	struct gguf_value *value;
	long values;
	struct gguf_tensor *tensor;
	long tensors;
	const void *map;
	size_t bytes;
};

/* A value to write: a text, or a FLOAT32 where text is NULL. */
struct gguf_pair {
	const char *key, *text;
	float real;
};

/* Appends to out a GGUF file, version 3, of these pairs and tensors (name, type, rank, shape, data,
 * bytes). */
void gguf_write(struct buf *out, const struct gguf_pair *, int pairs, const struct gguf_tensor *,
                int n);

int gguf_is(const void *p, size_t bytes);  /* starts with the magic */
int gguf_old(const void *p, size_t bytes); /* with that of a format before GGUF */
/* Parses a mapped file, which must outlive the result; -1 with a fault, and nothing to close. */
int gguf_parse(struct gguf *, const void *map, size_t bytes, struct fault *);
void gguf_close(struct gguf *); /* does not unmap the file */

/* Large models are split into several files; the first has the metadata, each some tensors.  Which
 * part a file is, from 0, and of how many; 0 of 1: the whole. */
int gguf_part(const struct gguf *, long *no, long *of, struct fault *);
int gguf_first(const struct gguf *, struct fault *); /* -1: it is another part than the first */
/* Adds the tensors of another part, which is closed by it. */
int gguf_join(struct gguf *, struct gguf *part, struct fault *);

/* Lookups: NULL, or `otherwise`, when there is no such key or it is of another kind. */
const struct gguf_value *gguf_find(const struct gguf *, const char *key);
long gguf_int(const struct gguf *, const char *key, long otherwise);
double gguf_real(const struct gguf *, const char *key, double otherwise);
char *gguf_text(const struct gguf *, const char *key); /* owned */
const struct gguf_tensor *gguf_tensor(const struct gguf *, const char *name);
/* Item i of an array of texts (borrowed) or of numbers. */
const char *gguf_item_text(const struct gguf_value *, long i, size_t *n);
double gguf_item(const struct gguf_value *, long i);

#endif
