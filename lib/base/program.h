/* SPDX-License-Identifier: MIT */
/* program.h - what a program does first, and what it does however it ends.
 *
 * The library is for programs that do one run and end: they have one name in messages, one set
 * of outputs, and die() ends them from anywhere.
 */
#ifndef SEAL_PROGRAM_H
#define SEAL_PROGRAM_H

/* To be called first in main.  Messages begin with the file name of argv[0] (until opt_parse
 * names the program).  Descriptors 0 to 2 are open from then on: one that was closed is replaced
 * by one that fails, so that no file gets its number and no message lands in data.  SIGINT,
 * SIGQUIT, SIGTERM, SIGHUP, SIGPIPE and SIGXCPU, unless they are ignored, first call what
 * program_at_end was given, then end the program as they do.  A write beyond the limit on the size
 * of files fails as on a full disk. */
void program_begin(char **argv);

/* f is called when the program ends by exit(), die() or such a signal: it may do only what a
 * signal handler may.  A forked child does not call it.  There is one. */
void program_at_end(void (*f)(void));
/* Ends the program at once, with status 1, from any thread of it. */
void program_abort(void) __attribute__((noreturn));

#endif
