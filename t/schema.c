/* SPDX-License-Identifier: MIT */
/* Rows of every schema become turns; what is missing is named. */
#include "../lib/base/memory.h"
#include "tap.h"

#include <stdlib.h>

#include "../lib/rows/schema.h"

static struct dialogue d;
static struct fault f;

/* "role:text|role:text", or "! what is wrong" */
static const char *turns(const struct schema_opts *o, const char *row, int need)
{
	static const char *const names[] = {"s", "u", "a", "o", "t"};
	static struct buf out;
	json_t *j = json_parse(row, strlen(row), &f);

	dialogue_clear(&d);
	out.n = 0;
	buf_str(&out, "");
	if (!j)
		return f.text;
	if (schema_turns(o, j, need, &d, &f)) {
		buf_fmt(&out, "! %s", f.text);
	} else {
		for (int i = 0; i < d.n; i++) {
			buf_fmt(&out, "%s%s:", i ? "|" : "", names[d.turn[i].role]);
			buf_add(&out, d.turn[i].text, d.turn[i].n);
		}
	}
	json_decref(j);
	return out.p;
}

#define TRAIN(row, want) same(turns(&(struct schema_opts){0}, row, 1), want, row)
#define PROMPT(row, want) same(turns(&(struct schema_opts){0}, row, 0), want, "prompt of " row)

static void messages(void)
{
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"yo\"}]}",
	      "u:hi|a:yo");
	PROMPT("{\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":\"hi\"},"
	       "{\"role\":\"assistant\",\"content\":\"yo\"}]}", "s:S|u:hi");
	PROMPT("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", "u:hi");
	PROMPT("{\"messages\":[{\"role\":\"system\",\"content\":\"hi\"}]}", "! no prompt");
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", "! the last turn is not the assistant's");
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\" \\n\"}]}",
	      "! empty answer");
	TRAIN("{\"messages\":[]}", "! no turns");
	TRAIN("{\"messages\":{}}", "! \"messages\" is not an array");
	TRAIN("{\"messages\":[1]}", "! messages[0]: not an object");
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\"}]}",
	      "! messages[1]: \"content\" is missing");
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":null}]}", "! messages[0]: \"content\" is not text");
	TRAIN("{\"messages\":[{\"content\":\"\"}]}", "! messages[0]: \"role\" is missing");
	TRAIN("{\"messages\":[{\"role\":\"tool\",\"content\":\"\"}]}", "! messages[0]: unknown role \"tool\"");
}

static void sharegpt(void)
{
	TRAIN("{\"conversations\":[{\"from\":\"system\",\"value\":\"S\"},{\"from\":\"human\",\"value\":\"hi\"},"
	      "{\"from\":\"gpt\",\"value\":\"yo\"}]}", "s:S|u:hi|a:yo");
	PROMPT("{\"conversations\":[{\"from\":\"user\",\"value\":\"hi\"},{\"from\":\"assistant\",\"value\":\"yo\"}]}", "u:hi");
	TRAIN("{\"conversations\":[{\"from\":\"human\",\"value\":\"hi\"},{\"from\":\"gpt\"}]}",
	      "! conversations[1]: \"value\" is missing");
	TRAIN("{\"conversations\":[{\"role\":\"human\",\"value\":\"hi\"}]}", "! conversations[0]: \"from\" is missing");
	TRAIN("{\"conversations\":[{\"from\":\"bing\",\"value\":\"hi\"}]}", "! conversations[0]: unknown role \"bing\"");
	TRAIN("{\"conversations\":3}", "! \"conversations\" is not an array");
}

static void orca(void)
{
	TRAIN("{\"system_prompt\":\"S\",\"question\":\"Q\",\"response\":\"R\"}", "s:S|u:Q|a:R");
	TRAIN("{\"system_prompt\":\"\",\"question\":\"Q\",\"response\":\"R\"}", "u:Q|a:R");
	TRAIN("{\"system_prompt\":null,\"question\":\"Q\",\"response\":\"R\"}", "u:Q|a:R");
	TRAIN("{\"system_prompt\":1,\"question\":\"Q\",\"response\":\"R\"}", "! \"system_prompt\" is not text");
	TRAIN("{\"system_prompt\":\"S\",\"question\":\"Q\"}", "! \"response\" is missing");
	PROMPT("{\"system_prompt\":\"S\",\"question\":\"Q\"}", "s:S|u:Q");
	same(turns(&(struct schema_opts){.schema = "orca"}, "{\"question\":\"Q\",\"response\":\"R\"}", 1), "u:Q|a:R",
	     "--schema orca without a system prompt");
}

