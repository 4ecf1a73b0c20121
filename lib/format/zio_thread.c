/* SPDX-License-Identifier: MIT */
/* zio_thread.c - see zio_thread.h.
 *
 * A ring of blocks: the thread fills empty ones, the reader empties full ones.  Both counts only
 * rise; filled - emptied blocks are full.
 */
#include "zio_thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"

enum { BLOCKS = 8, BLOCK = 1 << 18 };

struct block {
	char *p;
	size_t n;
	int last; /* 0: more come; 1: the end; -1: an error */
};

struct ahead {
	ssize_t (*read)(void *, void *, size_t);
	void *ctx;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct block block[BLOCKS];
	unsigned long filled, emptied;
	int stop;
	size_t at; /* the reader's place in its block */
	int own;   /* the reader has one */
};

/* Waits until *count, which the other side raises, is no longer `past`; returns the block of that
 * number, or NULL when the thread is to stop. */
static struct block *wait_for(struct ahead *a, const unsigned long *count, unsigned long past)
{
	int stop;

	pthread_mutex_lock(&a->lock);
	while (*count == past && !a->stop)
		pthread_cond_wait(&a->change, &a->lock);
	stop = a->stop;
	pthread_mutex_unlock(&a->lock);
	return stop ? NULL : &a->block[past % BLOCKS];
}

static void count(struct ahead *a, unsigned long *count)
{
	pthread_mutex_lock(&a->lock);
	++*count;
	pthread_cond_signal(&a->change);
	pthread_mutex_unlock(&a->lock);
}

static void *work(void *ahead)
{
	struct ahead *a = ahead;
	struct block *b;

	do {
		b = wait_for(a, &a->emptied, a->filled - BLOCKS);
		if (!b)
			return NULL;
		b->n = b->last = 0;
		while (!b->last && b->n < BLOCK) {
			ssize_t got = a->read(a->ctx, b->p + b->n, BLOCK - b->n);

			b->n += got > 0 ? got : 0;
			b->last = got > 0 ? 0 : got ? -1 : 1;
		}
		count(a, &a->filled);
	} while (!b->last);
	return NULL;
}

struct ahead *ahead_open(ssize_t (*read)(void *, void *, size_t), void *ctx)
{
	struct ahead *a = xzalloc(1, sizeof *a);
	sigset_t all, before;

	a->read = read;
	a->ctx = ctx;
	for (int i = 0; i < BLOCKS; i++)
		a->block[i].p = xalloc(BLOCK);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->change, NULL);
	sigfillset(&all); /* signals are the first thread's */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	errno = pthread_create(&a->thread, NULL, work, a);
	if (errno)
		die("start a thread:");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return a;
}

ssize_t ahead_read(struct ahead *a, void *p, size_t n)
{
	struct block *b;

	for (;;) {
		b = a->own ? &a->block[a->emptied % BLOCKS] : wait_for(a, &a->filled, a->emptied);
		a->own = 1;
		if (a->at < b->n)
			break;
		if (b->last)
			return b->last < 0 ? -1 : 0;
		a->own = 0;
		a->at = 0;
		count(a, &a->emptied);
	}
	n = n < b->n - a->at ? n : b->n - a->at;
	memcpy(p, b->p + a->at, n);
	a->at += n;
	return n;
}

void ahead_close(struct ahead *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = 1;
	pthread_cond_signal(&a->change);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	pthread_cond_destroy(&a->change);
	pthread_mutex_destroy(&a->lock);
	for (int i = 0; i < BLOCKS; i++)
		free(a->block[i].p);
	free(a);
}
