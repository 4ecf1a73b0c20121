/* SPDX-License-Identifier: MIT */
/* Rows of every schema become turns; what is missing is named. */
#include "../lib/base/memory.h"
#include "tap.h"

#include <stdlib.h>

#include "../lib/rows/schema.h"

static struct dialogue d;
static struct fault f;

static void put_json(struct buf *b, const char *name, const json_t *v)
{
	if (!v)
		return;
	buf_fmt(b, " %s=", name);
	json_put(b, v);
}

/* "role:text|role:text", or "! what is wrong".  A turn that is not to be trained has a "-" behind its
 * role; its calls of tools, and what stands beside the turns, are written as JSON. */
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
			buf_fmt(&out, "%s%s%s:", i ? "|" : "", names[d.turn[i].role], d.turn[i].untrained ? "-" : "");
			buf_add(&out, d.turn[i].text, d.turn[i].n);
			put_json(&out, "calls", turn_calls(&d.turn[i]));
		}
		put_json(&out, "tools", d.tools);
		put_json(&out, "documents", d.documents);
		put_json(&out, "variables", d.variables);
		if (d.left_out)
			buf_fmt(&out, " (%s)", d.left_out);
	}
	json_decref(j);
	return out.p;
}

#define TRAIN(row, want) same(turns(&(struct schema_opts){0}, row, 1), want, row)
#define PROMPT(row, want) same(turns(&(struct schema_opts){0}, row, 0), want, "prompt of " row)
#define U "{\"role\":\"user\",\"content\":\"q\"}"
#define A "{\"role\":\"assistant\",\"content\":\"r\"}"
/* A row of messages; what is behind its list. */
#define ROW(list, more) "{\"messages\":[" list "]" more "}"

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
	TRAIN("{\"messages\":[{\"role\":\"narrator\",\"content\":\"\"}]}", "! messages[0]: unknown role \"narrator\"");
}

static void sharegpt(void)
{
	TRAIN("{\"conversations\":[{\"from\":\"system\",\"value\":\"S\"},{\"from\":\"human\",\"value\":\"hi\"},"
	      "{\"from\":\"gpt\",\"value\":\"yo\"}]}", "s:S|u:hi|a:yo");
	PROMPT("{\"conversations\":[{\"from\":\"user\",\"value\":\"hi\"},{\"from\":\"assistant\",\"value\":\"yo\"}]}", "u:hi");
	TRAIN("{\"conversations\":[{\"from\":\"human\",\"value\":\"hi\"},{\"from\":\"gpt\"}]}",
	      "! conversations[1]: \"value\" is missing");
	TRAIN("{\"conversations\":[{\"value\":\"hi\"}]}", "! conversations[0]: \"from\" is missing");
	TRAIN("{\"conversations\":[{\"from\":\"bingo\",\"value\":\"hi\"}]}", "! conversations[0]: unknown role \"bingo\"");
	TRAIN("{\"conversation\":[{\"role\":\"human\",\"value\":\"hi\"},{\"from\":\"Bing\",\"content\":\"yo\"}]}", "u:hi|a:yo");
	TRAIN("{\"conversations\":[{\"role\":\"user\",\"from\":\"gpt\",\"value\":\"hi\"}]}",
	      "! conversations[0]: \"role\" and \"from\" differ");
	TRAIN("{\"conversations\":[{\"from\":\"human\",\"value\":\"hi\",\"content\":\"ho\"}]}",
	      "! conversations[0]: \"content\" and \"value\" differ");
	TRAIN("{\"conversations\":[{\"from\":\"human\",\"value\":\"q\"}],\"chosen\":{\"from\":\"gpt\",\"value\":\"good\"},"
	      "\"rejected\":{\"from\":\"gpt\",\"value\":\"bad\"}}", "u:q|a:good");
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

/* Every name of a role, in any case of letters, and the role that the dialogue has. */
static void roles(void)
{
	static const struct {
		const char *name;
		enum role role;
	} all[] = {{"system", ROLE_SYSTEM}, {"Developer", ROLE_SYSTEM}, {"user", ROLE_USER}, {"HUMAN", ROLE_USER},
	           {"prompter", ROLE_USER}, {"Assistant", ROLE_ASSISTANT}, {"gpt", ROLE_ASSISTANT},
	           {"ChatGPT", ROLE_ASSISTANT}, {"model", ROLE_ASSISTANT}, {"bot", ROLE_ASSISTANT},
	           {"CHATBOT", ROLE_ASSISTANT}, {"ai", ROLE_ASSISTANT}, {"bing", ROLE_ASSISTANT},
	           {"bard", ROLE_ASSISTANT}, {"tool", ROLE_TOOL}, {"function", ROLE_TOOL}, {"observation", ROLE_TOOL},
	           {"ipython", ROLE_TOOL}, {"tool_response", ROLE_TOOL}};
	struct buf row = {0};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		row.n = 0;
		buf_fmt(&row, "{\"messages\":[{\"role\":\"%s\",\"content\":\"x\"}," A "]}", all[i].name);
		ok(turns(&(struct schema_opts){0}, row.p, 1)[0] != '!' && d.turn[0].role == all[i].role && d.turn[0].message,
		   "role %s", all[i].name);
	}
	buf_free(&row);
}

