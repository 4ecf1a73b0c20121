/* SPDX-License-Identifier: MIT */
/* tap.h - TAP for tests in C: ok, near, same, skip, cases, and the verdict as the exit status. */
#ifndef SEAL_TAP_H
#define SEAL_TAP_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3), unused))
static int ok(int pass, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", pass ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	tap_failed += !pass;
	return pass;
}

/* |got - want| <= tol * max(1, |want|) */
__attribute__((unused))
static int near(double got, double want, double tol, const char *name)
{
	int pass = fabs(got - want) <= tol * fmax(1, fabs(want));

	ok(pass, "%s", name);
	if (!pass)
		printf("# got %.9g, want %.9g\n", got, want);
	return pass;
}

__attribute__((unused))
static int same(const char *got, const char *want, const char *name)
{
	int pass = got && want && !strcmp(got, want);

	ok(pass, "%s", name);
	if (!pass)
		printf("# got  %s\n# want %s\n", got ? got : "(null)", want ? want : "(null)");
	return pass;
}

__attribute__((unused))
static void skip(const char *name, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_count, name, why);
}

/* That a list of cases, which a loop went through, was not empty. */
__attribute__((unused))
static int cases(long n, const char *name)
{
	return ok(n > 0, "%s: %ld cases", name, n);
}

/* One verdict on n cases: names the first that is wrong, and fails when there is none.
 * first: its number, from 0, or -1 if all are right. */
__attribute__((unused))
static int all_right(long n, long first, const char *name)
{
	int pass = ok(n > 0 && first < 0, "%s: %ld cases", name, n);

	if (first >= 0)
		printf("# the first that is wrong is number %ld\n", first);
	return pass;
}

/* Ends the test: return tap_done() from main.  One that has tested nothing has failed. */
__attribute__((unused))
static int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0 || tap_count == 0;
}

#endif
