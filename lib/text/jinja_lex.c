/* SPDX-License-Identifier: MIT */
/* jinja_lex.c - the source of a template to tokens, with its rules of white space.
 *
 * transformers renders with trim_blocks and lstrip_blocks: a line feed right behind %} or #} is
 * dropped, and so is the white space between the beginning of a line and {% or {# (not {{).
 * "-" inside a delimiter drops all white space on its side, "+" keeps all.  One line feed at the
 * very end of the source is dropped, and \r\n and \r are line feeds.
 */
#include <errno.h>
#include <stdlib.h>

#include "jinja_tree_in.h"
#include "unicode.h"

enum { BRACKETS_MOST = 200 };

struct jlexer {
	struct jrun *run;
	const char *s;
	size_t n, at;
	int line_starts; /* what was read last ended with a line feed */
	struct jtoken *token;
	long tokens, room;
	char bracket[BRACKETS_MOST]; /* the closing ones that are awaited */
	int brackets;
};

static struct jtoken *add(struct jlexer *x, int kind, const char *p, size_t n)
{
	struct jtoken *t;

	if (x->tokens == x->room) {
		long room = x->room * 2 + 64;

		x->token = jgrow(x->run, x->token, x->room * sizeof *t, room * sizeof *t);
		x->room = room;
	}
	jspend(x->run, 1);
	t = &x->token[x->tokens++];
	*t = (struct jtoken){.kind = kind, .line = x->run->line, .p = p, .n = n};
	return t;
}

/* Goes on to `to`, counting lines. */
static void advance(struct jlexer *x, size_t to)
{
	for (; x->at < to; x->at++)
		x->run->line += x->s[x->at] == '\n';
	if (to)
		x->line_starts = x->s[to - 1] == '\n';
}

static int begins(const struct jlexer *x, size_t at, const char *with)
{
	size_t n = strlen(with);

	return x->n - at >= n && !memcmp(x->s + at, with, n);
}

static size_t spaces(const struct jlexer *x, size_t at)
{
	int32_t c;

	while (at < x->n) {
		int bytes = utf8_first(x->s + at, x->n - at, &c);

		if (!python_is_space(c))
			break;
		at += bytes;
	}
	return at;
}

/* Where the delimiter that closes a tag, comment or raw block ends, with the white space that it
 * takes along; 0: none is at this place. */
static size_t closes(const struct jlexer *x, size_t at, const char *with)
{
	int print = *with == '}',
	    sign = at < x->n && (x->s[at] == '-' || (!print && x->s[at] == '+'));

	if (!begins(x, at + sign, with))
		return 0;
	if (sign && x->s[at] == '-')
		return spaces(x, at + 3);
	at += sign + 2;
	return at + (!sign && !print && at < x->n && x->s[at] == '\n');
}

/* Where "{% raw %}" or "{% endraw %}" that begins here ends; 0: it does not. */
static size_t raw_tag(const struct jlexer *x, size_t at, const char *word)
{
	size_t end;

	if (!begins(x, at, "{%"))
		return 0;
	at += 2;
	at += at < x->n && (x->s[at] == '-' || x->s[at] == '+');
	at = spaces(x, at);
	if (!begins(x, at, word))
		return 0;
	at = spaces(x, at + strlen(word));
	if (strcmp(word, "raw"))
		return closes(x, at, "%}");
	/* no line feed is dropped behind {% raw %}, and it knows no + */
	if (begins(x, at, "%}"))
		return at + 2;
	end = begins(x, at, "-%}") ? spaces(x, at + 3) : 0;
	return end;
}

/* The text up to a tag at `to`, whose sign is '-', '+' or another character. */
static void add_data(struct jlexer *x, size_t to, char sign, int print)
{
	size_t from = x->at, end = to, line;
	int32_t c;

	if (sign == '-') {
		while (end > from) {
			int bytes = utf8_last(x->s + from, end - from, &c);

			if (!python_is_space(c))
				break;
			end -= bytes;
		}
	} else if (sign != '+' && !print) {
		for (line = to; line > from && x->s[line - 1] != '\n'; line--)
			;
		if ((line > from || x->line_starts) && line < to && spaces(x, line) >= to)
			end = line;
	}
	if (end > from)
		add(x, TOK_DATA, x->s + from, end - from);
	advance(x, to);
}

static void comment(struct jlexer *x)
{
	size_t at = x->at + 2, end = 0;

	at += at < x->n && (x->s[at] == '-' || x->s[at] == '+');
	if (at == x->n) /* as in Jinja, it may begin where the source ends */
		end = at;
	for (; at < x->n && !end; at++)
		end = closes(x, at, "#}");
	if (!end)
		jfail(x->run, "a comment does not end");
	advance(x, end);
}

static void raw(struct jlexer *x, size_t begun)
{
	size_t end = 0, at = begun;

	advance(x, begun);
	if (begun == x->n)
		return;
	for (; at < x->n && !end; at++)
		if (x->s[at] == '{')
			end = raw_tag(x, at, "endraw");
	if (!end)
		jfail(x->run, "a raw block does not end");
	add_data(x, at - 1, at + 1 < x->n ? x->s[at + 1] : 0, 0);
	advance(x, end);
}