static void parts(void)
{
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
	      "{\"type\":\"text\",\"text\":\" b\",\"image\":null}]}," A "]}", "u:a b|a:r");
	TRAIN("{\"messages\":[" U ",{\"role\":\"assistant\",\"content\":[]}]}", "! empty answer");
	TRAIN("{\"messages\":[" U ",{\"role\":\"assistant\",\"content\":[{\"type\":\"audio\"}]}]}", "! messages[1]: a part of type audio");
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}," A "]}",
	      "! messages[0]: a part of type image_url");
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":[\"a\"]}," A "]}", "! messages[0]: a part of the content has no \"type\"");
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}," A "]}", "! messages[0]: \"text\" is missing");
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":{}}," A "]}", "! messages[0]: \"content\" is not text");
	TRAIN("{\"conversations\":[{\"from\":\"human\",\"value\":[{\"type\":\"text\",\"text\":\"a\"}]},{\"from\":\"gpt\",\"value\":\"b\"}]}",
	      "u:a|a:b");
	TRAIN("{\"messages\":[" U ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"train\":false}]}]}",
	      "! messages[1]: \"train\" in a part of the content: parts of a turn cannot be trained");
	TRAIN("{\"messages\":[" U ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"weight\":1}]}]}",
	      "! messages[1]: \"weight\" in a part of the content: parts of a turn cannot be trained");
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"X\"}],\"value\":\"LOST\"}," A "]}",
	      "! messages[0]: \"content\" and \"value\" differ");
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":\"X\",\"value\":[{\"type\":\"text\",\"text\":\"Y\"}]}," A "]}",
	      "! messages[0]: \"content\" and \"value\" differ");
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"X\"}],\"value\":\"X\"}," A "]}", "u:X|a:r");
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":\"X\",\"value\":3}," A "]}", "! messages[0]: \"value\" is not text");
	TRAIN(ROW("{\"role\":\"user\",\"content\":\"q\",\"images\":[\"a.png\"]}," A, ""), "! messages[0]: \"images\": only text is read");
	TRAIN(ROW("{\"role\":\"user\",\"content\":\"q\",\"videos\":[\"a.mp4\"]}," A, ""), "! messages[0]: \"videos\": only text is read");
	TRAIN(ROW(U ",{\"role\":\"assistant\",\"content\":\"r\",\"audio\":{\"id\":\"a\"}}", ""), "! messages[1]: \"audio\": only text is read");
	TRAIN(ROW(U ",{\"role\":\"assistant\",\"content\":\"r\",\"audio\":null,\"images\":[]}", ""), "u:q|a:r");
}

