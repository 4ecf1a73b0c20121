/* SPDX-License-Identifier: MIT */
/* Dialogues to pieces: where the mask falls, of templates written here and of chat templates. */
#include "tap.h"

#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/format/jsonl.h"
#include "../lib/rows/schema.h"
#include "../lib/text/template.h"

static struct pieces made;
static struct fault f;

/* A tokenizer of no words with these special tokens and, unless it is NULL, this chat template. */
static struct tokenizer *tokenizer_with(const char *jinja)
{
	static const char *const special[] = {"<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|end|>", "<|user|>", "<|assistant|>"};
	char *folder = xprintf("%s/seal-template-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp"), *path;
	json_t *root = json_pack("{s:{s:s, s:{s:i}, s:[]}}", "model", "type", "BPE", "vocab", "a", 0, "merges");
	json_t *added = json_array(), *config = json_object();
	struct tokenizer *t;

	for (int i = 0; i < 7; i++)
		json_array_append_new(added, json_pack("{s:i, s:s, s:b}", "id", i + 1, "content", special[i], "special", 1));
	json_object_set_new(root, "added_tokens", added);
	if (jinja)
		json_object_set_new(config, "chat_template", json_string(jinja));
	json_object_set_new(config, "bos_token", json_string("<s>"));
	json_object_set_new(config, "eos_token", json_string("</s>"));
	if (!mkdtemp(folder))
		die("mkdtemp:");
	path = xprintf("%s/tokenizer_config.json", folder);
	json_dump_file(config, path, 0);
	free(path);
	path = xprintf("%s/tokenizer.json", folder);
	json_dump_file(root, path, 0);
	t = tokenizer_open(folder);
	remove(path);
	free(path);
	path = xprintf("%s/tokenizer_config.json", folder);
	remove(path);
	remove(folder);
	free(path);
	free(folder);
	json_decref(root);
	json_decref(config);
	return t;
}

