/* SPDX-License-Identifier: MIT */
/* divided.c - see divided.h. */
#include "divided.h"

#include <stdlib.h>

#include "../base/memory.h"
#include "../base/num.h"
#include "../base/world.h"

enum { PLACES = 2, UNIT = 256 }; /* parts begin at multiples of so many bytes */

struct divided {
	struct dev *dev;
	size_t *bytes; /* [layers] */
	long layers;
	char **own; /* [layers] device: this rank's part */
	char *place[PLACES];
	long holds[PLACES]; /* the layer whose matrices are there; -1: none */
	size_t *at;         /* [ranks+1] where the parts of a layer begin */
	struct mat *out, *in;
	char *host; /* room for a layer, of a device whose cards do not speak to each other */
};

static size_t largest(const size_t bytes[], long layers)
{
	size_t most = 0;

	for (long i = 0; i < layers; i++)
		most = size_max(most, bytes[i]);
	return most;
}

/* Where rank r's part of so many bytes begins. */
static size_t begin(size_t bytes, int r)
{
	return r == world_size() ? bytes : bytes / UNIT * r / world_size() * UNIT;
}

size_t divided_bytes(const size_t bytes[], long layers)
{
	size_t all = PLACES * largest(bytes, layers);

	for (long i = 0; i < layers; i++)
		all += begin(bytes[i], world_rank() + 1) - begin(bytes[i], world_rank());
	return all;
}

struct divided *divided_open(struct dev *d, size_t *bytes, long layers)
{
	struct divided *s = xzalloc(1, sizeof *s);
	int ranks = world_size();

	s->dev = d;
	s->bytes = bytes;
	s->layers = layers;
	s->own = xzalloc(layers, sizeof *s->own);
	for (int k = 0; k < PLACES; k++) {
		s->place[k] = d->op->alloc(d, size_max(1, largest(bytes, layers)));
		s->holds[k] = -1;
		d->op->zero(d, mat_of(s->place[k], DT_F32, 1,
		                      (long)(largest(bytes, layers) / sizeof(float))));
	}
	s->at = xalloc((ranks + 1) * sizeof *s->at);
	s->out = xzalloc(ranks, sizeof *s->out);
	s->in = xzalloc(ranks, sizeof *s->in);
	return s;
}

void divided_close(struct divided *s)
{
	if (!s)
		return;
	for (long i = 0; i < s->layers; i++)
		if (s->own[i])
			s->dev->op->free(s->dev, s->own[i]);
	for (int k = 0; k < PLACES; k++)
		s->dev->op->free(s->dev, s->place[k]);
	free(s->bytes);
	free(s->own);
	free(s->at);
	free(s->out);
	free(s->in);
	free(s->host);
	free(s);
}

char *divided_place(const struct divided *s, long layer) { return s->place[layer % PLACES]; }

/* Bytes from..to-1 of a layer, as a row of floats. */
static struct mat bytes_of(char *p, size_t n)
{
	return mat_of(p, DT_F32, 1, (long)(n / sizeof(float)));
}

/* Sets s->at; how many bytes are this rank's. */
static size_t divide(struct divided *s, long layer)
{
	for (int r = 0; r <= world_size(); r++)
		s->at[r] = begin(s->bytes[layer], r);
	return s->at[world_rank() + 1] - s->at[world_rank()];
}

void divided_keep(struct divided *s, long layer)
{
	size_t own = divide(s, layer);

	if (!own)
		return;
	s->own[layer] = s->dev->op->alloc(s->dev, own);
	s->dev->op->copy(s->dev, bytes_of(s->own[layer], own),
	                 bytes_of(divided_place(s, layer) + s->at[world_rank()], own));
}

/* By way of the host's memory, which is the device's where that is the host. */
static void gather(struct divided *s, char *to, size_t bytes)
{
	size_t first = s->at[world_rank()], own = s->at[world_rank() + 1] - first;

	if (!s->dev->apart) {
		world_gather(to, s->at);
		return;
	}
	if (!s->host)
		s->host = xalloc(largest(s->bytes, s->layers));
	s->dev->op->get(s->dev, s->host + first, to + first, own);
	world_gather(s->host, s->at);
	s->dev->op->put(s->dev, to, s->host, bytes);
}

void divided_bring(struct divided *s, long layer)
{
	const struct ops *op = s->dev->op;
	char *to = divided_place(s, layer);
	int rank = world_rank();
	size_t own;

	if (!s->bytes[layer] || s->holds[layer % PLACES] == layer)
		return;
	s->holds[layer % PLACES] = layer;
	own = divide(s, layer);
	if (own)
		op->copy(s->dev, bytes_of(to + s->at[rank], own), bytes_of(s->own[layer], own));
	for (int r = 0; r < world_size(); r++) {
		size_t n = s->at[r + 1] - s->at[r];

		s->out[r] = bytes_of(s->own[layer], r == rank ? 0 : own);
		s->in[r] = bytes_of(to + s->at[r], r == rank ? 0 : n);
	}
	if (!op->exchange || !op->exchange(s->dev, s->out, s->in))
		gather(s, to, s->bytes[layer]);
}