/* Calls of tools, in the four ways in which rows have them. */
static void calls(void)
{
#define CALL "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1}}}"
	TRAIN(ROW(U ",{\"role\":\"assistant\",\"tool_calls\":[" CALL "]},{\"role\":\"tool\",\"content\":\"2\"}," A, ""),
	      "u:q|a: calls=[" CALL "]|o:2|a:r");
	TRAIN(ROW(U ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" CALL "]}", ""), "u:q|a: calls=[" CALL "]");
	TRAIN(ROW(U ",{\"role\":\"assistant\",\"content\":\"r\",\"tool_calls\":[]}", ""), "u:q|a:r");
	TRAIN(ROW(U ",{\"role\":\"assistant\",\"content\":\"r\",\"tool_calls\":null,\"function_call\":null}", ""), "u:q|a:r");
	TRAIN(ROW(U ",{\"role\":\"assistant\",\"content\":null,\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}}", ""),
	      "u:q|a: calls=[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]");
	ok(d.turn[1].message && !json_object_get(d.turn[1].message, "function_call"), "the older spelling is gone");
	TRAIN("{\"conversations\":[{\"from\":\"human\",\"value\":\"q\"},"
	      "{\"from\":\"function_call\",\"value\":\"{\\\"name\\\":\\\"f\\\",\\\"arguments\\\":{\\\"x\\\":1}}\"},"
	      "{\"from\":\"observation\",\"value\":\"2\"},{\"from\":\"gpt\",\"value\":\"r\"}]}",
	      "u:q|a: calls=[" CALL "]|o:2|a:r");
	TRAIN(ROW(U ",{\"role\":\"tool_call\",\"content\":\"{\\\"name\\\":\\\"f\\\",\\\"arguments\\\":{\\\"x\\\":1}}\"},"
	          "{\"role\":\"tool_call\",\"content\":\"[{\\\"name\\\":\\\"f\\\",\\\"arguments\\\":{\\\"x\\\":1}}]\"}", ""),
	      "u:q|a: calls=[" CALL "," CALL "]");
#define SPELT "\"{\\\"name\\\":\\\"f\\\",\\\"arguments\\\":{\\\"x\\\":1}}\""
	TRAIN("{\"conversations\":[{\"from\":\"human\",\"value\":\"q\"},{\"from\":\"function_call\",\"value\":" SPELT
	      ",\"reasoning_content\":\"hm\"},{\"from\":\"function_call\",\"value\":" SPELT "}]}", "u:q|a: calls=[" CALL "," CALL "]");
	same(json_text(d.turn[1].message, "reasoning_content", ""), "hm", "the thoughts beside a call are kept");
	ok(!json_object_get(d.turn[1].message, "from") && !json_object_get(d.turn[1].message, "value"), "and what was read is gone");
	TRAIN("{\"conversations\":[{\"from\":\"human\",\"value\":\"q\"},{\"from\":\"function_call\",\"value\":" SPELT
	      "},{\"from\":\"function_call\",\"value\":" SPELT ",\"thinking\":\"hm\"}]}", "u:q|a: calls=[" CALL "]|a: calls=[" CALL "]");
	same(json_text(d.turn[2].message, "thinking", ""), "hm", "also of a second call");
	TRAIN(ROW(U ",{\"role\":\"function_call\",\"content\":" SPELT ",\"tool_calls\":[" CALL "]}", ""),
	      "! messages[1]: calls of tools both as text and as \"tool_calls\"");
	TRAIN(ROW(U ",{\"role\":\"tool_call\",\"content\":" SPELT ",\"function_call\":{\"name\":\"g\",\"arguments\":\"\"}}", ""),
	      "! messages[1]: calls of tools both as text and as \"function_call\"");
	TRAIN(ROW(U ",{\"role\":\"assistant\",\"tool_calls\":{}}", ""), "! messages[1]: \"tool_calls\" is not an array");
	TRAIN(ROW(U ",{\"role\":\"assistant\",\"tool_calls\":[\"f\"]}", ""), "! messages[1]: tool_calls[0] is not an object");
	TRAIN(ROW("{\"role\":\"user\",\"content\":\"q\",\"tool_calls\":[" CALL "]}," A, ""),
	      "! messages[0]: \"tool_calls\" in a turn that is not the assistant's");
	TRAIN(ROW(U ",{\"role\":\"assistant\",\"tool_calls\":[" CALL "],\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}}", ""),
	      "! messages[1]: both \"tool_calls\" and \"function_call\"");
	TRAIN(ROW(U ",{\"role\":\"assistant\",\"function_call\":\"f\"}", ""),
	      "! messages[1]: a function_call is not {\"name\",\"arguments\"}");
	ok(strstr(turns(&(struct schema_opts){0}, ROW(U ",{\"role\":\"function_call\",\"content\":\"f(1)\"}", ""), 1),
	          "! messages[1]: a function_call is not JSON: column 1: ") != NULL, "a function_call that is no JSON");
	TRAIN(ROW(U ",{\"role\":\"function_call\",\"content\":\"{\\\"name\\\":\\\"f\\\"}\"}", ""),
	      "! messages[1]: a function_call is not {\"name\",\"arguments\"}");
	TRAIN(ROW(U ",{\"role\":\"function_call\",\"content\":\"[]\"}", ""), "! messages[1]: a function_call that calls nothing");
	PROMPT(ROW(U ",{\"role\":\"assistant\",\"tool_calls\":[" CALL "]},{\"role\":\"tool\",\"content\":\"2\"}," A, ""),
	       "u:q|a: calls=[" CALL "]|o:2");
	PROMPT(ROW(U ",{\"role\":\"assistant\",\"tool_calls\":[" CALL "]}", ""), "u:q");
}

/* What a turn says about its training is done, or refused. */
static void training(void)
{
#define SAID(what) "{\"role\":\"assistant\",\"content\":\"r\"," what "}"
	TRAIN(ROW(U "," SAID("\"weight\":0") "," U "," SAID("\"weight\":1"), ""), "u:q|a-:r|u:q|a:r");
	TRAIN(ROW(U "," SAID("\"weight\":0.0"), ""), "u:q|a-:r");
	TRAIN(ROW(U "," SAID("\"weight\":null"), ""), "u:q|a:r");
	TRAIN(ROW(U "," SAID("\"train\":false"), ""), "u:q|a-:r");
	TRAIN(ROW(U "," SAID("\"training\":false"), ""), "u:q|a-:r");
	TRAIN(ROW(U "," SAID("\"loss\":false") "," U "," SAID("\"loss\":true"), ""), "u:q|a-:r|u:q|a:r");
	TRAIN(ROW(U "," SAID("\"masked\":1") "," U "," SAID("\"masked\":0"), ""), "u:q|a-:r|u:q|a:r");
	TRAIN(ROW(U "," SAID("\"masked\":\"true\""), ""), "! messages[1]: \"masked\" is neither 0 nor 1, false nor true");
	TRAIN(ROW(U "," SAID("\"masked\":true") "," U "," SAID("\"masked\":false"), ""), "u:q|a-:r|u:q|a:r");
	TRAIN(ROW("{\"role\":\"user\",\"content\":\"q\",\"weight\":0}," A, ""), "u-:q|a:r");
	TRAIN(ROW("{\"role\":\"user\",\"content\":\"q\",\"train\":true}," A, ""), "! messages[0]: only the assistant's turns can be trained");
	TRAIN(ROW(U "," SAID("\"weight\":0.5"), ""), "! messages[1]: \"weight\" is neither 0 nor 1, false nor true");
	TRAIN(ROW(U "," SAID("\"train\":\"no\""), ""), "! messages[1]: \"train\" is neither 0 nor 1, false nor true");
	TRAIN(ROW(U "," SAID("\"weight\":0,\"train\":true"), ""), "! messages[1]: \"train\" contradicts another key");
	TRAIN(ROW(U "," SAID("\"train_detail\":[{\"begin_offset\":0,\"end_offset\":1,\"train\":true}]"), ""),
	      "! messages[1]: \"train_detail\": parts of a turn cannot be trained");
	TRAIN(ROW(U "," SAID("\"train_detail\":[]"), ""), "u:q|a:r");
	TRAIN(ROW(U "," SAID("\"loss_scale\":2"), ""), "! messages[1]: \"loss_scale\": parts of a turn cannot be trained");
}

