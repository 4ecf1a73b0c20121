/* SPDX-License-Identifier: MIT */
/* tokenize.c - how fast texts are encoded: the best of three passes over a JSON
 * list of texts, in megabytes a second.  For one thread that is processor time,
 * so that a busy machine matters less.
 *
 *     build/t/bench/tokenize TOKENIZER TEXTS THREADS
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../lib/text/tokenizer.h"
#include "../../lib/format/jsonl.h"

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static long encode_all(const struct tokenizer *t, const json_t *texts)
{
	long tokens = 0;

#pragma omp parallel reduction(+ : tokens)
	{
		struct ids ids = {0};

#pragma omp for schedule(dynamic, 16)
		for (size_t i = 0; i < json_array_size(texts); i++) {
			const json_t *s = json_array_get(texts, i);

			ids.n = 0;
			tokenizer_encode(t, json_string_value(s), json_string_length(s), 0, 0, &ids);
			tokens += ids.n;
		}
		ids_free(&ids);
	}
	return tokens;
}

int main(int argc, char **argv)
{
	struct tokenizer *t;
	json_t *texts;
	clockid_t clock;
	double least = INFINITY, bytes = 0;
	long tokens = 0;

	die_name("tokenize");
	if (argc != 4)
		die("needs TOKENIZER TEXTS THREADS");
	omp_set_num_threads(atoi(argv[3]));
	clock = atoi(argv[3]) == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
	t = tokenizer_open(argv[1]);
	texts = json_read_file(argv[2]);
	for (size_t i = 0; i < json_array_size(texts); i++)
		bytes += json_string_length(json_array_get(texts, i));
	for (int pass = 0; pass < 3; pass++) {
		double begun = now(clock);

		tokens = encode_all(t, texts);
		least = fmin(least, now(clock) - begun);
	}
	printf("%.2f %ld\n", bytes / least / 1e6, tokens);
	json_decref(texts);
	tokenizer_close(t);
	return 0;
}