static int is_digit(char c, int base)
{
	int v = c >= '0' && c <= '9'                 ? c - '0'
	        : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
	                                             : 99;

	return v < base;
}

/* Digits with single underscores between them. */
static size_t digits(const struct jlexer *x, size_t at, int base)
{
	while (at < x->n && (is_digit(x->s[at], base) ||
	                     (x->s[at] == '_' && at + 1 < x->n && is_digit(x->s[at + 1], base) &&
	                      is_digit(x->s[at - 1], base))))
		at++;
	return at;
}

/* The end of a number with a fraction or an exponent that begins here; 0: there is none. */
static size_t real_ends(const struct jlexer *x, size_t at)
{
	size_t end = digits(x, at, 10), exponent;
	int real = 0;

	if (end == at || (at && x->s[at - 1] == '.'))
		return 0;
	if (end + 1 < x->n && x->s[end] == '.' && is_digit(x->s[end + 1], 10)) {
		end = digits(x, end + 1, 10);
		real = 1;
	}
	if (end < x->n && (x->s[end] | 32) == 'e') {
		exponent = end + 1;
		exponent += exponent < x->n && (x->s[exponent] == '+' || x->s[exponent] == '-');
		if (exponent < x->n && is_digit(x->s[exponent], 10)) {
			end = digits(x, exponent, 10);
			real = 1;
		}
	}
	return real ? end : 0;
}

static void number(struct jlexer *x)
{
	size_t end = real_ends(x, x->at), from = x->at;
	char text[64], kind = from + 1 < x->n ? x->s[from + 1] | 32 : 0;
	int base = kind == 'x'   ? 16
	           : kind == 'o' ? 8
	           : kind == 'b' ? 2
	                         : 10,
	    k = 0, real = end != 0;
	struct jtoken *t;

	if (!real && x->s[from] == '0' && base != 10 && from + 2 < x->n) {
		size_t first = from + 2 + (x->s[from + 2] == '_');

		end = first < x->n && is_digit(x->s[first], base) ? digits(x, first, base)
		                                                  : from + 1;
		base = end == from + 1 ? 10 : base;
	} else if (!real && x->s[from] == '0') {
		end = digits(x, from, 1);
	} else if (!real) {
		end = digits(x, from, 10);
	}
	t = add(x, TOK_NUMBER, x->s + from, end - from);
	for (size_t i = from + (base != 10 ? 2 : 0); i < end; i++) {
		if (k == sizeof text - 1)
			jfail(x->run, "a number has more than %zu digits", sizeof text - 1);
		if (x->s[i] != '_')
			text[k++] = x->s[i];
	}
	text[k] = 0;
	errno = 0;
	t->value = real ? jreal(strtod(text, NULL)) : jint(strtol(text, NULL, real ? 10 : base));
	if (!real && errno)
		jfail(x->run, "%.*s is beyond 64 bits", (int)(end - from), x->s + from);
	advance(x, end);
}

static int hex(struct jlexer *x, size_t at, int n, int32_t *code)
{
	*code = 0;
	for (int i = 0; i < n; i++) {
		char c = at + i < x->n ? x->s[at + i] : 0;

		if (!is_digit(c, 16) || *code > 0x110000)
			jfail(x->run, "a \\x, \\u or \\U has too few digits");
		*code = *code * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
	}
	return n;
}

/* Puts what the backslash at x->s[at] begins; returns how many bytes that is. */
static int escape(struct jlexer *x, size_t at, struct jbuild *b)
{
	static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
	char c = x->s[at + 1];
	const char *p = c ? strchr(from, c) : NULL;
	int32_t code = 0;
	int n = 1;

	if (c == '\n')
		return 2;
	if (p) {
		jput(b, to + (p - from), 1, 0);
		return 2;
	}
	if (c == 'x' || c == 'u' || c == 'U') {
		n = 2 + hex(x, at + 2, c == 'x' ? 2 : c == 'u' ? 4 : 8, &code);
	} else if (is_digit(c, 8)) {
		for (; n <= 3 && is_digit(x->s[at + n], 8); n++)
			code = code * 8 + x->s[at + n] - '0';
	} else {
		if (c == 'N' || (c & 0x80))
			jfail(x->run, "'\\%s' in a text is not known", c == 'N' ? "N" : "?");
		jput(b, x->s + at, 2, 0);
		return 2;
	}
	if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		jfail(x->run, "U+%04X in a text is no character", (unsigned)code);
	jput_char(b, code, 0);
	return n;
}

static void string(struct jlexer *x)
{
	char quote = x->s[x->at];
	size_t at = x->at + 1, plain;
	struct jbuild b = jbuild(x->run);
	struct jtext *text;

	while (at < x->n && x->s[at] != quote) {
		if (x->s[at] == '\\' && at + 1 < x->n) {
			at += escape(x, at, &b);
			continue;
		}
		if (x->s[at] == '\\')
			break;
		for (plain = at; at < x->n && x->s[at] != quote && x->s[at] != '\\'; at++)
			;
		jput(&b, x->s + plain, at - plain, 0);
	}
	if (at >= x->n || x->s[at] != quote)
		jfail(x->run, "a text in quotes does not end");
	text = (struct jtext *)jbuilt(&b);
	add(x, TOK_STRING, x->s + x->at, at + 1 - x->at)->value = jtextual(text);
	advance(x, at + 1);
}

