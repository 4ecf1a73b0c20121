/* SPDX-License-Identifier: MIT */
/* world_socket.c - see world_socket.h. */
#include "world_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "num.h"

int64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

int64_t deadline_in(double seconds) { return clock_now() + (int64_t)(seconds * 1e9); }

static int milliseconds_to(int64_t deadline)
{
	int64_t left = (deadline - clock_now()) / 1000000;

	return left < 0 ? 0 : left > 1000000 ? 1000000 : (int)left;
}

void socket_tune(int fd, int watched)
{
	static const struct {
		int level, name, value;
	} option[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},  {SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, 3}, {IPPROTO_TCP, TCP_KEEPINTVL, 1},
		{IPPROTO_TCP, TCP_KEEPCNT, 3},  {IPPROTO_TCP, TCP_USER_TIMEOUT, 6000},
	};
	size_t n = sizeof option / sizeof *option;

	for (size_t i = 0; i < (watched ? n : 1); i++)
		setsockopt(fd, option[i].level, option[i].name, &option[i].value, sizeof(int));
}

int socket_receive(int fd, void *p, size_t n, int64_t deadline)
{
	for (size_t done = 0; done < n;) {
		struct pollfd wait = {fd, POLLIN, 0};
		ssize_t got;

		if (poll(&wait, 1, milliseconds_to(deadline)) < 0 && errno != EINTR)
			return 0;
		got = recv(fd, (char *)p + done, n - done, MSG_DONTWAIT);
		if (!got || (got < 0 && errno != EAGAIN && errno != EINTR))
			return 0;
		if (got < 0 && clock_now() > deadline)
			return 0;
		done += got > 0 ? got : 0;
	}
	return 1;
}

int socket_send(int fd, const void *p, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t put = send(fd, (const char *)p + done, n - done, MSG_NOSIGNAL);

		if (put < 0 && errno != EINTR)
			return 0;
		done += put > 0 ? put : 0;
	}
	return 1;
}

struct addrinfo *socket_addresses(const char *address, const char *port, int *why)
{
	struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *all = NULL;

	*why = getaddrinfo(address, port, &want, &all);
	return *why ? NULL : all;
}

int socket_listen(const struct sockaddr *a, socklen_t n)
{
	int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1,
	    off = 0;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (a->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (!bind(fd, a, n) && !listen(fd, 4096))
		return fd;
	close(fd);
	return -1;
}

int socket_listen_anywhere(uint16_t port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket_listen((struct sockaddr *)&any, sizeof any);

	if (fd < 0 && errno != EADDRINUSE)
		fd = socket_listen((struct sockaddr *)&any4, sizeof any4);
	return fd;
}

int socket_connect(const struct sockaddr *a, socklen_t n, int64_t deadline)
{
	int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	struct pollfd wait = {fd, POLLOUT, 0};
	socklen_t size = sizeof error;

	if (fd < 0)
		return -1;
	if (connect(fd, a, n)) {
		error = errno;
		if (error == EINPROGRESS &&
		    poll(&wait, 1, (int)long_min(5000, milliseconds_to(deadline))) != 1)
			error = ETIMEDOUT;
		else if (error == EINPROGRESS &&
		         getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
			error = errno;
	}
	if (!error && !fcntl(fd, F_SETFL, 0))
		return fd;
	close(fd);
	errno = error;
	return -1;
}
