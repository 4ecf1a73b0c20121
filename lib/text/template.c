/* SPDX-License-Identifier: MIT */
/* template.c - see template.h: which template a name means, and the pieces of either kind. */
#include <stdlib.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "template_in.h"

struct template
{
	char *name;
	const struct tokenizer *tok;
	struct chat *chat; /* one of these two */
	struct form *form;
};

void pieces_free(struct pieces *l)
{
	free(l->piece);
	buf_free(&l->text);
	*l = (struct pieces){0};
}

void pieces_add(struct pieces *l, enum piece_kind kind, const char *text, size_t n, int train)
{
	if (!n && kind != PIECE_END)
		return;
	l->piece = xgrow(l->piece, l->n, &l->cap, sizeof *l->piece);
	l->piece[l->n++] = (struct piece){kind, text, n, train};
}

void pieces_move_space(struct pieces *l, int answer)
{
	struct piece *p = l->n ? &l->piece[l->n - 1] : NULL;

	if (!p || p->train || !p->n || p->text[p->n - 1] != ' ')
		return;
	l->n -= !--p->n;
	if (answer)
		pieces_add(l, PIECE_TEXT, " ", 1, 1);
}

/* The chat templates that the options ask for, or NULL; owned. */
static json_t *sources(const struct template_opts *o, const struct tokenizer *tok)
{
	const json_t *own = tokenizer_chat(tok);

	if (ends_with(o->name, ".jinja"))
		return json_pack("{s:o}", "default", tokenizer_chat_file(o->name));
	if (strcmp(o->name, "auto") || !json_object_size(own))
		return NULL;
	return json_incref((json_t *)own);
}

/* "jinja:" and a hash of all the sources. */
static char *chat_name(const json_t *all)
{
	char *text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS), hex[17];

	hash_hex(hash_bytes(text, strlen(text)), hex);
	free(text);
	return xprintf("jinja:%s", hex);
}

/* Texts that stand in rows: jansson, which has them for a chat template, takes no other. */
static int check_utf8(const char *option, const char *text, struct fault *f)
{
	json_t *utf8 = json_string(text ? text : "");

	json_decref(utf8);
	return utf8 ? 0 : fault(f, "--%s: the value is not UTF-8", option);
}

struct template *template_open(const struct template_opts *o, const struct tokenizer *tok,
                               struct fault *f)
{
	const char *name = strcmp(o->name, "auto") ? o->name : "seal";
	struct template *t;
	json_t *all;

	if (check_utf8("template", o->name, f) || check_utf8("system", o->system, f))
		return NULL;
	all = sources(o, tok);
	t = xzalloc(1, sizeof *t);
	t->tok = tok;
	t->name = all ? chat_name(all) : xstrdup(name);
	if (all)
		t->chat = chat_open(all, o, tok, f);
	else
		t->form = form_open(name, o->system, f);
	json_decref(all);
	if (t->chat || t->form)
		return t;
	template_close(t);
	return NULL;
}

void template_close(struct template *t)
{
	if (t->chat)
		chat_close(t->chat);
	if (t->form)
		form_close(t->form);
	free(t->name);
	free(t);
}

const char *template_name(const struct template *t) { return t->name; }
int template_is_chat(const struct template *t) { return t->chat != NULL; }

int32_t template_stop(const struct template *t)
{
	const char *stop = t->form ? form_stop(t->form) : NULL;

	if (t->chat)
		return chat_stop(t->chat);
	return stop ? tokenizer_id(t->tok, stop) : -1;
}

int template_pieces(const struct template *t, const struct dialogue *d, int train_all,
                    struct pieces *l, struct fault *f)
{
	l->n = 0;
	l->text.n = 0;
	l->left_out = NULL;
	if (d->turn[0].role == ROLE_TEXT) {
		pieces_add(l, PIECE_TEXT, d->turn[0].text, d->turn[0].n, 1);
		return 0;
	}
	return t->chat ? chat_pieces(t->chat, d, train_all, l, f)
	               : form_pieces(t->form, d, train_all, l, f);
}
