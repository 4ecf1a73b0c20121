/* SPDX-License-Identifier: MIT */
/* judge_model.c - a model as a judge: what it would answer, by its own chances.
 *
 * The prompt is fed once.  Behind it the choices' tokens make a tree.  Most judges' choices part at
 * its root (safe, unsafe), and then the logits there say all.  Where several begin alike
 * ("\n\nsafe", "\n\nunsafe") their common tokens are fed, until they part.  With P the model's
 * chance of a token after those before it, the chance of a choice is the product of P down to the
 * token that no other choice shares; of a choice whose tokens begin another's it is what the
 * longer ones leave.  These chances exclude each other; their sum is "mass", and divided by it
 * they are "p".
 *
 * The verdict is the choice that the likeliest tokens lead to, as greedy generation would write
 * it; where these leave the tree there is none: the answer would be something else.
 *
 * A judge that writes more before (--after) writes that first, by its likeliest tokens.
 *
 * Prompts are fed one at a time and in chunks of one length, so that an answer does not depend,
 * not by a bit, on what else is asked; and the chunks with which a prompt begins as the one before
 * it, a guard's policy say, stay where they are.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "../base/progress.h"
#include "../model/cache.h"
#include "../train/setup.h"
#include "generate.h"
#include "judge.h"

enum { CHUNK = 256 };

struct judge_model {
	const struct judge *j;
	struct setup setup;
	int begun; /* the model's weights are there */
	struct tokenizer *tokenizer;
	struct encoder *encoder;
	struct ids ends, *prompt; /* [questions] */
	long vocab;

	struct cache *cache;
	long fed;               /* tokens of the cache's only slot */
	const struct ids *last; /* begins with the prompt that was fed last, last_n tokens */
	long last_n;
	const char *where; /* of the question at hand */
	struct ids *as;    /* [choices.n]: tokens of each of the choices' texts */
	double *p;         /* [choices.names] */
	int verdict;
};

/* The likeliest token, and the logarithm of the sum of all exp(logit). */
static int32_t likeliest(const struct judge_model *m, const float *logits, double *log_sum)
{
	int32_t best = 0;
	double sum = 0;

	for (long i = 1; i < m->vocab; i++)
		if (logits[i] > logits[best])
			best = (int32_t)i;
	for (long i = 0; i < m->vocab; i++)
		sum += exp((double)logits[i] - logits[best]);
	if (!isfinite(sum))
		die("%s: the model's logits are not finite", m->where);
	*log_sum = logits[best] + log(sum);
	return best;
}

static void feed(struct judge_model *m, const int32_t *token, long n, float *logits)
{
	const int32_t start[] = {0, (int32_t)n};
	const int slot = 0;

	cache_next(m->cache, token, start, &slot, 1, logits);
	m->fed += n;
}

static void rewind_to(struct judge_model *m, long n)
{
	cache_rewind(m->cache, 0, n);
	m->fed = n;
}

/* Rows beyond rope.original turn otherwise, and are fed once more: there nothing is kept. */
static void feed_prompt(struct judge_model *m, const struct ids *ids, float *logits)
{
	long most = long_min(m->last_n, ids->n - 1), same = 0;

	if (m->setup.model->config.rope[0].original)
		most = 0;
	while (same < most && m->last->p[same] == ids->p[same])
		same++;
	rewind_to(m, same / CHUNK * CHUNK);
	while (m->fed < ids->n)
		feed(m, ids->p + m->fed, long_min(CHUNK, ids->n - m->fed), logits);
	m->last = ids;
	m->last_n = ids->n;
}

/* Of the n choices in set, which have their first `depth` tokens in common, moves those with this
 * next token to the front; returns how many they are, and whether they have one name. */
static int gather(const struct judge_model *m, int set[], int n, long depth, int32_t token,
                  int *one_name)
{
	const struct choice_text *as = m->j->choices.as;
	int k = 0;

	*one_name = 1;
	for (int i = 0; i < n; i++) {
		const struct ids *ids = &m->as[set[i]];
		int moved = set[i];

		if (ids->n <= depth || ids->p[depth] != token)
			continue;
		set[i] = set[k];
		set[k++] = moved;
		*one_name &= as[set[0]].name == as[moved].name;
	}
	return k;
}

/* The choices in set, n of them, which have the tokens in common that were fed behind the prompt,
 * `depth`; their chance is p.  greedy: they are what the likeliest tokens lead to. */
