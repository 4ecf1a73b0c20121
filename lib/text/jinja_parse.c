/* SPDX-License-Identifier: MIT */
/* jinja_parse.c - tokens to statements; compiling a template. */
#include <stdlib.h>

#include "../base/memory.h"
#include "jinja_tree_in.h"

enum { COMPILE_MEMORY = 256 << 20, COMPILE_STEPS = 50000000, COMPILE_DEPTH = 400 };

/* The number of a name, the same for equal names. */
int jname(struct jparser *p, const char *s, size_t n)
{
	struct jinja *t = p->t;
	unsigned hash = 5381;
	struct jname *name;
	int i;

	for (size_t k = 0; k < n; k++)
		hash = hash * 33 + (unsigned char)s[k];
	hash %= sizeof t->bucket / sizeof *t->bucket;
	for (i = t->bucket[hash]; i; i = name->next) { /* one more than the name's number */
		name = &t->name[i - 1];
		jspend(p->run, 1);
		if (name->n == n && !memcmp(name->p, s, n))
			return i - 1;
	}
	if (t->names == t->names_room) {
		long room = t->names_room * 2 + 32;

		t->name = jgrow(p->run, t->name, t->names_room * sizeof *name, room * sizeof *name);
		t->names_room = room;
	}
	t->name[t->names] = (struct jname){.p = s, .n = n, .next = t->bucket[hash]};
	t->bucket[hash] = (int)++t->names;
	return (int)t->names - 1;
}

static int special(const char *s, size_t n)
{
	static const char *const names[] = {"caller", "kwargs", "varargs"};

	for (int i = 0; i < 3; i++)
		if (n == strlen(names[i]) && !memcmp(s, names[i], n))
			return 1 << i;
	return 0;
}

/* A name is read, or else set: a macro whose body reads `caller` before it sets it has one. */
void jmention(struct jparser *p, const char *s, size_t n, int load)
{
	unsigned bit = special(s, n);

	for (struct jopen *o = bit ? p->open : NULL; o; o = o->up) {
		if (load && !(o->gone & bit))
			o->found |= bit;
		if (!load)
			o->gone |= bit;
	}
}

static void check_target(struct jparser *p, const struct jnode *n)
{
	const struct jname *name;

	if (n->kind == J_TUPLE) {
		for (const struct jnode *i = n->a; i; i = i->next)
			check_target(p, i);
		return;
	}
	if (n->kind != J_NAME && n->kind != J_NSREF)
		jfail(p->run, "something is assigned to what is no name");
	name = &p->t->name[n->name];
	if (n->kind == J_NAME && p->all_loops && name->n == 4 && !memcmp(name->p, "loop", 4))
		jfail(p->run, "in a loop nothing can be assigned to 'loop'");
}

struct jnode *jparse_target(struct jparser *p, const char *end, int spaces)
{
	struct jopen *open = p->open;
	struct jnode *n;

	p->open = NULL; /* these names are set, not read */
	n = jparse_tuple(p, TUPLE_NAMES | (spaces ? TUPLE_SPACES : 0), end);
	p->open = open;
	check_target(p, n);
	for (const struct jnode *i = n->kind == J_TUPLE ? n->a : n; i; i = i->next) {
		if (i->kind == J_NAME || i->kind == J_NSREF)
			jmention(p, p->t->name[i->name].p, p->t->name[i->name].n,
			         i->kind == J_NSREF);
		if (n->kind != J_TUPLE)
			break;
	}
	return n;
}

static struct jnode *one_name(struct jparser *p)
{
	struct jnode *n;

	if (p->at->kind != TOK_NAME)
		jfail(p->run, "expected a name, got %s", jshow(p->run, p->at));
	n = jnode(p, J_NAME, p->at->line, NULL, NULL, NULL);
	n->name = jname(p, p->at->p, p->at->n);
	if (jis(p, "true") || jis(p, "false") || jis(p, "none") || jis(p, "True") ||
	    jis(p, "False") || jis(p, "None"))
		jfail(p->run, "something is assigned to %s", jshow(p->run, p->at));
	jnext(p);
	return n;
}

static void block_end(struct jparser *p)
{
	p->run->line = p->at->line;
	if (p->at->kind != TOK_BLOCK_END)
		jfail(p->run, "expected the end of the tag, got %s", jshow(p->run, p->at));
	jnext(p);
}

/* `(a, b=1)`: names into *args, and into *defaults those of the last of them. */
static void signature(struct jparser *p, struct jnode **args, struct jnode **defaults)
{
	struct jnode **name_tail = args, **default_tail = defaults;

	jexpect_op(p, '(');
	while (!jis_op(p, ')')) {
		if (*args)
			jexpect_op(p, ',');
		jmention(p, p->at->p, p->at->n, 0);
		jlist_end(&name_tail, one_name(p));
		if (jskip_op(p, '='))
			jlist_end(&default_tail, jparse_expression(p, 1));
		else if (*defaults)
			jfail(p->run, "a parameter without a default follows one with a default");
	}
	jexpect_op(p, ')');
}

