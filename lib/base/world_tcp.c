/* SPDX-License-Identifier: MIT */
/* world_tcp.c - carries the world's bytes over TCP, and notices who is no longer there.
 *
 * Any two ranks have a connection for data, and each rank has one more to rank 0, for control,
 * on which nothing is said until the end: "B", good-bye, or "D" and the message with which the rank
 * died.  A thread waits on it.  What happens is thus known at once, whatever the rank computes:
 * rank 0 says the message and tells all others to end, and they end when rank 0 says so or is lost.
 * A host that is cut off does not close its connections; the system, told so by world_meet.c, asks
 * it every second, and gives it up after some.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"
#include "num.h"
#include "program.h"
#include "world_in.h"

enum { TEXT = 1000, PATIENCE = 9 }; /* bytes of a message; seconds until one has heard why */

/* Before each message: how many its sender has sent there, what call it is for, and its bytes.
 * Where ranks do not make the same calls, this shows it. */
struct head {
	uint32_t count, call, n;
};

/* One direction of a connection. */
struct lane {
	uint32_t count;
	struct head head;
	struct parcel body;
	size_t done, all; /* bytes of head and body */
};

static const char without_a_word[] =
	"ended without a word (it was killed, or its host cannot be reached)";

static struct links links;
static struct lane *out, *in;  /* [size] */
static struct pollfd *waiting; /* [size] */
static pthread_t watcher;
static atomic_int ending; /* somebody is about to end this program, well or not */

/* Only the first comes back from here; the process ends around the others. */
static void end_once(void)
{
	if (atomic_exchange(&ending, 1))
		for (;;)
			pause();
}

/* The connection to a rank broke: the watcher knows why, or will.  */
static _Noreturn void lost(int r)
{
	sleep(PATIENCE);
	die("lost rank %d on %s", r, links.all[r].host);
}

static void lane_begin(struct lane *l, int call, const struct parcel *p)
{
	l->done = 0;
	l->body = *p;
	l->all = p->n ? sizeof l->head + p->n : 0;
	if (p->n)
		l->head = (struct head){++l->count, (uint32_t)call, (uint32_t)p->n};
}

/* Sends or receives what goes without waiting. */
static void lane_move(struct lane *l, int r, ssize_t (*move)(int, struct msghdr *))
{
	size_t head = size_min(l->done, sizeof l->head), body = l->done - head;
	struct iovec part[2] = {{(char *)&l->head + head, sizeof l->head - head},
	                        {(char *)l->body.p + body, l->body.n - body}};
	struct msghdr m = {.msg_iov = part, .msg_iovlen = 2};
	ssize_t n = move(links.data[r], &m);

	if (n > 0)
		l->done += n;
	else if (!n || (errno != EAGAIN && errno != EINTR))
		lost(r);
}

