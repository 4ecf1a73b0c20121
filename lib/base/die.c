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
static int quiet, mute;
static const char *who; /* which of several processes this is; NULL: there is one */
static int (*tell)(const char *text);

void die_name(const char *n) { name = n; }
const char *program_name(void) { return name; }
void notice_quiet(int q) { quiet = q; }
void notice_mute(void) { mute = 1; }
int notice_is_quiet(void) { return quiet || mute; }

void die_of_several(const char *w, int (*t)(const char *text))
{
	who = w;
	tell = t;
}

/* Names and ids of others' files are quoted in messages, and none of their control characters
 * may reach a terminal. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			*text = '?';
}

/* The message, with the system's reason where it asks for that; owned, NULL without memory. */
static char *text_of(const char *fmt, va_list ap)
{
	int saved = errno;
	size_t n = strlen(fmt);
	char *text, *whole = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		return NULL;
	if (n && fmt[n - 1] == ':' && asprintf(&whole, "%s %s", text, strerror(saved)) < 0)
		whole = NULL;
	if (whole)
		free(text);
	else
		whole = text;
	clean(whole);
	return whole;
}

/* One write, so that the lines of a pipeline's programs stay whole. */
static void say(const char *fmt, va_list ap)
{
	char *text = text_of(fmt, ap);

	fflush(stdout);
	if (text)
		fprintf(stderr, "%s: %s\n", name, text);
	free(text);
}

/* The same of a message that the program ends with; 0 where another process says it. */
static int say_last(const char *fmt, va_list ap)
{
	char *text = text_of(fmt, ap);
	int told = text && tell && tell(text);

	fflush(stdout);
	if (text && !told)
		fprintf(stderr, "%s: %s%s%s\n", name, who ? who : "", who ? ": " : "", text);
	free(text);
	return !told;
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_last(fmt, ap);
	va_end(ap);
	DYING;
	exit(1);
}

void warn_last(const char *fmt, ...)
{
	int (*const t)(const char *text) = tell;
	va_list ap;

	tell = NULL;
	va_start(ap, fmt);
	say_last(fmt, ap);
	va_end(ap);
	tell = t;
}

void die_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (say_last(fmt, ap))
		fprintf(stderr, "Try '%s --help'.\n", name);
	va_end(ap);
	DYING;
	exit(2);
}

void warn(const char *fmt, ...)
{
	va_list ap;

	if (mute)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void notice(const char *fmt, ...)
{
	va_list ap;

	if (notice_is_quiet())
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