/* What stands behind the last answer is left out, and told. */
static void ends(void)
{
	TRAIN(ROW(U "," A "," U, ""), "u:q|a:r (last turn of the user)");
	TRAIN(ROW(U "," A "," U "," U, ""), "u:q|a:r (last turn of the user)");
	TRAIN(ROW(U "," A ",{\"role\":\"tool\",\"content\":\"2\"}", ""), "u:q|a:r (last turn of a tool)");
	TRAIN("{\"chosen\":\"\\n\\nHuman: a\\n\\nAssistant: b\\n\\nHuman: c\"}", "u:a|a:b (last turn of the user)");
	PROMPT(ROW(U "," A "," U, ""), "u:q|a:r|u:q");
	PROMPT(ROW(U "," A "," A, ""), "u:q");
	PROMPT(ROW(A, ""), "! no prompt");
}

static void systems(void)
{
	TRAIN(ROW(U "," A, ",\"system\":\"S\""), "s:S|u:q|a:r");
	TRAIN(ROW(U "," A, ",\"system\":\"\""), "u:q|a:r");
	TRAIN(ROW(U "," A, ",\"system\":null,\"system_message\":\"S\""), "s:S|u:q|a:r");
	TRAIN(ROW("{\"role\":\"system\",\"content\":\"S\"}," U "," A, ",\"system\":\"S\""), "s:S|u:q|a:r");
	TRAIN(ROW("{\"role\":\"system\",\"content\":\"T\"}," U "," A, ",\"system\":\"S\""),
	      "! the row's \"system\" and its first turn are two system prompts");
	TRAIN("{\"system\":\"S\",\"system_prompt\":\"T\",\"prompt\":\"q\",\"completion\":\"r\"}",
	      "! \"system\" and \"system_prompt\" are two system prompts");
	TRAIN("{\"system\":\"S\",\"system_prompt\":\"S\",\"prompt\":\"q\",\"completion\":\"r\"}", "s:S|u:q|a:r");
	TRAIN("{\"system\":1,\"prompt\":\"q\",\"completion\":\"r\"}", "! \"system\" is not text");
	TRAIN("{\"system\":\"S\",\"chosen\":\"\\n\\nHuman: a\\n\\nAssistant: b\"}", "s:S|u:a|a:b");
	PROMPT("{\"system\":\"S\",\"query\":\"q\"}", "s:S|u:q");
}

/* Prompts and answers by other names, and as lists of turns. */
static void spellings(void)
{
	TRAIN("{\"prompt\":\"q\",\"response\":\"r\"}", "u:q|a:r");
	TRAIN("{\"prompt\":\"q\",\"answer\":\"r\"}", "u:q|a:r");
	TRAIN("{\"query\":\"q\",\"response\":\"r\"}", "u:q|a:r");
	TRAIN("{\"question\":\"q\",\"answer\":\"r\"}", "u:q|a:r");
	TRAIN("{\"instruction\":\"i\",\"response\":\"r\"}", "u:i|a:r");
	TRAIN("{\"instruction\":\"i\",\"context\":\"c\",\"response\":\"r\",\"category\":\"qa\"}", "u:i\nc|a:r");
	TRAIN("{\"instruction\":\"\",\"input\":\"x\",\"output\":\"o\"}", "u:x|a:o");
	TRAIN("{\"instruction\":\"i\",\"context\":[\"c\"],\"response\":\"r\"}", "! \"context\" is not text");
	TRAIN("{\"question\":\"q\",\"choices\":[\"a\",\"b\"],\"answer\":0}", "! \"answer\" is not text");
	TRAIN("{\"messages\":null,\"chosen\":null,\"prompt\":\"q\",\"completion\":\"r\"}", "u:q|a:r");
	TRAIN("{\"prompt\":[" U "],\"completion\":[" A "]}", "u:q|a:r");
	TRAIN("{\"prompt\":[" U "],\"completion\":\"r\"}", "u:q|a:r");
	TRAIN("{\"prompt\":[{\"role\":\"system\",\"content\":\"S\"}],\"completion\":[" U "," A "]}", "s:S|u:q|a:r");
	TRAIN("{\"prompt\":[1],\"completion\":\"r\"}", "! prompt[0]: not an object");
	PROMPT("{\"prompt\":[" U "]}", "u:q");
	PROMPT("{\"prompt\":[" U "],\"completion\":[" A "]}", "u:q");
}

