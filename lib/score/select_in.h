/* SPDX-License-Identifier: MIT */
/* select_in.h - what the two passes of seal-select share; see select.h. */
#ifndef SEAL_SELECT_IN_H
#define SEAL_SELECT_IN_H

#include "../rows/row.h"
#include "lean.h"
#include "select.h"

/* In `which`, where it is not the place of a score: the row has none; it was broken or dropped. */
#define UNSCORED (UINT32_MAX - 1)
#define GONE     UINT32_MAX

/* One input's rows. */
struct part {
	struct rows *in;
	char *path; /* of what is added */
	uint32_t *which;
	long n, room;
	struct buf
		ids; /* of those that are not GONE, each with its NUL; empty if nobody needs them */
};

struct picker {
	const struct select_opts *o;
	struct lean *scores;
	char *picked;           /* for each score */
	uint32_t *rank, *group; /* for each score; rank: from 1, 0 without a number */
	long numbers;           /* how many have one */
	int any, csv;           /* a row was seen; rows are CSV, under this header, if any */
	struct buf header;
	json_t *value; /* --by-group: value -> place in group_rows */
	long *group_rows, groups;
	struct fates *fates;
	int ids; /* somebody needs them */
	struct zout *out;
	int open; /* the last row that was written lacks its LF */
	struct held {
		char *bytes;
		size_t n;
		int ended;
	} * held;   /* --top, --bottom: in the order of output */
	long holds; /* how many that may be */
};

/* The second pass: rows go out as they came. */
void write_rows(struct picker *, struct part *);
void write_added(struct picker *, struct part *);
void write_held(struct picker *);

#endif
