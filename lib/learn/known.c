/* known.c - see known.h.
 *
 * A line with the hash of a scored row has its bytes, so it is JSON, and its id
 * was read then: it is the score's, unless that is made from the hash, as it is
 * for a row with no id of its own.  Scores may have been edited since, so the
 * line must show the id where it would stand, or nothing that looks like one.
 */
#include "known.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"

/* Open addressing by the hash itself, at most half full. */
struct slot { uint32_t tag, at; };        /* at: place of the score + 1, 0: empty */

struct known {
	const struct scores *of;
	struct slot *slot;
	char *shared;                     /* for each score: another one has its hash */
	size_t mask;
};

/* Where the hash is, or the empty slot where it would be. */
static struct slot *find(const struct known *k, uint64_t hash)
{
	size_t i = hash & k->mask;

	while (k->slot[i].at && (k->slot[i].tag != hash >> 32 || k->of->row[k->slot[i].at - 1].hash != hash))
		i = (i + 1) & k->mask;
	return &k->slot[i];
}

struct known *known_open(const struct scores *s)
{
	struct known *k = xalloc(sizeof *k);
	size_t size = 16;

	while (size < 2 * (size_t)s->n)
		size *= 2;
	*k = (struct known){ s, xzalloc(size, sizeof *k->slot), xzalloc(s->n, 1), size - 1 };
	for (long i = 0; i < s->n; i++) {
		struct slot *at = find(k, s->row[i].hash);

		if (at->at)
			k->shared[at->at - 1] = 1;
		else
			*at = (struct slot){ s->row[i].hash >> 32, i + 1 };
	}
	return k;
}

/* Whether "id" in quotes is anywhere in the line; without a branch, so that it
 * is many bytes at a time. */
static int mentions_id(const char *p, size_t n)
{
	int any = 0;

	for (size_t i = 0; i + 3 < n; i++)
		any |= (p[i] == '"') & (p[i + 1] == 'i') & (p[i + 2] == 'd') & (p[i + 3] == '"');
	return any;
}

/* Whether the first key "id" in the line has this value, spelled as it is. */
static int shows_id(const char *p, size_t n, const char *id)
{
	const char *at = memmem(p, n, "\"id\"", 4), *end = p + n;
	size_t id_n = strlen(id);
	int quoted;

	if (!at)
		return 0;
	at += 4;
	at += strspn(at, " \t");
	if (*at++ != ':')
		return 0;
	at += strspn(at, " \t");
	quoted = *at == '"';
	at += quoted;
	if ((size_t)(end - at) <= id_n || memcmp(at, id, id_n))
		return 0;
	at += id_n;
	return quoted ? *at == '"' && !strpbrk(id, "\"\\") : *at == ',' || *at == '}' || *at == ' ';
}

const char *known_id(void *known, const struct row *row)
{
	const struct known *k = known;
	const struct slot *at = find(k, row->hash);
	const char *id;
	char hex[17];

	if (!at->at || k->shared[at->at - 1])
		return NULL;
	id = k->of->row[at->at - 1].id;
	hash_hex(row->hash, hex);
	if (!strcmp(id, hex))
		return mentions_id(row->bytes, row->text_n) ? NULL : "";
	return *id && shows_id(row->bytes, row->text_n, id) ? id : NULL;
}

void known_close(struct known *k)
{
	free(k->slot);
	free(k->shared);
	free(k);
}