static void bracket(struct jlexer *x, char c)
{
	const char *open = "([{", *p = strchr(open, c);

	if (p) {
		if (x->brackets == BRACKETS_MOST)
			jfail(x->run, "more than %d brackets are open", BRACKETS_MOST);
		x->bracket[x->brackets++] = ")]}"[p - open];
	} else if (strchr(")]}", c)) {
		if (!x->brackets)
			jfail(x->run, "unexpected '%c'", c);
		if (x->bracket[--x->brackets] != c)
			jfail(x->run, "unexpected '%c', expected '%c'", c, x->bracket[x->brackets]);
	}
}

static void operator(struct jlexer *x)
{
	static const struct {
		const char *text;
		int op;
	} two[] = {{"**", OP_POW}, {"//", OP_FLOOR}, {"==", OP_EQ},
	           {"!=", OP_NE},  {"<=", OP_LE},    {">=", OP_GE}};
	char c = x->s[x->at];
	int32_t code;

	utf8_first(x->s + x->at, x->n - x->at, &code);
	for (size_t i = 0; i < sizeof two / sizeof *two; i++)
		if (begins(x, x->at, two[i].text)) {
			add(x, TOK_OP, x->s + x->at, 2)->op = two[i].op;
			advance(x, x->at + 2);
			return;
		}
	if (!c || !strchr("+-*/%~<>=.:|,;()[]{}", c))
		jfail(x->run, "the character U+%04X is not known here", (unsigned)code);
	bracket(x, c);
	add(x, TOK_OP, x->s + x->at, 1)->op = c == '<' ? OP_LT : c == '>' ? OP_GT : c;
	advance(x, x->at + 1);
}

/* The inside of a {% or {{ up to where it closes. */
static void tag(struct jlexer *x, int print)
{
	size_t end, at = x->at + 2;
	const char *with = print ? "}}" : "%}";

	at += at < x->n && (x->s[at] == '-' || x->s[at] == '+');
	add(x, print ? TOK_PRINT_BEGIN : TOK_BLOCK_BEGIN, x->s + x->at, 2);
	advance(x, at);
	while (x->at < x->n) {
		char c = x->s[x->at];

		end = x->brackets ? 0 : closes(x, x->at, with);
		if (end) {
			add(x, print ? TOK_PRINT_END : TOK_BLOCK_END, x->s + x->at, 2);
			advance(x, end);
			return;
		}
		if ((end = spaces(x, x->at)) > x->at) {
			advance(x, end);
		} else if (is_digit(c, 10)) {
			number(x);
		} else if (c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z')) {
			for (end = x->at;
			     end < x->n && (x->s[end] == '_' || is_digit(x->s[end], 10) ||
			                    ((x->s[end] | 32) >= 'a' && (x->s[end] | 32) <= 'z'));)
				end++;
			add(x, TOK_NAME, x->s + x->at, end - x->at);
			advance(x, end);
		} else if (c == '\'' || c == '"') {
			string(x);
		} else {
			operator(x);
		}
	}
	jfail(x->run, "a tag does not end");
}

/* The source as Jinja reads it, in the arena. */
static char *lines(struct jrun *r, const char *source, size_t *n)
{
	char *s = jalloc(r, *n + 1);
	size_t k = 0;

	for (size_t i = 0; i < *n; i++) {
		s[k++] = source[i] == '\r' ? '\n' : source[i];
		i += source[i] == '\r' && i + 1 < *n && source[i + 1] == '\n';
	}
	*n = k - (k && s[k - 1] == '\n');
	return s;
}

struct jtoken *jlex(struct jrun *r, const char *source, size_t n)
{
	struct jlexer x = {.run = r, .line_starts = 1};
	size_t at, begun;
	int32_t c;

	for (at = 0; at < n;) {
		at += utf8_first(source + at, n - at, &c);
		if (c < 0)
			jfail(r, "the template is no UTF-8");
	}
	x.s = lines(r, source, &n);
	x.n = n;
	for (r->line = 1; x.at < n;) {
		for (at = x.at; at < n && !begins(&x, at, "{%") && !begins(&x, at, "{{") &&
		                !begins(&x, at, "{#");)
			at++;
		add_data(&x, at, at + 2 < n ? x.s[at + 2] : 0, at + 1 >= n || x.s[at + 1] == '{');
		if (at >= n)
			break;
		begun = raw_tag(&x, at, "raw");
		if (x.s[at + 1] == '#')
			comment(&x);
		else if (begun)
			raw(&x, begun);
		else
			tag(&x, x.s[at + 1] == '{');
	}
	add(&x, TOK_END, x.s + n, 0);
	return x.token;
}