static void walk(struct judge_model *m, int set[], int n, long depth, double p, int greedy,
                 float *logits)
{
	const struct choice_text *as = m->j->choices.as;
	long here = m->fed;
	double log_sum, rest = 1;
	int32_t best = likeliest(m, logits, &log_sum);
	int ended = -1, stays = greedy;
	float *next = NULL;

	for (int i = 0; i < n; i++)
		if (m->as[set[i]].n <= depth)
			ended = as[set[i]].name;
	for (int i = 0, k; i < n; i += k) {
		int32_t token;
		int one_name, left;
		double q;

		k = 1;
		if (m->as[set[i]].n <= depth)
			continue;
		token = m->as[set[i]].p[depth];
		k = gather(m, set + i, n - i, depth, token, &one_name);
		q = exp(logits[token] - log_sum);
		rest -= q;
		left = greedy && token == best;
		stays &= !left;
		if (one_name) {
			m->p[as[set[i]].name] += p * q;
			if (left)
				m->verdict = as[set[i]].name;
			continue;
		}
		next = next ? next : xalloc(m->vocab * sizeof *next);
		feed(m, &token, 1, next);
		walk(m, set + i, k, depth + 1, p * q, left, next);
		rewind_to(m, here);
	}
	if (ended >= 0) {
		m->p[ended] += p * (rest > 0 ? rest : 0);
		if (stays)
			m->verdict = ended;
	}
	free(next);
}

static int is_end(const struct judge_model *m, int32_t id)
{
	for (long i = 0; i < m->ends.n; i++)
		if (m->ends.p[i] == id)
			return 1;
	return 0;
}

/* Writes the likeliest tokens behind the prompt until they end as --after says; 0: they do not. */
static int write_before(struct judge_model *m, struct ids *ids, float *logits)
{
	const struct judge_opts *o = m->j->o;
	struct buf text = {0};
	long prompt = ids->n;
	double log_sum;
	int found = 0;

	while (!found && ids->n - prompt < o->max_new) {
		int32_t id = likeliest(m, logits, &log_sum);

		if (is_end(m, id))
			break;
		ids_add(ids, id);
		feed(m, &id, 1, logits);
		text.n = 0;
		tokenizer_decode(m->tokenizer, ids->p + prompt, ids->n - prompt, 0, 0, &text);
		buf_str(&text, "");
		found = text.p && ends_with(text.p, o->after);
	}
	buf_free(&text);
	return found;
}

static void check_choices(const struct judge_model *m)
{
	const struct choices *c = &m->j->choices;

	for (int i = 0; i < c->n; i++)
		for (int k = 0; k < i; k++)
			if (c->as[i].name != c->as[k].name && m->as[i].n == m->as[k].n &&
			    !memcmp(m->as[i].p, m->as[k].p, m->as[i].n * sizeof *m->as[i].p))
				die("--choices: '%s' and '%s' have the same tokens",
				    c->name[c->as[i].name], c->name[c->as[k].name]);
}

/* The choices' tokens behind these. */
static void encode_choices(struct judge_model *m, const struct ids *before)
{
	const struct choices *c = &m->j->choices;

	for (int i = 0; i < c->n; i++) {
		m->as[i].n = 0;
		encode_answer(m->encoder, before, c->as[i].text, c->as[i].n, &m->as[i]);
		for (long t = 0; t < m->as[i].n; t++)
			if (m->as[i].p[t] >= m->vocab)
				die("--choices: '%s' has a token that is not among the model's %ld",
				    c->name[c->as[i].name], m->vocab);
	}
	check_choices(m);
}

static void answer(struct judge_model *m, struct question *q, struct ids *ids)
{
	const struct choices *c = &m->j->choices;
	float *logits = xalloc(m->vocab * sizeof *logits);
	int *set = xalloc(c->n * sizeof *set);

	m->where = q->where;
	m->verdict = -1;
	memset(m->p, 0, c->names * sizeof *m->p);
	feed_prompt(m, ids, logits);
	if (m->j->o->after && !write_before(m, ids, logits)) {
		q->answer = verdict_choice(c, -1);
	} else {
		encode_choices(m, ids);
		for (int i = 0; i < c->n; i++)
			set[i] = i;
		walk(m, set, c->n, 0, 1, 1, logits);
		q->answer = verdict_chances(c, m->verdict, m->p);
	}
	free(set);
	free(logits);
}

/* The tokens of a dialogue, or of a text that is a user's turn, in the template. */
static int encode_turns(const struct judge_model *m, const json_t *request, struct ids *ids,
                        struct fault *f)
{
	const json_t *prompt = json_object_get(request, "prompt"), *turn;
	struct dialogue d = {0};
	size_t i;
	int rc;

	if (prompt)
		dialogue_add(&d, ROLE_USER, json_string_value(prompt), json_string_length(prompt));
	json_array_foreach(json_object_get(request, "messages"), i, turn)
	{
		const json_t *v = json_object_get(turn, "content");

		dialogue_add(&d, i ? ROLE_ASSISTANT : ROLE_USER, json_string_value(v),
		             json_string_length(v));
	}
	rc = encode_asked(m->encoder, &d, ids, f);
	if (!rc && d.left_out)
		rc = fault(f, "%s", d.left_out);
	dialogue_free(&d);
	return rc;
}

