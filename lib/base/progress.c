/* SPDX-License-Identifier: MIT */
/* progress.c - see progress.h. */
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"

struct progress {
	const char *what, *unit;
	double total, began, shown,
		first; /* first: what was done at the first report, by a run that is resumed */
	int terminal, any;
};

double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

long peak_memory(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss * 1024L;
}

struct progress *progress_open(const char *what, const char *unit, double total)
{
	struct progress *p = xzalloc(1, sizeof *p);

	p->what = what;
	p->unit = unit;
	p->total = total;
	p->began = p->shown = seconds_now();
	p->terminal = isatty(2);
	return p;
}

static void left_text(const struct progress *p, double done, double now, char *s, size_t size)
{
	double rate = (done - p->first) / (now - p->began);
	long left = p->total > done && rate > 0 ? (long)((p->total - done) / rate) : -1;

	if (left < 0)
		snprintf(s, size, "%lds", (long)(now - p->began));
	else
		snprintf(s, size, "%ld:%02ld:%02ld left", left / 3600, left / 60 % 60, left % 60);
}

void progress_at(struct progress *p, double done, const char *note)
{
	double now = seconds_now();
	char left[48], bar[21];

	if (!p->any) {
		p->any = 1;
		p->first = done;
	}
	if (notice_is_quiet() || now - p->shown < (p->terminal ? 0.1 : 30))
		return;
	p->shown = now;
	left_text(p, done, now, left, sizeof left);
	if (!p->terminal || p->total <= 0) {
		fprintf(stderr, "%s%s: %s %.0f/%.0f %s, %s%s%s%s", p->terminal ? "\r\033[K" : "",
		        program_name(), p->what, done, p->total, p->unit, left, note ? "  " : "",
		        note ? note : "", p->terminal ? "" : "\n");
		return;
	}
	for (int i = 0; i < 20; i++)
		bar[i] = i < 20 * done / p->total ? '#' : '.';
	bar[20] = 0;
	fprintf(stderr, "\r\033[K%s [%s] %.0f/%.0f %s  %s  %s", p->what, bar, done, p->total,
	        p->unit, left, note ? note : "");
}

void progress_close(struct progress *p)
{
	if (p->any && p->terminal && !notice_is_quiet())
		fputs("\r\033[K", stderr);
	free(p);
}
