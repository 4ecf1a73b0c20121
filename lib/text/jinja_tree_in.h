/* SPDX-License-Identifier: MIT */
/* jinja_tree_in.h - what a template is compiled to, and what compiles it. */
#ifndef SEAL_JINJA_TREE_IN_H
#define SEAL_JINJA_TREE_IN_H

#include "jinja_in.h"

enum jkind {
	/* expressions                 a            b            c          */
	J_CONST,   /*                                                      value */
	J_NAME,    /*                                                      name; up, slot */
	J_NSREF,   /*                                                      name; value: attribute */
	J_TUPLE,   /*                 items */
	J_LIST,    /*                 items */
	J_DICT,    /*                 keys and values in turn */
	J_ATTR,    /*                 of                                   value: attribute */
	J_ITEM,    /*                 of           index */
	J_SLICE,   /*                 of           start, stop, step */
	J_CALL,    /*                 function     arguments */
	J_FILTER,  /*                 of or NULL   arguments               filter */
	J_TEST,    /*                 of           arguments               test */
	J_KEYWORD, /* an argument:    expression                           value: its name */
	J_STAR,    /* an argument:    expression                           op: how many stars */
	J_COND,    /*                 test         then         else or NULL */
	J_AND,     /*                 left         right */
	J_OR,      /*                 left         right */
	J_NOT,     /*                 of */
	J_UNARY,   /*                 of                                   op: '-' '+' */
	J_BINARY,  /*                 left         right                   op */
	J_CONCAT,  /*                 items */
	J_COMPARE, /*                 first        operands */
	J_OPERAND, /*                 of                                   op */
	/* statements */
	J_TEXT,      /*                                                      value */
	J_PRINT,     /*                 expressions */
	J_SET,       /*                 target       expression */
	J_SETBLOCK,  /*                 target       filters      body */
	J_IF,        /*                 test         body         elifs      d: else */
	J_FOR,       /*                 target       over         body       d: else, e: test */
	J_MACRO,     /*                 parameters   defaults     body       name */
	J_CALLING,   /*                 parameters   defaults     body       d: call */
	J_GENERATE,  /*                                           body       */
	J_FILTERING, /*                             filters      body */
	J_WITH,      /*                 targets      values       body */
	J_BREAK,
	J_CONTINUE,
};

struct jnode {
	enum jkind kind;
	int line, height, op;
	struct jnode *next; /* in a list */
	struct jnode *a, *b, *c, *d, *e;
	struct jnode *again; /* J_FOR: the target, with places of the test's own */
	struct jvalue value;
	int name, up, slot;
	const struct jfilter *filter;
	const struct jtest *test;
	const struct jscope *scope, *else_scope, *test_scope;
	/* J_MACRO, J_CALLING, J_GENERATE: the frame's size, and where these are kept, or -1 */
	int slots, caller, kwargs, varargs;
	unsigned specials; /* SPECIAL_*: which of these the body names */
};
enum { SPECIAL_CALLER = 1, SPECIAL_KWARGS = 2, SPECIAL_VARARGS = 4 };

/* Where a name of a scope begins (jinja_scope.c). */
struct jsymbol {
	int name, slot;
	enum jload {
		LOAD_NOT, /* the scope has it, but it is set by who enters */
		LOAD_RESOLVE,
		LOAD_ALIAS,
		LOAD_UNDEFINED
	} load;
	int up, from; /* LOAD_ALIAS */
	int stored;
};

struct jscope {
	struct jscope *parent;
	struct jfunction *function;
	struct jsymbol *symbol;
	long n, room;
};

/* What has a frame of its own: the template, a macro, the body of a call. */
struct jfunction {
	int level, slots;
};

struct jtoken {
	enum {
		TOK_END,
		TOK_DATA,
		TOK_BLOCK_BEGIN,
		TOK_BLOCK_END,
		TOK_PRINT_BEGIN,
		TOK_PRINT_END,
		TOK_NAME,
		TOK_STRING,
		TOK_NUMBER,
		TOK_OP,
	} kind;
	int line, op; /* op: a character or OP_* */
	const char *p;
	size_t n;
	struct jvalue value; /* TOK_NUMBER, TOK_STRING */
};

struct jtoken *jlex(struct jrun *, const char *, size_t);

struct jparser {
	struct jrun *run;
	struct jinja *t;
	const struct jtoken *at;
	int loops; /* around this place, in this function */
	int all_loops;
	struct jopen { /* macros around this place */
		struct jopen *up;
		unsigned found, gone;
	} * open;
};
int jname(struct jparser *, const char *, size_t);
struct jnode *jnode(struct jparser *, enum jkind, int line, struct jnode *a, struct jnode *b,
                    struct jnode *c);
int jis(const struct jparser *, const char *name); /* the token is this name */
int jis_op(const struct jparser *, int op);
int jskip(struct jparser *, const char *name);
int jskip_op(struct jparser *, int op);
void jexpect_op(struct jparser *, int op);
const char *jshow(struct jrun *, const struct jtoken *);
void jnext(struct jparser *);
const struct jtoken *jlook(const struct jparser *); /* the one behind the next */
struct jnode *jparse_primary(struct jparser *, int spaces);
struct jnode *jparse_postfix(struct jparser *, struct jnode *of);
struct jnode *jparse_call(struct jparser *, struct jnode *of);
struct jnode *jparse_test(struct jparser *, struct jnode *of);
struct jnode *jparse_expression(struct jparser *, int conditional);
struct jnode *jparse_target(struct jparser *, const char *end, int spaces);
enum { TUPLE_PLAIN, TUPLE_BARE_TEST = 1, TUPLE_NAMES = 2, TUPLE_PARENS = 4, TUPLE_SPACES = 8 };
struct jnode *jparse_tuple(struct jparser *, int how, const char *end);
struct jnode *jparse_filters(struct jparser *, struct jnode *of, int begun);
struct jnode *jparse_statements(struct jparser *, const char *const end[]);
void jlist_end(struct jnode ***tail, struct jnode *);
void jmention(struct jparser *, const char *, size_t, int load);
void jscope_template(struct jrun *, struct jinja *);

#endif
