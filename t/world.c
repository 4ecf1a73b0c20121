/* SPDX-License-Identifier: MIT */
/* Several processes that are one run, over TCP: what they tell each other, strangers at the door,
 * and what becomes of all when one dies.  The ranks are children of this test. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lib/base/die.h"
#include "../lib/base/program.h"
#include "../lib/base/world.h"
#include "tap.h"

static int port;         /* of rank 0 */
static const char *said; /* the file that the ranks' stderr goes to */
static const char *address = "127.0.0.1";

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static struct sockaddr_in here(int p)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(p)};

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static int bound(int p)
{
	struct sockaddr_in a = here(p);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	return bind(fd, (struct sockaddr *)&a, sizeof a) ? -1 : fd;
}

/* A port that nobody has. */
static void choose_port(void)
{
	struct sockaddr_in a;
	socklen_t n = sizeof a;
	int fd = bound(0);

	getsockname(fd, (struct sockaddr *)&a, &n);
	port = ntohs(a.sin_port);
	close(fd);
}

static void set(const char *name, long value)
{
	char text[32];

	snprintf(text, sizeof text, "%ld", value);
	setenv(name, text, 1);
}

/* Starts a rank: it runs f and ends with world_close, as a program does. */
static pid_t start(int rank, int size, void (*f)(void))
{
	pid_t pid = fork();
	static char *argv[] = {"world", NULL};

	if (pid)
		return pid;
	program_begin(argv);
	dup2(open(said, O_WRONLY | O_APPEND), 2);
	alarm(60);
	set("RANK", rank);
	set("WORLD_SIZE", size);
	set("MASTER_PORT", port);
	setenv("MASTER_ADDR", address, 1);
	world_open();
	f();
	world_close();
	exit(0);
}

/* How many of them ended well. */
static int ended_well(const pid_t pid[], int n)
{
	int well = 0, status;

	for (int i = 0; i < n; i++)
		well += waitpid(pid[i], &status, 0) == pid[i] && WIFEXITED(status) && !WEXITSTATUS(status);
	return well;
}

static void forget_said(void) { close(open(said, O_WRONLY | O_TRUNC)); }

/* How many lines were said that have this in them, and how many others in *beside. */
static int lines(const char *with, int *beside)
{
	FILE *f = fopen(said, "r");
	char line[1200];
	int n = 0;

	*beside = 0;
	while (f && fgets(line, sizeof line, f)) {
		if (strstr(line, with)) {
			n++;
			continue;
		}
		++*beside;
		printf("# also said: %s", line);
	}
	if (f)
		fclose(f);
	return n;
}

/* Whether this was said, once and nothing else. */
static int only(const char *what)
{
	int beside, n = lines(what, &beside);

	return n == 1 && !beside;
}

/* Whether it was said, perhaps among others. */
static int also(const char *what)
{
	int beside;

	return lines(what, &beside) > 0;
}

/* The same of all ranks together: whether all did well. */
static int all_do(int size, void (*f)(void))
{
	pid_t pid[16];

	choose_port();
	forget_said();
	for (int r = 0; r < size; r++)
		pid[r] = start(r, size, f);
	return ended_well(pid, size) == size && !also("");
}

/* A rank's verdict on what it sees. */
static void must(int good, const char *what)
{
	if (!good)
		die("wrong: %s", what);
}

static double value(int r, size_t i) { return sin(r * 31.0 + i * 0.37) * (r + 1); }

static void collectives(void)
{
	int size = world_size(), rank = world_rank();
	const size_t longest[] = {0, 1, 5, 4096, 1000003};

	must(world_add(rank + 0.5) == size * (size - 1) / 2.0 + 0.5 * size, "add");
	must(world_most(rank == size / 2 ? 77 : -rank) == 77, "most");
	must(world_local() == rank, "all are of one host");
	for (size_t k = 0; k < sizeof longest / sizeof *longest; k++) {
		size_t n = longest[k], at[17];
		float *x = malloc(n * sizeof *x + 1);
		int good = 1;

		for (int r = 0; r <= size; r++)
			at[r] = r == size ? n : n / size * r / 2;
		for (size_t i = 0; i < n; i++)
			x[i] = (float)value(rank, i);
		world_sum(x, at);
		for (size_t i = at[rank]; i < at[rank + 1]; i++) {
			double sum = 0;

			for (int r = 0; r < size; r++)
				sum += (float)value(r, i);
			good &= x[i] == (float)sum;
		}
		must(good, "sum");
		for (int r = 0; r <= size; r++)
			at[r] *= sizeof *x;
		world_gather(x, at);
		for (size_t i = 0; i < n; i++) {
			double sum = 0;

			for (int r = 0; r < size; r++)
				sum += (float)value(r, i);
			good &= x[i] == (float)sum;
		}
		must(good, "gather");
		for (size_t i = 0; i < n; i++)
			x[i] = rank ? -1 : (float)i;
		world_broadcast(x, n * sizeof *x);
		for (size_t i = 0; i < n; i++)
			good &= x[i] == (float)i;
		must(good, "broadcast");
		for (size_t i = 0; i < n; i++)
			x[i] = rank == size - 1 ? (float)i + 2 : -1;
		world_pass(x, n * sizeof *x, size - 1, 0);
		for (size_t i = 0; i < n && !rank; i++)
			good &= x[i] == (float)i + 2;
		must(good, "pass");
		free(x);
	}
	world_barrier();
	world_same("the weather", 4711);
}

