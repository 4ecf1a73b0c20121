/* Turns to pieces: where the mask falls, and the text of transformers' own template. */
#include "tap.h"

#include "../lib/data/template.h"

static struct piece piece[PIECES];

/* The pieces' text; [] around what is trained, {} around control, $ for the end. */
static const char *shown(const struct template *t, const struct turn turn[], int n, int all)
{
	static struct buf b;
	int pieces = template_pieces(t, turn, n, all, piece);

	b.n = 0;
	buf_str(&b, "");
	for (int i = 0; i < pieces; i++) {
		if (piece[i].train)
			buf_str(&b, "[");
		if (piece[i].kind == PIECE_CONTROL)
			buf_str(&b, "{");
		buf_add(&b, piece[i].text, piece[i].n);
		buf_str(&b, piece[i].kind == PIECE_CONTROL ? "}" : piece[i].kind == PIECE_END ? "$" : "");
		if (piece[i].train)
			buf_str(&b, "]");
	}
	return b.p;
}

static struct template *open_or_say(const char *name, const char *chat, const char *system)
{
	struct fault f;
	struct template *t = template_open(name, chat, system, &f);

	if (!t)
		printf("# %s\n", f.text);
	return t;
}

static void check(const char *name, const char *system, const struct turn turn[], int n, int all,
                  const char *want)
{
	struct template *t = open_or_say(name, NULL, system);

	if (ok(t != NULL, "a template opens")) {
		same(shown(t, turn, n, all), want, "its pieces");
		template_close(t);
	}
}

#define U(s) {ROLE_USER, s, sizeof s - 1}
#define A(s) {ROLE_ASSISTANT, s, sizeof s - 1}
#define S(s) {ROLE_SYSTEM, s, sizeof s - 1}

static void boundaries(void)
{
	struct turn one[] = {U("hi"), A("yo")}, two[] = {U("a"), A("b"), U("c"), A("d")};
	struct turn with[] = {S("sys"), U("a"), A("b")}, space[] = {U("hi "), A("yo")}, text[] = {{ROLE_TEXT, "T", 1}};

	check("seal", NULL, one, 2, 0, "{Human: }hi{\nAssistant:}[ ][yo][$]");
	check("seal", NULL, one, 1, 0, "{Human: }hi{\nAssistant:}");
	check("seal", NULL, two, 4, 0, "{Human: }a{\nAssistant: }b${\n}{Human: }c{\nAssistant:}[ ][d][$]");
	check("seal", NULL, two, 4, 1, "{Human: }a{\nAssistant:}[ ][b][$]{\n}{Human: }c{\nAssistant:}[ ][d][$]");
	check("seal", "Be kind.", one, 2, 0, "Be kind.{\n}{Human: }hi{\nAssistant:}[ ][yo][$]");
	check("seal", "unused", with, 3, 0, "sys{\n}{Human: }a{\nAssistant:}[ ][b][$]");
	check("none", NULL, one, 2, 0, "hi[yo][$]");
	check("none", NULL, space, 2, 0, "hi[ ][yo][$]");
	check("none", NULL, space, 1, 0, "hi");
	check("none", NULL, with, 3, 0, "sysa[b][$]");
	check("none", NULL, text, 1, 0, "[T]");
	check("Q: {} A:\n{}.", NULL, one, 2, 0, "{Q: }hi{ A:\n}[yo][{.}][$]");
	check("<s>{} {}", NULL, space, 2, 0, "{<s>}hi [ ][yo][$]");
	check("chatml", "", one, 2, 0,
	      "{<|im_start|>user\n}hi{<|im_end|>}{\n<|im_start|>assistant\n}[yo][{<|im_end|>}]");
	check("chatml", "Z", two, 4, 1, "{<|im_start|>system\n}Z{<|im_end|>}{\n<|im_start|>user\n}a{<|im_end|>}"
	      "{\n<|im_start|>assistant\n}[b][{<|im_end|>}]{\n<|im_start|>user\n}c{<|im_end|>}"
	      "{\n<|im_start|>assistant\n}[d][{<|im_end|>}]");
}

static void names(void)
{
	const char *bad[] = {"nothing", "one {} only", "{} {} {}", ""};
	struct fault f;
	struct template *t;

	for (int i = 0; i < 4; i++)
		ok(!template_open(bad[i], NULL, NULL, &f), "'%s' is no template", bad[i]);
	t = template_open("auto", NULL, NULL, &f);
	same(template_name(t), "seal", "auto without a chat template");
	ok(!template_stop(t), "seal stops at the end token alone");
	template_close(t);
	t = template_open("auto", "... <|im_start|> ...", NULL, &f);
	same(template_name(t), "chatml", "auto with a chat template of <|im_start|>");
	same(template_stop(t), "<|im_end|>", "chatml stops at its own end");
	template_close(t);
	ok(!template_open("auto", "[INST]", NULL, &f), "auto with one that is not known");
}

/* Pieces joined are the text that transformers makes of the row, but for the
 * newline behind the last turn. */
static void gold(void)
{
	json_t *all = json_read_file("t/gold/template.json"), *row;
	struct template *t = open_or_say("chatml", NULL, NULL);
	struct buf own = {0}, got = {0};
	struct turn turn[TURNS];
	struct fault f;
	size_t i;
	int n;

	json_array_foreach(all, i, row) {
		for (int need = 1; need >= 0; need--) {
			const char *want = json_text(row, need ? "text" : "prompt", "");

			if (!ok(!schema_turns(&(struct schema_opts){0}, row, need, turn, &n, &own, &f), "row %zu", i))
				continue;
			n = template_pieces(t, turn, n, 0, piece);
			got.n = 0;
			for (int k = 0; k < n; k++)
				buf_add(&got, piece[k].text, piece[k].n);
			if (need)
				buf_str(&got, "\n");
			same(got.p, want, need ? "the text of transformers" : "with add_generation_prompt");
		}
	}
	ok(i >= 6, "%zu gold rows", i);
	json_decref(all);
	template_close(t);
	buf_free(&got);
}

int main(void)
{
	boundaries();
	names();
	gold();
	return tap_done();
}
