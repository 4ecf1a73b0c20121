/* SPDX-License-Identifier: MIT */
/* die.c - see die.h. */
#include "die.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef SEAL_SAN
#include <sanitizer/lsan_interface.h>

/* What dies frees nothing, and often forgets where it was: that is no leak. */
static int dying;
int __lsan_is_turned_off(void) { return dying; }
#define DYING (dying = 1)
#else
#define DYING ((void)0)
#endif

static const char *name = "seal";
static int quiet;

void die_name(const char *n) { name = n; }
const char *program_name(void) { return name; }
void notice_quiet(int q) { quiet = q; }
int notice_is_quiet(void) { return quiet; }

/* Names and ids of others' files are quoted in messages, and none of their control characters
 * may reach a terminal. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			*text = '?';
}

/* One write, so that the lines of a pipeline's programs stay whole. */
static void say(const char *fmt, va_list ap)
{
	int saved = errno;
	size_t n = strlen(fmt);
	char *text;

	fflush(stdout);
	if (vasprintf(&text, fmt, ap) < 0)
		return;
	clean(text);
	fprintf(stderr, "%s: %s%s%s\n", name, text, n && fmt[n - 1] == ':' ? " " : "",
	        n && fmt[n - 1] == ':' ? strerror(saved) : "");
	free(text);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	DYING;
	exit(1);
}

void die_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	fprintf(stderr, "Try '%s --help'.\n", name);
	DYING;
	exit(2);
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void notice(const char *fmt, ...)
{
	va_list ap;

	if (quiet)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

int fault(struct fault *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->text, sizeof f->text, fmt, ap);
	va_end(ap);
	clean(f->text);
	return -1;
}