static void pairs(void)
{
	TRAIN("{\"instruction\":\"I\",\"input\":\"X\",\"output\":\"O\"}", "u:I\nX|a:O");
	TRAIN("{\"instruction\":\"I\",\"input\":\"\",\"output\":\"O\"}", "u:I|a:O");
	TRAIN("{\"instruction\":\"I\",\"output\":\"O\"}", "u:I|a:O");
	TRAIN("{\"instruction\":\"I\"}", "! \"output\" is missing");
	TRAIN("{\"instruction\":\"I\",\"output\":3}", "! \"output\" is not text");
	PROMPT("{\"instruction\":\"I\",\"input\":\"X\"}", "u:I\nX");
	TRAIN("{\"prompt\":\"P\",\"completion\":\"C\"}", "u:P|a:C");
	TRAIN("{\"prompt\":\"P\",\"completion\":\"\"}", "! empty answer");
	PROMPT("{\"prompt\":\"P\"}", "u:P");
	TRAIN("{\"prompt\":\"P\"}", "! \"completion\" is missing");
	TRAIN("{\"a\":1,\"b\":2}", "! no known schema (keys: a, b)");
	TRAIN("{}", "! no known schema (keys: none)");
}

static void hh(void)
{
	TRAIN("{\"prompt\":\"P\",\"chosen\":\"C\",\"rejected\":\"R\"}", "u:P|a:C");
	TRAIN("{\"chosen\":\"\\n\\nHuman: a\\n\\nb\\n\\nAssistant: c\\n\\nHuman: d\\n\\nAssistant:  e\"}",
	      "u:a\n\nb|a:c|u:d|a: e");
	PROMPT("{\"chosen\":\"\\n\\nHuman: a\\n\\nAssistant: c\"}", "u:a");
	TRAIN("{\"chosen\":\"\\n\\nHuman: a\\n\\nAssistant:\"}", "! empty answer");
	TRAIN("{\"chosen\":\"hello\"}", "! the dialogue does not begin with \"\\n\\nHuman:\"");
	TRAIN("{\"prompt\":\"\\n\\nHuman: a\\n\\nAssistant: b\\n\\nHuman: c\\n\\nAssistant:\",\"chosen\":\"d\"}",
	      "u:a|a:b|u:c|a:d");
}

static void named(void)
{
	struct schema_opts keys = {.prompt_key = "q", .answer_key = "r"}, text = {.text = "body"};
	struct schema_opts alpaca = {.schema = "alpaca"};

	same(turns(&keys, "{\"q\":\"Q\",\"r\":\"R\",\"messages\":[]}", 1), "u:Q|a:R", "keys by name");
	same(turns(&keys, "{\"q\":\"Q\"}", 1), "! \"r\" is missing", "the answer key is missing");
	same(turns(&keys, "{\"q\":\"Q\"}", 0), "u:Q", "no answer is needed for generation");
	same(turns(&text, "{\"body\":\"B\"}", 1), "t:B", "bare text");
	same(turns(&text, "{\"body\":\"\"}", 1), "! empty text", "bare text that is empty");
	same(turns(&alpaca, "{\"messages\":[]}", 1), "! \"instruction\" is missing", "--schema is not guessed");
}

/* Every choice of --schema is a schema, which misses its keys in a row without any. */
static void choices(void)
{
	char *all = xstrdup(schema_options[0].arg), *rest = all, *name;

	while ((name = strsep(&rest, "|"))) {
		const char *said = turns(&(struct schema_opts){.schema = name}, "{}", 1);

		if (!ok(strstr(said, "is missing") != NULL, "--schema %s asks for its keys", name))
			printf("# said: %s\n", said);
	}
	free(all);
}

/* A long dialogue is read whole. */
static void many(void)
{
	struct buf b = {0};

	buf_str(&b, "{\"messages\":[");
	for (int i = 0; i < 3000; i++)
		buf_fmt(&b, "%s{\"role\":\"%s\",\"content\":\"x\"}", i ? "," : "", i % 2 ? "assistant" : "user");
	buf_str(&b, "]}");
	ok(turns(&(struct schema_opts){0}, b.p, 1)[0] == 'u' && d.n == 3000, "3000 turns");
	buf_free(&b);
}

int main(void)
{
	messages();
	sharegpt();
	orca();
	pairs();
	hh();
	named();
	many();
	choices();
	dialogue_free(&d);
	return tap_done();
}
