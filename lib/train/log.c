/* SPDX-License-Identifier: MIT */
/* log.c - writes the log of a training, and cuts it where a run goes on; see log.h. */
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/progress.h"
#include "../base/world.h"
#include "../format/zio.h"
#include "../format/zio_claim.h"

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

static const char *name; /* of the log */
static FILE *file;       /* NULL: none is open */

static _Noreturn void failed(void) { die("write %s:", zio_is_std(name) ? "stdout" : name); }

void log_claim(const char *path)
{
	FILE *f;
	struct stat s;

	if (world_rank())
		return; /* the log is rank 0's */
	f = path && !zio_is_std(path) ? fopen(path, "a") : NULL;
	if (path && zio_is_std(path)) {
		claim_stdout(&s, &name);
		return;
	}
	if (!path)
		return;
	if (!f || fstat(fileno(f), &s) || fclose(f))
		die("open %s:", path);
	claim_output(&s, &name, path);
}

/* The log as it is, to be cut or written to; NULL with errno. */
static FILE *open_log(const char *path, const char *how)
{
	int fd = zio_is_std(path) ? dup(1) : -1;

	return fd < 0 ? fopen(path, how) : fdopen(fd, "w");
}

void log_open(const char *path, long resume_step)
{
	struct stat s;
	long keep = 0;

	if (file && path && !strcmp(path, name) && !resume_step)
		return;
	if (file)
		fclose(file);
	file = NULL;
	if (!path || world_rank())
		return;
	name = path;
	file = open_log(path, resume_step ? "r+" : "a");
	if (!file || fstat(fileno(file), &s))
		die("open %s:", path);
	if (zio_is_std(path))
		return;
	if (resume_step)
		keep = cut_at(file, resume_step);
	if (S_ISREG(s.st_mode) && (ftruncate(fileno(file), keep) || fseek(file, keep, SEEK_SET)))
		failed();
}

void log_line(const json_t *j)
{
	struct buf b = {0};

	if (!file)
		return;
	json_put(&b, j);
	buf_str(&b, "\n");
	if (fwrite(b.p, 1, b.n, file) != b.n || fflush(file))
		failed();
	buf_free(&b);
}

void log_end(const char *path, double began)
{
	json_t *j = json_pack("{s:s, s:f, s:I}", "event", "end", "seconds", seconds_now() - began,
	                      "peak_bytes", (json_int_t)peak_memory());

	if (!file)
		log_open(path, 0);
	log_line(j);
	json_decref(j);
	if (file && fclose(file))
		failed();
	file = NULL;
}
