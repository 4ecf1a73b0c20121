/* SPDX-License-Identifier: MIT */
/* encode.c - see encode.h.
 *
 * Neighbouring pieces that are both trained, or both not, are joined and encoded as one text, so
 * that the ids are those of the whole text wherever the mask does not cut it.
 */
#include "encode.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"

#define AT(field) offsetof(struct encode_opts, field)

const struct opt template_options[] = {
	{"template", 0, OPT_TEXT, AT(template.name), "NAME",
         "auto, none, seal, llama2 ..., FILE.jinja, or a format with two {}", 0, 1},
	{"system", 0, OPT_TEXT, AT(template.system), "TEXT",
         "system prompt of rows that have none, instead of the template's", 0, 1},
	{"date", 0, OPT_TEXT, AT(template.date), "YYYY-MM-DD",
         "today, for chat templates that write it", 0, 1},
	{"bos", 0, OPT_CHOICE, AT(bos), "auto|yes|no",
         "begin rows with the tokenizer's start token", 0, 1},
	{"allow-special", 0, OPT_FLAG, AT(allow_special), NULL,
         "special tokens that a row spells are no text", 0, 1},
	{0},
};

const struct opt length_options[] = {
	{"max-tokens", 0, OPT_COUNT, AT(max_tokens), "N", "longest row", 2, 1},
	{"overlong", 0, OPT_CHOICE, AT(overlong), "cut|drop", "what to do with longer ones", 0, 1},
	{"train-turns", 0, OPT_CHOICE, AT(train_turns), "last|all",
         "which of the assistant's turns are trained", 0, 1},
	{0},
};

struct encoder {
	const struct tokenizer *tok;
	const struct encode_opts *opts;
	struct template *template;
	struct ids before; /* that rows begin with */
};

/* The tokens that rows begin with.  A chat template writes them itself, but bare text has none. */
static void choose_before(struct encoder *e)
{
	int n, yes = !strcmp(e->opts->bos, "yes"), no = !strcmp(e->opts->bos, "no");
	const int32_t *id = tokenizer_before(e->tok, &n);

	if (yes && !n && tokenizer_bos(e->tok) < 0)
		die("--bos yes: the tokenizer has no start token");
	if (no || (!yes && template_is_chat(e->template) && !e->opts->schema.text))
		return;
	if (!yes && tokenizer_doubt(e->tok))
		notice("%s; transformers 5 goes by the latter, earlier ones by the former "
		       "(--bos yes or no decides)",
		       tokenizer_doubt(e->tok));
	if (yes && !n)
		ids_add(&e->before, tokenizer_bos(e->tok));
	for (int i = 0; i < n; i++)
		ids_add(&e->before, id[i]);
}

struct encoder *encoder_open(const struct tokenizer *tok, const struct encode_opts *opts)
{
	struct encoder *e = xzalloc(1, sizeof *e);
	struct fault f;

	schema_check(&opts->schema, 0);
	e->tok = tok;
	e->opts = opts;
	e->template = template_open(&opts->template, tok, &f);
	if (!e->template)
		die_usage("%s", f.text);
	choose_before(e);
	return e;
}

const struct template *encoder_template(const struct encoder *e) { return e->template; }

void encoder_close(struct encoder *e)
{
	template_close(e->template);
	ids_free(&e->before);
	free(e);
}

/* Where the work on one row stands. */
struct row_work {
	const struct encoder *e;
	struct ids *ids;
	long most;
	struct buf text; /* the pieces that are being joined */
	struct buf kind; /* the kind of each byte's piece */
	int begun;       /* a text has been encoded */
};

static void encode(struct row_work *w, const char *p, size_t n, int flags)
{
	const struct ids *ids = w->ids;

	if (!n || (w->most && ids->n >= w->most))
		return;
	if (w->begun)
		flags |= tokenizer_special(w->e->tok, ids->p[ids->n - 1]) ? TOKENIZE_AFTER
		                                                          : TOKENIZE_CONTINUE;
	tokenizer_encode(w->e->tok, p, n, flags, w->most, w->ids);
	w->begun = 1;
}

/* The next special token's text in the joined text; *spelled: the row's own text has a part in it,
 * so that it must stay text. */
static int32_t next_special(const struct row_work *w, size_t *start, size_t *end, int *spelled)
{
	int32_t id = tokenizer_next_special(w->e->tok, w->text.p, w->text.n, start, end);

	*spelled = id >= 0 && memchr(w->kind.p + *start, PIECE_TEXT, *end - *start);
	return id;
}

static int spelled_by_row(const struct row_work *w)
{
	int spelled = 0;

	for (size_t start = 0, end; !spelled && next_special(w, &start, &end, &spelled) >= 0;)
		start = end;
	return spelled;
}

/* Encodes the joined text.  Where the row spells a special token, the
 * template's special tokens are put in by hand and all else is text. */
static void flush(struct row_work *w)
{
	size_t from = 0, start = 0, end;
	int by_hand = !w->e->opts->allow_special && spelled_by_row(w), spelled;
	const char *p = w->text.p;
	int32_t id;

	if (!w->text.n)
		return;
	while (by_hand && (id = next_special(w, &start, &end, &spelled)) >= 0) {
		if (spelled) {
			start++;
			continue;
		}
		encode(w, p + from, start - from, 0);
		ids_add(w->ids, id);
		w->begun = 1;
		from = start = end;
	}
	encode(w, p + from, w->text.n - from, by_hand ? 0 : TOKENIZE_CONTROL);
	w->text.n = w->kind.n = 0;
}

static void fill(struct buf *b, int byte, size_t n)
{
	buf_need(b, n);
	memset(b->p + b->n, byte, n);
	b->n += n;
}

