#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""jinja.py SEED N - N random templates, and what transformers renders of them, as JSON for t/jinja.c.

Each is made of small pieces that chat templates use: expressions of all operators, filters, tests,
methods and slices over a few values of every type, and statements around them with every kind of
white space control.  Most random expressions are errors in Jinja, and have to be here too.
"""
import copy
import json
import random
import re
import signal
import sys
import warnings

from transformers.utils.chat_template_utils import _cached_compile_jinja_template

warnings.simplefilter("ignore")
DATA = {
    "messages": [
        {"role": "system", "content": "  Be brief.\n"},
        {"role": "user", "content": "Hi <|im_end|> there, Ünïcode 日本 ﬁ"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Paris", "n": 1.5}}}]},
        {"role": "tool", "content": [{"type": "text", "text": "15"}, {"type": "image"}]},
    ],
    "d": {"b": 1, "a": [1, 2.0, "x"], "items": "key", "C": None, "get": 0},
    "xs": [3, 1, 2, 1], "names": ["bob", "Alice", "carol", "alice"], "e": [], "none": None,
    "s": "Hello, World", "t": "a'b\"c\\d\n\tе😀", "w": " \t x y  z \u2003\n", "u": "", "k": "12", "i": 7, "m": -3,
    "f": 2.5, "g": 1e16, "h": -0.0, "yes": True, "no": False, "deep": {"a": {"b": [{"c": "v"}]}},
    "rows": [{"n": 2, "s": "b"}, {"n": 1, "s": "a"}, {"s": "c"}],
}
TRUSTED = {"bos_token": "<s>", "add_generation_prompt": True}
VARS = list(DATA) + ["bos_token", "add_generation_prompt", "gone", "x", "y", "loop", "ns"]
FILTERS = """abs attr('a') batch(2)|list batch(3,'-')|list capitalize count d('z') default('q') default('q',true) dictsort
 dictsort(by='value') dictsort(true) dictsort(reverse=true) escape first float float(1.5) forceescape format(1) indent
 indent(2) indent(3,true) indent(width=1,first=false,blank=true) indent('>') int int(5) int(0,16) join join(', ') join('-',attribute='s') last length
 list lower items|list map('upper')|list map(attribute='n')|list map(attribute='n',default=9)|list map('int')|join(',') max min
 reject('none')|list rejectattr('n','defined')|list rejectattr('s','equalto','a')|list replace('a','bb')
 replace('','-') replace('l','L',1) reverse reverse|list round round(1) round(1,'floor') round(0,'ceil') safe select|list select('string')|list select('gt',1)|list
 selectattr('n')|list selectattr('role','equalto','user')|list selectattr('n','eq',1)|map(attribute='s')|list slice(2)|list
 slice(3,'f')|list sort sort(reverse=true) sort(attribute='n') sort(attribute='s') sort(case_sensitive=true) string sum sum(attribute='n') sum(start=2)
 title tojson tojson(indent=2) tojson(ensure_ascii=true) tojson(sort_keys=true) tojson(separators=(',',':'))
 tojson(indent=1,separators=(',',':')) trim trim('H ') truncate(5) truncate(7,true) truncate(6,false,'') unique|list upper wordcount""".split("\n")
FILTERS = [f for line in FILTERS for f in re.findall(r"\S+(?:\|\S+)*(?:, '\)| '\))?", line)]
FILTERS = [f for f in FILTERS if f.count("(") == f.count(")")] + ["join(', ')", "trim('H ')"]
TESTS = """defined undefined none string number integer float boolean mapping sequence iterable callable true false
 odd even lower upper escaped""".split() + ["divisibleby(2)", "divisibleby 3", "in(xs)", "in('abc')", "eq(1)", "equalto 'x'",
 "ne(none)", "lt(2)", "gt 1", "ge(1)", "le 7", "sameas(none)", "sameas(true)", "in names", "filter", "not none"]
METHODS = """strip() lstrip() rstrip() strip('He') rstrip('d\\n') lstrip(' ') split() split(',') split(', ',1) split(none,1) rsplit('l',1) rsplit() rsplit(none,2) splitlines()
 splitlines(true) startswith('H') endswith(('d','x')) startswith(('a','b')) upper() lower() title() capitalize() replace('l','_') replace('l','_',1) replace('','.')
 find('o') find('o',5) find('l',-3) rfind('o') index('l') rindex('zz') count('l') count('') join(names) join(['a','b']) isdigit() isalpha() isalnum()
 isspace() isupper() islower() istitle() isnumeric() isdecimal() isascii() removeprefix('He') removesuffix('ld') partition(',') rpartition('l') items() keys() values() get('a') get('zz') get('zz',5)
 get('b','x') copy() index(1) index(9) count(1) pop() update({}) append(1) clear() zfill(5) ljust(9,'*') rjust(9) center(8) center(9,'-') swapcase() format(1,2) items a b content 0 foo
 __class__ _x items()|list values()|list keys()|list""".split()
LITERALS = """0 1 2 3 7 -1 -2 10 1.5 0.1 2.0 1e3 1e-7 'a' 'abc' "it's" '' ' ' 'Hello' 'a,b,c' true false none True None [] {} [1,2,3] ['a','b'] {'a':1} {'b':[1],'a':{'c':2}}
 (1,2) (1,) () 'é' "日本" '{} and {}' '%s' '%d%%' '%5.1f' [1,'a',none] [[2,1],[1,2]] 1_000 0x1f 'x'~1 range(3) range(5,1,-2) dict(a=1,b=2) dict([('q',1)]) namespace(a=1) '\\n' '\\x41\\u00e9' 'a''b'""".split()
BINARY = "+ - * / // % ** ~ == != < <= > >= and or in".split() + ["not in", "+", "~", "==", "in", "and"]


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.names = ["x", "y", "z"]

    def pick(self, things):
        return self.r.choice(things)

    def atom(self):
        return self.pick([self.pick(LITERALS), self.pick(VARS), self.pick(VARS), self.pick(self.names)])

    def loop_part(self):
        return "loop." + self.pick("index index0 first last length revindex revindex0 previtem nextitem cycle('a','b') depth depth0 changed(x) foo".split())

    def expression(self, depth):
        if self.r.random() < 0.6:
            return self.typed(self.pick("tttnlsb"), depth)
        if depth <= 0:
            return self.atom()
        e = lambda: self.expression(depth - self.r.randint(1, 2))
        how = self.r.random()
        if how < 0.2:
            return f"{e()}|{self.pick(FILTERS)}"
        if how < 0.3:
            return f"{e()} is {self.pick(['', 'not '])}{self.pick(TESTS)}"
        if how < 0.45:
            return f"{e()}.{self.pick(METHODS)}"
        if how < 0.55:
            part = lambda: self.pick(["", "", "0", "1", "-1", "2", "-2", "5", "-9", "3"])
            step = self.pick(["", "", ":", ":-1", ":2", ":-2"])
            return f"{e()}[{part()}:{part()}{step}]"
        if how < 0.63:
            return f"{e()}[{self.pick(['0', '1', '-1', '5', repr('a'), repr('items'), repr('role'), repr('zz'), e()])}]"
        if how < 0.83:
            return f"{e()} {self.pick(BINARY)} {e()}"
        if how < 0.88:
            return f"({e()})"
        if how < 0.91:
            return f"{self.pick(['not ', '-', '+'])}{e()}"
        if how < 0.95:
            return f"{e()} if {e()}{self.pick([' else ' + e(), ''])}"
        if how < 0.97:
            return f"[{e()}, {e()}]"
        if how < 0.98:
            return f"{{'k': {e()}, {e()}: 1}}"
        return self.loop_part()

    def typed(self, kind, depth):
        """An expression that is likely to be a (t)ext, (n)umber, (l)ist or (b)oolean; lists of texts are (s)."""
        make = lambda k: self.typed(k, depth - 1)
        if depth <= 0:
            return self.pick({"t": "s t w u k bos_token names[0] messages[1].content messages[0]['role'] 'abc' ' x ' '' \"it's\" 'é日' d.items '<b>'|safe 'a,b,,c' '\\n' none|string".split(" "),
                              "n": "i m f g h 0 1 2 3 -1 1.5 xs[0] 10 d.b 1e3 0.1".split(),
                              "l": "xs xs e rows messages [1,2.0,-3] range(4) d.a (1,2)".split(),
                              "s": "names names ['b','a','B'] d ('x','yy') 'cab'|list messages|map(attribute='role')|list".split(),
                              "b": "yes no true false none u e gone x is-defined".replace("x is-defined", "i").split()}[kind])
        texts = ["{t}.{m}", "{t}.{m}", "{t}|{f}", "{t}|{f}", "{t} ~ {any}", "{t} + {t}", "{t}[{i}:{i}]", "{t}[{i}:{i}:{j}]", "{s}|join({t})", "{l}|join(',')", "({t}).join({s})",
                 "{any}|tojson", "{l}|tojson(indent={i})", "{any}|string", "{t} if {b} else {t}", "({t})", "{t}.split({t})[0]", "{s}|first", "{t}.replace({t}, {t})", "{t}|replace({t}, {t}, 1)",
                 "({t})[{i}]", "'%s-%5s' % ({t}, {any})", "'{{}}{{}}'.format({t}, {n})", "{t} * {i}", "{t}|default({t})", "{t}|default({t}, true)", "{t}|indent({i}, {b})", "{t}.rsplit({t}, 1)|last", "{t}.center({n}|int)"]
        numbers = ["{n} + {n}", "{n} - {n}", "{n} * {n}", "{n} / 3", "{n} // 2", "{n} % 7", "({n}) % -2.5", "-{n}", "{t}|length", "{l}|length", "{n}|abs", "{n}|round(1)", "{n}|int", "{t}.count({t})", "{t}.find({t})",
                   "{l}|length + {n}", "{t}|int", "{t}|float", "({n})", "{n} if {b} else {n}", "[{n}, {n}]|max", "[{n}, {n}]|sum", "xs|sum", "xs.index(1)", "{n} ** 2", "{b} + {n}", "{t}|wordcount", "{n}|float"]
        lists = ["{l}[{i}:{i}]", "{l}[::{j}]", "[{n}, {t}]", "xs|sort(reverse={b})", "{l}|list", "{l}|list + {l}|list", "{l}|reverse|list", "{l}|batch(2)|list", "{l}|select|list", "xs|select('gt', {n})|list", "xs|unique|list", "[{l}, {n}]",
                 "{t}.split()", "messages|selectattr('role', 'in', {s})|list", "rows|map(attribute='n', default={n})|list", "{l}|slice(2, {n})|list", "d.items()|list", "d|dictsort", "xs|map('string')|list", "{l}|list if {b} else {l}|list"]
        words = ["{t}.split({t})", "{t}.split(none, 1)", "{t}.splitlines()", "{s}|map('upper')|list", "{s}|sort", "{s}|unique|list", "{s}|list + {s}|list", "{t}|list", "[{t}, {t}]", "{s}|reject('equalto', {t})|list", "{s}|map('trim')|list", "{s}|list|sort(case_sensitive=true)", "{t}.partition({t})"]
        truths = ["{n} < {n}", "{n} <= {n}", "{n} == {n}", "{t} == {t}", "{t} < {t}", "{t} in {t}", "{t} not in {s}", "{n} in {l}", "not {b}", "{b} and {b}", "{b} or {any}", "{any} is {q}", "{any} is not {q}", "{t}.startswith({t})",
                  "{t}.endswith(({t}, {t}))", "{t}.isupper()", "{n} < {n} <= {n}", "{l} == {l}", "{any} is defined", "{any} != {any}", "({b})"]
        form = self.pick({"t": texts, "n": numbers, "l": lists, "s": words, "b": truths}[kind])
        # each part anew, as str.format would not have it
        parts = {"t": lambda: make("t"), "n": lambda: make("n"), "l": lambda: make(self.pick("ls")), "s": lambda: make("s"), "b": lambda: make("b"), "any": lambda: make(self.pick("tnlsb")),
                 "i": lambda: self.pick(["0", "1", "2", "-1", "-2", "5"]), "j": lambda: self.pick(["-1", "2", "-2", "1"]), "q": lambda: self.pick(TESTS[:18]),
                 "m": lambda: self.pick(["strip()", "lstrip()", "rstrip()", "upper()", "lower()", "title()", "capitalize()", "strip('a ')", "removeprefix('a')", "swapcase()", "zfill(6)", "ljust(5,'.')", "rstrip('\\n')"]),
                 "f": lambda: self.pick(["trim", "upper", "lower", "title", "capitalize", "reverse", "e", "safe", "string", "indent", "truncate(5)", "trim('a')", "replace('a','')", "first", "last", "indent(first=true)"])}
        return re.sub(r"(?<!\{)\{(\w+)\}(?!\})", lambda m: parts[m[1]](), form).replace("{{", "{").replace("}}", "}")

    def open(self):
        return self.pick(["{%", "{%", "{%-", "{%+"])

    def close(self):
        return self.pick(["%}", "%}", "-%}", "+%}"])

    def tag(self, text):
        return f"{self.open()} {text} {self.close()}"

    def text(self):
        return self.pick(["", " ", "\n", "a", " b ", "\n  ", "  \n", "text\n", "\t", "{# c #}", "{#- c -#}\n", "\n {#+ d #} \n",
                          "{% raw %} {{ x }} {% endraw %}", "{%- raw -%}\n{% if %}\n{%- endraw %}", "é\n", "\r\n", "}}", "#}"])

    def show(self, depth):
        return f"{self.pick(['{{', '{{', '{{-'])} {self.expression(depth)} {self.pick(['}}', '}}', '-}}'])}"

    def statement(self, depth):
        if depth <= 0:
            return self.pick([self.text(), self.show(1), self.show(2)])
        b = lambda: self.block(depth - 1)
        e = lambda: self.expression(self.r.randint(0, 2))
        name, tag = self.pick(self.names), self.tag
        how = self.r.randint(0, 15)
        if how <= 2:
            other = self.pick(["", tag("else") + b(), tag(f"elif {e()}") + b(), tag(f"elif {e()}") + b() + tag("else") + b()])
            return tag(f"if {e()}") + b() + other + tag("endif")
        if how <= 5:
            over = self.pick([self.pick(["xs", "names", "messages", "d", "s", "range(4)", "e", "rows", "xs|select('gt',1)"]), e()])
            head, over = self.pick([(name, over), (name, over), ("x, y", self.pick(["d.items()", "d|items", "d|dictsort", "[[1,2],[3,4]]", e()]))])
            test = self.pick(["", "", f" if {e()}", " if loop is defined", f" if {name} != 1"])
            jump = self.pick(["", "", tag(f"if {e()}") + tag(self.pick(["break", "continue"])) + tag("endif")])
            inside = self.pick([b(), "{{ " + self.loop_part() + " }}" + b(), b() + "{{ " + self.loop_part() + " }}"])
            other = self.pick(["", "", tag("else") + b()])
            return tag(f"for {head} in {over}{test}") + inside + jump + b() + other + tag("endfor")
        if how <= 8:
            return tag(f"set {self.pick([name, name, 'x, y', 'ns.a', 'ns.b'])} = {e()}")
        if how == 9:
            return tag(f"set {name}{self.pick(['', '', ' | upper', '|trim|length'])}") + b() + tag("endset")
        if how == 10:
            return tag("set ns = namespace(a=0, b=[])") + b()
        if how == 11:
            params = self.pick(["", "x", "x, y=1", "x='q', y=x", "a, b=xs"])
            calls = self.pick(["m()", "m(1)", "m(1, 2)", "m(y=3)", "m(x=5)", "m(1, 2, 3)", "m(*xs)", "m(**{'x': 1})", "m(z=1)"])
            more = self.pick(["", "{{ caller is defined }}", "{{ varargs }}{{ kwargs }}", "{{ caller() if caller }}"])
            return tag(f"macro m({params})") + b() + more + tag("endmacro") + self.pick(["{{ " + calls + " }}", tag(f"set z = {calls}")]) + b()
        if how == 12:
            return tag("macro n(x)") + "[{{ caller(" + self.pick(["", "1", "x"]) + ") }}]" + tag("endmacro") + \
                tag(f"call{self.pick(['', '(y)', '(y=2)'])} n({e()})") + b() + tag("endcall")
        if how == 13:
            return tag(f"filter {self.pick(['upper', 'trim', 'replace(1, 2)', 'indent', 'length', 'trim|upper'])}") + b() + tag("endfilter")
        if how == 14:
            return tag("generation") + b() + tag("endgeneration")
        return tag(f"with {name} = {e()}") + b() + tag("endwith")

    def block(self, depth):
        return "".join(self.pick([self.text(), self.statement(depth), self.show(self.r.randint(0, 3))]) for _ in range(self.r.randint(1, 3)))

    def template(self):
        how = self.r.random()
        if how < 0.5:
            return "{{ " + self.expression(self.r.randint(1, 4)) + " }}"
        return self.block(self.r.randint(1, 3)) + self.pick(["", "\n", "\n\n"])


class Late(Exception):
    pass


def late(*_):
    raise Late


def render(template, trusted=TRUSTED, data=DATA):
    signal.signal(signal.SIGALRM, late)
    signal.alarm(5)
    try:
        return {"text": _cached_compile_jinja_template(template).render(**{**trusted, **copy.deepcopy(data)})}
    except Late:
        return None
    except (Exception, RecursionError) as error:  # whatever it is, it is a refusal
        return {"error": str(error)}
    finally:
        signal.alarm(0)


def known(template, got):
    """What is refused here though Jinja renders it (names of objects at addresses, whole numbers beyond 64 bits)."""
    return got is None or " at 0x" in got.get("text", "").lower() or re.search(r"\d{19}", got.get("text", ""))


def main():
    seed, n = int(sys.argv[1]), int(sys.argv[2])
    cases = []
    for i in range(n):
        template = Maker(seed * 1000003 + i).template()
        got = render(template)
        if not known(template, got):
            cases.append({"template": template, **got})
    json.dump({"trusted": TRUSTED, "data": DATA, "cases": cases}, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main()
