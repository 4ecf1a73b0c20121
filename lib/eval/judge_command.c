/* SPDX-License-Identifier: MIT */
/* judge_command.c - a command as a judge: it reads a request a line, and writes an answer a line.
 *
 *   asked     {"id":1,"messages":[...] or "prompt":"...","choices":["safe","unsafe"]}
 *   answered  {"id":1, and "text", "choice" or "p"} (judge_answer.c), in any order
 *
 * All that is asked is written as fast as the command takes it, and its answers are read
 * meanwhile, so that neither side waits for the other; then its input ends, and so should it.  A
 * run that goes wrong (a line that is no answer, silence for too long, an end before all is
 * answered, an exit status) is told and ended, and what it did not answer is asked of a new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/memory.h"
#include "../base/progress.h"
#include "judge.h"

enum { LINE_MOST = 1 << 24, PIECE = 1 << 16, LAST = 5 /* seconds, to end in */ };

/* A running command. */
struct answering {
	const struct judge *j;
	struct question *q;
	long n, done; /* questions; how many have answers */
	struct progress *progress;
	pid_t pid;
	int in, out;   /* its; in is -1 when all was written */
	struct buf to; /* what is asked */
	size_t written;
	struct buf from; /* what came of the line at hand */
	int wrong;       /* and why says so */
	struct fault why;
};

static _Noreturn void be_command(const char *command, int in, int out)
{
	setpgid(0, 0); /* so that its own children can be ended with it */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	unsetenv("RANK"); /* it is no rank of this run */
	unsetenv("WORLD_SIZE");
	if (dup2(in, 0) == 0 && dup2(out, 1) == 1)
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void start(struct answering *a)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		die("start --cmd:");
	a->pid = fork();
	if (a->pid < 0)
		die("start --cmd:");
	if (!a->pid)
		be_command(a->j->o->cmd, in[0], out[1]);
	setpgid(a->pid, a->pid);
	close(in[0]);
	close(out[1]);
	a->in = in[1];
	a->out = out[0];
	fcntl(a->in, F_SETFL, O_NONBLOCK);
}

static void end_input(struct answering *a)
{
	close(a->in);
	a->in = -1;
}

/* Writes what fits.  A command that closes its input may have its reasons: it is asked no more. */
static void write_some(struct answering *a)
{
	ssize_t n = write(a->in, a->to.p + a->written, a->to.n - a->written);

	if (n < 0 && errno != EPIPE && errno != EAGAIN && errno != EINTR)
		die("write to --cmd:");
	a->written += n > 0 ? n : 0;
	if ((n < 0 && errno == EPIPE) || a->written == a->to.n)
		end_input(a);
}

static void take_line(struct answering *a, const char *line, size_t n)
{
	long i;

	if (n == strspn(line, " \t\r"))
		return;
	if (answer_read(a->j, a->q, a->n, line, n, &i, &a->why)) {
		a->wrong = 1;
		return;
	}
	cache_keep(a->j->o, &a->q[i]);
	progress_at(a->progress, ++a->done, NULL);
}

/* The lines that are whole; at the end, what is left too. */
static void take_lines(struct answering *a, int end)
{
	size_t from = 0;

	while (!a->wrong && from < a->from.n) {
		char *line = a->from.p + from, *lf = memchr(line, '\n', a->from.n - from);

		if (!lf && !end)
			break;
		if (lf)
			*lf = 0;
		take_line(a, line, lf ? (size_t)(lf - line) : a->from.n - from);
		from = lf ? from + (lf - line) + 1 : a->from.n;
	}
	memmove(a->from.p, a->from.p + from, a->from.n - from);
	a->from.n -= from;
	if (!a->wrong && a->from.n > LINE_MOST)
		a->wrong = fault(&a->why, "a line of more than %d bytes", LINE_MOST);
}

/* Reads what is there; 0 at the end. */
static int read_some(struct answering *a)
{
	ssize_t n;

	buf_need(&a->from, PIECE);
	n = read(a->out, a->from.p + a->from.n, PIECE);
	if (n < 0 && errno != EINTR)
		die("read from --cmd:");
	if (n > 0) {
		a->from.n += n;
		a->from.p[a->from.n] = 0;
	}
	if (n >= 0 && a->from.n)
		take_lines(a, !n);
	return n != 0;
}

