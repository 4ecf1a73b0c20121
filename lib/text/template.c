/* SPDX-License-Identifier: MIT */
/* template.c - see template.h.
 *
 * A row is   START turn turn ...   and a turn   OPEN[role] TEXT CLOSE[role],
 * with AGAIN between an answer and what follows it.  In some templates a system
 * turn stands inside the user's turn behind it.
 */
#include "template.h"

#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/memory.h"
#include "unicode.h"

enum {
	END = 1,      /* the tokenizer's end token closes an answer */
	PROMPTED = 2, /* an answer needs a prompt, if an empty one */
	INSIDE = 4,   /* a system's text begins the next user's turn */
	LAST = 8,     /* ... begins the last user's turn */
	USER_STRIPPED = 16,
	ANSWER_STRIPPED = 32,
	SYSTEM_STRIPPED = 64, /* of white space at both ends */
};

struct form {
	const char *name;
	const char *sign[2], *but; /* what a chat template of this kind says, and does not */
	const char *start;
	struct {
		const char *open, *close;
	} of[3]; /* system, user, assistant */
	const char *again, *system, *stop;
	int flags;
};

/* clang-format off */
#define CHATML                                                                                  \
	.of = {{"<|im_start|>system\n", "<|im_end|>\n"}, {"<|im_start|>user\n", "<|im_end|>\n"}, \
	       {"<|im_start|>assistant\n", "<|im_end|>"}},                                      \
	.again = "\n", .stop = "<|im_end|>"

