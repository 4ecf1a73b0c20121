/* SPDX-License-Identifier: MIT */
/* Turns to pieces: where the mask falls, and the text of transformers' own template. */
#include "tap.h"

#include "../lib/format/jsonl.h"
#include "../lib/rows/schema.h"
#include "../lib/text/template.h"

static struct pieces made;
static struct fault f;

/* The pieces' text; [] around what is trained, {} around control, $ for the end. */
static const char *shown(const struct template *t, const struct turn turn[], int n, int all)
{
	static struct buf b;
	const struct piece *piece;

	b.n = 0;
	buf_str(&b, "");
	if (template_pieces(t, &(struct dialogue){.turn = (struct turn *)turn, .n = n}, all, &made, &f))
		return f.text;
	piece = made.piece;
	for (int i = 0; i < made.n; i++) {
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

#define U(s) {.role = ROLE_USER, .text = s, .n = sizeof s - 1}
#define A(s) {.role = ROLE_ASSISTANT, .text = s, .n = sizeof s - 1}
#define S(s) {.role = ROLE_SYSTEM, .text = s, .n = sizeof s - 1}

static void boundaries(void)
{
	struct turn one[] = {U("hi"), A("yo")}, two[] = {U("a"), A("b"), U("c"), A("d")};
	struct turn with[] = {S("sys"), U("a"), A("b")}, space[] = {U("hi "), A("yo")}, text[] = {{.role = ROLE_TEXT, .text = "T", .n = 1}};
	struct turn first[] = {A("yo")};

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
	      "{<|im_start|>user\n}hi{<|im_end|>\n}{<|im_start|>assistant\n}[yo][{<|im_end|>}]");
	check("chatml", "Z", two, 4, 1, "{<|im_start|>system\n}Z{<|im_end|>\n}{<|im_start|>user\n}a{<|im_end|>\n}"
	      "{<|im_start|>assistant\n}[b][{<|im_end|>}]{\n}{<|im_start|>user\n}c{<|im_end|>\n}"
	      "{<|im_start|>assistant\n}[d][{<|im_end|>}]");
	check("alpaca", "P", two, 4, 0, "P{\n\n}{### Instruction:\n}a{\n\n}{### Response:\n}b${\n\n}"
	      "{### Instruction:\n}c{\n\n}{### Response:\n}[d][$]");
	check("alpaca", NULL, one, 1, 0, "Below is an instruction that describes a task. Write a response that appropriately "
	      "completes the request.{\n\n}{### Instruction:\n}hi{\n\n}{### Response:\n}");
	check("llama2", NULL, two, 4, 1, "{<s>[INST] }a{ [/INST]}[ ][b][{ }][$]{<s>[INST] }c{ [/INST]}[ ][d][{ }][$]");
	check("llama2", "Z", one, 1, 0, "{<s>[INST] }{<<SYS>>\n}Z{\n<</SYS>>\n\n}hi{ [/INST]}");
	check("llama2", NULL, first, 1, 0, "{<s>[INST] }{ [/INST]}[ ][yo][{ }][$]");
	check("llama3", NULL, two, 4, 0, "{<|begin_of_text|>}{<|start_header_id|>user<|end_header_id|>\n\n}a{<|eot_id|>}"
	      "{<|start_header_id|>assistant<|end_header_id|>\n\n}b{<|eot_id|>}"
	      "{<|start_header_id|>user<|end_header_id|>\n\n}c{<|eot_id|>}"
	      "{<|start_header_id|>assistant<|end_header_id|>\n\n}[d][{<|eot_id|>}]");
	check("mistral", "Z", one, 2, 0, "{<s>}{[INST] }Z{\n\n}hi{ [/INST]}[yo][$]");
	check("mistral-v3", "Z", two, 3, 0, "{<s>}{[INST] }a{[/INST]}{ }b${[INST] }Z{\n\n}c{[/INST]}");
	check("merlinite", NULL, two, 4, 0, "{<|user|>\n}a{\n}{<|assistant|>\n}b{<|endoftext|>}{\n}"
	      "{<|user|>\n}c{\n}{<|assistant|>\n}[d][{<|endoftext|>}]");
	check("phi3", "Z", one, 2, 0, "{<|system|>\n}Z{<|end|>\n}{<|user|>\n}hi{<|end|>\n}{<|assistant|>\n}[yo][{<|end|>}]");
}

static void names(void)
{
	const char *bad[] = {"nothing", "one {} only", "{} {} {}", ""};
	static const char *const speaks[][2] = {
		{"chatml", "<|im_start|>system\\nYou are a helpful AI assistant named SmolLM"},
		{"qwen2", "'<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n'"},
		{"qwen2.5", "'<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\\n'"},
		{"llama2", "'<<SYS>>\\n' + content.strip()"},
		{"llama3", "'<|start_header_id|>' + message['content'] | trim"},
		{"mistral", "{{ '[INST] ' + message['content'] + ' [/INST]' }}{{ message['content'] + eos_token}}"},
		{"mistral-v1", "{{- ' [INST] ' + message['content'] + ' [/INST]' }}{{- ' ' + message['content'] + eos_token}}"},
		{"mistral-v3", "\"[INST] \" + message[\"content\"] + \"[/INST]\" \" \" + message[\"content\"]|trim + eos_token"},
		{"merlinite", "'<|pretrain|>' + '<|assistant|>'"},
		{"phi3", "'<|user|>\\n' + message['content'] + '<|end|>\\n'"},
	};
	struct template *t;

	for (int i = 0; i < 4; i++)
		ok(!template_open(bad[i], NULL, NULL, &f), "'%s' is no template", bad[i]);
	t = template_open("auto", NULL, NULL, &f);
	same(template_name(t), "seal", "auto without a chat template");
	ok(!template_stop(t), "seal stops at the end token alone");
	template_close(t);
	t = template_open("auto", "... <|im_start|> ...", NULL, &f);
	same(template_name(t), "chatml-plain", "auto with a chat template of <|im_start|>");
	same(template_stop(t), "<|im_end|>", "chatml stops at its own end");
	template_close(t);
	for (size_t i = 0; i < sizeof speaks / sizeof *speaks; i++) {
		t = open_or_say("auto", speaks[i][1], NULL);
		same(t ? template_name(t) : "nothing", speaks[i][0], "auto, by what the chat template says");
		if (t)
			template_close(t);
	}
	ok(!template_open("auto", "<|start_header_id|> message['content'] | trim, Cutting Knowledge Date", NULL, &f),
	   "auto with Llama-3.1's, which tells the date");
	ok(!template_open("auto", "[INST]", NULL, &f), "auto with one that is not known");
}

/* What transformers writes behind the last answer, of what no one is to learn. */
static const char *tail(const char *name)
{
	return !strcmp(name, "phi3") ? "\n<|endoftext|>" : strstr("chatml chatml-plain qwen2.5", name) ? "\n" : "";
}

static void joined(struct buf *b, const struct template *t, const struct dialogue *d)
{
	const struct piece *piece;

	b->n = 0;
	buf_str(b, "");
	if (template_pieces(t, d, 0, &made, &f))
		return;
	piece = made.piece;
	for (int k = 0; k < made.n; k++) {
		buf_add(b, piece[k].text, piece[k].n);
		buf_str(b, piece[k].kind == PIECE_END ? "</s>" : "");
	}
}

/* The row's pieces joined are the text that transformers makes of it. */
static int gold_row(const char *name, json_t *row, int need, const char *want)
{
	struct template *t = open_or_say(name, NULL, NULL);
	struct buf got = {0};
	struct dialogue d = {0};

	if (!ok(t && !schema_turns(&(struct schema_opts){0}, row, need, &d, &f), "%s opens, the row too", name))
		return 0;
	joined(&got, t, &d);
	buf_str(&got, need ? tail(name) : "");
	same(got.p, want, need ? "the text of transformers" : "with add_generation_prompt");
	template_close(t);
	dialogue_free(&d);
	buf_free(&got);
	return 1;
}

static void gold(void)
{
	json_t *all = json_read_file("t/gold/template.json"), *row, *by;
	const char *name;
	int checked = 0;
	size_t i;

	json_array_foreach(all, i, row)
		json_object_foreach(json_object_get(row, "by"), name, by)
			for (int need = 1; need >= 0; need--) {
				const char *want = json_text(by, need ? "text" : "prompt", NULL);

				if (want)
					checked += gold_row(name, row, need, want);
			}
	ok(checked >= 148, "%d gold texts", checked);
	json_decref(all);
}

int main(void)
{
	boundaries();
	names();
	gold();
	pieces_free(&made);
	return tap_done();
}