/* Brings the mask up to the ids. */
static void mark(const struct row_work *w, struct buf *train, int value)
{
	fill(train, value, w->ids->n - train->n);
}

/* Said once: rows are encoded by several threads. */
static void warn_no_end(void)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set(&said))
		notice("the tokenizer has no end token, so nothing closes an answer");
}

static void encode_pieces(struct row_work *w, const struct piece piece[], int n, struct buf *train)
{
	int32_t end = tokenizer_eos(w->e->tok);

	for (int i = 0; i < n && (!w->most || w->ids->n < w->most); i++) {
		buf_add(&w->text, piece[i].text, piece[i].n);
		fill(&w->kind, piece[i].kind, piece[i].n);
		if (i + 1 < n && piece[i].train == piece[i + 1].train &&
		    piece[i + 1].kind != PIECE_END && piece[i].kind != PIECE_END)
			continue;
		flush(w);
		if (piece[i].kind == PIECE_END && end >= 0)
			ids_add(w->ids, end);
		else if (piece[i].kind == PIECE_END)
			warn_no_end();
		mark(w, train, piece[i].train);
	}
}

/* A template that spells the start tokens, and a tokenizer that adds them: once is enough. */
static void drop_second_bos(const struct encoder *e, struct ids *ids, struct buf *train)
{
	long n = e->before.n;

	if (!n || strcmp(e->opts->bos, "auto") || ids->n < 2 * n ||
	    memcmp(ids->p + n, e->before.p, n * sizeof *ids->p))
		return;
	ids->n -= n;
	train->n -= n;
	memmove(ids->p, ids->p + n, ids->n * sizeof *ids->p);
	memmove(train->p, train->p + n, train->n);
}

/* Bare text has no template that ends it, so what the tokenizer does to a text counts. */
static void close_text(const struct encoder *e, const struct turn *turn, struct ids *ids,
                       struct buf *train)
{
	int32_t end = tokenizer_eos(e->tok);

	if (turn->role != ROLE_TEXT || !tokenizer_adds_eos(e->tok) ||
	    (ids->n && ids->p[ids->n - 1] == end))
		return;
	ids_add(ids, end);
	fill(train, 1, 1);
}

static enum encoded limit(const struct encoder *e, int prompt, struct ids *ids, struct buf *train,
                          struct fault *f)
{
	long most = e->opts->max_tokens;
	int cut = most && ids->n > most;

	if (cut && (prompt || !strcmp(e->opts->overlong, "drop"))) {
		fault(f, "longer than %ld tokens", most);
		return ENCODED_TOO_LONG;
	}
	if (cut)
		ids->n = train->n = most;
	if (!prompt && !(train->n && memchr(train->p, 1, train->n))) {
		fault(f, "no trained token left");
		return ENCODED_TOO_LONG;
	}
	return cut ? ENCODED_CUT : ENCODED;
}

/* The dialogue's ids and mask; -1 with a fault where the template cannot write it. */
static int encode_dialogue(struct row_work *w, struct dialogue *d, int prompt, struct buf *train,
                           struct fault *f)
{
	const struct encoder *e = w->e;
	struct pieces pieces = {0};
	int rc = template_pieces(e->template, d, !strcmp(e->opts->train_turns, "all"), &pieces, f);

	if (!rc) {
		for (long i = 0; i < e->before.n; i++)
			ids_add(w->ids, e->before.p[i]);
		mark(w, train, 0);
		/* One more than fits tells that a row is too long, besides a second BOS. */
		w->most = e->opts->max_tokens ? e->opts->max_tokens + 1 + e->before.n : 0;
		encode_pieces(w, pieces.piece, pieces.n, train);
		if (!prompt)
			close_text(e, d->turn, w->ids, train);
		drop_second_bos(e, w->ids, train);
		if (train->n)
			train->p[0] = 0; /* nothing stands before it to predict it from */
		if (prompt)
			memset(train->p, 0, train->n);
	}
	if (!d->left_out)
		d->left_out = pieces.left_out;
	pieces_free(&pieces);
	return rc;
}

enum encoded encode_row(const struct encoder *e, const json_t *row, int prompt, struct ids *ids,
                        struct buf *train, struct fault *f)
{
	struct dialogue d = {0};
	struct row_work w = {.e = e, .ids = ids};
	int said;

	ids->n = train->n = 0;
	said = schema_turns(&e->opts->schema, row, !prompt, &d, f);
	if (said == SCHEMA_OK && encode_dialogue(&w, &d, prompt, train, f))
		said = SCHEMA_BAD;
	if (said == SCHEMA_OK)
		fault(f, "%s", d.left_out ? d.left_out : "");
	dialogue_free(&d);
	buf_free(&w.text);
	buf_free(&w.kind);
	return said == SCHEMA_OK      ? limit(e, prompt, ids, train, f)
	       : said == SCHEMA_EMPTY ? ENCODED_EMPTY
	                              : ENCODED_BROKEN;
}

int encode_fate(struct fates *fates, const struct row *row, enum encoded how,
                const struct fault *why, long most)
{
	char reason[sizeof why->text + 64];

	switch (how) {
	case ENCODED_BROKEN:
	case ENCODED_EMPTY:
		fate_broken(fates, row->file, row->id, row->line, row->element,
		            how == ENCODED_EMPTY ? why->text : "bad row", why);
		return 0;
	case ENCODED_TOO_LONG: fate_dropped(fates, row->id, row->line, why->text); return 0;
	case ENCODED_CUT:
		snprintf(reason, sizeof reason, "%s%scut to %ld tokens", why->text,
		         *why->text ? " left out, " : "", most);
		fate_truncated(fates, row->id, row->line, reason);
		return 1;
	case ENCODED: fate_whole(fates, row->id, row->line, why->text); return 1;
	}
	return 0;
}
