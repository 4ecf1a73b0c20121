/* SPDX-License-Identifier: MIT */
/* pt.c - see pt.h.
 *
 * The pickle is read as a sentence of this grammar.  Its words are opcodes; behind any of them may
 * stand opcodes that put the value into the pickle's memo:
 *
 *   file      = PROTO2 (value | EMPTY_DICT item | ordered item [state BUILD]) STOP
 *   item      = text value SETITEM
 *   value     = tensor | _rebuild_parameter tensor bool ordered TUPLE3 REDUCE
 *   tensor    = _rebuild_tensor_v2 MARK storage offset size stride bool ordered TUPLE REDUCE
 *   storage   = MARK "storage" FloatStorage key device count TUPLE BINPERSID
 *   size, stride = number TUPLE1
 *   ordered   = OrderedDict EMPTY_TUPLE REDUCE
 *   state     = EMPTY_DICT "_metadata" ordered "" EMPTY_DICT "version" number
 *               SETITEM SETITEM SETITEM
 */
#include "pt.h"

#include <string.h>

#include "zip.h"

/* clang-format off */
enum {
	MARK = '(', STOP = '.', EMPTY_TUPLE = ')', EMPTY_DICT = '}', BININT = 'J', BININT1 = 'K',
	BININT2 = 'M', BINPERSID = 'Q', REDUCE = 'R', BINUNICODE = 'X', BUILD = 'b', GLOBAL = 'c',
	BINGET = 'h', BINPUT = 'q', LONG_BINPUT = 'r', SETITEM = 's', TUPLE = 't',
	PROTO = 0x80, TUPLE1 = 0x85, TUPLE3 = 0x87, NEWTRUE = 0x88, NEWFALSE = 0x89,
};
/* clang-format on */

struct pickle {
	const uint8_t *start, *p, *end;
	int memo;    /* where the memo holds the value that was just read, or -1 */
	int ordered; /* where it holds OrderedDict, or -1 */
	struct fault *fault;
};

struct bytes {
	const uint8_t *p;
	size_t n;
};

/* What reads a part of the sentence returns 0 when it was there, else sets the fault. */

static int unknown(const struct pickle *k, const uint8_t *at)
{
	fault(k->fault,
	      "data.pkl: byte %zu: not the one float32 vector that is looked for, "
	      "and nothing else is read",
	      (size_t)(at - k->start));
	return -1;
}

static size_t left(const struct pickle *k) { return k->end - k->p; }

static int skip_puts(struct pickle *k)
{
	k->memo = -1;
	while (left(k) && (*k->p == BINPUT || *k->p == LONG_BINPUT)) {
		size_t n = *k->p == BINPUT ? 2 : 5;

		if (left(k) < n)
			return unknown(k, k->p);
		k->memo = n == 2 ? k->p[1] : -1;
		k->p += n;
	}
	return 0;
}

static int op(struct pickle *k, int code)
{
	if (!left(k) || *k->p != code)
		return unknown(k, k->p);
	k->p++;
	return skip_puts(k);
}

/* A global of this name, "module\nname\n", comes next. */
static int is_global(const struct pickle *k, const char *name)
{
	size_t n = strlen(name);

	return left(k) >= n + 1 && *k->p == GLOBAL && !memcmp(k->p + 1, name, n);
}

static int global(struct pickle *k, const char *name)
{
	if (!is_global(k, name))
		return unknown(k, k->p);
	k->p += 1 + strlen(name);
	return skip_puts(k);
}

/* Any text. */
static int text(struct pickle *k, struct bytes *b)
{
	const uint8_t *at = k->p;

	if (left(k) < 5 || *at != BINUNICODE)
		return unknown(k, at);
	b->n = at[1] | at[2] << 8 | at[3] << 16 | (size_t)at[4] << 24;
	if (left(k) - 5 < b->n)
		return unknown(k, at);
	b->p = at + 5;
	k->p += 5 + b->n;
	return skip_puts(k);
}

static int text_is(struct pickle *k, const char *want)
{
	const uint8_t *at = k->p;
	struct bytes b;

	if (text(k, &b))
		return -1;
	return b.n == strlen(want) && !memcmp(b.p, want, b.n) ? 0 : unknown(k, at);
}

static int number(struct pickle *k, long *x)
{
	const uint8_t *at = k->p;
	size_t n = !left(k) ? 0 : *at == BININT ? 4 : *at == BININT1 ? 1 : *at == BININT2 ? 2 : 0;

	if (!n || left(k) < 1 + n)
		return unknown(k, at);
	*x = 0;
	for (size_t i = n; i > 0; i--)
		*x = *x << 8 | at[i];
	if (*x > 0x7fffffff) /* BININT is signed */
		return unknown(k, at);
	k->p += 1 + n;
	return 0;
}

static const char ordered_dict[] = "collections\nOrderedDict\n";

