/* SPDX-License-Identifier: MIT */
/* world_socket.h - sockets of TCP, as the ranks of a run use them to find each other. */
#ifndef SEAL_WORLD_SOCKET_H
#define SEAL_WORLD_SOCKET_H

#include <netdb.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

int64_t clock_now(void); /* nanoseconds of a clock that only goes forward */
int64_t deadline_in(double seconds);

/* What a name and a port mean, for freeaddrinfo; NULL with *why, an error of getaddrinfo. */
struct addrinfo *socket_addresses(const char *address, const char *port, int *why);
/* Sockets that listen, without waiting: at this address; and at all that this host has, at this
 * port or, 0, one of the system's choice.  -1 with errno. */
int socket_listen(const struct sockaddr *, socklen_t);
int socket_listen_anywhere(uint16_t port);
/* A connection to there; -1 with errno: there is none within five seconds, or until then. */
int socket_connect(const struct sockaddr *, socklen_t, int64_t deadline);
/* What is sent goes at once.  Of a connection that is watched, the system asks each second whether
 * the other end is still there, and gives it up when it has not answered for some: one that carries
 * data would be given up too where the other end only reads late. */
void socket_tune(int fd, int watched);
/* Receives n bytes until then, or sends them; 0 where that fails. */
int socket_receive(int fd, void *, size_t n, int64_t deadline);
int socket_send(int fd, const void *, size_t n);

#endif