static void histories(void)
{
	TRAIN("{\"instruction\":\"c\",\"output\":\"d\",\"history\":[[\"a\",\"b\"]]}", "u:a|a:b|u:c|a:d");
	TRAIN("{\"query\":\"c\",\"response\":\"d\",\"system\":\"S\",\"history\":[[\"a\",\"b\"]]}", "s:S|u:a|a:b|u:c|a:d");
	TRAIN("{\"prompt\":\"c\",\"response\":\"d\",\"history\":[" U "," A "]}", "u:q|a:r|u:c|a:d");
	TRAIN("{\"instruction\":\"c\",\"output\":\"d\",\"history\":[]}", "u:c|a:d");
	TRAIN("{\"instruction\":\"c\",\"output\":\"d\",\"history\":null}", "u:c|a:d");
	TRAIN("{\"instruction\":\"c\",\"output\":\"d\",\"history\":\"\"}", "u:c|a:d");
	TRAIN("{\"instruction\":\"c\",\"output\":\"d\",\"history\":\"a\"}", "! \"history\" is not an array");
	TRAIN("{\"instruction\":\"c\",\"output\":\"d\",\"history\":[[\"a\"]]}", "! history[0] is not a prompt and its answer");
	PROMPT("{\"instruction\":\"c\",\"output\":\"d\",\"history\":[[\"a\",\"b\"]]}", "u:a|a:b|u:c");
}

static void preferences(void)
{
	TRAIN("{\"prompt\":\"q\",\"chosen\":[" U "," A "],\"rejected\":[]}", "u:q|a:r");
	TRAIN("{\"prompt\":[" U "],\"chosen\":[" A "]}", "u:q|a:r");
	TRAIN("{\"prompt\":[" U "],\"chosen\":[" U "," A "]}", "u:q|a:r");
	TRAIN("{\"chosen\":[" U "," A "," U "," A "]}", "u:q|a:r|u:q|a:r");
	TRAIN("{\"prompt\":[{\"role\":\"user\",\"content\":\"Q\"}],\"chosen\":[" U "," A "]}",
	      "! \"chosen\" neither answers the prompt nor begins with it");
	TRAIN("{\"prompt\":\"a\",\"chosen\":\"\\n\\nHuman: a\\n\\nAssistant: b\"}", "u:a|a:b");
	TRAIN("{\"question\":\"q\",\"system\":\"S\",\"chosen\":\"c\"}", "s:S|u:q|a:c");
	TRAIN("{\"instruction\":\"i\",\"input\":\"x\",\"chosen\":\"c\"}", "u:i\nx|a:c");
	PROMPT("{\"prompt\":\"q\",\"chosen\":[" U "," A "]}", "u:q");
	PROMPT("{\"prompt\":[" U "],\"chosen\":[" A "]}", "u:q");
	PROMPT("{\"chosen\":[" U "," A "," U "," A "]}", "u:q|a:r|u:q");
	PROMPT("{\"conversations\":[{\"from\":\"human\",\"value\":\"q\"}],\"chosen\":{\"from\":\"gpt\",\"value\":\"good\"}}", "u:q");
	TRAIN("{\"prompt\":\"other\",\"messages\":[" U "," A "],\"chosen\":[" U "]}", "u:q|a:r");
}

