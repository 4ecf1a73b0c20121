/* SPDX-License-Identifier: MIT */
/* zio.c - files and pipes, plain and zstd, and what happens when they fail. */
#include "../lib/format/zio.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/base/buf.h"
#include "../lib/base/memory.h"
#include "../lib/base/program.h"
#include "tap.h"

static char said[4096];                /* the child's stderr */

/* Runs f in a child; its wait status. */
static int child(void (*f)(void))
{
	int to[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	if (pipe(to))
		abort();
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(to[1], 2);
		close(to[0]);
		close(to[1]);
		program_begin((char *[]){"seal", NULL});
		f();
		exit(0);
	}
	close(to[1]);
	while (n < sizeof said - 1 && (got = read(to[0], said + n, sizeof said - 1 - n)) > 0)
		n += got;
	said[n] = 0;
	close(to[0]);
	waitpid(pid, &status, 0);
	return status;
}

/* f dies with exit status 1 and this message. */
static void dies(void (*f)(void), const char *message)
{
	int status = child(f), pass = WIFEXITED(status) && WEXITSTATUS(status) == 1;

	ok(pass && !strcmp(said, message), "dies: %.*s", (int)strcspn(message, "\n"), message);
	if (!pass || strcmp(said, message))
		printf("# status %x, said %s\n", status, said);
}

static void put(const char *path, const void *p, size_t n, int flags)
{
	struct zout *z = zout_open(path, flags);

	zout_write(z, p, n);
	zout_close(z);
}

static char *get(const char *path, size_t *n)
{
	struct zin *z = zin_open(path);
	struct buf b = {0};
	size_t got;

	do {
		buf_need(&b, 1000);
		got = zin_read(z, b.p + b.n, 1000);
		b.n += got;
	} while (got);
	zin_close(z);
	*n = b.n;
	return b.p;
}

static void append(const char *to, const char *from, size_t limit)
{
	int fd = open(to, O_WRONLY | O_APPEND | O_CREAT, 0666);
	size_t n;
	const void *p = zio_map(from, &n);

	if (write(fd, p, n < limit ? n : limit) < 0)
		abort();
	close(fd);
	zio_unmap(p, n);
}

static int files(void)                 /* names in the folder, hidden ones too */
{
	FILE *f = popen("ls -A | wc -l", "r");
	int n;

	if (!f || fscanf(f, "%d", &n) != 1)
		abort();
	pclose(f);
	return n;
}

static void test_round_trips(void)
{
	size_t n = 3000000, got;
	char *p = xalloc(n), *q;
	struct zin *z;

	for (size_t i = 0; i < n; i++)
		p[i] = (i * i >> 7) ^ i % 251;
	for (int flags = 0; flags < 2; flags++) {
		unlink("big");                 /* an input of the turn before */
		put("big", p, n, flags);
		q = get("big", &got);
		ok(got == n && !memcmp(p, q, n), "%s: what was written is read", flags ? "zstd" : "plain");
		free(q);
		z = zin_open("big");
		ok(zin_is_zstd(z) == flags, "... and recognised");
		zin_close(z);
	}
	put("two", "ab\n", 3, ZOUT_ZSTD);
	put("none", "", 0, ZOUT_ZSTD);
	append("two", "none", -1);
	append("two", "big", -1);
	q = get("two", &got);
	ok(got == n + 3 && !memcmp(q, "ab\n", 3) && !memcmp(q + 3, p, n), "frames one after another");
	free(q);
	put("empty", "", 0, ZOUT_PLAIN);
	q = get("empty", &got);
	ok(got == 0, "an empty file");
	free(q);
	q = get("none", &got);
	ok(got == 0, "an empty frame");
	free(q);
	free(p);
}

/* The named parts one after another, each read to its end before the next may begin. */
static void joined(const char *const part[], int parts)
{
	struct zin *z;
	int same = 1;

	unlink("joined");
	for (int i = 0; i < parts; i++)
		append("joined", part[i], -1);
	z = zin_open("joined");
	for (int i = 0; i < parts; i++) {
		size_t n;
		char *p = get(part[i], &n), *q = xalloc(n);

		if (i)
			zin_joint(z);
		same &= zin_read(z, q, n) == n && !memcmp(p, q, n);
		free(p);
		free(q);
	}
	zin_joint(z);
	ok(same && !zin_read(z, &same, 1), "%s, %s, ...: %d streams are one", part[0], part[1], parts);
	zin_close(z);
}

