/* SPDX-License-Identifier: MIT */
/* judge_cache.c - answers that outlive a run; see judge.h.
 *
 * A folder of files HASH.json, {"request": what was asked, and whom,"answer"}; HASH is that of the
 * request's text.  A file is written whole or not at all, as soon as its answer is there, so a
 * run that was killed goes on where it stood.  A file that is not this request's is an error.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "judge.h"

static char *path_of(const struct judge_opts *o, const struct question *q)
{
	char hex[17];

	hash_hex(q->key, hex);
	return xprintf("%s/%s.json", o->cache, hex);
}

/* The answer of a file, owned; dies. */
static json_t *read_answer(const char *path, const json_t *request)
{
	json_t *file = json_read_file(path), *answer = json_object_get(file, "answer");

	if (!json_equal(json_object_get(file, "request"), request) ||
	    !json_object_get(answer, "verdict") || !json_object_get(answer, "p") ||
	    !json_object_get(answer, "mass"))
		die("%s: is not the answer that its name says (remove it)", path);
	json_incref(answer);
	json_decref(file);
	return answer;
}

long cache_look(const struct judge_opts *o, const json_t *by, struct question q[], long n)
{
	struct buf text = {0};
	long found = 0;

	if (!o->cache)
		return 0;
	if (mkdir(o->cache, 0777) && errno != EEXIST)
		die("make %s:", o->cache);
	for (long i = 0; i < n; i++) {
		char *path;

		json_object_set(q[i].request, "by", (json_t *)by);
		text.n = 0;
		json_put(&text, q[i].request);
		q[i].key = hash_bytes(text.p, text.n);
		path = path_of(o, &q[i]);
		if (!access(path, F_OK)) {
			q[i].answer = read_answer(path, q[i].request);
			found++;
		}
		free(path);
	}
	buf_free(&text);
	return found;
}

void cache_keep(const struct judge_opts *o, const struct question *q)
{
	struct buf text = {0};
	json_t *file;
	char *path;

	if (!o->cache)
		return;
	file = json_pack("{s:O, s:O}", "request", q->request, "answer", q->answer);
	path = path_of(o, q);
	json_put(&text, file);
	buf_str(&text, "\n");
	zio_save(path, text.p, text.n);
	buf_free(&text);
	json_decref(file);
	free(path);
}