static int ordered(struct pickle *k)
{
	if (left(k) >= 2 && *k->p == BINGET && k->ordered >= 0 && k->p[1] == k->ordered) {
		k->p += 2;
	} else {
		if (global(k, ordered_dict))
			return -1;
		k->ordered = k->memo;
	}
	return op(k, EMPTY_TUPLE) || op(k, REDUCE);
}

static int boolean(struct pickle *k)
{
	return op(k, left(k) && *k->p == NEWTRUE ? NEWTRUE : NEWFALSE);
}

static int storage(struct pickle *k, struct pt_view *v)
{
	struct bytes key, device;

	if (op(k, MARK) || text_is(k, "storage") || global(k, "torch\nFloatStorage\n") ||
	    text(k, &key) || text(k, &device))
		return -1;
	v->key = (const char *)key.p;
	v->key_n = key.n;
	return number(k, &v->stored) || op(k, TUPLE) || op(k, BINPERSID);
}

static int tensor(struct pickle *k, struct pt_view *v)
{
	long stride = 0;

	if (global(k, "torch._utils\n_rebuild_tensor_v2\n") || op(k, MARK) || storage(k, v) ||
	    number(k, &v->offset) || number(k, &v->n) || op(k, TUPLE1) || number(k, &stride) ||
	    op(k, TUPLE1) || boolean(k) || ordered(k) || op(k, TUPLE) || op(k, REDUCE))
		return -1;
	if (stride != 1)
		return fault(k->fault, "data.pkl: a vector with gaps");
	if (v->offset > v->stored || v->n > v->stored - v->offset)
		return fault(k->fault, "data.pkl: a vector of %ld values from %ld on, of %ld", v->n,
		             v->offset, v->stored);
	return 0;
}

static int value(struct pickle *k, struct pt_view *v)
{
	static const char parameter[] = "torch._utils\n_rebuild_parameter\n";

	if (!is_global(k, parameter))
		return tensor(k, v);
	return global(k, parameter) || tensor(k, v) || boolean(k) || ordered(k) || op(k, TUPLE3) ||
	       op(k, REDUCE);
}

static int item(struct pickle *k, struct pt_view *v)
{
	struct bytes name;

	return text(k, &name) || value(k, v) || op(k, SETITEM);
}

static int state(struct pickle *k)
{
	long version;

	return op(k, EMPTY_DICT) || text_is(k, "_metadata") || ordered(k) || text_is(k, "") ||
	       op(k, EMPTY_DICT) || text_is(k, "version") || number(k, &version) ||
	       op(k, SETITEM) || op(k, SETITEM) || op(k, SETITEM) || op(k, BUILD);
}

int pt_pickle(struct pt_view *v, const void *pickle, size_t bytes, struct fault *f)
{
	struct pickle k = {pickle, pickle, (const uint8_t *)pickle + bytes, -1, -1, f};
	int bad;

	if (bytes < 3 || k.p[0] != PROTO || k.p[1] != 2)
		return unknown(&k, k.p);
	k.p += 2;
	if (*k.p == EMPTY_DICT)
		bad = op(&k, EMPTY_DICT) || item(&k, v);
	else if (is_global(&k, ordered_dict))
		bad = ordered(&k) || item(&k, v) || (left(&k) && *k.p == EMPTY_DICT && state(&k));
	else
		bad = value(&k, v);
	if (bad)
		return -1;
	return left(&k) == 1 && *k.p == STOP ? 0 : unknown(&k, k.p);
}

int pt_parse(struct pt *t, const void *map, size_t bytes, struct fault *f)
{
	struct bytes pickle = {0}, order = {0}, data = {0};
	struct pt_view v = {.key = ""};
	char key[64] = "data/";
	int rc = zip_find(map, bytes, "data.pkl", 8, &pickle.p, &pickle.n, f);

	if (rc < 0)
		return -1;
	if (!rc)
		return fault(f, "no data.pkl: not written by torch.save");
	if ((rc = zip_find(map, bytes, "byteorder", 9, &order.p, &order.n, f)) < 0)
		return -1;
	if (rc && (order.n != 6 || memcmp(order.p, "little", 6)))
		return fault(f, "the byte order is not little");
	if (pt_pickle(&v, pickle.p, pickle.n, f))
		return -1;
	if (v.key_n > sizeof key - 5)
		return fault(f, "data.pkl: a storage of a strange name");
	memcpy(key + 5, v.key, v.key_n);
	if ((rc = zip_find(map, bytes, key, 5 + v.key_n, &data.p, &data.n, f)) < 0)
		return -1;
	if (!rc || data.n != 4 * (size_t)v.stored)
		return fault(f, rc ? "the storage is not of the size that data.pkl says"
		                   : "the storage is missing");
	*t = (struct pt){data.p + 4 * v.offset, v.n};
	return 0;
}

float pt_value(const struct pt *t, long i)
{
	float x;

	memcpy(&x, t->data + 4 * i, 4);
	return x;
}