/* Keys that mean the same may not say different things, unless a schema is named. */
static void contradictions(void)
{
	const char *both = "{\"instruction\":\"i\",\"output\":\"o\",\"prompt\":\"p\",\"completion\":\"c\"}";

	TRAIN("{\"instruction\":\"i\",\"output\":\"o\",\"prompt\":\"p\",\"completion\":\"c\"}",
	      "! \"output\" and \"completion\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"instruction\":\"i\",\"output\":\"o\",\"prompt\":\"p\"}",
	      "! \"instruction\" and \"prompt\" say different things, and only one is used (--schema names it)");
	same(turns(&(struct schema_opts){.schema = "alpaca"}, both, 1), "u:i|a:o", "--schema alpaca settles it");
	same(turns(&(struct schema_opts){.schema = "alpaca"}, "{\"instruction\":\"i\",\"input\":\"x\",\"output\":\"o\",\"response\":\"c\"}", 1),
	     "u:i\nx|a:o", "with its input");
	same(turns(&(struct schema_opts){.schema = "prompt"}, both, 1), "u:p|a:c", "--schema prompt does");
	TRAIN("{\"instruction\":\"i\",\"output\":\"o\",\"response\":\"c\"}",
	      "! \"output\" and \"response\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"instruction\":\"i\",\"output\":\"o\",\"response\":\"o\",\"text\":\"x\",\"answer\":\"B\"}", "u:i|a:o");
	TRAIN("{\"instruction\":\"i\",\"input\":\"x\",\"output\":\"o\",\"prompt\":\"### i\\nx ###\"}",
	      "! \"instruction\" and \"prompt\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"prompt\":\"Solve: q\",\"question\":\"q\",\"completion\":\"r\"}", "u:Solve: q|a:r");
	TRAIN("{\"question\":\"q\",\"context\":\"c\",\"answer\":\"r\"}",
	      "! \"question\" and \"context\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"question\":\"q\",\"choices\":[\"x\",\"y\"],\"answer\":\"x\"}",
	      "! \"question\" and \"choices\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"question\":\"x or y, 1 or 2?\",\"choices\":{\"text\":[\"x\",\"y\"],\"n\":[1,2],\"all\":true},\"answer\":\"x\"}",
	      "u:x or y, 1 or 2?|a:x");
	TRAIN("{\"question\":\"How many?\",\"choices\":[3,4],\"answer\":\"3\"}",
	      "! \"question\" and \"choices\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"question\":\"q\",\"passage\":\"p\",\"answer\":\"r\"}",
	      "! \"question\" and \"passage\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"prompt\":\"\",\"instruction\":\"i\",\"chosen\":\"c\"}",
	      "! \"prompt\" and \"instruction\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"prompt\":\"q\",\"question\":\"y\",\"chosen\":[" U "," A "]}",
	      "! \"prompt\" and \"question\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"prompt\":\"q\",\"question\":\"q\",\"chosen\":[" U "," A "]}", "u:q|a:r");
	TRAIN("{\"chosen\":[" U "," A "],\"conversation\":[{\"input\":\"x\",\"output\":\"y\"}]}", "u:q|a:r");
	same(turns(&(struct schema_opts){.schema = "sharegpt"}, "{\"chosen\":[],\"conversation\":[" U "," A "]}", 1), "u:q|a:r",
	     "--schema sharegpt takes either key");
	PROMPT("{\"prompt\":\"p\",\"question\":\"q\"}",
	       "! \"prompt\" and \"question\" say different things, and only one is used (--schema names it)");
}

/* What is taken holds the other, never the other way round: the rest would be lost. */
static void within(void)
{
	TRAIN("{\"question\":\"Paris\",\"context\":\"Paris is the capital of Texas.\",\"answer\":\"Yes\"}",
	      "! \"question\" and \"context\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"prompt\":\"a\",\"article\":\"a long article\",\"completion\":\"s\"}",
	      "! \"prompt\" and \"article\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"prompt\":\"x\",\"completion\":\"No\",\"output\":\"Nobody can stop me\"}",
	      "! \"completion\" and \"output\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"prompt\":\"x\",\"completion\":\"Nobody can\",\"output\":\"No\"}",
	      "! \"completion\" and \"output\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"question\":\"Do you know yesterday?\",\"options\":[\"yes\",\"no\"],\"answer\":\"no\"}",
	      "! \"question\" and \"options\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"question\":\"Is it yes, or no?\",\"options\":[\"yes\",\"no\"],\"answer\":\"no\"}",
	      "u:Is it yes, or no?|a:no");
	TRAIN("{\"prompt\":\"q\",\"query\":\"q\\n\",\"completion\":\" r\",\"response\":\"r \\n\"}",
	      "u:q|a: r");
	TRAIN("{\"prompt\":\"Add one.\",\"input\":5,\"completion\":\"6\"}",
	      "! \"prompt\" and \"input\" say different things, and only one is used (--schema names it)");
	PROMPT("{\"prompt\":\"Add one.\",\"input\":5,\"query\":\"Add\"}",
	      "! \"prompt\" and \"input\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"prompt\":[{\"role\":\"user\",\"content\":\"U\"}],\"completion\":\"o\",\"input\":\"LOST\"}",
	      "! \"prompt\" and \"input\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"prompt\":[{\"role\":\"user\",\"content\":\"U: x\"}],\"completion\":\"o\",\"input\":\"x\"}",
	      "u:U: x|a:o");
	TRAIN("{\"prompt\":[{\"role\":\"user\",\"content\":\"U\"}],\"completion\":\"yes\",\"context\":\"yes\"}",
	      "! \"prompt\" and \"context\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"prompt\":\"q\",\"completion\":[{\"role\":\"assistant\",\"content\":\"r\"}],\"output\":\"z\"}",
	      "! \"completion\" and \"output\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"chosen\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"r\"}],\"input\":\"LOST\"}",
	      "! \"chosen\" and \"input\" say different things, and only one is used (--schema names it)");
	TRAIN("{\"history\":[[\"z\",\"b\"]],\"prompt\":\"q\",\"completion\":\"r\",\"output\":\"b\"}",
	      "! \"completion\" and \"output\" say different things, and only one is used (--schema names it)");
}