static void test_joints(void)
{
	size_t n = 1000000;
	char *p = xalloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = rand();
	put("packed", p, n, ZOUT_ZSTD);
	put("plain", p, n, ZOUT_PLAIN);
	put("short", "ab", 2, ZOUT_PLAIN);
	put("tiny", "ab", 2, ZOUT_ZSTD);
	put("nil", "", 0, ZOUT_ZSTD);
	joined((const char *const[]){"plain", "packed"}, 2);
	joined((const char *const[]){"packed", "plain"}, 2);
	joined((const char *const[]){"packed", "plain", "packed", "packed", "plain"}, 5);
	joined((const char *const[]){"tiny", "short"}, 2);
	joined((const char *const[]){"short", "tiny", "short"}, 3);
	joined((const char *const[]){"plain", "nil", "plain", "tiny", "nil", "packed", "short"}, 7);
	free(p);
}

static void test_lines(int flags)
{
	static const char text[] = "one\ntwo\r\n\nn\0ul\n\r\nlast";
	static const struct { const char *line; size_t n, raw; } want[] = {
		{"one", 3, 4}, {"two", 3, 5}, {"", 0, 1}, {"n\0ul", 4, 5}, {"", 0, 2}, {"last", 4, 4},
	};
	size_t n, raw, long_n = 5000000;
	char *p = xalloc(long_n + 2), *line;
	struct zin *z;

	unlink("lines");
	put("lines", text, sizeof text - 1, flags);
	z = zin_open("lines");
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		line = zin_line(z, &n, &raw);
		ok(line && n == want[i].n && raw == want[i].raw && !memcmp(line, want[i].line, n + 1),
		   "line %zu", i + 1);
	}
	ok(!zin_line(z, &n, &raw) && !zin_line(z, &n, &raw), "the end");
	zin_close(z);
	memset(p, 'x', long_n);
	p[0] = p[long_n] = '\n';
	p[long_n + 1] = 'y';
	unlink("lines");
	put("lines", p, long_n + 2, flags);
	z = zin_open("lines");
	zin_line(z, &n, &raw);
	line = zin_line(z, &n, &raw);
	ok(line && n == long_n - 1 && raw == long_n && line[0] == 'x' && line[n - 1] == 'x', "a long line");
	line = zin_line(z, &n, &raw);
	ok(line && n == 1 && raw == 1 && *line == 'y', "and what follows it");
	zin_close(z);
	free(p);
}

static void read_cut(void) { size_t n; get("cut", &n); }
static void read_folder(void) { size_t n; get(".", &n); }
static void read_absent(void) { zin_open("absent"); }

static void test_broken(void)
{
	size_t n = 1000000, packed;
	char *p = xalloc(2 * n);
	const void *map;

	for (size_t i = 0; i < n; i++)
		p[i] = rand();
	put("whole", p, n, ZOUT_ZSTD);
	append("cut", "whole", 500000);
	dies(read_cut, "seal: cut: the zstd stream is cut short\n");
	unlink("cut");
	append("cut", "whole", -1);
	append("cut", "whole", 5);
	dies(read_cut, "seal: cut: the zstd stream is cut short\n");
	map = zio_map("whole", &packed);
	memcpy(p, map, packed - 1);
	p[packed - 1] = ((const char *)map)[packed - 1] ^ 1;
	zio_unmap(map, packed);
	put("cut", p, packed, ZOUT_PLAIN);
	dies(read_cut, "seal: cut: broken zstd stream: Restored data doesn't match checksum\n");
	append("cut", "lines", 100);
	dies(read_folder, "seal: read .: Is a directory\n");
	dies(read_absent, "seal: open absent: No such file or directory\n");
	free(p);
}

static void full_stdout(void)
{
	struct zout *z;

	dup2(open("/dev/full", O_WRONLY), 1);
	z = zout_open(NULL, ZOUT_ZSTD);
	zout_str(z, "x");
	zout_close(z);
}

static void terminal(void)
{
	int master, slave;

	if (openpty(&master, &slave, NULL, NULL, NULL))
		exit(0);
	dup2(slave, 1);
	zout_open("-", ZOUT_BINARY);
}

static void write_folder(void) { zout_open(".", 0); }
static void write_nowhere(void) { zout_open("no/where", 0); }
static struct zin *volatile input;       /* kept, so that it is no leak */