/* A body that has a frame of its own, up to the tag `end`. */
static struct jnode *function_body(struct jparser *p, struct jnode *n, const char *end)
{
	const char *const ends[] = {end, NULL};
	int loops = p->loops;
	struct jopen open = {.up = p->open};

	p->open = &open;
	p->loops = 0;
	n->c = jparse_statements(p, ends);
	jnext(p);
	p->open = open.up;
	p->loops = loops;
	n->specials = open.found;
	return n;
}

static struct jnode *parse_macro(struct jparser *p, int line)
{
	struct jnode *n = jnode(p, J_MACRO, line, NULL, NULL, NULL), *name = one_name(p);

	n->name = name->name;
	signature(p, &n->a, &n->b);
	return function_body(p, n, "endmacro");
}

static struct jnode *parse_call(struct jparser *p, int line)
{
	struct jnode *n = jnode(p, J_CALLING, line, NULL, NULL, NULL);

	if (jis_op(p, '('))
		signature(p, &n->a, &n->b);
	n->d = jparse_expression(p, 1);
	if (n->d->kind != J_CALL)
		jfail(p->run, "{%% call %%} needs a call");
	return function_body(p, n, "endcall");
}

static struct jnode *parse_generation(struct jparser *p, int line)
{
	p->t->generates = 1;
	return function_body(p, jnode(p, J_GENERATE, line, NULL, NULL, NULL), "endgeneration");
}

static struct jnode *parse_set(struct jparser *p, int line)
{
	static const char *const end[] = {"endset", NULL};
	struct jnode *target = jparse_target(p, NULL, 1), *n;

	if (jskip_op(p, '='))
		return jnode(p, J_SET, line, target, jparse_tuple(p, TUPLE_PLAIN, NULL), NULL);
	n = jnode(p, J_SETBLOCK, line, target, NULL, NULL);
	n->b = jparse_filters(p, NULL, 0);
	n->c = jparse_statements(p, end);
	jnext(p);
	return n;
}

static struct jnode *parse_filter(struct jparser *p, int line)
{
	static const char *const end[] = {"endfilter", NULL};
	struct jnode *n = jnode(p, J_FILTERING, line, NULL, NULL, NULL);

	n->b = jparse_filters(p, NULL, 1);
	n->c = jparse_statements(p, end);
	jnext(p);
	return n;
}

static struct jnode *parse_if(struct jparser *p, int line)
{
	static const char *const ends[] = {"elif", "else", "endif", NULL}, *const end[] = {"endif",
	                                                                                   NULL};
	struct jnode *first = NULL, **tail = NULL, *n;

	for (;;) {
		n = jnode(p, J_IF, line, jparse_tuple(p, TUPLE_BARE_TEST, NULL), NULL, NULL);
		n->b = jparse_statements(p, ends);
		if (!first) {
			first = n;
			tail = &first->c;
		} else {
			jlist_end(&tail, n);
		}
		line = p->at->line;
		if (!jskip(p, "elif"))
			break;
	}
	if (jskip(p, "else")) {
		first->d = jparse_statements(p, end);
		jnext(p);
	} else {
		jnext(p);
	}
	return first;
}

static struct jnode *parse_for(struct jparser *p, int line)
{
	static const char *const ends[] = {"else", "endfor", NULL}, *const end[] = {"endfor", NULL};
	struct jnode *n = jnode(p, J_FOR, line, NULL, NULL, NULL);

	p->all_loops++;
	n->a = jparse_target(p, "in", 0);
	if (!jskip(p, "in"))
		jfail(p->run, "expected 'in', got %s", jshow(p->run, p->at));
	n->b = jparse_tuple(p, TUPLE_BARE_TEST, "recursive");
	if (jskip(p, "if"))
		n->e = jparse_expression(p, 1);
	if (jis(p, "recursive"))
		jfail(p->run, "recursive loops are not known");
	p->loops++;
	n->c = jparse_statements(p, ends);
	p->loops--;
	if (jskip(p, "else"))
		n->d = jparse_statements(p, end);
	jnext(p);
	p->all_loops--;
	return n;
}

static struct jnode *parse_with(struct jparser *p, int line)
{
	static const char *const end[] = {"endwith", NULL};
	struct jnode *n = jnode(p, J_WITH, line, NULL, NULL, NULL), **targets = &n->a,
		     **values = &n->b;

	while (p->at->kind != TOK_BLOCK_END) {
		if (n->a)
			jexpect_op(p, ',');
		/* a tuple of targets would take the comma, as in Jinja: with a, b = 1, 2 */
		jlist_end(&targets, jparse_target(p, NULL, 0));
		jexpect_op(p, '=');
		jlist_end(&values, jparse_expression(p, 1));
	}
	n->c = jparse_statements(p, end);
	jnext(p);
	return n;
}