/* A whole dialogue begins with the prompt that stands beside it. */
static void whole(void)
{
	TRAIN("{\"prompt\":\"A\",\"completion\":[{\"role\":\"user\",\"content\":\"B\"},{\"role\":\"assistant\",\"content\":\"C\"}]}",
	      "! \"completion\" neither answers the prompt nor begins with it");
	TRAIN("{\"prompt\":\"A\",\"chosen\":[{\"role\":\"user\",\"content\":\"B\"},{\"role\":\"assistant\",\"content\":\"C\"}]}",
	      "! \"chosen\" neither answers the prompt nor begins with it");
	TRAIN("{\"system\":\"S\",\"prompt\":\"A\",\"completion\":[{\"role\":\"user\",\"content\":\"B\"},{\"role\":\"assistant\",\"content\":\"C\"}]}",
	      "! \"completion\" neither answers the prompt nor begins with it");
	TRAIN("{\"prompt\":\"A\",\"completion\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":\"B\"},{\"role\":\"assistant\",\"content\":\"C\"}]}",
	      "! \"completion\" neither answers the prompt nor begins with it");
	TRAIN("{\"prompt\":\" B\",\"completion\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":\"B\"},{\"role\":\"assistant\",\"content\":\"C\"}]}",
	      "s:S|u:B|a:C");
	PROMPT("{\"prompt\":\"A\",\"completion\":[{\"role\":\"user\",\"content\":\"B\"},{\"role\":\"assistant\",\"content\":\"C\"}]}",
	      "! \"completion\" neither answers the prompt nor begins with it");
	TRAIN("{\"prompt\":\"\",\"chosen\":[{\"role\":\"user\",\"content\":\"B\"},{\"role\":\"assistant\",\"content\":\"C\"}]}",
	      "u:B|a:C");
	TRAIN("{\"prompt\":[{\"role\":\"user\",\"content\":\"A\"}],\"completion\":[{\"role\":\"user\",\"content\":\"B\"},{\"role\":\"assistant\",\"content\":\"C\"}]}",
	      "! \"completion\" neither answers the prompt nor begins with it");
	TRAIN("{\"prompt\":\"OTHER\",\"chosen\":\"\\n\\nHuman: a\\n\\nAssistant:b\"}",
	      "! \"chosen\" neither answers the prompt nor begins with it");
	TRAIN("{\"prompt\":\"\\n\\nHuman: first\\n\\nAssistant:\",\"chosen\":\"\\n\\nHuman: other\\n\\nAssistant: yes\"}",
	      "! \"chosen\" neither answers the prompt nor begins with it");
	TRAIN("{\"prompt\":\"\\n\\nHuman: a\\n\\nAssistant:\",\"chosen\":\"\\n\\nHuman: a\\n\\nAssistant: yes\"}",
	      "u:a|a:yes");
	TRAIN("{\"prompt\":\"\\n\\nHuman: a\\n\\nAssistant: b\\n\\nHuman: c\\n\\nAssistant:\",\"chosen\":\"\\n\\nHuman: a\\n\\nAssistant: b\\n\\nHuman: c\\n\\nAssistant: d\"}",
	      "u:a|a:b|u:c|a:d");
	TRAIN("{\"history\":[[\"x\",\"y\"]],\"prompt\":\"a\",\"chosen\":\"\\n\\nHuman: a\\n\\nAssistant: b\"}",
	      "! \"chosen\" neither answers the prompt nor begins with it");
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"chosen\":\"\\n\\nHuman: a\\n\\nAssistant: b\"}",
	      "u:a|a:b");
	TRAIN("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"chosen\":\"\\n\\nHuman: z\\n\\nAssistant: b\"}",
	      "! \"chosen\" neither answers the prompt nor begins with it");
}

/* What a row says of the training of its answers. */
static void marks(void)
{
#define PAIR(what) "{\"prompt\":\"q\",\"completion\":\"r\"," what "}"
	TRAIN(PAIR("\"weight\":0"), "u-:q|a-:r");
	TRAIN(PAIR("\"weight\":1"), "u:q|a:r");
	TRAIN(PAIR("\"train\":false"), "u-:q|a-:r");
	TRAIN(PAIR("\"masked\":true"), "u-:q|a-:r");
	TRAIN(PAIR("\"training\":0,\"history\":[[\"a\",\"b\"]]"), "u-:a|a-:b|u-:q|a-:r");
	TRAIN(PAIR("\"weight\":\"\",\"train\":null"), "u:q|a:r");
	TRAIN(PAIR("\"weight\":0.5"), "! \"weight\" is neither 0 nor 1, false nor true");
	TRAIN(PAIR("\"train\":\"false\""), "! \"train\" is neither 0 nor 1, false nor true");
	TRAIN(PAIR("\"weight\":1,\"masked\":1"), "! \"weight\" contradicts another key");
	TRAIN(PAIR("\"loss_scale\":[0.5]"), "! \"loss_scale\": parts of a turn cannot be trained");
	TRAIN(PAIR("\"loss\":2.5"), "u:q|a:r");
	TRAIN(PAIR("\"loss\":false"), "u-:q|a-:r");
	TRAIN(ROW(U "," A, ",\"weight\":0"), "u-:q|a-:r");
	PROMPT(PAIR("\"weight\":0.5,\"label\":false"), "u:q");
	TRAIN(PAIR("\"label\":false"), "! \"label\":false marks an unwanted answer, which would be trained: leave out such rows "
	      "(jq 'select(.label != false)'), or the key");
	TRAIN(ROW(U "," A, ",\"kto_tag\":false"), "! \"kto_tag\":false marks an unwanted answer, which would be trained: leave out such "
	      "rows (jq 'select(.kto_tag != false)'), or the key");
	TRAIN(PAIR("\"label\":true,\"kto_tag\":true"), "u:q|a:r");
	TRAIN(PAIR("\"label\":\"unsafe\""), "u:q|a:r");
	TRAIN(PAIR("\"label\":0"), "u:q|a:r");
}

/* What could not be read is named where it is asked for. */
static void unread(void)
{
#define NUL_OF(row, want)                                                                                \
	do {                                                                                             \
		json_t *j = json_parse_row(row, strlen(row), &f);                                        \
		dialogue_clear(&d);                                                                      \
		ok(j && schema_turns(&(struct schema_opts){0}, j, 1, &d, &f) == SCHEMA_BAD, "refused: " row); \
		same(f.text, want, row);                                                                 \
		json_decref(j);                                                                          \
	} while (0)
#define NUL "\"x\\u0000y\""
	NUL_OF("{\"prompt\":\"p\",\"completion\":" NUL "}", "\"completion\" holds a NUL character");
	NUL_OF("{\"prompt\":" NUL ",\"completion\":\"c\"}", "\"prompt\" holds a NUL character");
	NUL_OF("{\"prompt\":\"p\",\"chosen\":" NUL "}", "\"chosen\" holds a NUL character");
	NUL_OF("{\"prompt\":\"p\",\"completion\":NaN}", "\"completion\" is a number beyond 64 bits or a double's");
	NUL_OF("{\"messages\":" NUL "}", "\"messages\" holds a NUL character");
	NUL_OF("{\"messages\":[" NUL "]}", "messages[0]: it holds a NUL character");
	NUL_OF("{\"messages\":[{\"role\":" NUL ",\"content\":\"c\"}]}", "messages[0]: \"role\" holds a NUL character");
	NUL_OF("{\"messages\":[" U ",{\"role\":\"assistant\",\"content\":" NUL "}]}", "messages[1]: \"content\" holds a NUL character");
	NUL_OF("{\"messages\":[{\"role\":\"user\",\"content\":[" NUL "]}]}", "messages[0]: a part of the content holds a NUL character");
}

static void beside(void)
{
#define TOOL "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{}}}"
	TRAIN(ROW(U "," A, ",\"tools\":[" TOOL "]"), "u:q|a:r tools=[" TOOL "]");
	TRAIN(ROW(U "," A, ",\"tools\":[{\"name\":\"f\"}]"), "u:q|a:r tools=[{\"name\":\"f\"}]");
	TRAIN(ROW(U "," A, ",\"tools\":\"[{\\\"name\\\":\\\"f\\\",\\\"parameters\\\":{}}]\""), "u:q|a:r tools=[" TOOL "]");
	TRAIN(ROW(U "," A, ",\"functions\":[{\"name\":\"f\",\"parameters\":{}}]"), "u:q|a:r tools=[" TOOL "]");
	TRAIN(ROW(U "," A, ",\"tools\":[],\"functions\":null,\"documents\":[],\"chat_template_kwargs\":{},\"images\":[]"), "u:q|a:r");
	TRAIN(ROW(U "," A, ",\"tools\":\"[]\""), "u:q|a:r");
	TRAIN(ROW(U "," A, ",\"tools\":\"\""), "u:q|a:r");
	TRAIN(ROW(U "," A, ",\"tools\":{}"), "! \"tools\" is not an array");
	TRAIN(ROW(U "," A, ",\"tools\":[\"f\"]"), "! tools[0] is not an object");
	TRAIN(ROW(U "," A, ",\"tools\":\"{}\""), "! \"tools\" is not an array");
	TRAIN(ROW(U "," A, ",\"tools\":[" TOOL "],\"functions\":[{\"name\":\"f\"}]"), "! both \"tools\" and \"functions\"");
	TRAIN(ROW(U "," A, ",\"documents\":[{\"text\":\"x\"}],\"chat_template_kwargs\":{\"thinking\":true}"),
	      "u:q|a:r documents=[{\"text\":\"x\"}] variables={\"thinking\":true}");
	TRAIN(ROW(U "," A, ",\"chat_template_kwargs\":3"), "! \"chat_template_kwargs\" is not an object");
	TRAIN(ROW(U "," A, ",\"images\":[\"a.png\"]"), "! \"images\": only text is read");
	TRAIN(ROW(U "," A, ",\"audio\":\"a\""), "! \"audio\": only text is read");
	TRAIN(ROW(U "," A, ",\"video\":\"a\""), "! \"video\": only text is read");
	TRAIN("{\"instruction\":\"i\",\"output\":\"o\",\"tools\":[" TOOL "]}", "u:i|a:o tools=[" TOOL "]");
	PROMPT("{\"prompt\":\"p\",\"tools\":[" TOOL "]}", "u:p tools=[" TOOL "]");
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
	roles();
	parts();
	calls();
	training();
	ends();
	systems();
	spellings();
	histories();
	preferences();
	contradictions();
	within();
	whole();
	marks();
	unread();
	beside();
	choices();
	dialogue_free(&d);
	return tap_done();
}
