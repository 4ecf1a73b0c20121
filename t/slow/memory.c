/* SPDX-License-Identifier: MIT */
/* memory.c - what a row more costs in memory: the peak of each program with few rows
 * and with many. */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/base/memory.h"
#include "../../lib/base/die.h"
#include "../../lib/base/hash.h"
#include "../tap.h"

enum { FEW = 30000, MANY = 180000, SLACK = 768 << 10 };

static char folder[] = "/tmp/seal-memory-XXXXXX";

static FILE *create(const char *name, long n)
{
	char *path = xprintf("%s/%s-%ld", folder, name, n);
	FILE *f = fopen(path, "w");

	if (!f)
		die("create %s:", path);
	free(path);
	return f;
}

/* Rows, and a score for each. */
static void write_rows(long n)
{
	FILE *rows = create("rows", n), *scores = create("scores", n);
	char line[256], hex[17];

	fprintf(scores, "{\"seal\":\"scores\",\"rows\":%ld,\"method\":\"test\"}\n", n);
	for (long i = 0; i < n; i++) {
		sprintf(line, "{\"id\":\"row-%ld\",\"prompt\":\"a %ld\",\"completion\":\"b %ld\"}", i, i, i);
		fprintf(rows, "%s\n", line);
		hash_hex(hash_bytes(line, strlen(line)), hex);
		fprintf(scores, "{\"id\":\"row-%ld\",\"hash\":\"%s\",\"line\":%ld,\"score\":%ld.5,\"weight\":1,\"visits\":1,\"last\":%ld,"
		        "\"loss_base\":2.25,\"loss\":1.5,\"loss_hat\":null}\n", i, hex, i + 1, i * 7919 % n, i);
	}
	fclose(rows);
	fclose(scores);
}

static void write_texts(long n)
{
	FILE *f = create("texts", n);

	for (long i = 0; i < n; i++) {
		fprintf(f, "{\"t\":\"%ld", i);
		for (long k = 0; k < 400; k++)
			fprintf(f, " w%ld", (i + k) % 5000);
		fprintf(f, "\"}\n");
	}
	fclose(f);
}

/* The peak in bytes of a command, in which N stands for n; dies if it fails. */
static double peak(const char *command, long n)
{
	char *number = xprintf("N=%ld", n);
	struct rusage use;
	int status;
	pid_t pid = fork();

	if (!pid) {
		putenv(number);
		putenv("OMP_NUM_THREADS=1");
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &use) < 0 || status)
		die("%s: status %d", command, status);
	free(number);
	return use.ru_maxrss * 1024.0;
}

/* most: bytes a row. */
static void costs(const char *name, const char *command, long few, long many, double most)
{
	char *whole = xprintf("D=%s; exec bin/%s", folder, command);
	double a = peak(whole, few), b = peak(whole, many);

	ok(b - a <= most * (many - few) + SLACK, "%s: at most %.0f bytes a row (%ld and %ld rows: %.1f and %.1f MB)", name, most,
	   few, many, a / 1e6, b / 1e6);
	free(whole);
}

int main(void)
{
#ifdef SEAL_SAN
	skip("memory a row", "the sanitizers' own memory is in the peak");
	return tap_done();
#endif
	if (!mkdtemp(folder))
		die("create a folder in /tmp:");
	write_rows(FEW);
	write_rows(MANY);
	write_texts(3000);
	write_texts(6000);
	costs("seal-tokenize", "seal-tokenize -q -j 1 -m t/gold/model --template none $D/rows-$N -o $D/tok-$N", FEW, MANY, 16);
	costs("seal-tokenize --decode", "seal-tokenize -q -m t/gold/model --decode $D/tok-$N > $D/out", FEW, MANY, 16);
	costs("seal-select", "seal-select -q --keep 80% --scores $D/scores-$N $D/rows-$N > $D/out", FEW, MANY, 60);
	costs("seal-select --dedupe exact", "seal-select -q --dedupe exact $D/rows-$N > $D/out", FEW, MANY, 110);
	costs("seal-select --dedupe near", "seal-select -q --dedupe near $D/rows-$N > $D/out", FEW, MANY, 240);
	costs("seal-score --method dsir", "seal-score -q -j 1 --method dsir --text t --target $D/texts-3000 $D/texts-$N > $D/out", 3000, 6000, 60);
	peak(xprintf("rm -r %s", folder), 0);
	return tap_done();
}
