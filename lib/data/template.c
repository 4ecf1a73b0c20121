/* template.c - see template.h.
 *
 * chatml, a turn:   <|im_start|>ROLE\nTEXT<|im_end|>\n
 * seal, FORMAT:     [SYSTEM\n] before-prompt PROMPT between ANSWER after-answer <end token>
 */
#include "template.h"

#include <stdlib.h>
#include <string.h>

static const char smol_system[] =
	"You are a helpful AI assistant named SmolLM, trained by Hugging Face";
static const char chatml_end[] = "<|im_end|>";

struct template {
	int chatml;
	char *name, *system;
	/* Control text around the prompt and the answer, between two exchanges, and
	 * behind a system's turn. */
	char *before, *between, *after;
	const char *again, *after_system;
};

static void set_format(struct template *t, const char *format, const char *again,
                       const char *after_system)
{
	const char *first = strstr(format, "{}"), *second = strstr(first + 2, "{}");

	t->before = xstrndup(format, first - format);
	t->between = xstrndup(first + 2, second - first - 2);
	t->after = xstrdup(second + 2);
	t->again = again;
	t->after_system = after_system;
}

/* Holds "{}" exactly twice. */
static int is_format(const char *s)
{
	int n = 0;

	for (; (s = strstr(s, "{}")); s += 2)
		n++;
	return n == 2;
}

struct template *template_open(const char *name, const char *chat, const char *system,
                               struct fault *f)
{
	struct template *t;

	if (!strcmp(name, "auto")) {
		if (chat && !strstr(chat, "<|im_start|>")) {
			fault(f, "the model's own chat template is not one that is known here; "
			         "name one with --template");
			return NULL;
		}
		name = chat ? "chatml" : "seal";
	}
	t = xzalloc(1, sizeof *t);
	t->name = xstrdup(name);
	t->system = system ? xstrdup(system) : NULL;
	if (!strcmp(name, "chatml")) {
		t->chatml = 1;
	} else if (!strcmp(name, "seal")) {
		set_format(t, "Human: {}\nAssistant: {}", "\n", "\n");
	} else if (!strcmp(name, "none")) {
		set_format(t, "{}{}", "", "");
	} else if (is_format(name)) {
		set_format(t, name, "", "\n");
	} else {
		template_close(t);
		fault(f, "unknown template '%.80s' (auto, none, chatml, seal, or a format with two {})",
		      name);
		return NULL;
	}
	return t;
}

void template_close(struct template *t)
{
	free(t->name);
	free(t->system);
	free(t->before);
	free(t->between);
	free(t->after);
	free(t);
}

const char *template_name(const struct template *t) { return t->name; }
const char *template_stop(const struct template *t) { return t->chatml ? chatml_end : NULL; }

struct list { struct piece *piece; int n; };

static void add(struct list *l, enum piece_kind kind, const char *text, size_t n, int train)
{
	if (n || kind == PIECE_END)
		l->piece[l->n++] = (struct piece){kind, text, n, train};
}

static void control(struct list *l, const char *text, int train)
{
	add(l, PIECE_CONTROL, text, strlen(text), train);
}

static void text(struct list *l, const struct turn *t, int train)
{
	add(l, PIECE_TEXT, t->text, t->n, train);
}

/* A space that ends the prompt begins the answer instead: tokenizers join a
 * space to the word behind it. */
static void move_space(struct list *l, int answer)
{
	struct piece *p = l->n ? &l->piece[l->n - 1] : NULL;

	if (!p || p->train || !p->n || p->text[p->n - 1] != ' ')
		return;
	l->n -= !--p->n;
	if (answer)
		add(l, PIECE_TEXT, " ", 1, 1);
}

static void chatml(const struct template *t, struct list *l, const struct turn turn[], int n,
                   int first_trained)
{
	static const char *const start[] = {
		"<|im_start|>system\n", "<|im_start|>user\n", "<|im_start|>assistant\n",
	};
	static const char *const again[] = {
		"\n<|im_start|>system\n", "\n<|im_start|>user\n", "\n<|im_start|>assistant\n",
	};
	const char *system = t->system ? t->system : smol_system;

	if (*system && turn[0].role != ROLE_SYSTEM) {
		control(l, start[ROLE_SYSTEM], 0);
		add(l, PIECE_TEXT, system, strlen(system), 0);
		control(l, chatml_end, 0);
	}
	for (int i = 0; i < n; i++) {
		int train = turn[i].role == ROLE_ASSISTANT && i >= first_trained;

		control(l, (l->n ? again : start)[turn[i].role], 0);
		text(l, &turn[i], train);
		control(l, chatml_end, train);
	}
	if (turn[n - 1].role != ROLE_ASSISTANT)
		control(l, again[ROLE_ASSISTANT], 0);
}

/* seal, none, FORMAT.  An assistant that speaks first answers an empty prompt. */
static void format(const struct template *t, struct list *l, const struct turn turn[], int n,
                   int first_trained)
{
	int open = 0;                      /* a prompt waits for its answer */
	size_t system = t->system ? strlen(t->system) : 0;

	if (system && turn[0].role != ROLE_SYSTEM) {
		add(l, PIECE_TEXT, t->system, system, 0);
		control(l, t->after_system, 0);
	}
	for (int i = 0; i < n; i++) {
		int train = turn[i].role == ROLE_ASSISTANT && i >= first_trained;

		if (turn[i].role == ROLE_SYSTEM) {
			text(l, &turn[i], 0);
			control(l, t->after_system, 0);
		} else if (turn[i].role == ROLE_USER) {
			control(l, open || (i && turn[i - 1].role == ROLE_ASSISTANT) ? t->again : "", 0);
			control(l, t->before, 0);
			text(l, &turn[i], 0);
			open = 1;
		} else {
			if (!open)
				control(l, t->before, 0);
			control(l, t->between, 0);
			if (train)
				move_space(l, 1);
			text(l, &turn[i], train);
			control(l, t->after, train);
			add(l, PIECE_END, "", 0, train);
			open = 0;
		}
	}
	if (open) {
		control(l, t->between, 0);
		move_space(l, 0);
	}
}

int template_pieces(const struct template *t, const struct turn turn[], int n, int train_all,
                    struct piece piece[PIECES])
{
	struct list l = {piece, 0};

	if (turn[0].role == ROLE_TEXT)
		text(&l, &turn[0], 1);
	else if (t->chatml)
		chatml(t, &l, turn, n, train_all ? 0 : n - 1);
	else
		format(t, &l, turn, n, train_all ? 0 : n - 1);
	return l.n;
}