/* A rank that is late, as by a checkpoint that it writes, is no rank that is lost. */
static void late(void)
{
	float *x = calloc(1 << 20, sizeof *x);

	for (int from = 0; from < 2; from++) {
		if (world_rank() != from)
			sleep(8);
		world_pass(x, (size_t)4 << 20, from, !from);
	}
	free(x);
}

/* Only rank 0 works, in a world of its own. */
static void alone(void)
{
	int rank = world_rank();

	must(world_alone() == !rank, "who is alone");
	if (!rank) {
		must(world_size() == 1 && world_add(3) == 3 && world_most(7) == 7, "a world of one");
		world_same("anything", 5);
		usleep(200000);
	}
}

static void alone_dies(void)
{
	if (world_alone())
		die("in the end");
}

static void nothing(void) {}

static void one_dies(void)
{
	if (world_rank() == 1)
		die("the milk is sour");
	sleep(30); /* computes */
}

static void first_dies(void)
{
	if (!world_rank())
		die("no more");
	world_barrier();
}

static void one_is_killed(void)
{
	if (world_rank() == 2)
		raise(SIGKILL);
	world_add(1);
	sleep(30);
}

static void first_is_killed(void)
{
	if (!world_rank())
		raise(SIGKILL);
	sleep(30);
}

static void all_die(void) { die("all see the same"); }

static void one_differs(void) { world_same("the rows", world_rank() == 1 ? 5 : 6); }

static void other_call(void)
{
	if (world_rank())
		world_add(1);
	else
		world_most(1);
	sleep(30);
}

static void ends_early(void)
{
	if (!world_rank())
		world_add(1);
}

static void out_of_step(void)
{
	float x[64] = {0};

	if (world_rank() == 1)
		world_broadcast(x, sizeof x);
	world_add(1);
	sleep(30);
}

/* All ranks end badly within so many seconds, and this is the one line that is said. */
static void all_end(int size, void (*f)(void), const char *with, const char *name)
{
	double began = now();
	pid_t pid[16];
	int well;

	choose_port();
	forget_said();
	for (int r = 0; r < size; r++)
		pid[r] = start(r, size, f);
	well = ended_well(pid, size);
	ok(well == 0 && now() - began < 10, "%s: all end, in time", name);
	printf("# %.1f s\n", now() - began);
	ok(only(with), "%s: one says \"%s\"", name, with);
}

/* Somebody else calls rank 0, and says this; returns the connection. */
static int call(const void *p, size_t n)
{
	struct sockaddr_in a = here(port);

	for (int i = 0; i < 100; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (!connect(fd, (struct sockaddr *)&a, sizeof a)) {
			if (n && send(fd, p, n, MSG_NOSIGNAL) < 0)
				return -1;
			return fd;
		}
		close(fd);
		usleep(20000);
	}
	return -1;
}

static void strangers(void)
{
	char garbage[4096], hello[8] = "sealwd1";
	int fd[200], n = 0;
	pid_t pid[3];
	double began = now();

	choose_port();
	forget_said();
	memset(garbage, 0xa5, sizeof garbage);
	pid[0] = start(0, 3, collectives);
	fd[n++] = call(garbage, sizeof garbage);
	fd[n++] = call(hello, sizeof hello);           /* half an id */
	fd[n++] = call("GET / HTTP/1.0\r\n\r\n", 18);
	fd[n++] = call("", 0);                         /* says nothing */
	memcpy(garbage, hello, sizeof hello);
	fd[n++] = call(garbage, sizeof garbage);       /* an id of another kind */
	for (int i = 0; i < 150; i++)                  /* more than are listened to */
		fd[n++] = call("s", 1);
	close(call(hello, 4));
	pid[1] = start(1, 3, collectives);
	usleep(300000);
	fd[n++] = call(garbage, sizeof garbage);
	pid[2] = start(2, 3, collectives);
	ok(ended_well(pid, 3) == 3 && now() - began < 10, "strangers at rank 0's port change nothing");
	ok(!also(""), "and nobody says anything about them");
	while (n > 0)
		close(fd[--n]);
}

/* Somebody else answers in rank 0's place. */
static void impostor(const char *answer, const char *name)
{
	pid_t pid, false_first;
	int fd, c;

	choose_port();
	forget_said();
	fd = bound(port);
	listen(fd, 16);
	false_first = fork();
	if (!false_first)
		for (;;) {
			c = accept(fd, NULL, NULL);
			if (answer && c >= 0 && send(c, answer, strlen(answer), MSG_NOSIGNAL) < 0)
				_exit(1);
			usleep(answer ? 1000 : 0);
			if (answer)
				close(c);
		}
	close(fd);
	setenv("SEAL_WORLD_WAIT", "2", 1);
	pid = start(1, 2, nothing);
	unsetenv("SEAL_WORLD_WAIT");
	ok(ended_well(&pid, 1) == 0 && only("only others than rank 0 of this run answered"),
	   "%s in rank 0's place", name);
	kill(false_first, SIGKILL);
	waitpid(false_first, NULL, 0);
}