static struct jnode *parse_print(struct jparser *p, int line)
{
	struct jnode *list = NULL, **tail = &list;

	while (p->at->kind != TOK_BLOCK_END) {
		if (list)
			jexpect_op(p, ',');
		jlist_end(&tail, jparse_expression(p, 1));
	}
	return jnode(p, J_PRINT, line, list, NULL, NULL);
}

static struct jnode *jump(struct jparser *p, enum jkind kind, int line)
{
	if (!p->loops)
		jfail(p->run, "%s outside of a loop", kind == J_BREAK ? "break" : "continue");
	return jnode(p, kind, line, NULL, NULL, NULL);
}

static struct jnode *parse_break(struct jparser *p, int line) { return jump(p, J_BREAK, line); }
static struct jnode *parse_continue(struct jparser *p, int line)
{
	return jump(p, J_CONTINUE, line);
}

static struct jnode *statement(struct jparser *p)
{
	static const struct {
		const char *name;
		struct jnode *(*parse)(struct jparser *, int line);
	} tags[] = {
		{"if", parse_if},
		{"for", parse_for},
		{"set", parse_set},
		{"macro", parse_macro},
		{"call", parse_call},
		{"generation", parse_generation},
		{"with", parse_with},
		{"filter", parse_filter},
		{"print", parse_print},
		{"break", parse_break},
		{"continue", parse_continue},
	};
	int line = p->at->line;
	struct jnode *n;

	p->run->line = line;
	jdeeper(p->run);
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
		if (jskip(p, tags[i].name)) {
			n = tags[i].parse(p, line);
			block_end(p);
			p->run->depth--;
			return n;
		}
	jfail(p->run, "the tag %s is not known, or not here", jshow(p->run, p->at));
}

static int ends_here(const struct jparser *p, const char *const end[])
{
	for (; end && *end; end++)
		if (jis(p, *end))
			return 1;
	return 0;
}

static struct jnode *literal(struct jparser *p, const struct jtoken *t)
{
	struct jnode *n = jnode(p, J_TEXT, t->line, NULL, NULL, NULL);
	const struct jtext *text = jtext_new(p->run, t->p, t->n, 0);

	jchars(p->run, text);
	n->value = jtextual(text);
	return n;
}

/* Statements up to one of these tags, whose name is left to be read. */
static struct jnode *subparse(struct jparser *p, const char *const end[])
{
	struct jnode *list = NULL, **tail = &list;

	for (;;) {
		const struct jtoken *t = p->at;

		p->run->line = t->line;
		if (t->kind == TOK_DATA) {
			jlist_end(&tail, literal(p, t));
			jnext(p);
		} else if (t->kind == TOK_PRINT_BEGIN) {
			jnext(p);
			jlist_end(&tail, jnode(p, J_PRINT, t->line,
			                       jparse_tuple(p, TUPLE_PLAIN, NULL), NULL, NULL));
			if (p->at->kind != TOK_PRINT_END)
				jfail(p->run, "expected the end of the expression, got %s",
				      jshow(p->run, p->at));
			jnext(p);
		} else if (t->kind == TOK_BLOCK_BEGIN) {
			jnext(p);
			if (ends_here(p, end))
				return list;
			jlist_end(&tail, statement(p));
		} else {
			return list;
		}
	}
}

struct jnode *jparse_statements(struct jparser *p, const char *const end[])
{
	int line = p->at->line;
	struct jnode *list;

	jskip_op(p, ':');
	block_end(p);
	list = subparse(p, end);
	if (p->at->kind == TOK_END) {
		while (end[1])
			end++;
		p->run->line = line;
		jfail(p->run, "no {%% %s %%} closes this", *end);
	}
	return list;
}

struct jinja *jinja_open(const char *source, size_t n, struct fault *f)
{
	struct jinja *t = xzalloc(1, sizeof *t);
	struct jrun run = {.f = f,
	                   .arena = &t->arena,
	                   .depth_most = COMPILE_DEPTH,
	                   .steps_most = COMPILE_STEPS};
	struct jparser p = {.run = &run, .t = t};

	t->arena.most = COMPILE_MEMORY;
	if (setjmp(run.out)) {
		jinja_close(t);
		return NULL;
	}
	p.at = jlex(&run, source, n);
	t->body = subparse(&p, NULL);
	jscope_template(&run, t);
	return t;
}

void jinja_close(struct jinja *t)
{
	jarena_free(&t->arena);
	free(t);
}

int jinja_uses(const struct jinja *t, const char *name)
{
	if (!strcmp(name, "generation") && t->generates)
		return 1;
	for (long i = 0; i < t->names; i++)
		if (t->name[i].used && t->name[i].n == strlen(name) &&
		    !memcmp(t->name[i].p, name, t->name[i].n))
			return 1;
	return 0;
}