/* The first whose signs a chat template shows is what `auto` means. */
static const struct form forms[] = {
	{"none", .of = {{"", ""}, {"", ""}, {"", ""}}, .flags = END | PROMPTED},
	{"seal", .of = {{"", "\n"}, {"Human: ", ""}, {"\nAssistant: ", ""}}, .again = "\n",
	 .flags = END | PROMPTED},
	{"alpaca", .of = {{"", "\n\n"}, {"### Instruction:\n", "\n\n"}, {"### Response:\n", ""}},
	 .again = "\n\n", .flags = END | PROMPTED,
	 .system = "Below is an instruction that describes a task. "
	           "Write a response that appropriately completes the request."},
	{"chatml", {"<|im_start|>", "named SmolLM"}, CHATML,
	 .system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"},
	{"qwen2.5", {"<|im_start|>", "You are Qwen, created by Alibaba Cloud."}, CHATML,
	 .system = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."},
	{"qwen2", {"<|im_start|>", "You are a helpful assistant."}, CHATML,
	 .system = "You are a helpful assistant."},
	{"chatml-plain", {"<|im_start|>"}, .but = "You are ", CHATML},
	{"llama2", {"<<SYS>>", "content.strip()"},
	 .of = {{"<<SYS>>\n", "\n<</SYS>>\n\n"}, {"<s>[INST] ", " [/INST]"}, {" ", " "}},
	 .flags = END | PROMPTED | INSIDE | USER_STRIPPED | ANSWER_STRIPPED},
	{"llama3", {"<|start_header_id|>", "| trim"}, .but = "Cutting Knowledge Date",
	 .start = "<|begin_of_text|>", .stop = "<|eot_id|>",
	 .of = {{"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
	        {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
	        {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"}},
	 .flags = SYSTEM_STRIPPED | USER_STRIPPED | ANSWER_STRIPPED},
	{"mistral", {"'[INST] ' + message['content'] + ' [/INST]'",
	             "{{ message['content'] + eos_token}}"},
	 .start = "<s>", .of = {{"", "\n\n"}, {"[INST] ", " [/INST]"}, {"", ""}},
	 .flags = END | PROMPTED | INSIDE},
	{"mistral-v1", {"' [INST] ' + message['content'] + ' [/INST]'",
	                "' ' + message['content'] + eos_token"},
	 .start = "<s>", .of = {{"", "\n\n"}, {" [INST] ", " [/INST]"}, {" ", ""}},
	 .flags = END | PROMPTED | INSIDE},
	{"mistral-v3", {"\"[INST] \" + message[\"content\"] + \"[/INST]\"",
	                "\" \" + message[\"content\"]|trim + eos_token"},
	 .start = "<s>", .of = {{"", "\n\n"}, {"[INST] ", "[/INST]"}, {" ", ""}},
	 .flags = END | PROMPTED | INSIDE | LAST | ANSWER_STRIPPED},
	{"merlinite", {"<|pretrain|>", "'<|assistant|>'"}, .again = "\n", .stop = "<|endoftext|>",
	 .of = {{"<|system|>\n", "\n"}, {"<|user|>\n", "\n"}, {"<|assistant|>\n", "<|endoftext|>"}}},
	{"phi3", {"<|user|>", "<|end|>"}, .again = "\n", .stop = "<|end|>",
	 .of = {{"<|system|>\n", "<|end|>\n"}, {"<|user|>\n", "<|end|>\n"},
	        {"<|assistant|>\n", "<|end|>"}}},
	{0},
};
/* clang-format on */

struct template
{
	struct form form;
	char *name, *system;
	char *format; /* a FORMAT, cut at its {} */
};

static const struct form *named(const char *name)
{
	const struct form *f = forms;

	while (f->name && strcmp(f->name, name))
		f++;
	return f->name ? f : NULL;
}

static const struct form *recognise(const char *chat)
{
	for (const struct form *f = forms; f->name; f++)
		if (f->sign[0] && strstr(chat, f->sign[0]) &&
		    (!f->sign[1] || strstr(chat, f->sign[1])) && (!f->but || !strstr(chat, f->but)))
			return f;
	return NULL;
}

/* Holds "{}" exactly twice. */
static int is_format(const char *s)
{
	int n = 0;

	for (; (s = strstr(s, "{}")); s += 2)
		n++;
	return n == 2;
}

static void set_format(struct template *t, const char *format)
{
	char *first, *second;

	t->format = xstrdup(format);
	first = strstr(t->format, "{}");
	second = strstr(first + 2, "{}");
	*first = *second = 0;
	t->form = (struct form){.of = {{"", "\n"}, {t->format, ""}, {first + 2, second + 2}},
	                        .flags = END | PROMPTED};
}

struct template *template_open(const char *name, const char *chat, const char *system,
                               struct fault *f)
{
	int own = !strcmp(name, "auto") && chat;
	const struct form *form =
		own ? recognise(chat) : named(strcmp(name, "auto") ? name : "seal");
	struct buf names = {0};
	struct template *t;

	if (!form && own) {
		fault(f, "the model's own chat template is not one that is known here; "
		         "name one with --template");
		return NULL;
	}
	if (!form && !is_format(name)) {
		for (form = forms; form->name; form++)
			buf_fmt(&names, ", %s", form->name);
		fault(f, "unknown template '%.80s' (auto%s, or a format with two {})", name,
		      names.p);
		buf_free(&names);
		return NULL;
	}
	t = xzalloc(1, sizeof *t);
	if (form)
		t->form = *form;
	else
		set_format(t, name);
	t->name = xstrdup(form ? form->name : name);
	system = system ? system : t->form.system;
	t->system = system && *system ? xstrdup(system) : NULL;
	return t;
}

void template_close(struct template *t)
{
	free(t->name);
	free(t->system);
	free(t->format);
	free(t);
}

const char *template_name(const struct template *t) { return t->name; }
const char *template_stop(const struct template *t) { return t->form.stop; }

void pieces_free(struct pieces *l)
{
	free(l->piece);
	buf_free(&l->text);
	*l = (struct pieces){0};
}

static void add(struct pieces *l, enum piece_kind kind, const char *text, size_t n, int train)
{
	if (!n && kind != PIECE_END)
		return;
	l->piece = xgrow(l->piece, l->n, &l->cap, sizeof *l->piece);
	l->piece[l->n++] = (struct piece){kind, text, n, train};
}

static void control(struct pieces *l, const char *text, int train)
{
	add(l, PIECE_CONTROL, text, text ? strlen(text) : 0, train);
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
	add(l, PIECE_TEXT, t.text, t.n, train);
}

/* A space that ends the prompt begins the answer instead: tokenizers join a
 * space to the word behind it. */
static void move_space(struct pieces *l, int answer)
{
	struct piece *p = l->n ? &l->piece[l->n - 1] : NULL;

	if (!p || p->train || !p->n || p->text[p->n - 1] != ' ')
		return;
	l->n -= !--p->n;
	if (answer)
		add(l, PIECE_TEXT, " ", 1, 1);
}

static void system_turn(const struct form *f, struct pieces *l, struct turn t)
{
	int strip = f->flags & SYSTEM_STRIPPED;

	control(l, f->of[ROLE_SYSTEM].open, 0);
	text(l, t, 0, strip, strip);
	control(l, f->of[ROLE_SYSTEM].close, 0);
}

/* A user's turn, NULL for an empty one; system turns `from` to `to` stand inside. */
static void user_turn(const struct template *t, struct pieces *l, const struct turn turn[],
                      int from, int to, const struct turn *user)
{
	const struct form *f = &t->form;
	int strip = f->flags & USER_STRIPPED, inside;
	struct turn system = {.text = t->system, .n = t->system ? strlen(t->system) : 0};

	control(l, f->of[ROLE_USER].open, 0);
	inside = l->n;
	if (f->flags & INSIDE && !from && t->system && turn[0].role != ROLE_SYSTEM)
		system_turn(f, l, system);
	for (int i = from; f->flags & INSIDE && i < to; i++)
		if (turn[i].role == ROLE_SYSTEM)
			system_turn(f, l, turn[i]);
	if (user)
		text(l, *user, 0, strip && l->n == inside, strip);
	control(l, f->of[ROLE_USER].close, 0);
}

static void answer(const struct form *f, struct pieces *l, struct turn t, int train)
{
	int strip = f->flags & ANSWER_STRIPPED;

	control(l, f->of[ROLE_ASSISTANT].open, 0);
	if (train)
		move_space(l, 1);
	text(l, t, train, strip, strip);
	control(l, f->of[ROLE_ASSISTANT].close, train);
	if (f->flags & END)
		add(l, PIECE_END, "", 0, train);
}

static void dialogue(const struct template *t, struct pieces *l, const struct turn turn[], int n,
                     int first_trained)
{
	const struct form *f = &t->form;
	int last = n - 1, placed = 0; /* system turns before `placed` stand inside a user's */
	struct turn system = {.text = t->system, .n = t->system ? strlen(t->system) : 0};

	while (last > 0 && turn[last].role != ROLE_USER)
		last--;
	control(l, f->start, 0);
	if (t->system && turn[0].role != ROLE_SYSTEM && !(f->flags & INSIDE))
		system_turn(f, l, system);
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
			int all = !(f->flags & LAST) || i >= last;

			user_turn(t, l, turn, all ? placed : i + 1, i,
			          role == ROLE_USER ? &turn[i] : NULL);
			placed = all ? i + 1 : placed;
		}
		if (role == ROLE_ASSISTANT)
			answer(f, l, turn[i], i >= first_trained && !turn[i].untrained);
	}
	if (turn[n - 1].role != ROLE_ASSISTANT) {
		control(l, f->of[ROLE_ASSISTANT].open, 0);
		move_space(l, 0);
	}
}

/* What only a model's own chat template can write. */
static int beyond_form(const struct dialogue *d, struct fault *f)
{
	for (int i = 0; i < d->n; i++)
		if (d->turn[i].role == ROLE_TOOL)
			return fault(f, "this template does not write turns of the role tool");
	for (int i = 0; i < d->n; i++)
		if (turn_calls(&d->turn[i]))
			return fault(f, "this template does not write calls of tools "
			                "(\"tool_calls\", \"function_call\")");
	if (d->documents)
		return fault(f, "this template does not write \"documents\"");
	return d->tools ? fault(f, "this template does not write \"tools\"") : 0;
}

int template_pieces(const struct template *t, const struct dialogue *d, int train_all,
                    struct pieces *l, struct fault *f)
{
	l->n = 0;
	l->text.n = 0;
	if (beyond_form(d, f))
		return -1;
	if (d->turn[0].role == ROLE_TEXT)
		text(l, d->turn[0], 1, 0, 0);
	else
		dialogue(t, l, d->turn, d->n, train_all ? 0 : d->n - 1);
	return 0;
}
