/* SPDX-License-Identifier: MIT */
/* select_in.h - what the parts of seal-select share: select.c reads and writes rows, select_pick.c
 * decides which. */
#ifndef SEAL_SELECT_IN_H
#define SEAL_SELECT_IN_H

#include <stdio.h>
#include <string.h>

#include "dedupe.h"
#include "join.h"
#include "mix.h"
#include "select.h"

struct selection {
	const struct select_opts *o;
	struct join *join; /* value[0]: the score; [1]: the weight, for --annotate */
	struct fates *fates;
	struct zout *out;
	FILE *aside;           /* the rows, one after the other */
	long added;            /* the last so many of them are those of --add */
	long end;              /* bytes in it */
	int any, csv;          /* a row was seen; the rows are CSV */
	struct buf header;     /* of CSV, with its line end; or empty */
	struct dedupe *dedupe; /* of --dedupe exact and near, else NULL */
	long unread;           /* rows of which that could not tell what they say */
	long *place;           /* [rows] with dedupe: where in the file aside each row is */
	uint32_t *keeper;      /* [rows] with dedupe: the row that is kept for each */
	struct mix *mix;       /* NULL without --mix */
	json_t *groups;        /* --by-group: see object_group */
	uint32_t *group; /* [rows] the number of each row's group, or of its file with --mix */
	long group_room, place_room;
	uint32_t *rank; /* [rows] from 1, the best; 0: the row has no number */
	char *picked;   /* [rows] */
	long numbers;   /* how many rows have one */
	int open;       /* the last row that was written lacks its LF */
};

static inline int select_auto(const struct select_opts *o)
{
	return o->keep && !strcmp(o->keep, "auto");
}

/* --threshold's number, 0 without; wrong usage where it is none. */
double select_threshold(const struct select_opts *);
/* With --dedupe: sets keeper[], and takes the scores of duplicates away. */
void select_duplicates(struct selection *);
/* Sets rank[], picked[] and numbers. */
void select_pick(struct selection *);

#endif
