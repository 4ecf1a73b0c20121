/* SPDX-License-Identifier: MIT */
/* tap.h - TAP for tests in C: ok, near, skip, and the verdict as the exit status. */
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

/* Ends the test: return tap_done() from main. */
__attribute__((unused))
static int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif
