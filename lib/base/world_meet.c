/* SPDX-License-Identifier: MIT */
/* world_meet.c - how the ranks of a run find each other over TCP.
 *
 * Rank 0 listens at MASTER_ADDR and MASTER_PORT.  Each of the others calls there, says who it is,
 * is answered at once, and keeps that connection for control.  When all have come, rank 0 sends
 * everybody the table of who is where, with a number drawn for this run.  Then each calls all
 * ranks below it, at ports that the system chose, and says that number: these connections carry
 * data.
 *
 * A port is open to everybody.  So whoever calls has some seconds to say something that is a call
 * of this run, meanwhile others are listened to, and what is none is dropped without an answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "buf.h"
#include "hash.h"
#include "memory.h"
#include "world_in.h"
#include "world_socket.h"

enum {
	WAIT = 300,  /* seconds until all ranks have come, but for SEAL_WORLD_WAIT */
	SPEAK = 10,  /* seconds that a caller has to say who it is */
	CALLERS = 64 /* who have not, at most; the oldest is dropped */
};

static const int64_t GRACE = 1000000000; /* nanoseconds until who is gone may have called again */
static const char magic[8] = "sealwd1", heard[8] = "sealack", refused[8] = "sealnay";

struct hello {
	char magic[8];
	uint32_t rank, size;
	uint64_t job;     /* a hash of the launcher's name for it */
	uint64_t run;     /* the number that rank 0 drew; 0 at the first call */
	uint64_t process; /* a number that the caller drew: it may call again */
	uint32_t port;
	struct member member;
};

/* A rank's place in the table. */
struct seat {
	struct member member;
	uint64_t process;
	int64_t gone;               /* since when its connection is broken; 0: it is not */
	struct sockaddr_storage at; /* where its port is; without a family: where rank 0's is */
	uint32_t port;
};

struct meeting {
	struct links *links;
	struct hello self;
	int listener;
	struct sockaddr_storage master; /* rank 0's address, as this rank reached it */
	struct seat *seat;              /* [size] */
	int64_t deadline;
	double wait;
};

/* Where rank 0 listens: at an address that is given as such, if it is one of this host's, and at
 * localhost; for another name at all addresses, since a host may know itself by one that only it
 * can reach (127.0.1.1). */
static int listen_once(const struct addrinfo *all, const char *address, const char *port)
{
	struct in6_addr a6;
	struct in_addr a4;
	int exact = !strcmp(address, "localhost") || inet_pton(AF_INET, address, &a4) == 1 ||
	            inet_pton(AF_INET6, address, &a6) == 1,
	    fd = -1;

	for (const struct addrinfo *a = exact ? all : NULL; a && fd < 0; a = a->ai_next)
		fd = socket_listen(a->ai_addr, a->ai_addrlen);
	if (fd < 0 && (!exact || errno != EADDRINUSE))
		fd = socket_listen_anywhere((uint16_t)atoi(port));
	return fd;
}

/* Another program may hold the port for a moment: one that calls itself, for instance, waiting for
 * this one. */
static int listen_as_first(const char *address, const char *port)
{
	int why, fd = -1;
	struct addrinfo *all = socket_addresses(address, port, &why);

	if (why)
		die("MASTER_ADDR %s: %s", address, gai_strerror(why));
	for (int tries = 0; tries < 30 && fd < 0; tries++) {
		if (tries)
			usleep(100000);
		fd = listen_once(all, address, port);
		if (fd < 0 && errno != EADDRINUSE)
			break;
	}
	freeaddrinfo(all);
	if (fd < 0)
		die("listen at %s port %s:", address, port);
	return fd;
}

/* Those who have called, and not said all of it yet. */
struct caller {
	int fd;
	int64_t until;
	size_t done;
	struct hello said;
};

/* Whether this is a call of this run. */
static int is_ours(const struct meeting *m, const struct hello *h)
{
	const struct hello *s = &m->self;

	if (memcmp(h->magic, s->magic, sizeof s->magic) || h->job != s->job || h->run != s->run)
		return 0;
	return memchr(h->member.host, 0, sizeof h->member.host) && h->rank > s->rank;
}

/* Dies where a call of this run says what cannot be; the caller is told first. */
static void check_call(const struct meeting *m, const struct caller *c, const int fd[])
{
	const struct hello *h = &c->said;
	int size = h->size != m->self.size;
	int twice = !size && h->rank < h->size && fd[h->rank] >= 0 &&
	            h->process != m->seat[h->rank].process;

	if (size || twice)
		socket_send(c->fd, refused, sizeof refused);
	if (size)
		die("on %s the run has %u ranks, and here %u (WORLD_SIZE)", h->member.host, h->size,
		    m->self.size);
	if (twice)
		die("two processes are rank %u: on %s, and on %s", h->rank,
		    m->seat[h->rank].member.host, h->member.host);
}

/* Notes where the caller is, as rank 0 sees it.  One that is on rank 0's host may be seen at an
 * address that others cannot reach: it is where rank 0 is. */
static void note_address(struct seat *seat, int fd)
{
	struct sockaddr_in6 a6;
	struct sockaddr_in *a4 = (struct sockaddr_in *)&seat->at;
	socklen_t n = sizeof seat->at;

	if (getpeername(fd, (struct sockaddr *)&seat->at, &n))
		n = 0;
	memcpy(&a6, &seat->at, sizeof a6);
	if (n && a6.sin6_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a6.sin6_addr)) {
		memset(&seat->at, 0, sizeof seat->at);
		a4->sin_family = AF_INET;
		memcpy(&a4->sin_addr, a6.sin6_addr.s6_addr + 12, 4);
	}
	if (!n || (a6.sin6_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a6.sin6_addr)) ||
	    (a4->sin_family == AF_INET && ntohl(a4->sin_addr.s_addr) >> 24 == 127))
		memset(&seat->at, 0, sizeof seat->at);
}

/* A caller said it: its connection is taken, or dropped. */
static void take_call(struct meeting *m, struct caller *c, int fd[])
{
	struct seat *seat;

	if (is_ours(m, &c->said))
		check_call(m, c, fd);
	if (!is_ours(m, &c->said) || c->said.rank >= m->self.size) {
		close(c->fd);
		return;
	}
	seat = &m->seat[c->said.rank];
	fcntl(c->fd, F_SETFL, 0);
	socket_tune(c->fd, !m->self.run);
	if (fd[c->said.rank] >= 0) /* it lost that one */
		close(fd[c->said.rank]);
	fd[c->said.rank] = c->fd;
	socket_send(c->fd, heard, sizeof heard);
	if (m->self.run)
		return;
	seat->member = c->said.member;
	seat->process = c->said.process;
	seat->port = c->said.port;
	note_address(seat, c->fd);
}

/* Reads on; 1 when the caller is done with, well or not. */
static int hear_on(struct meeting *m, struct caller *c, int fd[])
{
	ssize_t n = recv(c->fd, (char *)&c->said + c->done, sizeof c->said - c->done, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR) && clock_now() < c->until)
		return 0;
	c->done += n > 0 ? n : 0;
	if (n > 0 && c->done < sizeof c->said && clock_now() < c->until)
		return 0;
	if (c->done == sizeof c->said)
		take_call(m, c, fd);
	else
		close(c->fd);
	return 1;
}

/* The ranks above this one that have not called. */
static int missing(const struct meeting *m, const int fd[], struct buf *names)
{
	int n = 0;

	for (uint32_t r = m->self.rank + 1; r < m->self.size; r++)
		if (fd[r] < 0 && ++n <= 8)
			buf_fmt(names, "%s%u", n > 1 ? ", " : "", r);
	return n;
}

/* Dies when a rank that had come went away meanwhile, and has had the time to call again; how many
 * may do so yet. */
static int gone_again(struct meeting *m, const int fd[])
{
	int n = 0;

	for (uint32_t r = m->self.rank + 1; r < m->self.size; r++) {
		struct pollfd p = {fd[r], POLLRDHUP, 0};
		struct seat *seat = &m->seat[r];

		if (fd[r] < 0 || poll(&p, 1, 0) <= 0)
			seat->gone = 0;
		else if (!seat->gone)
			seat->gone = clock_now();
		else if (clock_now() - seat->gone > GRACE)
			die("rank %u on %s ended while the others were awaited", r,
			    seat->member.host);
		n += seat->gone != 0;
	}
	return n;
}

static _Noreturn void never_came(const struct meeting *m, const char *names)
{
	die("within %.0f seconds these ranks did not come: %s", m->wait, names);
}

/* Takes the next caller in; callers: [CALLERS]. */
static void answer(const struct meeting *m, struct caller callers[], int *n)
{
	int fd = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		die("take the ranks' calls:");
	if (fd < 0)
		return;
	if (*n == CALLERS) {
		close(callers[0].fd);
		memmove(callers, callers + 1, --*n * sizeof *callers);
	}
	callers[(*n)++] = (struct caller){.fd = fd, .until = deadline_in(SPEAK)};
}

/* Waits until all ranks above this one have called, and sets their connections, fd[rank]. */
static void take_calls(struct meeting *m, int fd[])
{
	struct caller *callers = xalloc(CALLERS * sizeof *callers);
	struct buf names = {0};
	int n = 0;

	while (missing(m, fd, &names) + gone_again(m, fd) > 0) {
		struct pollfd p[CALLERS + 1] = {{m->listener, POLLIN, 0}};

		if (clock_now() > m->deadline)
			never_came(m, names.p);
		names.n = 0;
		for (int i = 0; i < n; i++)
			p[i + 1] = (struct pollfd){callers[i].fd, POLLIN, 0};
		poll(p, n + 1, 200);
		for (int i = n - 1; i >= 0; i--)
			if (hear_on(m, &callers[i], fd))
				memmove(callers + i, callers + i + 1, (--n - i) * sizeof *callers);
		if (p[0].revents)
			answer(m, callers, &n);
	}
	while (n > 0)
		close(callers[--n].fd);
	free(callers);
	buf_free(&names);
}

/* When rank 0 has answered at the latest. */
static int64_t soon(const struct meeting *m)
{
	int64_t t = deadline_in(SPEAK);

	return t < m->deadline ? t : m->deadline;
}

/* Calls rank 0 until somebody answers as rank 0 does. */
static int call_first(struct meeting *m, const char *address, const char *port)
{
	char reply[sizeof heard] = "";
	int any = 0, why = 0;

	while (clock_now() < m->deadline) {
		struct addrinfo *all = socket_addresses(address, port, &why);

		for (struct addrinfo *a = all; a; a = a->ai_next) {
			int fd = socket_connect(a->ai_addr, a->ai_addrlen, m->deadline);

			if (fd >= 0)
				socket_tune(fd, 1);
			if (fd >= 0 && socket_send(fd, &m->self, sizeof m->self) &&
			    socket_receive(fd, reply, sizeof reply, soon(m)) &&
			    !memcmp(reply, heard, sizeof heard)) {
				memcpy(&m->master, a->ai_addr, a->ai_addrlen);
				freeaddrinfo(all);
				return fd;
			}
			if (fd >= 0 && !memcmp(reply, refused, sizeof refused))
				die("rank 0 at %s port %s does not take this rank, and says why",
				    address, port);
			any |= fd >= 0;
			if (fd >= 0)
				close(fd);
		}
		if (all)
			freeaddrinfo(all);
		usleep(100000);
	}
	if (why)
		die("MASTER_ADDR %s: %s", address, gai_strerror(why));
	die("within %.0f seconds %s at %s port %s", m->wait,
	    any ? "only others than rank 0 of this run answered" : "nobody answered", address,
	    port);
}

/* The address of a rank below this one. */
static struct sockaddr_storage address_of(const struct meeting *m, uint32_t r)
{
	const struct seat *seat = &m->seat[r];
	struct sockaddr_storage a = seat->at.ss_family ? seat->at : m->master;

	if (!r)
		return m->master;
	if (a.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&a)->sin6_port = htons((uint16_t)seat->port);
	else
		((struct sockaddr_in *)&a)->sin_port = htons((uint16_t)seat->port);
	return a;
}

/* Calls a rank below this one, again where that fails at first.  It answers when it has called
 * those below itself. */
static int call_rank(struct meeting *m, uint32_t r)
{
	struct sockaddr_storage a = address_of(m, r);
	socklen_t n =
		a.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	char reply[sizeof heard];

	for (;;) {
		int fd = socket_connect((struct sockaddr *)&a, n, m->deadline);

		if (fd >= 0) {
			socket_tune(fd, 0);
			if (socket_send(fd, &m->self, sizeof m->self) &&
			    socket_receive(fd, reply, sizeof reply, soon(m)) &&
			    !memcmp(reply, heard, sizeof heard))
				return fd;
			errno = ETIMEDOUT;
			close(fd);
		}
		if (clock_now() > m->deadline)
			die("connect to rank %u on %s:", r, m->seat[r].member.host);
		usleep(100000);
	}
}

/* Rank 0 gives each of the others the table; these take it. */
static void share_table(struct meeting *m)
{
	size_t n = m->self.size * sizeof *m->seat;
	int *control = m->links->control;

	if (m->self.rank) {
		/* rank 0 may have begun to wait later than this one */
		if (!socket_receive(control[0], &m->self.run, sizeof m->self.run,
		                    deadline_in(m->wait + SPEAK)) ||
		    !socket_receive(control[0], m->seat, n, deadline_in(SPEAK)))
			die("rank 0 ended while the others were awaited");
		return;
	}
	m->seat[0].member = m->self.member;
	while (!m->self.run)
		if (getrandom(&m->self.run, sizeof m->self.run, 0) < 0)
			die("draw a number:");
	for (uint32_t r = 1; r < m->self.size; r++)
		if (!socket_send(control[r], &m->self.run, sizeof m->self.run) ||
		    !socket_send(control[r], m->seat, n))
			die("rank %u on %s ended while the others were awaited", r,
			    m->seat[r].member.host);
}

/* What the launchers call this run: two that use one port by mistake do not mix. */
static uint64_t job_hash(void)
{
	static const char *const name[] = {"TORCHELASTIC_RUN_ID", "SLURM_JOB_ID"};
	struct buf b = {0};
	uint64_t h;

	for (size_t i = 0; i < sizeof name / sizeof *name; i++)
		buf_fmt(&b, "%s/", getenv(name[i]) ? getenv(name[i]) : "");
	h = hash_bytes(b.p, b.n);
	buf_free(&b);
	return h;
}

static struct meeting meeting;

/* Sets what this rank says of itself. */
static void introduce(struct meeting *m, const struct member *self)
{
	const struct links *l = m->links;

	m->self = (struct hello){.rank = l->rank,
	                         .size = l->size,
	                         .job = job_hash(),
	                         .member = *self};
	memcpy(m->self.magic, magic, sizeof magic);
	if (getrandom(&m->self.process, sizeof m->self.process, 0) < 0)
		die("draw a number:");
}

void meet(struct links *l, const struct member *self, const char *address, const char *port)
{
	const char *wait = getenv("SEAL_WORLD_WAIT");
	struct meeting *m = &meeting;

	*m = (struct meeting){.links = l, .listener = -1};
	m->wait = wait && atof(wait) > 0 ? atof(wait) : WAIT;
	m->deadline = deadline_in(m->wait);
	introduce(m, self);
	m->seat = xzalloc(l->size, sizeof *m->seat);
	l->control = xalloc(l->size * sizeof *l->control);
	l->data = xalloc(l->size * sizeof *l->data);
	for (int r = 0; r < l->size; r++)
		l->control[r] = l->data[r] = -1;
	if (l->rank) {
		struct sockaddr_in6 a = {0};
		socklen_t n = sizeof a;

		m->listener = socket_listen_anywhere(0);
		if (m->listener < 0 || getsockname(m->listener, (struct sockaddr *)&a, &n))
			die("listen:");
		m->self.port = ntohs(a.sin6_port); /* at the same place in both families */
		l->control[0] = call_first(m, address, port);
	} else {
		m->listener = listen_as_first(address, port);
		take_calls(m, l->control);
	}
	share_table(m);
	l->all = xalloc(l->size * sizeof *l->all);
	for (int r = 0; r < l->size; r++)
		l->all[r] = m->seat[r].member;
}

void meet_all(void)
{
	struct meeting *m = &meeting;

	m->deadline = deadline_in(m->wait);
	for (uint32_t r = 0; r < m->self.rank; r++)
		m->links->data[r] = call_rank(m, r);
	take_calls(m, m->links->data);
	close(m->listener);
	free(m->seat);
}
