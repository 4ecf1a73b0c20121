/* SPDX-License-Identifier: MIT */
/* jinja_json.c - the filter tojson: Python's json.dumps, as transformers calls it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "jinja_in.h"
#include "unicode.h"

struct jdump {
	struct jbuild b;
	int ascii, sort, breaks;    /* breaks: there is an indent, so each element has its line */
	const struct jtext *indent; /* of a level */
	const struct jtext *comma, *colon;
};

static void put_quoted(struct jdump *d, const struct jtext *t)
{
	static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
	size_t plain = 0, at = 0;
	int32_t c;
	char text[16];

	jput_str(&d->b, "\"", 0);
	while (at < t->n) {
		int bytes = utf8_first(t->p + at, t->n - at, &c), mark = jmark(t, at);
		const char *p = c > 0 && c < 0x80 ? strchr(from, c) : NULL;

		if (!p && c >= 0x20 && (c < 0x7f || !d->ascii)) {
			at += bytes;
			continue;
		}
		jput_part(&d->b, t, plain, at);
		if (p)
			snprintf(text, sizeof text, "\\%c", to[p - from]);
		else if (c < 0x10000)
			snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
		else
			snprintf(text, sizeof text, "\\u%04x\\u%04x",
			         (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
			         (unsigned)(0xdc00 + ((c - 0x10000) & 0x3ff)));
		jput_str(&d->b, text, mark);
		plain = at += bytes;
	}
	jput_part(&d->b, t, plain, at);
	jput_str(&d->b, "\"", 0);
}

static void put_number(struct jdump *d, struct jvalue v)
{
	char text[32];

	if (v.type == T_REAL && !isfinite(v.real)) {
		jput_str(&d->b, isnan(v.real) ? "NaN" : v.real < 0 ? "-Infinity" : "Infinity", 0);
	} else if (v.type == T_REAL) {
		jput_real(&d->b, v.real);
	} else {
		snprintf(text, sizeof text, "%ld", v.whole);
		jput_str(&d->b, text, 0);
	}
}

static void put_break(struct jdump *d, int level)
{
	if (!d->breaks)
		return;
	jput_str(&d->b, "\n", 0);
	while (level--)
		jput_text(&d->b, d->indent);
}

static void put_value(struct jdump *d, struct jvalue v, int level);

/* What is no text becomes one. */
static void put_key(struct jdump *d, struct jvalue key)
{
	if (key.type == T_TEXT) {
		put_quoted(d, key.text);
		return;
	}
	if (key.type != T_NONE && key.type != T_BOOL && key.type != T_INT && key.type != T_REAL)
		jfail(d->b.run, "keys must be str, int, float, bool or None, not %s",
		      jtype_name(key));
	jput_str(&d->b, "\"", 0);
	put_value(d, key, 0);
	jput_str(&d->b, "\"", 0);
}

static struct jdict *sorted(struct jrun *r, const struct jdict *d)
{
	struct jlist *keys = jlist_new(r), *values = jlist_new(r);
	struct jdict *to = jdict_new(r);

	for (long i = 0; i < d->n; i++) {
		jlist_add(r, keys, d->pair[i].key);
		jlist_add(r, values, d->pair[i].value);
	}
	jsort(r, values, keys, 0);
	for (long i = 0; i < keys->n; i++)
		jdict_put(r, to, keys->item[i], values->item[i]);
	return to;
}

static void put_dict(struct jdump *d, const struct jdict *of, int level)
{
	if (d->sort)
		of = sorted(d->b.run, of);
	jput_str(&d->b, "{", 0);
	for (long i = 0; i < of->n; i++) {
		if (i)
			jput_text(&d->b, d->comma);
		put_break(d, level + 1);
		put_key(d, of->pair[i].key);
		jput_text(&d->b, d->colon);
		put_value(d, of->pair[i].value, level + 1);
	}
	if (of->n)
		put_break(d, level);
	jput_str(&d->b, "}", 0);
}

static void put_list(struct jdump *d, const struct jlist *l, int level)
{
	jput_str(&d->b, "[", 0);
	for (long i = 0; i < l->n; i++) {
		if (i)
			jput_text(&d->b, d->comma);
		put_break(d, level + 1);
		put_value(d, l->item[i], level + 1);
	}
	if (l->n)
		put_break(d, level);
	jput_str(&d->b, "]", 0);
}

static void put_value(struct jdump *d, struct jvalue v, int level)
{
	jdeeper(d->b.run);
	switch (v.type) {
	case T_NONE: jput_str(&d->b, "null", 0); break;
	case T_BOOL: jput_str(&d->b, v.whole ? "true" : "false", 0); break;
	case T_INT:
	case T_REAL: put_number(d, v); break;
	case T_TEXT: put_quoted(d, v.text); break;
	case T_LIST:
	case T_TUPLE: put_list(d, v.list, level); break;
	case T_DICT: put_dict(d, v.dict, level); break;
	default: jfail(d->b.run, "Object of type %s is not JSON serializable", jtype_name(v));
	}
	d->b.run->depth--;
}

static void separators(struct jrun *r, struct jdump *d, struct jvalue v)
{
	struct jlist *l;

	if (!jgiven(v))
		return;
	l = jlist_of(r, v);
	if (l->n != 2 || l->item[0].type != T_TEXT || l->item[1].type != T_TEXT)
		jfail(r, "tojson: separators are two texts");
	d->comma = l->item[0].text;
	d->colon = l->item[1].text;
}

/* tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False) */
struct jvalue jtojson(struct jrun *r, struct jvalue v, args_of arg)
{
	struct jdump d = {.b = jbuild(r), .indent = jtext_str(r, "")};

	d.ascii = jon(r, arg[0]);
	d.sort = jon(r, arg[3]);
	d.breaks = jgiven(arg[1]);
	if (d.breaks && arg[1].type == T_TEXT)
		d.indent = arg[1].text;
	else if (d.breaks)
		d.indent = jrepeat(r, jtext_str(r, " "), jindex(r, arg[1], "tojson"));
	d.comma = jtext_str(r, d.breaks ? "," : ", ");
	d.colon = jtext_str(r, ": ");
	separators(r, &d, arg[2]);
	put_value(&d, v, 0);
	return jtextual(jbuilt(&d.b));
}
