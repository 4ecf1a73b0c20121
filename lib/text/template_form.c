/* SPDX-License-Identifier: MIT */
/* template_form.c - the templates that are written here, as data, for models that bring none.
 *
 * A row is   turn turn ...   and a turn   OPEN[role] TEXT CLOSE[role],
 * with AGAIN between an answer and what follows it.  In llama2 a system turn stands inside the
 * user's turn behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "template_in.h"
#include "unicode.h"

enum {
	END = 1,      /* the tokenizer's end token closes an answer */
	PROMPTED = 2, /* an answer needs a prompt, if an empty one */
	INSIDE = 4,   /* a system's text begins the next user's turn */
	STRIPPED = 8, /* texts of users and answers lose white space at both ends */
};

struct form {
	const char *name;
	struct {
		const char *open, *close;
	} of[3]; /* system, user, assistant */
	const char *again, *stop;
	char *system; /* that rows without a system turn get, or NULL */
	char *format; /* a FORMAT, cut at its {} */
	int flags;
};

/* clang-format off */
static const struct form forms[] = {
	{"none", .of = {{"", ""}, {"", ""}, {"", ""}}, .flags = END | PROMPTED},
	{"seal", .of = {{"", "\n"}, {"Human: ", ""}, {"\nAssistant: ", ""}}, .again = "\n",
	 .flags = END | PROMPTED},
	{"alpaca", .of = {{"", "\n\n"}, {"### Instruction:\n", "\n\n"}, {"### Response:\n", ""}},
	 .again = "\n\n", .flags = END | PROMPTED,
	 .system = "Below is an instruction that describes a task. "
	           "Write a response that appropriately completes the request."},
	{"llama2",
	 .of = {{"<<SYS>>\n", "\n<</SYS>>\n\n"}, {"<s>[INST] ", " [/INST]"}, {" ", " "}},
	 .flags = END | PROMPTED | INSIDE | STRIPPED},
	{"merlinite", .again = "\n", .stop = "<|endoftext|>",
	 .of = {{"<|system|>\n", "\n"}, {"<|user|>\n", "\n"}, {"<|assistant|>\n", "<|endoftext|>"}}},
	{0},
};
/* clang-format on */

/* Holds "{}" exactly twice. */
static int is_format(const char *s)
{
	int n = 0;

	for (; (s = strstr(s, "{}")); s += 2)
		n++;
	return n == 2;
}

static struct form of_format(const char *format)
{
	char *cut = xstrdup(format), *first = strstr(cut, "{}"), *second = strstr(first + 2, "{}");

	*first = *second = 0;
	return (struct form){.of = {{"", "\n"}, {cut, ""}, {first + 2, second + 2}},
	                     .format = cut,
	                     .flags = END | PROMPTED};
}

struct form *form_open(const char *name, const char *system, struct fault *f)
{
	const struct form *named = forms;
	struct form *form;
	struct buf names = {0};

	while (named->name && strcmp(named->name, name))
		named++;
	if (!named->name && !is_format(name)) {
		for (named = forms; named->name; named++)
			buf_fmt(&names, ", %s", named->name);
		fault(f, "unknown template '%.80s' (auto%s, FILE.jinja, or a format with two {})",
		      name, names.p);
		buf_free(&names);
		return NULL;
	}
	form = xalloc(sizeof *form);
	*form = named->name ? *named : of_format(name);
	system = system ? system : form->system;
	form->system = system && *system ? xstrdup(system) : NULL;
	return form;
}

void form_close(struct form *f)
{
	free(f->system);
	free(f->format);
	free(f);
}

const char *form_stop(const struct form *f) { return f->stop; }

static void control(struct pieces *l, const char *text, int train)
{
	pieces_add(l, PIECE_CONTROL, text, text ? strlen(text) : 0, train);
}

/* What Python's str.strip() takes away is not part of the text. */
static void text(struct pieces *l, struct turn t, int train, int strip_left, int strip_right)
{
	int32_t c;
	int k;

	while (strip_left && t.n && (k = utf8_first(t.text, t.n, &c), python_is_space(c)))
		t.text += k, t.n -= k;
	while (strip_right && t.n && (k = utf8_last(t.text, t.n, &c), python_is_space(c)))
		t.n -= k;
	pieces_add(l, PIECE_TEXT, t.text, t.n, train);
}

static void system_turn(const struct form *f, struct pieces *l, struct turn t)
{
	control(l, f->of[ROLE_SYSTEM].open, 0);
	text(l, t, 0, 0, 0);
	control(l, f->of[ROLE_SYSTEM].close, 0);
}

