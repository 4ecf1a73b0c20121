/* SPDX-License-Identifier: MIT */
/* jinja_in.h - the inside of the interpreter of chat templates.
 *
 * Source becomes tokens (jinja_lex.c), tokens a tree (jinja_parse.c, jinja_expr.c,
 * jinja_primary.c; jinja_tree_in.h), the tree's names places in frames (jinja_scope.c), and the
 * tree is walked (jinja_eval.c, jinja_loop.c, jinja_call.c).  Values are Python's: jinja_value.c
 * makes and iterates them, jinja_look.c has attributes and items, jinja_ops.c operators,
 * jinja_repr.c, jinja_json.c and jinja_format.c their text, jinja_text.c, jinja_split.c and
 * jinja_case.c texts with marks.  Filters, tests and methods are tables: jinja_filters.c,
 * jinja_seq.c, jinja_tests.c, jinja_methods.c.  Memory and limits: jinja_memory.c.
 *
 * Trouble, at any depth, leaves by longjmp to the one setjmp of jinja_open or jinja_render.
 * That is safe since all memory in between lies in one arena, which that call owns.
 */
#ifndef SEAL_JINJA_IN_H
#define SEAL_JINJA_IN_H

#include <setjmp.h>
#include <string.h>

#include "jinja.h"

struct jrun;
struct jiter;
struct jnode;
struct jframe;
struct jbuild;

enum jtype {
	T_MISSING, /* no value: a variable that was never set, an argument that was not given */
	T_UNDEFINED,
	T_NONE,
	T_BOOL,
	T_INT,
	T_REAL,
	T_TEXT,
	T_LIST,
	T_TUPLE,
	T_DICT,
	T_VIEW, /* what .keys(), .values() and .items() give */
	T_RANGE,
	T_ITER, /* a generator: map, select ...; it is used up by being read */
	T_MACRO,
	T_FUNC,
	T_METHOD,
	T_SPACE, /* a namespace, the one value that a template may change */
	T_LOOP,
	T_CYCLER,
	T_JOINER,
};

struct jvalue {
	enum jtype type;
	union {
		long whole; /* T_INT, T_BOOL */
		double real;
		const struct jtext *text;
		const struct jlist *list; /* T_LIST, T_TUPLE */
		struct jdict *dict;       /* T_DICT, T_SPACE */
		struct jview *view;
		struct jrange *range;
		struct jiter *iter;
		struct jmacro *macro;
		const struct jfunc *func;
		struct jmethod *method;
		struct jloop *loop;
		struct jcycler *cycler; /* T_CYCLER, T_JOINER */
		const struct jundefined *undefined;
	};
};

/* Valid UTF-8 and where it is from. */
struct jtext {
	const char *p;
	const unsigned char *mark; /* of every byte; NULL: all are `all` */
	size_t n;
	long chars; /* -1: not counted yet */
	unsigned char all;
	char safe; /* Python's Markup: what is added to it is escaped */
};

struct jlist {
	long n, room;
	struct jvalue *item;
};

struct jdict {
	long n, room;
	struct jpair {
		struct jvalue key, value;
	} * pair; /* in the order of insertion */
};

struct jview {
	enum jview_of { VIEW_KEYS, VIEW_VALUES, VIEW_ITEMS } of;
	struct jdict *dict;
};

struct jrange {
	long start, stop, step, n;
};

/* Gives the next value: 1, or 0 at the end. */
struct jiter {
	int (*next)(struct jrun *, struct jiter *, struct jvalue *);
	const char *name; /* of its Python type */
	struct jvalue of; /* what it goes through */
	long at;
	size_t byte;
	struct jiter *from;      /* a generator's source */
	const struct jstep *how; /* what a generator does with each (jinja_seq.c) */
	/* `for x in y if test` */
	const struct jnode *loop;
	struct jframe *frame;
};

struct jmacro {
	const struct jnode *node;
	struct jframe *closure;
};

struct jmethod {
	struct jvalue self;
	const struct jmethod_kind *kind;
};

struct jloop {
	struct jiter *iter;
	struct jvalue over, current, before, after, changed;
	long index0, length; /* length: -1 until it is asked for */
	int peeked;          /* 1: `after` is the next item; 2: there is none */
};