/* Both directions at once, until the command's output ends or something is wrong. */
static void talk(struct answering *a)
{
	double heard = seconds_now();
	long before;

	for (int going = 1; going && !a->wrong;) {
		long timeout = a->done < a->n ? a->j->o->timeout : LAST;
		struct pollfd fd[] = {{a->out, POLLIN, 0}, {a->in, POLLOUT, 0}};
		double left = heard + (double)timeout - seconds_now();
		int wait = !timeout     ? -1
		           : left <= 0  ? 0
		           : left > 1e6 ? 1000000000
		                        : (int)(1e3 * left) + 1;
		int n = poll(fd, a->in < 0 ? 1 : 2, wait);

		if (n < 0 && errno != EINTR)
			die("wait for --cmd:");
		if (!n)
			a->wrong = fault(&a->why, "it says nothing for %ld seconds", timeout);
		if (n <= 0)
			continue;
		before = a->done;
		if (fd[0].revents)
			going = read_some(a);
		if (a->in >= 0 && fd[1].revents && !a->wrong)
			write_some(a);
		if (a->done > before)
			heard = seconds_now();
	}
}

/* Its status; a command that has ended its output, or went wrong, is not waited for long. */
static int end(struct answering *a)
{
	double until = seconds_now() + LAST;
	int status;
	pid_t ended;

	if (a->wrong)
		kill(-a->pid, SIGKILL);
	while ((ended = waitpid(a->pid, &status, a->wrong ? 0 : WNOHANG)) != a->pid) {
		if (ended < 0 && errno != EINTR)
			die("wait for --cmd:");
		if (a->wrong)
			continue;
		if (seconds_now() > until) {
			a->wrong = fault(&a->why, "it ended its output, but not itself");
			kill(-a->pid, SIGKILL);
			continue;
		}
		usleep(1000);
	}
	return status;
}

static void finish(struct answering *a)
{
	int status;

	if (a->in >= 0)
		end_input(a);
	close(a->out);
	status = end(a);
	if (a->wrong)
		return;
	if (WIFSIGNALED(status))
		a->wrong = fault(&a->why, "it was ended by signal %d (%s)", WTERMSIG(status),
		                 strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		a->wrong = fault(&a->why, "exit status %d", WEXITSTATUS(status));
	else if (a->done < a->n)
		a->wrong = fault(&a->why, "it ended before all was answered");
}

static void ask_of(struct buf *to, const struct question *q, long id)
{
	json_t *o = json_pack("{s:I}", "id", (json_int_t)id), *v;
	const char *key;

	json_object_foreach(q->request, key, v) if (strcmp(key, "by")) json_object_set(o, key, v);
	json_put(to, o);
	buf_str(to, "\n");
	json_decref(o);
}

/* One run of the command, for all that has no answer. */
static void run_once(struct answering *a)
{
	a->to.n = a->from.n = a->written = 0;
	a->wrong = 0;
	for (long i = 0; i < a->n; i++)
		if (!a->q[i].answer)
			ask_of(&a->to, &a->q[i], i + 1);
	start(a);
	talk(a);
	finish(a);
}

long judge_by_command(const struct judge *j, struct question q[], long n)
{
	struct answering a = {.j = j, .q = q, .n = n};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	json_t *by = json_pack("{s:s}", "cmd", j->o->cmd);
	long found;

	if (!by)
		die_usage("--cmd: the value is not UTF-8");
	found = a.done = cache_look(j->o, by, q, n);
	json_decref(by);
	a.progress = progress_open("judge", "outputs", (double)n);
	sigaction(SIGPIPE, &ignore, &before); /* a command that dies is no reason to */
	for (long k = 0; a.done < n && k <= j->o->retries; k++) {
		run_once(&a);
		if (a.wrong)
			warn("--cmd: %s (%ld of %ld are answered%s)", a.why.text, a.done, n,
			     a.done < n && k < j->o->retries ? "; it is run again" : "");
	}
	sigaction(SIGPIPE, &before, NULL);
	progress_close(a.progress);
	buf_free(&a.to);
	buf_free(&a.from);
	return found;
}