/* The system turn of rows that bring none. */
static void own_system(const struct form *f, struct pieces *l)
{
	system_turn(f, l, (struct turn){.text = f->system, .n = strlen(f->system)});
}

/* A user's turn, NULL for an empty one; system turns `from` to `to` stand inside. */
static void user_turn(const struct form *f, struct pieces *l, const struct turn turn[], int from,
                      int to, const struct turn *user)
{
	int strip = f->flags & STRIPPED, inside;

	control(l, f->of[ROLE_USER].open, 0);
	inside = l->n;
	if (f->flags & INSIDE && !from && f->system && turn[0].role != ROLE_SYSTEM)
		own_system(f, l);
	for (int i = from; f->flags & INSIDE && i < to; i++)
		if (turn[i].role == ROLE_SYSTEM)
			system_turn(f, l, turn[i]);
	if (user)
		text(l, *user, 0, strip && l->n == inside, strip);
	control(l, f->of[ROLE_USER].close, 0);
}

static void answer(const struct form *f, struct pieces *l, struct turn t, int train)
{
	int strip = f->flags & STRIPPED;

	control(l, f->of[ROLE_ASSISTANT].open, 0);
	if (train)
		pieces_move_space(l, 1);
	text(l, t, train, strip, strip);
	control(l, f->of[ROLE_ASSISTANT].close, train);
	if (f->flags & END)
		pieces_add(l, PIECE_END, "", 0, train);
}

static void dialogue(const struct form *f, struct pieces *l, const struct turn turn[], int n,
                     int first_trained)
{
	int placed = 0; /* system turns before `placed` stand inside a user's */

	if (f->system && turn[0].role != ROLE_SYSTEM && !(f->flags & INSIDE))
		own_system(f, l);
	for (int i = 0; i < n; i++) {
		enum role role = turn[i].role, before = i ? turn[i - 1].role : ROLE_SYSTEM;
		int waits =
			before == ROLE_USER && f->flags & PROMPTED; /* a prompt, for its answer */

		if (before == ROLE_ASSISTANT || (waits && role == ROLE_USER))
			control(l, f->again, 0);
		if (role == ROLE_SYSTEM && !(f->flags & INSIDE))
			system_turn(f, l, turn[i]);
		if (role == ROLE_USER ||
		    (role == ROLE_ASSISTANT && f->flags & PROMPTED && !waits)) {
			user_turn(f, l, turn, placed, i, role == ROLE_USER ? &turn[i] : NULL);
			placed = i + 1;
		}
		if (role == ROLE_ASSISTANT)
			answer(f, l, turn[i], i >= first_trained && !turn[i].untrained);
	}
	if (turn[n - 1].role != ROLE_ASSISTANT) {
		control(l, f->of[ROLE_ASSISTANT].open, 0);
		pieces_move_space(l, 0);
	}
}

/* What an answer holds of thoughts, by the name of its key, or NULL. */
static const char *thoughts_of(const struct turn *t)
{
	static const char *const keys[] = {"reasoning_content", "reasoning", "thinking"};

	for (int i = 0; i < 3; i++) {
		const json_t *v = json_object_get(t->message, keys[i]);
		const char *said = json_is_string(v) ? json_string_value(v) : "";

		if (said[strspn(said, " \t\r\n")] || json_object_size(v) || json_array_size(v))
			return keys[i];
	}
	return NULL;
}

/* What only a chat template can write; of thoughts, those of answers that are trained. */
static int beyond_form(const struct dialogue *d, int train_all, struct fault *f)
{
	for (int i = 0; i < d->n; i++) {
		const struct turn *t = &d->turn[i];
		int trained =
			t->role == ROLE_ASSISTANT && !t->untrained && (train_all || i == d->n - 1);

		if (trained && thoughts_of(t))
			return fault(f, "this template does not write \"%s\"", thoughts_of(t));
		if (t->role == ROLE_TOOL)
			return fault(f, "this template does not write turns of the role tool");
		if (turn_calls(t))
			return fault(f, "this template does not write calls of tools "
			                "(\"tool_calls\", \"function_call\")");
	}
	if (d->documents)
		return fault(f, "this template does not write \"documents\"");
	return d->tools ? fault(f, "this template does not write \"tools\"") : 0;
}

int form_pieces(const struct form *form, const struct dialogue *d, int train_all, struct pieces *l,
                struct fault *f)
{
	if (beyond_form(d, train_all, f))
		return -1;
	dialogue(form, l, d->turn, d->n, train_all ? 0 : d->n - 1);
	return 0;
}
