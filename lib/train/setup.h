/* SPDX-License-Identifier: MIT */
/* setup.h - what a program that computes works with: a model, theta beside it, the token streams
 * that it reads, and an engine that has memory for all of it.
 *
 * The order of the calls is always the same.  setup_open opens the model's files; setup_theta lays
 * theta out and setup_read reads streams, so that it is known what memory they take; the caller
 * completes `demand`; setup_begin takes the memory and sets all values.
 */
#ifndef SEAL_SETUP_H
#define SEAL_SETUP_H

#include "../format/jsonl.h"
#include "../model/engine.h"
#include "../rows/tokens.h"
#include "train.h"

struct setup {
	const char *path;    /* the model's folder or file */
	const char *adapter; /* the folder that theta's values come from; NULL: none */
	const struct compute_opts *compute;
	struct model *model;
	struct params *theta;    /* NULL: the model alone */
	struct train_opts *opts; /* how theta is trained; NULL: it stays as it is */
	struct tokens *data;     /* the rows that all is about; NULL: none */
	struct tokens *safe;     /* the trusted rows; NULL: none */
	struct tokens *danger;   /* rows that are known to be bad; NULL: none */
	struct tokens *valid;    /* rows to validate on; NULL: none */
	struct demand demand;
	struct engine *engine;
	json_t *settings; /* what outputs record, and a resumed run must match; NULL: nothing */
};

/* Sets all of it: opens a model as model_open does (NULL is a wrong usage), and lays an adapter,
 * unless that is NULL, out as theta; one that has no pairs in the blocks only changes the model's
 * weights.  Names and options are borrowed until setup_close. */
void setup_open(struct setup *, const char *path, const char *adapter, const struct compute_opts *);
/* For a theta that is trained: where there is no adapter, lays new LoRA pairs out, or with --full
 * all of the model's weights.  rank, alpha and targets of the options, which are borrowed, are
 * set to theta's own. */
void setup_theta(struct setup *, struct train_opts *);
/* Reads the streams of n files (0: of stdin) as one, for the caller to put in data, safe, danger or
 * valid, and counts its memory.  Dies when the tokens are not of the model's tokenizer, where the
 * model has one, or when the model has no such token; warns of rows that are longer than the
 * model's context, and of another template than that of `data`. */
struct tokens *setup_read(struct setup *, char *const paths[], int n);
/* The rows to validate on: those of the file that --valid names, or a share of s->data, which are
 * no longer among them then; NULL where it is not given. */
struct tokens *setup_valid(struct setup *, const struct train_opts *);
/* Adds to the demand what the tokens take, and the length of their longest row. */
void setup_count(struct setup *, const struct tokens *);
/* Opens the engine, which dies when the demand does not fit, and sets theta's values. */
void setup_begin(struct setup *);
/* Closes model, theta and engine, so that their memory is free again, and sets them to NULL. */
void setup_rest(struct setup *);
/* Closes all that is not NULL. */
void setup_close(struct setup *);

/* The recorded options of these groups, and what else decides the result: the compute type, the
 * length of a pass, hashes of the model and of all rows, the tokenizer, the template, and with an
 * adapter a hash of theta's values now.  Owned. */
json_t *setup_settings(const struct setup *, const struct opt_group *);
/* Of theta's values now, and the scales of its pairs. */
uint64_t setup_theta_hash(const struct setup *);
/* Writes theta to a folder, with the settings: a PEFT adapter, or with --full the whole model. */
void setup_save(const struct setup *, const char *dir);

#endif