struct jcycler {
	const struct jlist *items; /* a joiner's: its separator alone */
	long at;
};

/* Why a value is undefined; the message is made when someone asks. */
struct jundefined {
	const char *hint; /* the whole message, or NULL */
	const char *of;   /* the Python type of what has no such attribute, or NULL: a variable */
	struct jvalue name;
};

/* The arguments of a call. */
struct jargs {
	long n, named;
	struct jvalue *v;
	struct jnamed {
		const struct jtext *name;
		struct jvalue v;
	} * by_name;
};

enum { ARGS_MOST = 6 };                         /* of a filter, test, method or function */
typedef const struct jvalue args_of[ARGS_MOST]; /* T_MISSING where one was not given */

/* params: "width first? blank?", names of which those with ? may be missing; a / before a name:
 * only by its place.  raw: takes the arguments as they are, instead. */
struct jfilter {
	const char *name, *params;
	struct jvalue (*call)(struct jrun *, struct jvalue, args_of);
	struct jvalue (*raw)(struct jrun *, struct jvalue, const struct jargs *);
};

struct jtest {
	const char *name, *params;
	int (*is)(struct jrun *, struct jvalue, args_of);
};

struct jfunc {
	const char *name, *params;
	struct jvalue (*call)(struct jrun *, args_of);
	struct jvalue (*raw)(struct jrun *, const struct jargs *);
};

/* An attribute of a Python type.  Without a function: Python has it, we do not. */
struct jmethod_kind {
	enum jtype of;
	const char *name, *params;
	struct jvalue (*call)(struct jrun *, struct jvalue, args_of);
	struct jvalue (*raw)(struct jrun *, struct jvalue, const struct jargs *);
};

struct jframe {
	struct jframe *up; /* the frame of the function around this one */
	struct jvalue slot[];
};

struct jinja {
	struct jarena {
		struct jchunk *last;
		size_t used, most;
	} arena;
	struct jname {
		const char *p;
		size_t n;
		int used; /* it is looked for among the variables that are given */
		int next; /* in its bucket */
	} * name;
	long names, names_room;
	int bucket[256];
	int generates;
	struct jnode *body;
	const struct jscope *scope;
	int slots;
};

/* One compilation or one rendering. */
struct jrun {
	jmp_buf out;
	struct fault *f;
	struct jarena *arena;
	int line, depth, depth_most;
	long steps, steps_most;
	/* rendering */
	const struct jinja *t;
	struct jvalue *global; /* by name */
	const struct tm *now;
	struct jbuild *to;   /* where output goes */
	struct jvalue block; /* the text that a filter block's first filter takes */
	struct jbuild *root;
	size_t bytes_most;
};

/* ---- jinja_memory.c ---- */
void *jalloc(struct jrun *, size_t) __attribute__((returns_nonnull)); /* zeroed */
void *jgrow(struct jrun *, void *, size_t was, size_t now) __attribute__((returns_nonnull));
void jarena_free(struct jarena *);
void jfail(struct jrun *, const char *fmt, ...) PRINTF(2, 3) __attribute__((noreturn));
void jspend(struct jrun *, long steps);
void jdeeper(struct jrun *); /* its opposite is run->depth-- */
long jadd(struct jrun *, long, long);
long jmul(struct jrun *, long, long);

/* ---- jinja_eval.c ---- */
struct jvalue jeval(struct jrun *, const struct jnode *, struct jframe *);
void jassign(struct jrun *, const struct jnode *target, struct jframe *, struct jvalue);
void jenter(struct jrun *, const struct jscope *, struct jframe *);
enum jflow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };
enum jflow jexec(struct jrun *, const struct jnode *, struct jframe *);
/* What a body writes, unless a break or continue leaves it. */
enum jflow jcapture(struct jrun *, const struct jnode *body, struct jframe *,
                    const struct jtext **);