static void write_input(void) { input = zin_open("lines"); zout_open("./lines", 0); }
static void write_read(void) { zin_close(zin_open("lines")); zout_open("lines", 0); }
static void read_output(void) { zout_open("lines", 0); zin_open("lines"); }
static void write_late(void)             /* the input takes the output's place while it is written */
{
	struct zout *z = zout_open("late", 0);

	input = zin_open("lines");
	if (rename("lines", "late"))
		abort();
	zout_close(z);
}

static void map_output(void) { size_t n; zout_open("lines", 0); zio_map("lines", &n); }

static void write_stdin(void)
{
	dup2(open("lines", O_RDONLY), 0);
	input = zin_open("-");
	dup2(open("lines", O_WRONLY | O_APPEND), 1);
	zout_open("-", 0);
}

static void full_disk(void)
{
	struct zout *z = zout_open("new", 0);
	static char p[1 << 20];

	setrlimit(RLIMIT_FSIZE, &(struct rlimit){1000, 1000});
	zout_write(z, p, sizeof p);
	zout_close(z);
}

static void stdout_twice(void)
{
	dup2(open("/dev/null", O_WRONLY), 1);
	zout_open("-", 0);
	zout_open(NULL, 0);
}

static void pipe_twice(void)
{
	int to[2];

	if (pipe(to))
		abort();
	dup2(to[1], 1);
	zout_open("-", 0);
	zout_open("/dev/fd/1", 0);
}

static void stdout_again(void)          /* one after the other */
{
	dup2(open("/dev/null", O_WRONLY), 1);
	zout_close(zout_open("-", 0));
	zout_close(zout_open("-", 0));
}

static void null_twice(void)
{
	struct zout *z = zout_open("/dev/null", 0);

	zout_close(zout_open("/dev/null", 0));
	zout_close(z);
}

static void out_of_time(void)
{
	zout_open("new", 0);
	raise(SIGXCPU);
}

static void interrupted(void)
{
	struct zout *z = zout_open("new", 0);

	zout_str(z, "half");
	zout_flush(z);
	raise(SIGTERM);
}

static void reader_left(void)
{
	struct zout *z = zout_open("new", 0);
	int to[2];

	zout_str(z, "half");
	if (pipe(to))
		abort();
	close(to[0]);
	dup2(to[1], 1);
	zout_str(z = zout_open(NULL, 0), "x");
	zout_close(z);
}

static void forked(void)               /* a child's exit leaves the parent's file alone */
{
	struct zout *z = zout_open("new", 0);
	int status;
	pid_t pid = fork();

	if (!pid)
		exit(0);
	waitpid(pid, &status, 0);
	zout_close(z);
}

static void unfinished(void)
{
	struct zout *z;
	int fd = open("cut", O_WRONLY | O_CREAT | O_TRUNC, 0666);

	dup2(fd, 1);
	z = zout_open("-", ZOUT_ZSTD);
	zout_str(z, "half a stream");
	zout_flush(z);
	die("stopped");
}

/* Replaces "mode" after it was given this mode; the mode that it then has. */
static unsigned replaced(mode_t mode)
{
	struct stat s;

	if (chmod("mode", mode))
		abort();
	put("mode", "again", 5, 0);
	return stat("mode", &s) ? 0 : s.st_mode & 07777;
}

enum { NOBODY = 65534 };

static void as_nobody(void)
{
	if (setgid(NOBODY) || setuid(NOBODY))
		abort();
	put("mode", "other", 5, 0);
}

/* What is replaced keeps its mode, and its owner where that is permitted. */
static void test_modes(void)
{
	static const mode_t modes[] = {0600, 0640, 0666, 0644, 0400, 0777};
	struct stat s;

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		ok(replaced(modes[i]) == modes[i], "mode %o stays", (unsigned)modes[i]);
	ok(replaced(04755) == 0755, "but for set-user-id");
	if (symlink("mode", "linked"))
		abort();
	chmod("mode", 0600);
	put("linked", "x", 1, 0);
	ok(!stat("mode", &s) && (s.st_mode & 0777) == 0600, "also through a link");
	if (getuid()) {
		ok(1, "owners # SKIP not root");
		return;
	}
	if (chown("mode", 1, 2))
		abort();
	put("mode", "y", 1, 0);
	ok(!stat("mode", &s) && s.st_uid == 1 && s.st_gid == 2, "owner and group stay");
	chmod(".", 0777);
	chmod("mode", 0664);
	ok(!child(as_nobody) && !stat("mode", &s) && s.st_uid == NOBODY && (s.st_mode & 0777) == 0644,
	   "where they cannot, another group gets what everybody has");
	unlink("linked");
}