/* The tokens of a question; a hash of them goes into its request, which is what the cache knows. */
static void encode(const struct judge_model *m, struct question *q, struct ids *ids)
{
	const struct judge *j = m->j;
	struct pieces pieces = {0};
	struct fault f;
	int rc;

	if (!j->prompt || strcmp(j->o->encode.template.name, "none")) {
		rc = encode_turns(m, q->request, ids, &f);
	} else {
		rc = judge_prompt_pieces(j->prompt, q->values, &pieces, &f);
		if (!rc)
			encode_pieces(m->encoder, &pieces, ids);
		pieces_free(&pieces);
	}
	if (!rc && !ids->n)
		rc = fault(&f, "the prompt is empty");
	if (rc)
		die("%s: %s", q->where, f.text);
	for (long i = 0; i < ids->n; i++)
		if (ids->p[i] >= m->vocab)
			die("%s: token %d is not among the model's %ld", q->where, ids->p[i],
			    m->vocab);
	json_object_set_new(q->request, "tokens",
	                    json_hash(hash_bytes(ids->p, ids->n * sizeof *ids->p)));
}

/* Who answers, and how: with the prompt's tokens, all that decides what is said. */
static json_t *who(const struct judge_model *m)
{
	const struct judge_opts *o = m->j->o;
	const struct model *model = m->setup.model;
	json_t *by = json_object(), *as = json_array();
	char hex[17];

	tokenizer_fingerprint(m->tokenizer, (int32_t)m->vocab, hex);
	json_object_set_new(by, "model", json_hash(weights_hash(model->weights)));
	json_object_set_new(by, "tokenizer", json_string(hex));
	if (m->begun && m->setup.theta)
		json_object_set_new(by, "adapter", json_hash(setup_theta_hash(&m->setup)));
	json_object_set_new(by, "dtype", json_string(model->type == DT_BF16 ? "bf16" : "f32"));
	json_object_set_new(by, "device", json_string(model->dev->name));
	if (o->after) {
		json_object_set_new(by, "after", json_repaired(o->after, strlen(o->after)));
		json_object_set_new(by, "max-new", json_integer(o->max_new));
	}
	for (int i = 0; i < m->j->choices.n; i++)
		json_array_append_new(as, json_string(m->j->choices.as[i].text));
	json_object_set_new(by, "as", as);
	return by;
}

static void load(struct judge_model *m)
{
	if (!m->begun)
		setup_begin(&m->setup);
	m->begun = 1;
}

/* Opens the model, and encodes what is asked. */
static void begin(struct judge_model *m, struct question q[], long n)
{
	const struct judge_opts *o = m->j->o;
	struct setup *s = &m->setup;
	long longest = 0, choice = 0;

	setup_open(s, o->model, o->adapter, &o->compute);
	m->tokenizer = tokenizer_open(o->model);
	m->encoder = encoder_open(m->tokenizer, &o->encode);
	if (!m->j->prompt && !template_is_chat(encoder_template(m->encoder)))
		die_usage("the judge has no chat template that asks about an answer: give "
		          "--prompt FILE, or --template FILE.jinja");
	m->vocab = s->model->config.vocab;
	m->prompt = xzalloc(n, sizeof *m->prompt);
	for (long i = 0; i < n; i++) {
		encode(m, &q[i], &m->prompt[i]);
		longest = long_max(longest, m->prompt[i].n);
	}
	m->as = xzalloc(m->j->choices.n, sizeof *m->as);
	m->p = xalloc(m->j->choices.names * sizeof *m->p);
	for (int i = 0; i < m->j->choices.n; i++)
		choice = long_max(choice, (long)m->j->choices.as[i].n + 1);
	if (s->model->config.context && longest > s->model->config.context)
		notice("prompts beyond the %ld positions that the judge was made for: up to %ld "
		       "tokens",
		       s->model->config.context, longest);
	s->demand.slots = 1;
	s->demand.longest = s->demand.positions = longest + choice + (o->after ? o->max_new : 0);
	generate_ends(&m->ends, m->tokenizer, o->model);
	ids_add(&m->ends, template_stop(encoder_template(m->encoder)));
}

static void answer_all(struct judge_model *m, struct question q[], long n, long found)
{
	struct progress *p = progress_open("judge", "outputs", n - found);
	long done = 0;

	load(m);
	m->cache = cache_open(m->setup.engine, m->setup.theta, 1, m->setup.demand.positions);
	for (long i = 0; i < n; i++) {
		if (q[i].answer)
			continue;
		answer(m, &q[i], &m->prompt[i]);
		cache_keep(m->j->o, &q[i]);
		progress_at(p, ++done, NULL);
	}
	cache_close(m->cache);
	progress_close(p);
}

long judge_by_model(const struct judge *j, struct question q[], long n)
{
	struct judge_model m = {.j = j};
	long found = 0;
	json_t *by;

	begin(&m, q, n);
	if (j->o->cache) {
		if (j->o->adapter)
			load(&m);
		by = who(&m);
		found = cache_look(j->o, by, q, n);
		json_decref(by);
	}
	if (found < n)
		answer_all(&m, q, n, found);
	for (long i = 0; i < n; i++)
		ids_free(&m.prompt[i]);
	for (int i = 0; i < j->choices.n; i++)
		ids_free(&m.as[i]);
	free(m.prompt);
	free(m.as);
	free(m.p);
	ids_free(&m.ends);
	encoder_close(m.encoder);
	tokenizer_close(m.tokenizer);
	setup_close(&m.setup);
	return found;
}
