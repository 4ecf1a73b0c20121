/* SPDX-License-Identifier: MIT */
/* zio_out.c - streams that are written; see zio.h.
 *
 * A file is written under a temporary name beside its place, and renamed into place once it is
 * complete.  The outputs that have such a file lie in a fixed array, so that a signal handler may
 * walk it at any moment: one enters before its file is made and leaves after the rename, and
 * removing a file that does not exist does no harm.
 */
#include "zio.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "../base/memory.h"
#include "../base/num.h"
#include "../base/program.h"
#include "../base/world.h"
#include "scratch.h"
#include "zio_claim.h"

enum { CHUNK = 1 << 18, LEVEL = 3, UNFINISHED_MOST = 64 };

const struct opt zstd_options[] = {
	{"zstd", 0, OPT_FLAG, offsetof(struct zstd_opts, zstd), NULL, "compress the output", 0, 0},
	{"plain", 0, OPT_FLAG, offsetof(struct zstd_opts, plain), NULL, "do not compress it", 0, 0},
	{0},
};

void zstd_check(const struct zstd_opts *o)
{
	if (o->zstd && o->plain)
		die_usage("--zstd and --plain exclude each other");
}

int zstd_flag(const struct zstd_opts *o, int otherwise)
{
	return o->zstd || (otherwise && !o->plain) ? ZOUT_ZSTD : ZOUT_PLAIN;
}

struct zout {
	int fd;
	char *name;      /* for messages */
	char *to;        /* where temp is renamed to in the end; NULL: fd is the output itself */
	char *temp;      /* in temp_name */
	int slot;        /* its place in `unfinished` */
	int joined;      /* all ranks write parts of it */
	FILE *part;      /* where those that are not rank 0 do */
	ZSTD_CCtx *pack; /* NULL when plain */
	char *p;
	size_t n, cap;
};

static struct zout *volatile unfinished[UNFINISHED_MOST];
/* Their temporary names stay where they are, for whoever walks the array in another thread
 * (program_abort). */
static char temp_name[UNFINISHED_MOST][PATH_MAX];

static void remove_unfinished(void)
{
	for (int i = 0; i < UNFINISHED_MOST; i++)
		if (unfinished[i])
			unlink(temp_name[i]);
}

/* The new file gets owner, group and mode of the one that it will replace.  Who may not give files
 * away keeps the new one, and then others than before would be its group: they get no more than
 * everybody had. */
static void take_mode(const struct zout *z, const struct stat *old)
{
	mode_t mode = old->st_mode & 0777;

	if (fchown(z->fd, old->st_uid, old->st_gid) && fchown(z->fd, -1, old->st_gid))
		mode &= ~(mode_t)070 | (mode & 07) << 3;
	if (fchmod(z->fd, mode))
		die("change the mode of %s:", z->to);
}

/* old: of the file to be replaced, NULL when there is none.  Nobody else can open the new one
 * before it has the old one's mode. */
static void open_temp(struct zout *z, const struct stat *old)
{
	static unsigned count;
	const char *slash = strrchr(z->to, '/');
	int folder = slash ? (int)(slash + 1 - z->to) : 0;

	program_at_end(remove_unfinished);
	for (int i = 0; i < UNFINISHED_MOST; i++)
		if (unfinished[i] && !strcmp(unfinished[i]->to, z->to))
			die("%s: is two outputs at once", z->to);
	while (z->slot < UNFINISHED_MOST && unfinished[z->slot])
		z->slot++;
	assert(z->slot < UNFINISHED_MOST);
	do {
		unfinished[z->slot] = NULL;
		z->temp = temp_name[z->slot];
		if (snprintf(z->temp, PATH_MAX, "%.*s.seal-%ld-%u.tmp", folder, z->to,
		             (long)getpid(), count++) >= PATH_MAX)
			die("create %s: the name is too long", z->to);
		unfinished[z->slot] = z;
		z->fd = open(z->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, old ? 0600 : 0666);
	} while (z->fd < 0 && errno == EEXIST);
	if (z->fd < 0)
		die("create %s:", z->to);
	if (old)
		take_mode(z, old);
}

/* Syncs the temporary file and puts it in place. */
static void keep_temp(struct zout *z)
{
	claim_check(z->to);
	if (fsync(z->fd) || close(z->fd))
		die("write %s:", z->to);
	if (rename(z->temp, z->to))
		die("create %s:", z->to);
	unfinished[z->slot] = NULL;
}

static void write_all(struct zout *z, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(z->fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (!done)
			errno = EIO; /* else it would be tried for ever */
		if (done <= 0)
			die("write %s:", z->name);
		p += done;
		n -= done;
	}
}

/* Opens what the bytes are written to: a temporary file beside path, or path itself when that is
 * no regular file (a pipe, /dev/null). */
static void open_path(struct zout *z, const char *path)
{
	struct stat s, *old = stat(path, &s) ? NULL : &s;

	if (old) {
		if (S_ISDIR(s.st_mode))
			die("%s: is a folder", path);
		claim_output(&s, z, path);
		if (!S_ISREG(s.st_mode)) {
			z->fd = open(path, O_WRONLY | O_CLOEXEC);
			if (z->fd < 0)
				die("open %s:", path);
			return;
		}
		z->to = realpath(path, NULL); /* not the link, what it points to */
	}
	if (!z->to)
		z->to = xstrdup(path);
	open_temp(z, old);
}