static void test_writing(void)
{
	int before = files(), status;
	struct stat s;
	size_t n;
	char *p;

	dies(full_stdout, "seal: write stdout: No space left on device\n");
	dies(terminal, "seal: refusing to write binary data to a terminal (use -o FILE, or a pipe)\n");
	dies(write_folder, "seal: .: is a folder\n");
	dies(write_nowhere, "seal: create no/where: No such file or directory\n");
	dies(write_input, "seal: ./lines: is both input and output\n");
	dies(write_read, "seal: lines: is both input and output\n");
	dies(read_output, "seal: lines: is both input and output\n");
	dies(map_output, "seal: lines: is both input and output\n");
	dies(write_late, "seal: late: is both input and output\n");
	if (rename("late", "lines"))
		abort();
	dies(write_stdin, "seal: stdout: is both input and output\n");
	dies(full_disk, "seal: write new: File too large\n");
	status = child(stdout_twice);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 2 && strstr(said, "seal: standard output cannot be two outputs"), "stdout twice is a wrong usage");
	dies(pipe_twice, "seal: /dev/fd/1: is two outputs at once\n");
	ok(!child(stdout_again), "stdout may be one output after the other");
	ok(!child(null_twice), "/dev/null may be several at once");
	status = child(out_of_time);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU, "SIGXCPU ends as SIGXCPU does");
	status = child(interrupted);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "SIGTERM ends as SIGTERM does");
	status = child(reader_left);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE && !*said, "SIGPIPE is quiet");
	ok(files() == before, "none of these left a file");
	child(forked);
	ok(!stat("new", &s) && !s.st_size, "a forked child removes nothing");
	child(unfinished);
	dies(read_cut, "seal: cut: the zstd stream is cut short\n");

	umask(027);
	put("mode", "new", 3, 0);
	ok(!stat("mode", &s) && (s.st_mode & 0777) == 0640, "the mode honours umask");
	test_modes();
	if (symlink("mode", "link"))
		abort();
	put("link", "through", 7, 0);
	p = get("mode", &n);
	ok(n == 7 && !memcmp(p, "through", 7), "a link's target is replaced, not the link");
	free(p);
	put("/dev/null", "gone", 4, 0);
	ok(!stat("/dev/null", &s) && S_ISCHR(s.st_mode), "/dev/null stays what it is");
}

static void test_flush(void)
{
	struct zout *z;
	struct zin *in;
	int to[2], out = dup(1), sin = dup(0);
	size_t n, raw;
	char *line;

	if (pipe(to))
		abort();
	fflush(stdout);
	dup2(to[1], 1);
	dup2(to[0], 0);
	z = zout_open(NULL, ZOUT_ZSTD);
	zout_str(z, "a line\n");
	zout_flush(z);
	in = zin_open("-");
	line = zin_line(in, &n, &raw);
	dup2(out, 1);
	ok(line && !strcmp(line, "a line"), "what was flushed can be read before the end");
	ok(!strcmp(zin_name(in), "stdin"), "stdin's name");
	zout_close(z);
	zin_close(in);
	dup2(sin, 0);
}

static char *self;

static void run_without_stdout(void) { close(1); execl(self, self, "write", NULL); }
static void run_without_stdin(void) { close(0); execl(self, self, "read", NULL); }

/* As a child without stdout or stdin: a file may not take its place. */
static int without(const char *what)
{
	static struct zin *open;        /* as long as the program: no leak */

	open = zin_open("lines");
	if (!strcmp(what, "read"))
		open = zin_open("-");
	if (!strcmp(what, "write"))
		zout_open("-", 0);
	return !open;
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/seal-zio-XXXXXX", *remove;

	if (argc > 1) {
		program_begin((char *[]){"seal", NULL});
		return without(argv[1]);
	}
	self = realpath(argv[0], NULL);
	if (!self || !mkdtemp(folder) || chdir(folder))
		die("make %s:", folder);
	test_round_trips();
	test_joints();
	test_lines(ZOUT_PLAIN);
	test_lines(ZOUT_ZSTD);
	test_broken();
	test_writing();
	test_flush();
	dies(run_without_stdout, "seal: write stdout: Bad file descriptor\n");
	dies(run_without_stdin, "seal: read stdin: Bad file descriptor\n");
	remove = xprintf("rm -r %s", folder);
	ok(!system(remove), "cleaned up");
	free(remove);
	free(self);
	return tap_done();
}