static ssize_t give(int fd, struct msghdr *m)
{
	return sendmsg(fd, m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t take(int fd, struct msghdr *m) { return recvmsg(fd, m, MSG_DONTWAIT); }

/* What is received is what is expected. */
static void check_head(const struct lane *l, int call, int r)
{
	const struct head *h = &l->head;

	if (h->count != l->count || h->call != (uint32_t)call || h->n != l->body.n)
		die("rank %d on %s does not do the same: its message %u is for call %u and has %u "
		    "bytes, and here number %u is for call %d and has %zu",
		    r, links.all[r].host, h->count, h->call, h->n, l->count, call, l->body.n);
}

/* A message's head arrives before its bytes are put where they belong, and tells whether they
 * do. */
static void receive(struct lane *l, int call, int r)
{
	size_t n = l->body.n;

	if (l->done < sizeof l->head) {
		l->body.n = 0;
		lane_move(l, r, take);
		l->body.n = n;
		if (l->done == sizeof l->head)
			check_head(l, call, r);
	}
	if (l->done >= sizeof l->head && l->done < l->all)
		lane_move(l, r, take);
}

/* One round over all lanes that are not done; how many of them there are then. */
static int move_all(int call)
{
	int left = 0;

	for (int r = 0; r < links.size; r++) {
		int events = 0;

		if (out[r].done < out[r].all)
			lane_move(&out[r], r, give);
		if (in[r].done < in[r].all)
			receive(&in[r], call, r);
		events |= out[r].done < out[r].all ? POLLOUT : 0;
		events |= in[r].done < in[r].all ? POLLIN : 0;
		if (events)
			waiting[left++] = (struct pollfd){links.data[r], (short)events, 0};
	}
	return left;
}

static void exchange(int call, const struct parcel to[], const struct parcel from[])
{
	int left;

	for (int r = 0; r < links.size; r++) {
		lane_begin(&out[r], call, &to[r]);
		lane_begin(&in[r], call, &from[r]);
	}
	while ((left = move_all(call)) > 0)
		if (poll(waiting, left, -1) < 0 && errno != EINTR)
			die("wait for the other ranks:");
}

/* On a control connection: a letter, and with "D" a text. */
static int tell(int fd, char letter, const char *text)
{
	char line[TEXT + 2];
	size_t n = letter == 'D' ? (size_t)snprintf(line, sizeof line, "D%.*s", TEXT, text) + 1 : 1;

	line[0] = letter;
	return send(fd, line, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* What a rank said on its control connection: 'B', 'D' and the text, or 0 with errno where it is
 * gone, 0 if it closed the connection. */
static char hear(int fd, char text[TEXT + 1])
{
	char letter;
	size_t n = 0;

	errno = 0;
	if (recv(fd, &letter, 1, 0) != 1)
		return 0;
	while (letter == 'D' && n < TEXT && recv(fd, text + n, 1, 0) == 1 && text[n])
		n++;
	text[n] = 0;
	return letter;
}

static void tell_others(void)
{
	for (int r = 1; r < links.size; r++)
		if (links.control[r] >= 0)
			tell(links.control[r], 'D', "");
}

/* Rank 0: says what became of a rank, and ends the run. */
static void end_run(int r, const char *text)
{
	end_once();
	warn("rank %d on %s%s %s", r, links.all[r].host, text ? ":" : "",
	     text ? text : without_a_word);
	tell_others();
	program_abort();
}

static void watch_others(void)
{
	int left = links.size - 1;
	char text[TEXT + 1];
	struct pollfd *p = xzalloc(links.size, sizeof *p);

	for (int r = 0; r < links.size; r++)
		p[r] = (struct pollfd){links.control[r], POLLIN, 0};
	while (left > 0) {
		poll(p, links.size, -1);
		for (int r = 1; r < links.size; r++) {
			char letter = p[r].revents ? hear(p[r].fd, text) : 'W';

			if (letter != 'B' && letter != 'W')
				end_run(r, letter ? text : NULL);
			if (letter == 'W')
				continue;
			p[r].fd = -1;
			left--;
		}
	}
	free(p);
}

/* Whether a rank below this one is still connected: then it says that rank 0 is lost.  Where the
 * host is lost, it is none of that host. */
static int another_says_it(int host_lost)
{
	for (int r = 1; r < links.rank; r++) {
		struct pollfd p = {links.data[r], POLLRDHUP, 0};

		if (host_lost && !strcmp(links.all[r].host, links.all[0].host))
			continue;
		if (links.data[r] >= 0 && !poll(&p, 1, 0))
			return 1;
	}
	return 0;
}

static void watch_first(void)
{
	char text[TEXT + 1], letter = hear(links.control[0], text);
	int reset = !errno || errno == ECONNRESET || errno == EPIPE;

	if (atomic_exchange(&ending, 1))
		return;
	if (!letter && !another_says_it(!reset)) {
		warn_last("rank 0 on %s %s", links.all[0].host, without_a_word);
		usleep(300000); /* so that the others find this rank connected */
	}
	program_abort();
}

static void *watch(void *none)
{
	if (links.rank)
		watch_first();
	else
		watch_others();
	return none;
}

static int died(const char *text)
{
	end_once();
	if (links.rank)
		return tell(links.control[0], 'D', text);
	tell_others();
	return 0;
}

static void say_goodbye(void)
{
	if (links.rank) {
		end_once();
		tell(links.control[0], 'B', NULL);
	}
	pthread_join(watcher, NULL); /* rank 0 has heard all; the others, that it has */
	for (int r = 0; r < links.size; r++) {
		if (links.control[r] >= 0)
			close(links.control[r]);
		if (links.data[r] >= 0)
			close(links.data[r]);
	}
	free(links.control);
	free(links.data);
	free(out);
	free(in);
	free(waiting);
}

/* From now on it is noticed when a rank ends.  Signals are for the thread that computes. */
static void begin(void)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&watcher, NULL, watch, NULL))
		die("out of memory");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	meet_all();
}

/* A number of the environment, from `least` to `most`. */
static int number(const char *name, long least, long most)
{
	const char *text = getenv(name);
	char *end = "";
	long n = text && *text ? strtol(text, &end, 10) : -1;

	if (*end || n < least || n > most)
		die_usage("%s is set, and %s is '%s': a number from %ld to %ld",
		          strcmp(name, "RANK") ? "RANK" : "WORLD_SIZE", name, text ? text : "",
		          least, most);
	return (int)n;
}

int tcp_started(void)
{
	if (!getenv("RANK") || !getenv("WORLD_SIZE"))
		return 0;
	links.size = number("WORLD_SIZE", 1, 65536);
	links.rank = number("RANK", 0, links.size - 1);
	return links.size > 1;
}

const struct carrier *tcp_open(const struct member *self, int *rank, int *size, struct member **all)
{
	static const struct carrier tcp = {exchange, died, begin, say_goodbye};
	const char *address = getenv("MASTER_ADDR");
	const char *store = getenv("TORCHELASTIC_USE_AGENT_STORE");
	struct rlimit files;
	char port[16];

	if (!address || !*address)
		die_usage("RANK and WORLD_SIZE are set, and MASTER_ADDR is not");
	/* torchrun keeps the port that it tells for itself. */
	snprintf(port, sizeof port, "%d",
	         number("MASTER_PORT", 1, 65534) + (store && !strcmp(store, "True")));
	out = xzalloc(links.size, sizeof *out);
	in = xzalloc(links.size, sizeof *in);
	waiting = xzalloc(links.size, sizeof *waiting);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max; /* two for each rank */
		setrlimit(RLIMIT_NOFILE, &files);
	}
	meet(&links, self, address, port);
	*rank = links.rank;
	*size = links.size;
	*all = links.all;
	return &tcp;
}