static void who_does_not_come(void)
{
	pid_t pid[2];

	choose_port();
	forget_said();
	setenv("SEAL_WORLD_WAIT", "1", 1);
	pid[0] = start(0, 3, nothing);
	ok(ended_well(pid, 1) == 0 && only("within 1 seconds these ranks did not come: 1, 2"),
	   "rank 0 names those who do not come");
	forget_said();
	pid[0] = start(1, 2, nothing);
	ok(ended_well(pid, 1) == 0 && only("nobody answered at 127.0.0.1 port"), "no rank 0");
	unsetenv("SEAL_WORLD_WAIT");
	forget_said();
	pid[0] = start(0, 2, nothing);
	pid[1] = start(1, 3, nothing);
	ok(ended_well(pid, 2) == 0 && also("the run has 3 ranks, and here 2 (WORLD_SIZE)"),
	   "ranks of two sizes");
	choose_port();
	forget_said();
	pid[0] = start(0, 3, nothing);
	pid[1] = start(1, 3, nothing);
	usleep(300000);
	pid[1] = start(1, 3, nothing);
	ok(ended_well(pid, 2) == 0 && also("two processes are rank 1"), "a rank that is there twice");
	while (wait(NULL) > 0)
		;
}

static void environment(void)
{
	static const struct {
		const char *rank, *size, *port, *says;
	} wrong[] = {
		{"x", "2", "1234", "RANK is 'x'"},
		{"2", "2", "1234", "RANK is '2'"},
		{"-1", "2", "1234", "RANK is '-1'"},
		{"0", "", "1234", "WORLD_SIZE is ''"},
		{"0", "0", "1234", "WORLD_SIZE is '0'"},
		{"0", "2", "0", "MASTER_PORT is '0'"},
		{"0", "2", "70000", "MASTER_PORT is '70000'"},
		{"0", "2", "80x", "MASTER_PORT is '80x'"},
	};
	int status;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		forget_said();
		if (!fork()) {
			dup2(open(said, O_WRONLY | O_APPEND), 2);
			setenv("RANK", wrong[i].rank, 1);
			setenv("WORLD_SIZE", wrong[i].size, 1);
			setenv("MASTER_PORT", wrong[i].port, 1);
			setenv("MASTER_ADDR", "localhost", 1);
			world_open();
			_exit(0);
		}
		wait(&status);
		ok(WIFEXITED(status) && WEXITSTATUS(status) == 2 && also(wrong[i].says), "%s", wrong[i].says);
	}
	if (!fork()) {
		setenv("RANK", "0", 1);
		setenv("WORLD_SIZE", "1", 1);
		world_open();
		world_barrier();
		_exit(world_size() != 1 || world_add(3) != 3 || world_most(-4) != -4);
	}
	wait(&status);
	ok(WIFEXITED(status) && !WEXITSTATUS(status), "a world of one needs no address");
}

int main(void)
{
	char name[] = "/tmp/seal-world-XXXXXX";

	close(mkstemp(name));
	said = name;
	unsetenv("TORCHELASTIC_USE_AGENT_STORE");
	for (int size = 2; size <= 9; size += size < 5 ? 1 : 4)
		ok(all_do(size, collectives), "%d ranks: sums, gathers, broadcasts, passes", size);
	address = "localhost";
	ok(all_do(3, collectives), "by name");
	address = "::1";
	if (socket(AF_INET6, SOCK_STREAM, 0) >= 0)
		ok(all_do(3, collectives), "over IPv6");
	address = "127.0.0.1";
	ok(all_do(2, late), "a rank that is late");
	ok(all_do(3, alone), "rank 0 alone");
	strangers();
	impostor("HTTP/1.0 400 no\r\n", "garbage");
	impostor(NULL, "silence");
	who_does_not_come();
	all_end(4, one_dies, "rank 1 on", "a rank that dies");
	all_end(3, alone_dies, "in the end", "rank 0 dies alone");
	all_end(3, first_dies, "rank 0 on", "rank 0 dies");
	all_end(4, one_is_killed, "ended without a word", "a rank that is killed");
	all_end(4, first_is_killed, "ended without a word", "rank 0 is killed");
	all_end(4, all_die, "all see the same", "what all find");
	all_end(3, one_differs, "the rows differ from those of rank 0", "other rows");
	all_end(2, out_of_step, "does not do the same", "other bytes");
	all_end(2, other_call, "does not do the same", "other calls");
	all_end(3, ends_early, "does not do the same", "the end of others");
	environment();
	unlink(name);
	return tap_done();
}