/* The pieces' text; [] around what is trained, {} around control, $ for the end. */
static const char *shown(const struct template *t, const struct dialogue *d, int all)
{
	static struct buf b;
	const struct piece *piece;

	b.n = 0;
	buf_str(&b, "");
	if (template_pieces(t, d, all, &made, &f))
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

/* The turns in a template that is written here. */
static void check(const char *name, const char *system, const struct turn turn[], int n, int all, const char *want)
{
	struct tokenizer *tok = tokenizer_with(NULL);
	struct template *t = template_open(&(struct template_opts){.name = name, .system = system}, tok, &f);

	if (ok(t != NULL, "a template opens")) {
		same(shown(t, &(struct dialogue){.turn = (struct turn *)turn, .n = n}, all), want, "its pieces");
		template_close(t);
	}
	tokenizer_close(tok);
}

#define U(s) {.role = ROLE_USER, .text = s, .n = sizeof s - 1}
#define A(s) {.role = ROLE_ASSISTANT, .text = s, .n = sizeof s - 1}
#define S(s) {.role = ROLE_SYSTEM, .text = s, .n = sizeof s - 1}

static void boundaries(void)
{
	struct turn one[] = {U("hi"), A("yo")}, two[] = {U("a"), A("b"), U("c"), A("d")};
	struct turn with[] = {S("sys"), U("a"), A("b")}, space[] = {U("hi "), A("yo")}, text[] = {{.role = ROLE_TEXT, .text = "T", .n = 1}};
	struct turn first[] = {A("yo")}, tool[] = {U("hi"), {.role = ROLE_TOOL, .text = "1", .n = 1}, A("yo")};

	check("seal", NULL, one, 2, 0, "{Human: }hi{\nAssistant:}[ ][yo][$]");
	check("seal", NULL, one, 1, 0, "{Human: }hi{\nAssistant:}");
	check("seal", NULL, two, 4, 0, "{Human: }a{\nAssistant: }b${\n}{Human: }c{\nAssistant:}[ ][d][$]");
	check("seal", NULL, two, 4, 1, "{Human: }a{\nAssistant:}[ ][b][$]{\n}{Human: }c{\nAssistant:}[ ][d][$]");
	check("seal", "Be kind.", one, 2, 0, "Be kind.{\n}{Human: }hi{\nAssistant:}[ ][yo][$]");
	check("seal", "unused", with, 3, 0, "sys{\n}{Human: }a{\nAssistant:}[ ][b][$]");
	check("seal", NULL, tool, 3, 0, "this template does not write turns of the role tool");
	check("none", NULL, one, 2, 0, "hi[yo][$]");
	check("none", NULL, space, 2, 0, "hi[ ][yo][$]");
	check("none", NULL, space, 1, 0, "hi");
	check("none", NULL, with, 3, 0, "sysa[b][$]");
	check("none", NULL, text, 1, 0, "[T]");
	check("Q: {} A:\n{}.", NULL, one, 2, 0, "{Q: }hi{ A:\n}[yo][{.}][$]");
	check("<s>{} {}", NULL, space, 2, 0, "{<s>}hi [ ][yo][$]");
	check("alpaca", "P", two, 4, 0, "P{\n\n}{### Instruction:\n}a{\n\n}{### Response:\n}b${\n\n}"
	      "{### Instruction:\n}c{\n\n}{### Response:\n}[d][$]");
	check("alpaca", NULL, one, 1, 0, "Below is an instruction that describes a task. Write a response that appropriately "
	      "completes the request.{\n\n}{### Instruction:\n}hi{\n\n}{### Response:\n}");
	check("llama2", NULL, two, 4, 1, "{<s>[INST] }a{ [/INST]}[ ][b][{ }][$]{<s>[INST] }c{ [/INST]}[ ][d][{ }][$]");
	check("llama2", "Z", one, 1, 0, "{<s>[INST] }{<<SYS>>\n}Z{\n<</SYS>>\n\n}hi{ [/INST]}");
	check("llama2", NULL, first, 1, 0, "{<s>[INST] }{ [/INST]}[ ][yo][{ }][$]");
	check("merlinite", NULL, two, 4, 0, "{<|user|>\n}a{\n}{<|assistant|>\n}b{<|endoftext|>}{\n}"
	      "{<|user|>\n}c{\n}{<|assistant|>\n}[d][{<|endoftext|>}]");
	one[1].message = json_pack("{s:s}", "reasoning_content", "hm");
	check("seal", NULL, one, 2, 0, "this template does not write \"reasoning_content\"");
	check("none", NULL, one, 1, 0, "hi");
	json_decref((json_t *)one[1].message);
	one[1].message = json_pack("{s:s, s:[s]}", "reasoning", " \n", "thinking", "hm");
	check("alpaca", NULL, one, 2, 0, "this template does not write \"thinking\"");
	json_decref((json_t *)one[1].message);
	one[1].message = json_pack("{s:s, s:n, s:b}", "reasoning", " \n", "reasoning_content", "thinking", 1);
	check("none", NULL, one, 2, 0, "hi[yo][$]");
	json_decref((json_t *)one[1].message);
	two[1].message = json_pack("{s:s}", "reasoning", "hm");
	check("seal", NULL, two, 4, 0, "{Human: }a{\nAssistant: }b${\n}{Human: }c{\nAssistant:}[ ][d][$]");
	check("seal", NULL, two, 4, 1, "this template does not write \"reasoning\"");
	two[1].untrained = 1;
	check("seal", NULL, two, 4, 1, "{Human: }a{\nAssistant: }b${\n}{Human: }c{\nAssistant:}[ ][d][$]");
	json_decref((json_t *)two[1].message);
}

/* Chat templates of this project's own, which have the habits of published ones. */
#define CHATML(between)                                                                                            \
	"{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' }}" between "{% endfor %}" \
	"{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
static const char chatml[] = CHATML("{{ '\\n' }}");
/* Phi-3's: bars around the role's name, and the end token behind all. */
static const char bars[] =
	"{% for m in messages %}{{ '<|' + m.role + '|>' + m.content + '<|end|>\\n' }}{% endfor %}"
	"{% if add_generation_prompt %}<|assistant|>{% else %}{{ eos_token }}{% endif %}";
/* Thinking is kept in the last answer only. */
static const char thinks[] =
	"{% for m in messages %}<|im_start|>{{ m.role }}:{% if loop.last %}{{ m.content }}"
	"{% else %}{{ m.content.split('</t>')[-1] }}{% endif %}<|im_end|>{% endfor %}"
	"{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}";
/* The prompt opens a block that the written answer does not have. */
static const char opens[] =
	"{% for m in messages %}<|im_start|>{{ m.role }}:{{ m.content }}<|im_end|>{% endfor %}"
	"{% if add_generation_prompt %}<|im_start|>assistant:<t>{% endif %}";
static const char parts[] =
	"{% for m in messages %}{{ m.role }}:{% for p in m.content %}{{ p.text }}{% endfor %}<|end|>{% endfor %}"
	"{% if add_generation_prompt %}assistant:{% endif %}";
static const char blocks[] =
	"{% for m in messages %}{{ m.role }}:{% if m.role == 'assistant' %}{% generation %}{{ m.content }}</s>\n{% endgeneration %}"
	"{% else %}{{ m.content }}\n{% endif %}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";
/* No mark ends an answer; a space ends the prompt. */
static const char plain[] =
	"{% for m in messages %}{{ m.role.upper() + ': ' + m.content + '\\n' }}{% endfor %}"
	"{% if add_generation_prompt %}ASSISTANT: {% endif %}";
static const char tools[] =
	"{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}{{ m.role }}:{{ m.content or '' }}"
	"{% for c in m.tool_calls or [] %}<call>{{ c.function.name }}({{ c.function.arguments }}){% endfor %}<|end|>{% endfor %}"
	"{% if add_generation_prompt %}assistant:{% endif %}";
static const char dated[] = "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y, %A') }}{% else %}no day{% endif %}";
static const char asks[] = "{{ strftime_now('%Y') }}";
static const char alternate[] =
	"{{ bos_token }}{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
	"{{ raise_exception('Roles must alternate!') }}{% endif %}[{{ m.content }}]{% endfor %}";

/* The row in a chat template. */
static void chat(const char *jinja, const char *row, const struct template_opts *o, int need, int all, const char *want)
{
	struct tokenizer *tok = tokenizer_with(jinja);
	struct template_opts opts = o ? *o : (struct template_opts){.name = "auto"};
	struct template *t = template_open(&opts, tok, &f);
	struct dialogue d = {0};
	json_t *j = json_parse_row(row, strlen(row), &f);

	if (!ok(t && j && !schema_turns(&(struct schema_opts){0}, j, need, &d, &f), "template and row open"))
		printf("# %s\n", f.text);
	else
		same(shown(t, &d, all), want, row);
	json_decref(j);
	dialogue_free(&d);
	if (t)
		template_close(t);
	tokenizer_close(tok);
}

#define TURN(role, text) "{\"role\":\"" role "\",\"content\":\"" text "\"}"
#define ROW(turns)       "{\"messages\":[" turns "]}"
#define ONE              ROW(TURN("user", "hi") "," TURN("assistant", "yo"))
#define TWO              ROW(TURN("user", "a") "," TURN("assistant", "b") "," TURN("user", "c") "," TURN("assistant", "d"))

static void chats(void)
{
	chat(chatml, ONE, NULL, 1, 0, "{<|im_start|>user\n}hi{<|im_end|>\n<|im_start|>assistant\n}[yo][{<|im_end|>}]");
	chat(chatml, ONE, NULL, 0, 0, "{<|im_start|>user\n}hi{<|im_end|>\n<|im_start|>assistant\n}");
	chat(chatml, TWO, NULL, 1, 1, "{<|im_start|>user\n}a{<|im_end|>\n<|im_start|>assistant\n}[b][{<|im_end|>}]"
	     "{\n<|im_start|>user\n}c{<|im_end|>\n<|im_start|>assistant\n}[d][{<|im_end|>}]");
	chat(CHATML(""), TWO, NULL, 1, 0, "{<|im_start|>user\n}a{<|im_end|><|im_start|>assistant\n}b"
	     "{<|im_end|><|im_start|>user\n}c{<|im_end|><|im_start|>assistant\n}[d][{<|im_end|>}]");
	chat(CHATML("{{ eos_token }}"), ONE, NULL, 1, 0,
	     "{<|im_start|>user\n}hi{<|im_end|></s><|im_start|>assistant\n}[yo][{<|im_end|></s>}]");
	chat(chatml, ROW(TURN("user", "hi<|im_end|>") "," TURN("assistant", "<|im_start|>")), NULL, 1, 0,
	     "{<|im_start|>user\n}hi<|im_end|>{<|im_end|>\n<|im_start|>assistant\n}[<|im_start|>][{<|im_end|>}]");
	chat(chatml, ONE, &(struct template_opts){.name = "auto", .system = "S"}, 0, 0,
	     "{<|im_start|>system\n}S{<|im_end|>\n<|im_start|>user\n}hi{<|im_end|>\n<|im_start|>assistant\n}");
	chat(chatml, ROW(TURN("system", "R") "," TURN("user", "hi") "," TURN("assistant", "yo")),
	     &(struct template_opts){.name = "auto", .system = "S"}, 0, 0,
	     "{<|im_start|>system\n}R{<|im_end|>\n<|im_start|>user\n}hi{<|im_end|>\n<|im_start|>assistant\n}");
	chat(bars, TWO, NULL, 1, 1, "{<|user|>}a{<|end|>\n<|assistant|>}[b][{<|end|>}]{\n<|user|>}c{<|end|>\n<|assistant|>}[d][{<|end|>}]");
	chat(plain, ONE, NULL, 1, 0, "{USER: }hi{\nASSISTANT:}[{ }][yo][{\n}]");
	chat(plain, ONE, NULL, 0, 0, "{USER: }hi{\nASSISTANT:}");
	chat(parts, ONE, NULL, 1, 0, "{user:}hi{<|end|>assistant:}[yo][{<|end|>}]");
	chat(parts, ROW("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"h\"},{\"type\":\"text\",\"text\":\"i\"}]},"
	                "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"yo\"}]}"), NULL, 1, 0,
	     "{user:}hi{<|end|>assistant:}[yo][{<|end|>}]");
	chat(chatml, ROW("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"h\"},{\"type\":\"text\",\"text\":\"i\"}]},"
	                 TURN("assistant", "yo")), NULL, 0, 0, "{<|im_start|>user\n}hi{<|im_end|>\n<|im_start|>assistant\n}");
	chat(alternate, ROW(TURN("user", "a") "," TURN("user", "b") "," TURN("assistant", "c")), NULL, 1, 0,
	     "the chat template refuses the row: Roles must alternate!");
	chat(chatml, ROW(TURN("Developer", "R") "," TURN("HUMAN", "hi") ",{\"from\":\"gpt\",\"value\":\"yo\",\"weight\":1}"), NULL, 0, 0,
	     "{<|im_start|>system\n}R{<|im_end|>\n<|im_start|>user\n}hi{<|im_end|>\n<|im_start|>assistant\n}");
	chat("{# 'developer' #}{% for m in messages %}[{{ m.role }}:{{ m | length }}]{% endfor %}",
	     ROW(TURN("developer", "R") "," TURN("user", "hi")), NULL, 0, 0, "{[developer:2][user:2]}");
	chat(alternate, ONE, NULL, 1, 0, "{<s>[}hi{]}[{[}][yo][{]}]");
}

/* Where the answer stands otherwise in the whole than where it is asked for. */
static void masks(void)
{
	static const char no[] = "the chat template writes a dialogue up to an answer otherwise than the same text in the "
	                         "whole dialogue (some drop earlier thinking, for which --train-turns last helps), so what "
	                         "to train is not clear";
	const char *row = ROW(TURN("user", "a") "," TURN("assistant", "<t>x</t>b") "," TURN("user", "c") "," TURN("assistant", "<t>y</t>d"));

	chat(thinks, row, NULL, 1, 0, "{<|im_start|>user:}a{<|im_end|><|im_start|>assistant:}b{<|im_end|><|im_start|>user:}c"
	     "{<|im_end|><|im_start|>assistant:}[<t>y</t>d][{<|im_end|>}]");
	chat(thinks, row, NULL, 1, 1, no);
	chat(thinks, TWO, NULL, 1, 1, "{<|im_start|>user:}a{<|im_end|><|im_start|>assistant:}[b][{<|im_end|>}]{<|im_start|>user:}c"
	     "{<|im_end|><|im_start|>assistant:}[d][{<|im_end|>}]");
	chat(opens, ONE, NULL, 1, 0, no);
	chat("{{ 'x' * (9 if add_generation_prompt else messages | length * 3) }}{% if messages | length == 4 %}{{ messages[3].content }}{% endif %}",
	     ROW(TURN("user", "a") "," TURN("assistant", "") "," TURN("user", "c") "," TURN("assistant", "d")), NULL, 1, 1, no);
	chat(blocks, TWO, NULL, 1, 1, "{user:}a{\nassistant:}[b][{</s>\n}]{user:}c{\nassistant:}[d][{</s>\n}]");
	chat(blocks, TWO, NULL, 1, 0, "{user:}a{\nassistant:}b{</s>\nuser:}c{\nassistant:}[d][{</s>\n}]");
}

/* A template that leaves out a text says so, or the row is refused: of an answer, of names that other
 * words are equal to, and of reasoning. */
static void lost(void)
{
	static const char users[] = "{% for m in messages %}{% if m.role in ['user', 'assistant'] %}{{ m.role }}:{{ m.content }}<|end|>{% endif %}{% endfor %}";
	const char *rows[] = {ROW(TURN("system", "s") "," TURN("user", "hi") "," TURN("assistant", "yo")),
	                      ROW(TURN("user", "hi") "," TURN("tool", "hi") "," TURN("assistant", "yo")),
	                      ROW(TURN("user", "hi") "," TURN("assistant", "yo"))};
	const char *told[] = {"the text of a system turn, for which the chat template has no place,",
	                      "the text of a tool's turn, for which the chat template has no place,", NULL};

	for (int i = 0; i < 3; i++) {
		chat(users, rows[i], NULL, 1, 0, "{user:}hi{<|end|>}[{assistant:}][yo][{<|end|>}]");
		ok(made.left_out == told[i] || (made.left_out && told[i] && !strcmp(made.left_out, told[i])), "what is left out is told");
	}
	chat(users, "{\"tools\":[{\"function\":{\"name\":\"hi\"}}],\"messages\":[" TURN("user", "hi") "," TURN("assistant", "yo") "]}",
	     NULL, 1, 0, "the chat template does not write \"tools\"");
	chat(users, ROW(TURN("user", "hi") ",{\"role\":\"assistant\",\"content\":\"hi\",\"tool_calls\":[{\"function\":{\"name\":\"hi\"}}]}"),
	     NULL, 1, 0, "the chat template does not write \"tool_calls\"");
	chat(users, ROW(TURN("user", "hi") ",{\"role\":\"assistant\",\"content\":\"hm, so\",\"thinking\":\"hm\"}"),
	     NULL, 1, 0, "the chat template does not write \"reasoning_content\"");
	chat("{% for m in messages %}{{ m.role }}:{{ m.content[0].text }}<|end|>{% endfor %}",
	     ROW("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"h\"}]},"
	         "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"h\"},{\"type\":\"text\",\"text\":\"h\"}]}"),
	     NULL, 1, 0, "the chat template does not write an answer's text");
	chat("{% for m in messages %}<|im_start|>{{ m.role }}:{% if m.thinking %}({{ m.thinking }}){% endif %}{{ m.content }}<|im_end|>{% endfor %}",
	     ROW(TURN("user", "hi") ",{\"role\":\"assistant\",\"content\":\"yo\",\"reasoning\":\"hm\",\"name\":null}"), NULL, 1, 0,
	     "{<|im_start|>user:}hi{<|im_end|>}[{<|im_start|>assistant:(}][hm][{)}][yo][{<|im_end|>}]");
}

/* What a row says besides texts is written, or the row is refused. */
static void besides(void)
{
#define CALL "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"x\"}}]}"
#define CALLS TURN("user", "hi") "," CALL "," TURN("tool", "42") "," TURN("assistant", "yo")
	const char *row = "{\"tools\":[{\"function\":{\"name\":\"f\"}}],\"messages\":[" CALLS "]}";
	const char *thinking = ROW(TURN("user", "hi") ",{\"role\":\"assistant\",\"content\":\"yo\",\"reasoning_content\":\"hm\"}");

	chat(tools, row, NULL, 1, 0, "{[{\"}function{\": {\"}name{\": \"}f{\"}}]user:}hi{<|end|>assistant:<call>}f{(}x{)<|end|>tool:}42"
	     "{<|end|>assistant:}[yo][{<|end|>}]");
	chat(tools, ROW(CALLS), NULL, 1, 1, "{user:}hi{<|end|>assistant:}[{<call>}][f][{(}][x][{)<|end|>}]{tool:}42"
	     "{<|end|>assistant:}[yo][{<|end|>}]");
	chat(bars, row, NULL, 1, 0, "the chat template refuses the row: line 1: 'dict object' has no attribute 'content'");
	chat(bars, "{\"tools\":[{\"function\":{\"name\":\"f\"}}],\"messages\":[" TURN("user", "hi") "," TURN("assistant", "yo") "]}", NULL, 1, 0,
	     "the chat template does not write \"tools\"");
	chat(chatml, thinking, NULL, 1, 0, "the chat template does not write \"reasoning_content\"");
	chat(chatml, thinking, NULL, 0, 0, "{<|im_start|>user\n}hi{<|im_end|>\n<|im_start|>assistant\n}");
	chat(chatml, "{\"chat_template_kwargs\":{\"add_generation_prompt\":true,\"bos_token\":\"x\"},\"messages\":["
	     TURN("user", "hi") "," TURN("assistant", "yo") "]}", NULL, 1, 0,
	     "{<|im_start|>user\n}hi{<|im_end|>\n<|im_start|>assistant\n}[yo][{<|im_end|>}]");
	chat("{{ mood }}:{% for m in messages %}{{ m.content }}{% endfor %}", "{\"chat_template_kwargs\":{\"mood\":\"<|end|>\"},\"prompt\":\"hi\"}",
	     NULL, 0, 0, "<|end|>{:}hi");
	chat(tools, "{\"tools\":[{\"function\":{\"name\":\"f\",\"most\":NaN}}],\"messages\":[" TURN("user", "hi") "," TURN("assistant", "yo") "]}",
	     NULL, 1, 0, "\"tools\", which the chat template is given, is a number beyond 64 bits or a double's");
	chat("{% for m in messages %}{{ m.content }}{% endfor %}", ROW("{\"role\":\"user\",\"content\":\"hi\",\"extra\":{\"x\":[1e999]}}"),
	     NULL, 0, 0, "hi");
	chat("{% for m in messages %}{{ m.content }}{{ m.extra }}{% endfor %}", ROW("{\"role\":\"user\",\"content\":\"hi\",\"extra\":{\"x\":[1e999]}}"),
	     NULL, 0, 0, "\"extra\", which the chat template is given, is a number beyond 64 bits or a double's");
	lost();
	chat(chatml, "{\"chat_template_kwargs\":{\"messages\":[]},\"prompt\":\"hi\"}", NULL, 0, 0, "\"chat_template_kwargs\" has \"messages\", which the row has");
	chat(dated, ONE, NULL, 0, 0, "{no day}");
	chat(dated, ONE, &(struct template_opts){.name = "auto", .date = "2024-02-29"}, 0, 0, "{29 Feb 2024, Thursday}");
	chat(asks, ONE, &(struct template_opts){.name = "auto", .date = "2031-12-01"}, 0, 0, "{2031}");
}

static void wrong(const char *jinja, const struct template_opts *o, const char *part)
{
	struct tokenizer *tok = tokenizer_with(jinja);
	struct template *t = template_open(o, tok, &f);

	ok(!t && strstr(f.text, part), "refused: %s", part);
	if (t)
		template_close(t);
	tokenizer_close(tok);
}

static void names(void)
{
	static const char *const bad[] = {"nothing", "one {} only", "{} {} {}", ""}, *const dates[] = {"2024-02-30", "today", "2024-1-1", "2024-01-01x", ""};
	struct tokenizer *tok = tokenizer_with(NULL), *other = tokenizer_with(chatml), *third = tokenizer_with(bars);
	struct template_opts own = {.name = "auto"};
	struct template *t = template_open(&own, tok, &f), *u = template_open(&own, other, &f), *v = template_open(&own, third, &f);

	same(template_name(t), "seal", "auto without a chat template");
	ok(template_stop(t) == -1 && !template_is_chat(t), "seal stops at the end token alone");
	ok(!strncmp(template_name(u), "jinja:", 6) && strlen(template_name(u)) == 22, "a chat template is recorded by its hash");
	ok(strcmp(template_name(u), template_name(v)), "another one has another hash");
	ok(template_is_chat(u) && template_stop(u) == tokenizer_id(other, "<|im_end|>"), "chatml stops at its own end");
	ok(template_stop(v) == tokenizer_id(third, "<|end|>"), "another one at its own");
	template_close(t);
	template_close(u);
	template_close(v);
	tokenizer_close(tok);
	tokenizer_close(other);
	tokenizer_close(third);
	for (int i = 0; i < 4; i++)
		wrong(NULL, &(struct template_opts){.name = bad[i]}, "unknown template");
	for (int i = 0; i < 5; i++)
		wrong(chatml, &(struct template_opts){.name = "auto", .date = dates[i]}, "is no date");
}

/* The row's pieces joined are the text that transformers makes of it. */
static int gold_row(const char *name, json_t *row, int need, const char *want)
{
	struct tokenizer *tok = tokenizer_with(NULL);
	struct template *t = template_open(&(struct template_opts){.name = name}, tok, &f);
	struct dialogue d = {0};
	struct buf got = {0};

	if (!ok(t && !schema_turns(&(struct schema_opts){0}, row, need, &d, &f) && !template_pieces(t, &d, 0, &made, &f),
	        "%s opens, the row too", name))
		return 0;
	buf_str(&got, "");
	for (int k = 0; k < made.n; k++) {
		buf_add(&got, made.piece[k].text, made.piece[k].n);
		buf_str(&got, made.piece[k].kind == PIECE_END ? "</s>" : "");
	}
	same(got.p, want, need ? "the text of transformers" : "with add_generation_prompt");
	template_close(t);
	tokenizer_close(tok);
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
	ok(checked >= 37, "%d gold texts", checked);
	json_decref(all);
}

int main(void)
{
	boundaries();
	chats();
	masks();
	besides();
	names();
	gold();
	pieces_free(&made);
	return tap_done();
}
