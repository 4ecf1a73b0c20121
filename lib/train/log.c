/* SPDX-License-Identifier: MIT */
/* log.c - writes the log of a training, and cuts it where a run goes on; see log.h. */
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/memory.h"
#include "../base/progress.h"
#include "../format/zio_claim.h"

struct zlog {
	char *path;
	FILE *f;
};

/* How many bytes the lines up to this step have. */
static long cut_at(FILE *f, long step)
{
	char *line = NULL;
	size_t cap = 0;
	long keep = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, f)) > 0 && line[n - 1] == '\n') {
		struct fault why;
		json_t *j = json_parse(line, n - 1, &why);
		int past = !j || json_long(j, "step", 0) > step || json_object_get(j, "event");

		json_decref(j);
		if (past)
			break;
		keep += n;
	}
	free(line);
	return keep;
}

static int begun; /* log_open was called, so that the file holds this run's lines alone */

void log_claim(const char *path)
{
	FILE *f = path ? fopen(path, "a") : NULL;
	struct stat s;

	if (!path)
		return;
	if (!f || fstat(fileno(f), &s) || fclose(f))
		die("open %s:", path);
	claim_output(&s, NULL, path);
}

struct zlog *log_open(const char *path, long resume_step)
{
	struct zlog *l;
	struct stat s;
	long keep = 0;

	if (!path)
		return NULL;
	l = xzalloc(1, sizeof *l);
	l->path = xstrdup(path);
	l->f = fopen(path, resume_step ? "r+" : "a");
	if (!l->f || fstat(fileno(l->f), &s))
		die("open %s:", path);
	if (resume_step)
		keep = cut_at(l->f, resume_step);
	if (S_ISREG(s.st_mode) && (ftruncate(fileno(l->f), keep) || fseek(l->f, keep, SEEK_SET)))
		die("write %s:", path);
	begun = 1;
	return l;
}

void log_line(struct zlog *l, const json_t *j)
{
	struct buf b = {0};

	if (!l)
		return;
	json_put(&b, j);
	buf_str(&b, "\n");
	if (fwrite(b.p, 1, b.n, l->f) != b.n || fflush(l->f))
		die("write %s:", l->path);
	buf_free(&b);
}

void log_close(struct zlog *l)
{
	if (!l)
		return;
	if (fclose(l->f))
		die("write %s:", l->path);
	free(l->path);
	free(l);
}

void log_end(const char *path, double began)
{
	struct zlog *l;
	json_t *j;

	if (!path)
		return;
	l = xzalloc(1, sizeof *l);
	l->path = xstrdup(path);
	l->f = fopen(path, begun ? "a" : "w");
	if (!l->f)
		die("open %s:", path);
	j = json_pack("{s:s, s:f, s:I}", "event", "end", "seconds", seconds_now() - began,
	              "peak_bytes", (json_int_t)peak_memory());
	log_line(l, j);
	json_decref(j);
	log_close(l);
}
