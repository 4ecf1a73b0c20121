/* SPDX-License-Identifier: MIT */
/* judge.h - what a judge is asked about outputs, and what it answers.
 *
 * Whoever judges, the way is the same: judge.c (or judge_pairs.c, for two outputs of a prompt)
 * makes questions of the outputs; answers that an earlier run got are taken from the cache
 * (judge_cache.c); a model (judge_model.c) or a command (judge_command.c) answers the others.
 */
#ifndef SEAL_JUDGE_H
#define SEAL_JUDGE_H

#include "../format/jsonl.h"
#include "../model/model.h"
#include "../rows/encode.h"
#include "../text/template.h"

/* What an answer may be.  Texts that differ only in the white space around them are one choice,
 * whose name is the text without that. */
struct choices {
	struct choice_text {
		char *text; /* as it follows the prompt */
		size_t n;
		int name;
	} * as; /* [n] */
	int n;
	char **name; /* [names] */
	int names;
	json_t *list; /* of the names */
};

struct judge_opts {
	const char *model, *adapter, *cmd; /* one of model and cmd */
	const char *prompt;                /* a file; NULL: the dialogue in the template */
	const char *choices, *unsafe, *after;
	long max_new; /* tokens of an answer before what `after` says */
	int pairwise, hard;
	long timeout, retries; /* of a command */
	const char *cache, *on_error;
	struct encode_opts encode;
	struct compute_opts compute;
};

struct judge {
	const struct judge_opts *o;
	struct choices choices;
	struct judge_prompt *prompt; /* NULL: none */
};

struct question {
	const char *where; /* "outputs.jsonl:3" */
	json_t *values;    /* of the prompt's keys: "instruction", "output" ... */
	json_t *request;   /* {"prompt" or "messages", "choices"} */
	uint64_t key;      /* in the cache: a hash of that and of who is asked */
	/* {"verdict": a choice or null, "p": {choice: chance} or null, "mass": their sum before it was
	 * made 1, or null}; NULL: nothing has answered. */
	json_t *answer;
};

/* Commas separate the choices; \n, \t, \, and \\ stand for what they do in C.  Wrong usage where
 * there are not two of different names. */
void choices_parse(struct choices *, const char *);
void choices_free(struct choices *);
int choices_find(const struct choices *, const char *name); /* its number, or -1 */
/* The choice that a text begins with, white space aside, and no letter or digit behind; -1. */
int choices_begin(const struct choices *, const char *text);

/* A file's text, in which {KEY} stands for a value. */
struct judge_prompt *judge_prompt_open(const char *path); /* dies */
void judge_prompt_close(struct judge_prompt *);           /* NULL: nothing */
/* Sets the pieces: the file's own are control, values are text.  -1 with a fault. */
int judge_prompt_pieces(const struct judge_prompt *, const json_t *values, struct pieces *,
                        struct fault *);

/* Sets what is asked, out of q->values; dies, with q->where. */
void question_make(const struct judge *, struct question *);
void question_end(struct question *); /* frees what it has */
/* The answer that is one choice (-1: none of them), or the chances p[names], which it scales. */
json_t *verdict_choice(const struct choices *, int choice);
json_t *verdict_chances(const struct choices *, int choice, const double p[]);

/* Answer n questions, and keep the answers; return how many the cache had already.  A command may
 * leave some without one. */
long judge_by_model(const struct judge *, struct question[], long n);
long judge_by_command(const struct judge *, struct question[], long n);
/* One line of a command's answers, about one of the n questions, whose number *which is; -1 with a
 * fault. */
int answer_read(const struct judge *, struct question[], long n, const char *line, size_t bytes,
                long *which, struct fault *);

/* Sets the keys of n questions to judge `by`, an object that says who answers and how, and the
 * answers that --cache has; returns how many.  Without --cache nothing is done. */
long cache_look(const struct judge_opts *, const json_t *by, struct question[], long n);
/* Keeps an answer. */
void cache_keep(const struct judge_opts *, const struct question *);

/* Has n questions made of their values, and answered: a JSON null where --on-error skip lets one go
 * without. */
void judge_ask(const struct judge *, struct question[], long n);
/* --pairwise: a baseline's outputs and a model's, in two files. */
void judge_pairs(const struct judge *, char *const paths[2], struct zout *);
/* Reads objects with an "id" and an "instruction", texts, and an "output"; an array, owned, and of
 * each *where it is. */
json_t *judge_read(char *const paths[], int n, char ***where);
void judge_read_free(json_t *rows, char **where);

#endif