static void open_stdout(struct zout *z)
{
	struct stat s;

	z->fd = fcntl(1, F_DUPFD_CLOEXEC, 3);
	if (z->fd < 0)
		die("open stdout:");
	claim_stdout(&s, z);
	if (write(z->fd, "", 0)) /* it was closed, or is open for reading only */
		die("write stdout:");
	if (S_ISFIFO(s.st_mode))
		fcntl(z->fd, F_SETPIPE_SZ, 4 * CHUNK); /* for speed; it may fail */
}

/* What a rank writes that is not rank 0. */
static void open_aside(struct zout *z)
{
	z->part = z->joined ? scratch_open() : NULL;
	z->fd = z->part ? fcntl(fileno(z->part), F_DUPFD_CLOEXEC, 3)
	                : open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (z->fd < 0)
		die("open %s:", z->name);
}

struct zout *zout_open(const char *path, int flags)
{
	struct zout *z = xzalloc(1, sizeof *z);

	if (path && !*path)
		die_usage("the name of an output is empty");
	z->name = xstrdup(zio_is_std(path) ? "stdout" : path);
	z->joined = flags & ZOUT_JOINED && world_size() > 1;
	if (world_rank())
		open_aside(z);
	else if (zio_is_std(path))
		open_stdout(z);
	else
		open_path(z, path);
	if (flags & (ZOUT_ZSTD | ZOUT_BINARY) && isatty(z->fd))
		die("refusing to write binary data to a terminal (use -o FILE, or a pipe)");
	z->cap = CHUNK;
	z->p = xalloc(z->cap);
	if (flags & ZOUT_ZSTD) {
		z->pack = ZSTD_createCCtx();
		if (!z->pack)
			die("out of memory");
		ZSTD_CCtx_setParameter(z->pack, ZSTD_c_compressionLevel, LEVEL);
		ZSTD_CCtx_setParameter(z->pack, ZSTD_c_checksumFlag, 1);
	}
	return z;
}

static void empty(struct zout *z)
{
	write_all(z, z->p, z->n);
	z->n = 0;
}

static void pack(struct zout *z, const void *p, size_t n, ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = {p, n, 0};
	size_t left;

	do {
		ZSTD_outBuffer out = {z->p, z->cap, z->n};

		left = ZSTD_compressStream2(z->pack, &out, &in, how);
		if (ZSTD_isError(left))
			die("write %s: %s", z->name, ZSTD_getErrorName(left));
		z->n = out.pos;
		if (z->n == z->cap)
			empty(z);
	} while (how == ZSTD_e_continue ? in.pos < in.size : left > 0);
}

void zout_write(struct zout *z, const void *p, size_t n)
{
	if (z->pack) {
		pack(z, p, n, ZSTD_e_continue);
		return;
	}
	if (z->n + n > z->cap)
		empty(z);
	if (n > z->cap) {
		write_all(z, p, n);
		return;
	}
	if (n)
		memcpy(z->p + z->n, p, n);
	z->n += n;
}

void zout_str(struct zout *z, const char *s) { zout_write(z, s, strlen(s)); }

void zout_flush(struct zout *z)
{
	if (z->pack)
		pack(z, NULL, 0, ZSTD_e_flush);
	empty(z);
}

/* Gives rank 0 what this one wrote. */
static void give_part(struct zout *z)
{
	off_t n = lseek(z->fd, 0, SEEK_END);

	world_pass(&n, sizeof n, world_rank(), 0);
	for (off_t at = 0; at < n;) {
		size_t some = size_min(z->cap, n - at);

		scratch_read_at(z->part, z->p, some, at);
		world_pass(z->p, some, world_rank(), 0);
		at += some;
	}
}

/* Rank 0: writes the parts of the others behind its own. */
static void take_parts(struct zout *z)
{
	for (int r = 1; r < world_size(); r++) {
		off_t n;

		world_pass(&n, sizeof n, r, 0);
		for (off_t at = 0; at < n;) {
			size_t some = size_min(z->cap, n - at);

			world_pass(z->p, some, r, 0);
			write_all(z, z->p, some);
			at += some;
		}
	}
}

void zout_close(struct zout *z)
{
	if (!z)
		return;
	if (z->pack)
		pack(z, NULL, 0, ZSTD_e_end);
	empty(z);
	if (z->joined && world_rank())
		give_part(z);
	else if (z->joined)
		take_parts(z);
	if (z->to)
		keep_temp(z);
	else if (close(z->fd))
		die("write %s:", z->name);
	claim_drop(z);
	ZSTD_freeCCtx(z->pack);
	if (z->part)
		fclose(z->part);
	free(z->p);
	free(z->to);
	free(z->name);
	free(z);
}

void zio_save(const char *path, const void *p, size_t n)
{
	struct zout *z = zout_open(path, ZOUT_PLAIN);

	zout_write(z, p, n);
	zout_close(z);
}