enum jflow jfor(struct jrun *, const struct jnode *, struct jframe *);
struct jloop *jloop_begin(struct jrun *, struct jvalue over, struct jiter *);
int jloop_next(struct jrun *, struct jloop *, struct jvalue *);
struct jvalue jloop_attr(struct jrun *, struct jloop *, const struct jtext *, int *found);
struct jvalue jloop_cycle(struct jrun *, struct jvalue, const struct jargs *);
struct jvalue jloop_changed(struct jrun *, struct jvalue, const struct jargs *);
struct jvalue jcall(struct jrun *, struct jvalue, const struct jargs *);
struct jargs jarguments(struct jrun *, const struct jnode *, struct jframe *);
struct jvalue jcall_macro(struct jrun *, const struct jmacro *, const struct jargs *);
void jbind(struct jrun *, const char *what, const char *params, const struct jargs *,
           struct jvalue arg[ARGS_MOST]);
struct jvalue jfilter_apply(struct jrun *, const struct jfilter *, struct jvalue,
                            const struct jargs *);
int jtest_apply(struct jrun *, const struct jtest *, struct jvalue, const struct jargs *);
const struct jfunc *jfunc_find(const struct jname *);
const struct jfilter *jfilter_find(const char *, size_t);
const struct jtest *jtest_find(const char *, size_t);
extern const struct jfilter jseq_filters[];
/* Sorts items by keys, in the same order, stably; both are changed. */
void jsort(struct jrun *, struct jlist *items, struct jlist *keys, int reverse);

/* ---- jinja_value.c ---- */
struct jvalue jnone(void);
struct jvalue jbool(int);
struct jvalue jint(long);
struct jvalue jreal(double);
struct jvalue jtextual(const struct jtext *);
struct jvalue jlisted(const struct jlist *);
struct jlist *jlist_new(struct jrun *);
void jlist_add(struct jrun *, struct jlist *, struct jvalue);
void jlist_reverse(struct jlist *);
struct jvalue jtuple2(struct jrun *, struct jvalue, struct jvalue);
struct jdict *jdict_new(struct jrun *);
void jdict_put(struct jrun *, struct jdict *, struct jvalue key, struct jvalue);
const struct jvalue *jdict_get(struct jrun *, const struct jdict *, struct jvalue key);
const struct jvalue *jdict_text(struct jrun *, const struct jdict *, const char *, size_t);
struct jvalue jfrom_json(struct jrun *, const json_t *, int mark, int role);
struct jvalue jundefined_hint(struct jrun *, const char *hint);
struct jvalue jundefined_name(struct jrun *, const char *, size_t);
struct jvalue jundefined_attr(struct jrun *, struct jvalue of, struct jvalue name);
void jundefined_fail(struct jrun *, struct jvalue) __attribute__((noreturn));
const char *jtype_name(struct jvalue); /* Python's */
int jtruth(struct jrun *, struct jvalue);
int jgiven(struct jvalue);                            /* an argument that is there, and not None */
int jon(struct jrun *, struct jvalue);                /* an argument that is there, and true */
struct jiter *jiter_of(struct jrun *, struct jvalue); /* fails on what has none */
int jiterable(struct jvalue);
int jiter_next(struct jrun *, struct jiter *, struct jvalue *);
struct jlist *jlist_of(struct jrun *, struct jvalue); /* all of it, as a new list */
long jlength(struct jvalue, struct jrun *);           /* -1: it has none */

/* ---- jinja_ops.c ---- */
/* Operators; those of one character are that. */
enum { OP_POW = 256, OP_FLOOR, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_IN, OP_NOT_IN };
struct jvalue jbinary(struct jrun *, int op, struct jvalue, struct jvalue);
struct jvalue junary(struct jrun *, int op, struct jvalue);
int jcompare(struct jrun *, int op, struct jvalue, struct jvalue);
int jequal(struct jrun *, struct jvalue, struct jvalue);
int jorder(struct jrun *, int op, struct jvalue, struct jvalue); /* OP_LT ... */
int jin(struct jrun *, struct jvalue, struct jvalue in);
int jis_number(struct jvalue);
double jto_real(struct jvalue);
long jindex(struct jrun *, struct jvalue, const char *what); /* an int, or it fails */

/* ---- jinja_look.c ---- */
struct jvalue jget_attr(struct jrun *, struct jvalue, struct jvalue name);
struct jvalue jget_item(struct jrun *, struct jvalue, struct jvalue index);
struct jvalue jget_path(struct jrun *, struct jvalue, struct jvalue path,
                        struct jvalue otherwise); /* "a.b.0" */
