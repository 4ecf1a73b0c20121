/* SPDX-License-Identifier: MIT */
/* jinja_loop.c - {% for %}, and the variable `loop` in it. */
#include "jinja_tree_in.h"

static int next_that_passes(struct jrun *r, struct jiter *i, struct jvalue *v)
{
	const struct jnode *n = i->loop;

	while (jiter_next(r, i->from, v)) {
		jassign(r, n->again, i->frame, *v);
		if (jtruth(r, jeval(r, n->e, i->frame)))
			return 1;
	}
	return 0;
}

struct jloop *jloop_begin(struct jrun *r, struct jvalue over, struct jiter *i)
{
	struct jloop *l = jalloc(r, sizeof *l);

	l->over = over;
	l->iter = i;
	l->index0 = -1;
	l->length = -1;
	return l;
}

static int peek(struct jrun *r, struct jloop *l)
{
	if (!l->peeked)
		l->peeked = jiter_next(r, l->iter, &l->after) ? 1 : 2;
	return l->peeked == 1;
}

int jloop_next(struct jrun *r, struct jloop *l, struct jvalue *v)
{
	if (!peek(r, l))
		return 0;
	*v = l->after;
	l->peeked = 0;
	l->index0++;
	l->before = l->current;
	l->current = *v;
	return 1;
}

/* What has no length is read to its end. */
static long length(struct jrun *r, struct jloop *l)
{
	struct jlist *rest;
	struct jvalue v;

	if (l->length >= 0)
		return l->length;
	if (l->over.type != T_MISSING && (l->length = jlength(l->over, r)) >= 0)
		return l->length;
	rest = jlist_new(r);
	while (jiter_next(r, l->iter, &v))
		jlist_add(r, rest, v);
	l->iter = jiter_of(r, jlisted(rest));
	return l->length = rest->n + l->index0 + 1 + (l->peeked == 1);
}

struct jvalue jloop_attr(struct jrun *r, struct jloop *l, const struct jtext *name, int *found)
{
	*found = 1;
	if (jtext_is(name, "index"))
		return jint(l->index0 + 1);
	if (jtext_is(name, "index0"))
		return jint(l->index0);
	if (jtext_is(name, "first"))
		return jbool(l->index0 == 0);
	if (jtext_is(name, "last"))
		return jbool(!peek(r, l));
	if (jtext_is(name, "length"))
		return jint(length(r, l));
	if (jtext_is(name, "revindex"))
		return jint(length(r, l) - l->index0);
	if (jtext_is(name, "revindex0"))
		return jint(length(r, l) - l->index0 - 1);
	if (jtext_is(name, "previtem"))
		return l->index0 ? l->before : jundefined_hint(r, "there is no previous item");
	if (jtext_is(name, "nextitem"))
		return peek(r, l) ? l->after : jundefined_hint(r, "there is no next item");
	if (jtext_is(name, "depth"))
		return jint(1);
	if (jtext_is(name, "depth0"))
		return jint(0);
	*found = 0;
	return jnone();
}

struct jvalue jloop_cycle(struct jrun *r, struct jvalue self, const struct jargs *a)
{
	if (!a->n || a->named)
		jfail(r, "no items for cycling given");
	return a->v[self.loop->index0 % a->n];
}

struct jvalue jloop_changed(struct jrun *r, struct jvalue self, const struct jargs *a)
{
	struct jlist *l = jlist_new(r);
	struct jvalue v = {T_TUPLE, .list = l};

	for (long i = 0; i < a->n; i++)
		jlist_add(r, l, a->v[i]);
	if (self.loop->changed.type == T_TUPLE && jequal(r, self.loop->changed, v))
		return jbool(0);
	self.loop->changed = v;
	return jbool(1);
}

enum jflow jfor(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jvalue over = jeval(r, n->b, f), item;
	struct jiter *i = jiter_of(r, over);
	struct jloop *l;
	enum jflow flow = FLOW_ON;
	int through = 0; /* the body came to its end once */

	if (n->e) {
		struct jiter *passing = jalloc(r, sizeof *passing);

		*passing = (struct jiter){.next = next_that_passes,
		                          .name = "generator",
		                          .from = i,
		                          .loop = n,
		                          .frame = f};
		jenter(r, n->test_scope, f);
		i = passing;
		over.type = T_MISSING;
	}
	l = jloop_begin(r, over, i);
	while (flow != FLOW_BREAK && jloop_next(r, l, &item)) {
		f->slot[n->slot] = (struct jvalue){T_LOOP, .loop = l};
		r->line = n->line;
		jassign(r, n->a, f, item);
		jenter(r, n->scope, f);
		flow = jexec(r, n->c, f);
		through |= flow == FLOW_ON;
	}
	if (through || !n->d)
		return FLOW_ON;
	jenter(r, n->else_scope, f);
	return jexec(r, n->d, f);
}