struct jvalue jslice(struct jrun *, struct jvalue, struct jvalue start, struct jvalue stop,
                     struct jvalue step);
const struct jmethod_kind *jmethod_find(struct jvalue, const struct jtext *);

/* ---- jinja_text.c ---- */
struct jbuild {
	struct jrun *run;
	char *p;
	unsigned char *mark; /* NULL: all are `all` */
	size_t n, room, mark_room;
	unsigned char all;
	char safe;
};
struct jbuild jbuild(struct jrun *r);
void jput(struct jbuild *, const char *, size_t, int mark);
void jput_str(struct jbuild *, const char *, int mark);
void jput_text(struct jbuild *, const struct jtext *);
void jput_part(struct jbuild *, const struct jtext *, size_t from, size_t to);
void jput_char(struct jbuild *, int32_t, int mark);
const struct jtext *jbuilt(struct jbuild *);
const struct jtext *jtext_new(struct jrun *, const char *, size_t, int mark); /* borrows */
const struct jtext *jtext_str(struct jrun *, const char *);                   /* trusted */
const struct jtext *jtext_part(struct jrun *, const struct jtext *, size_t from, size_t to);
const struct jtext *jtext_with(struct jrun *, const struct jtext *, int marks);
const struct jtext *jtext_safe(struct jrun *, const struct jtext *, int safe);
int jmark(const struct jtext *, size_t byte);
long jchars(struct jrun *, const struct jtext *);
size_t jbyte_of(struct jrun *, const struct jtext *, long character);
long jchar_of(struct jrun *, const struct jtext *, size_t byte);
int jtext_is(const struct jtext *, const char *);
int jtext_same(const struct jtext *, const struct jtext *);
/* Where `what` begins in text[from..to); -1. */
long jfind(struct jrun *, const struct jtext *, size_t from, size_t to, const struct jtext *what);
long jfind_last(struct jrun *, const struct jtext *, size_t from, size_t to,
                const struct jtext *what);
const struct jtext *jescape(struct jrun *, const struct jtext *); /* HTML; safe */
const struct jtext *jstrip(struct jrun *, const struct jtext *, const struct jtext *chars,
                           int sides); /* 1: left, 2: right; chars NULL: white space */
const struct jtext *jreplace(struct jrun *, const struct jtext *, const struct jtext *from,
                             const struct jtext *to, long most);
struct jlist *jsplit(struct jrun *, const struct jtext *, const struct jtext *by, long most);
struct jlist *jsplit_last(struct jrun *, const struct jtext *, const struct jtext *by, long most);
struct jlist *jsplit_lines(struct jrun *, const struct jtext *, int keep);
const struct jtext *jrepeat(struct jrun *, const struct jtext *, long times);
const struct jtext *jjoin(struct jrun *, const struct jtext *by, struct jvalue, int any);

/* ---- jinja_case.c ---- */
enum jcase { CASE_UPPER, CASE_LOWER, CASE_CAPITALIZE, CASE_TITLE, CASE_TITLE_FILTER, CASE_SWAP };
const struct jtext *jcased(struct jrun *, const struct jtext *, enum jcase);
int jtext_all(struct jrun *, const struct jtext *, const char *what); /* "isdigit" ... */

/* ---- jinja_repr.c, jinja_json.c, jinja_format.c ---- */
const struct jtext *jstr(struct jrun *, struct jvalue); /* as Python's str() */
void jput_str_of(struct jbuild *, struct jvalue);
void jput_repr(struct jbuild *, struct jvalue);
void jput_real(struct jbuild *, double);
struct jvalue jtojson(struct jrun *, struct jvalue, args_of);
const struct jtext *jpercent(struct jrun *, const struct jtext *, struct jvalue args);
struct jvalue jformat(struct jrun *, struct jvalue, const struct jargs *);
struct jvalue jstrftime(struct jrun *, args_of);
int jparse_real(struct jrun *, const struct jtext *, double *);
int jparse_int(struct jrun *, const char *, size_t, int base, long *);

#endif
