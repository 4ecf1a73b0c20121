# SPDX-License-Identifier: MIT
"""Writes t/gold/jinja.json: what transformers renders of small templates, written for this, that
use each part of Jinja in several shapes.

    python t/gold/jinja.py > t/gold/jinja.json

A template that is refused has "error", the message; "raised" when it is raise_exception's.  The
variables are those of t/peer/jinja.py, which makes random templates of the same kind.
"""
import datetime
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peer"))
from jinja import DATA, TRUSTED  # noqa: E402  t/peer/jinja.py

sys.path.pop(0)
sys.modules.pop("jinja")
import transformers.utils.chat_template_utils as chat  # noqa: E402
from jinja2.exceptions import TemplateError  # noqa: E402

NOW = datetime.datetime(2024, 7, 4, 9, 5, 3)


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


chat.datetime = Clock

# Expressions, one a line: each is the template {{ ... }}.
EXPRESSIONS = r"""
1 + 2 * 3 - 4
7 // 2, -7 // 2, 7 % 3, -7 % 3, 7 % -3, 7.5 // 2, -7.5 % 2
1 / 2, 4 / 2, 2 ** 10, 2 ** -1, -2 ** 2, 2 ** 3 ** 2
1 ~ (2 + 3), 'a' ~ 1 ~ none ~ true ~ 1.0
'a' 'b' + "c" * 3
[1, 2] + [3] * 2, (1,) + (2,)
1 < 2 < 3, 1 < 3 < 2, 1 == 1.0 == true, 'a' < 'b', [1, 2] < [1, 3]
'a' in 'abc', 'z' not in 'abc', 1 in [1], 'a' in {'a': 1}, '' in ''
not true and false or 1, 0 or '' or none, 1 and 2, gone or 'else'
yes if no else 3, (4 if no), 5 if yes
1.0, 1e16, 1e15, 123456789.0, 0.0001, 0.00001, -0.0, 1e22, 1.5e-7, 0.1 + 0.2, 100000.0, 1e100
0x1F, 0o17, 0b101, 1_000, 1_0.5, 1e3, 00
-1|abs, (-1)|abs, -3.5|abs, +2
true, True, none, None, false, [true, none], {'a': none, 'b': [1.0, 'x']}
'it''s', "it's", 'q"', "b\\", 'n\nt\tu\u00e9\x41\101\'', '\q'
["it's", 'a"b', 'a\'b"c', '\n\t\r\x00\x1b\x7f', 'é日😀', '\u200b\u00a0\u2028\ue000', '\\']
{'a': 1, 'b': 2}, {1: 'x', true: 'y', (1, 2): 'z'}, {}, [], (), (1,)
xs[0], xs[-1], xs[9], xs['a'], s[0], s[-1], s[99], d['a'], d.zz, d['zz']
xs[1:], xs[:-1], xs[::-1], xs[::2], xs[-2:], xs[5:], xs[2:0:-1], xs[:99], xs[-99:2]
s[1:], s[:-1], s[::-1], s[::2], s[-2:], s[99:], s[5:0:-2], t[-3:], t[::-1], t[1:8:2], (1, 2, 3)[1:]
d['items'], d['get'], d.b, d.a.0, deep.a.b[0].c
d.items()|list, d.keys()|list, d.values()|list, d.items(), d.keys()
d.get('b'), d.get('zz'), d.get('zz', 3), d.copy() == d
s.upper(), s.lower(), s.title(), 'they\'re x-ray'.title(), 'they\'re x-ray (y)'|title, 'élan'|capitalize, 'HELLO wORLD'|capitalize
'straße ﬁ ŉ ǆ'.upper(), 'ǆ ﬁ ß'.title(), 'ÀÉ'.lower(), 'aBc'.swapcase()
w.strip() ~ '|' ~ w.lstrip() ~ '|' ~ w.rstrip(), 'xxaxx'.strip('x'), 'abcba'.strip('ab'), ' a '.strip(none)
'a,b,,c'.split(','), ' a  b '.split(), 'a b c'.split(none, 1), 'a b c'.split(' ', 1), 'a,b,c'.rsplit(',', 1), ' a b c '.rsplit(none, 1), ''.split(), ''.split(',')
'a\nb\r\nc\n\nd'.splitlines(), 'a\nb\n'.splitlines(true), 'a\x0bb\u2028c'.splitlines()
s.startswith('He'), s.startswith(('x', 'H')), s.endswith('d'), s.endswith(('x', 'y')), s.startswith('l', 2), s.endswith('o', 0, 5)
s.replace('l', 'L'), s.replace('l', 'L', 1), 'abc'.replace('', '-'), 'aaa'.replace('aa', 'b'), s|replace('o', 0), 12|replace(1, 3)
s.find('o'), s.rfind('o'), s.find('zz'), s.index('o', 5), s.count('l'), s.count(''), 'é日😀日'.find('日'), 'é日😀日'.rfind('日')
'-'.join(names), ''.join(['a', 'b']), ', '.join('abc'), '-'.join([])
'12'.isdigit(), 'a1'.isdigit(), ''.isdigit(), 'aé'.isalpha(), 'a1'.isalnum(), ' \t'.isspace(), 'A'.isupper(), 'a'.islower(), 'Ab Cd'.istitle(), '٣'.isdigit()
'prefix-x'.removeprefix('prefix-'), 'x.txt'.removesuffix('.txt'), 'a=b=c'.partition('='), 'a=b=c'.rpartition('='), 'abc'.partition('z')
'5'.zfill(3), '-5'.zfill(4), 'a'.ljust(3, '*'), 'a'.rjust(3), 'ab'.center(5, '-'), 'abc'.center(6, '-')
'{} {}'.format(1, 'x'), '{0}{1}{0}'.format('a', 'b'), '{x}'.format(x=none), '{{}}'.format()
'%s and %d' % ('x', 3), '%5.2f|%-5s|%05d|%x' % (3.14159, 'ab', 42, 255), '%s' % [1], '%%' % (), '%(a)s' % {'a': 1}, '%r' % 'q'
'%s %s'|format('a', 1), '%(x)s'|format(x=2)
xs.index(1), xs.count(1), [1, 'a', none].index('a')
xs|length, s|length, d|length, t|count, ''|length, gone|length, range(3)|length
xs|first, xs|last, []|first, s|first, s|last, gone|first, range(5)|last, d|first
xs|join, xs|join(', '), names|join('-'), rows|join(',', attribute='n'), [1, none, 'a', 1.5]|join('|'), 'abc'|join('.')
names|map('upper')|list, rows|map(attribute='s')|list, rows|map(attribute='n', default='?')|list, messages|map(attribute='role')|join(' '), xs|map('string')|join
xs|select('gt', 1)|list, xs|reject('eq', 1)|list, xs|select|list, [0, 1, '', 'a', none]|select|list, [0, 1]|reject|list
messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|list, messages|rejectattr('content')|list|length, rows|selectattr('n', 'defined')|list
messages|selectattr('tool_calls')|first|attr('role'), messages|selectattr('content', 'none')|map(attribute='tool_calls.0.function.name')|first
xs|sort, xs|sort(reverse=true), names|sort, names|sort(case_sensitive=true), rows[:2]|sort(attribute='n'), rows|sort(attribute='s', reverse=true)
[{'a': 1, 'b': 2}, {'a': 1, 'b': 1}, {'a': 0, 'b': 3}]|sort(attribute='a,b')
d|dictsort, {'b': 2, 'A': 1, 'c': 0}|dictsort, {'b': 2, 'A': 1}|dictsort(true), {'b': 2, 'a': 3}|dictsort(by='value'), {'b': 1, 'a': 2}|dictsort(reverse=true)
d|items|list, gone|items|list, {'k': 'v'}|items|first
xs|unique|list, names|unique|list, names|unique(true)|list, xs|reverse|list, s|reverse, names|reverse|first
xs|sum, [1.5, 2]|sum, rows[:2]|sum(attribute='n'), xs|sum(start=10), []|sum, xs|min, xs|max, names|min, names|max, []|min, rows[:2]|max(attribute='n')
[1, 2, 3, 4, 5]|batch(2)|list, [1, 2, 3]|batch(2, 0)|list, [1, 2, 3, 4, 5]|slice(2)|list, [1, 2, 3, 4]|slice(3, 'x')|list
'12'|int, '12.7'|int, 'x'|int, 'x'|int(7), '0x1f'|int(0, 16), ' 5 '|int, 2.9|int, -2.9|int, true|int, none|int, '1_000'|int, '1e2'|int
'1.5'|float, 'x'|float, 'x'|float(2.5), 3|float, ' 1e3 '|float, 'inf'|float, none|float
2.5|round, 3.5|round, 2.567|round(2), 2.4|round(0, 'ceil'), 2.6|round(0, 'floor'), 7|round, 2.675|round(2), 1.25|round(1), 15|round(-1), 2.5|round|int
gone|default('x'), none|default('x'), ''|default('x'), ''|default('x', true), gone|d, none|d('y', boolean=true), 0|default(5), deep.zz|default('q')
'<a & "b">'|escape, '<b>'|safe, '<b>'|safe + '<i>', '<i>' + '<b>'|safe, '<b>'|safe ~ '<i>', ['<b>'|safe], '<b>'|safe|upper, ('<'|safe).replace('<', '<<'), '<'|e|e, '<'|e|forceescape
'a\nb\n\nc'|indent, 'a\nb'|indent(2, true), 'a\n\nb'|indent(2, blank=true), 'a\nb'|indent('> '), 'a\nb\n'|indent(1)
' x '|trim, 'xxaxx'|trim('x'), 5|trim, none|trim, 'a b  c d'|wordcount, 'hello world'|truncate(8), 'hello world'|truncate(8, true), 'hello big world'|truncate(9, false, '..', 0)
5|string + 'x', none|string, [1]|string, 'a'|list, d|list, range(3)|list, 'x'|upper|lower, true|lower
1|tojson, 1.0|tojson, 1e16|tojson, 'a"b\\\n\t\x01é日😀/<>&\''|tojson, none|tojson, true|tojson, [1, [2], {}]|tojson, d|tojson, (1, 2)|tojson, {1: 2, none: 3, true: 4, 1.5: 5}|tojson, []|tojson, '\x7f'|tojson
d|tojson(indent=2), [[], {}, [1]]|tojson(indent=1), d|tojson(ensure_ascii=true), '日😀\x7f'|tojson(ensure_ascii=true), {'b': 1, 'a': {'d': 1, 'c': 2}}|tojson(sort_keys=true), d|tojson(separators=(',', ':')), d|tojson(indent='--'), d|tojson(indent=0)
messages[2].tool_calls|tojson(indent=4, separators=(',', ': ')), messages[3].content|tojson, '<b>'|safe|tojson, rows|map(attribute='s')|list|tojson
x is defined, s is defined, gone is undefined, d.zz is defined, none is defined, loop is defined
none is none, s is string, 1 is number, 1.0 is number, true is number, true is integer, 1 is integer, 1.0 is float, 1 is boolean, no is boolean, no is false, 0 is false, yes is true, 1 is true
d is mapping, xs is mapping, xs is sequence, s is sequence, d is sequence, 1 is sequence, xs is iterable, s is iterable, 1 is iterable, gone is iterable, gone is sequence, d.items() is sequence, d.items() is iterable, xs|map('string') is iterable, xs|map('string') is sequence
range is callable, s.upper is callable, s is callable, 3 is odd, 4 is even, 9 is divisibleby 3, 9 is divisibleby(2), 1 is in [1], 'x' is in 'abc', 5 is gt 3, 5 is lt(3), 5 is eq 5, 5 is ne 5, 5 is ge 5, 5 is le 4, 'a' is equalto 'a', 'A' is upper, 'a' is lower
1 is not none, s is not string, gone is not defined or 1, not gone is defined, none is sameas none, 'upper' is filter, 'zz' is test, '<'|e is escaped
range(5)|list, range(2, 5)|list, range(5, 0, -2)|list, range(0)|list, range(3), range(1, 9, 3), range(3)[1], 2 in range(3), dict(a=1), dict([('a', 2)], b=3), dict(d).b
namespace(a=1).a, namespace(a=1).b is defined, namespace({'q': 2}).q, namespace(a=[1])
strftime_now('%d %b %Y'), strftime_now('%H') == strftime_now('%I'), strftime_now('%Y-%m-%d %H:%M:%S %A %B %j %y %%'), strftime_now('é%e%Z')
s.foo is defined, s.foo, xs.append is defined, d.update is defined, d.pop, s._x is defined
messages[1].content[:2], messages[1]['content'].split('<|im_end|>'), messages|length - 1, messages[-1].content[0].text, messages[0]['content']|trim
gone == gone2, gone == none, gone != 1, gone in [1], [gone], {'a': gone}, gone ~ 'x', (gone, 1)
1 == '1', 'a' != 'b', [1, 2] == [1, 2], [1] == (1,), {'a': 1} == {'a': 1.0}, none == false, true == 1
names[0][0], names[1:][0], xs[xs[1]], (xs|list)[0], [[1, 2], [3]][0][1], {'a': {'b': 5}}['a'].b, 'abc'[1:][0]
1 if xs|length > 2 and s is string else 2, 'a' if x is defined else 'b' if s else 'c'
'\u2003x\x1c'.strip(), '\u200bx'.strip()|length, 'x\x85'|trim, '😀é'|length, '😀é'[0], '😀é'[::-1], '😀'|tojson
not 'a' in 'b', not (1 in [1]), -xs[0], -f, +i, - 1, 2 - -1, i - 1, i -1
cycler('a', 'b').next(), joiner('|')() ~ 'x', cycler(1, 2).current
true and 'yes' or 'no', [1, 2, 3][-1], (1, 2)[0], ((1)), ((1),), [1, 2, ], {'a': 1, }
"a" if true, 1 ~ 2
"""

# What is refused, one a line: each is the template {{ ... }}.
REFUSED = r"""
gone.x
gone.x.y
gone['x']
gone + 1
1 + gone
gone()
d.zz.y
d['zz'].y
s.text.y
none.x.y
none + 1
xs[9].x
xs.zz.y
'a' + 1
1 + 'a'
[1] + 'a'
1 < 'a'
none < 1
1 / 0
1 // 0
1 % 0
9223372036854775807 + 1
9223372036854775808
3037000500 * 3037000500
-9223372036854775807 - 2
2 ** 64
s.append('x')
xs.append(1)
xs.pop()
xs.sort()
d.update({})
d.clear()
d.zz()
s()
5()
d.items.x.y
xs|join(gone.x)
5|length
5|first
none|items|list
xs|map('nofilter')|list
xs|select('notest')|list
xs|map|list
rows|map(attribute='s.x.y')|list
[1, 'a']|sort
[none, 1]|max
gone|tojson
xs|select|tojson
d.items()|tojson
raise_exception('Roles must alternate!')
raise_exception('a "b" \\ é ' ~ s)
raise_exception()
'abc'.index('z')
'a'.split('')
'%d' % 'x'
'%s' % (1, 2)
'%s %s' % (1,)
'{}'.format()
range(1000001)
range(1, 5, 0)
{[1]: 2}
{'a': 1}[[1]].x
'x'|int(gone.y)
1 in 5
1 in 'abc'
none in none
xs is divisibleby(2)
gone is odd
loop.index
caller()
joiner(1, 2)
namespace(_a=1)
1.foo.bar
xs | dictsort
'a'.join([1])
'a'.strip(1)
'a'.startswith(1)
'a'.center()
-'a'
gone|abs
gone|int
gone > 1
xs[::0]
xs['a':]
s|replace('a')
s|indent(1, 2, 3, 4)
s|upper(1)
s|default(1, 2, 3)
s|trim(foo=1)
true is true is true
cycler()
'a' is eq
"""

# Whole templates, between lines of ====.
TEMPLATES = r"""
{% for x in xs %}{{ loop.index }}/{{ loop.index0 }}/{{ loop.revindex }}/{{ loop.revindex0 }}/{{ loop.first }}/{{ loop.last }}/{{ loop.length }}/{{ loop.depth }}/{{ loop.depth0 }} {{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}
====
{% for x in xs if x > 1 %}{{ x }}{{ loop.length }}{{ loop.last }}{{ loop.nextitem|d('-') }}{% else %}none{% endfor %}
====
{% for x in e %}x{% else %}empty{{ x is defined }}{% endfor %}
====
{% for k, v in d.items() %}{{ k }}={{ v }},{% endfor %}{% for k in d %}{{ k }}{% endfor %}
====
{% for (a, (b, c)) in [(1, (2, 3)), ['x', 'yz']] %}{{ a }}{{ b }}{{ c }} {% endfor %}
====
{% for a, b in xs %}{% endfor %}
====
{% for a, b in [(1, 2, 3)] %}{% endfor %}
====
{% for a, b in [(1,)] %}{% endfor %}
====
{% for x in 5 %}{% endfor %}
====
{% for x in gone %}x{% else %}nothing{% endfor %}
====
{% for c in 'é😀' %}[{{ c }}]{% endfor %}
====
{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% if x == 2 %}{% break %}{% endif %}{% else %}else{% endfor %}
====
{% for x in [1] %}{% continue %}{% else %}else runs{% endfor %}{% for x in [1] %}{% break %}{% else %}, else runs too{% endfor %}
====
{% for x in xs %}{% for y in names %}{{ loop.index }}{{ loop.length }}{% endfor %}{{ loop.index }}|{% endfor %}
====
{% set n = 0 %}{% for x in xs %}{% set n = n + x %}{{ n }}{% endfor %}={{ n }}
====
{% set ns = namespace(n=0) %}{% for x in xs %}{% set ns.n = ns.n + x %}{% endfor %}={{ ns.n }}{{ ns.zz is defined }}
====
{% set ns = namespace() %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}{{ ns }}
====
{% set d.x = 1 %}
====
{% set gone.x = 1 %}
====
{% set ns = namespace() %}{% set ns._x = 1 %}
====
{% if no %}{% set s = 'new' %}{% endif %}{{ s }}
====
{{ s }}{% set s = 'new' %}{{ s }}{% if yes %}{% set s = s ~ '2' %}{% endif %}{{ s }}
====
{% macro m() %}{{ s }}{% endmacro %}{{ m() }}{% set s = 'set' %}{{ m() }}
====
{% macro m() %}[{{ zz }}]{% endmacro %}{{ m() }}{% set zz = 'set' %}{{ m() }}
====
{% for x in xs %}{{ s }}{% set s = x %}{{ s }}{% endfor %}{{ s }}
====
{% for x in [1, 2] %}{% if x == 2 %}{{ seen is defined }}{% endif %}{% set seen = 1 %}{% endfor %}{{ seen is defined }}
====
{% set x = 1 %}{% for y in [1, 2] %}{{ x }}{% set x = x + 1 %}{{ x }} {% endfor %}{{ x }}
====
{% for x in xs %}{% endfor %}{{ x }}|{% for s in [1] %}{{ s }}{% endfor %}{{ s }}
====
{% set a, b = 1, 'x' %}{{ a }}{{ b }}{% set (c, d2) = [b, a] %}{{ c }}{{ d2 }}{% set z = 1, 2 %}{{ z }}
====
{% set a, b = 1 %}
====
{% set x %}
  block {{ s }}
{% endset %}[{{ x }}]{{ x is string }}
====
{% set x | upper | replace('B', '_') %}abc{{ s }}{% endset %}{{ x }}{% set n | length %}four{% endset %}{{ n + 1 }}
====
{% set x %}{% set y = 5 %}{{ y }}{% endset %}{{ x }}{{ y is defined }}
====
{% macro m(a, b='B', c=a) %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(1, c=3) }}{{ m(b=1, a=2) }}{{ m() }}{{ m }}
====
{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}
====
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
====
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
====
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, k=4) }}{{ m(*[1, 2], **{'z': 3}) }}
====
{% macro m(x) %}<{{ caller(x, 2) }}>{% endmacro %}{% call(a, b=5) m('q') %}{{ a }}{{ b }}{% endcall %}{% call m(1) %}z{% endcall %}
====
{% macro m(x) %}<{{ caller() }}>{% endmacro %}{% call m(1) %}in {{ s }}{% set s = 1 %}{% endcall %}{{ s }}{{ m(2) }}
====
{% macro m() %}{{ caller is defined }}{{ caller() if caller }}{% endmacro %}{{ m() }}{% call m() %}c{% endcall %}
====
{% macro fact(n) %}{{ n if n < 2 else n * fact(n - 1)|int }}{% endmacro %}{{ fact(5) }}
====
{% macro out(v) %}{%- if v is mapping %}{{ '{' }}{% for k, x in v|dictsort %}{{ k }}:{{ out(x) }}{% if not loop.last %},{% endif %}{% endfor %}{{ '}' }}{%- elif v is iterable and v is not string %}[{% for x in v %}{{ out(x) }}{% endfor %}]{%- else %}{{ v }}{%- endif %}{% endmacro %}{{ out({'b': [1, {'c': 'd'}], 'a': none}) }}
====
{% macro m() %}{% set s = 'local' %}{{ s }}{% endmacro %}{{ m() }}{{ s }}
====
{% for x in [1, 2] %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}{{ m is defined }}
====
{% filter upper %}a{{ s }}{% set s = 'q' %}{{ s }}{% endfilter %}{{ s }}
====
{% filter replace('a', 'b')|trim %}  banana {% endfilter %}|
====
{% filter length %}abc{% endfilter %}
====
{% with a = 1, b = s %}{{ a }}{{ b }}{% set s = 2 %}{{ s }}{% endwith %}{{ a is defined }}{{ s }}
====
{% with %}{% set s = 2 %}{{ s }}{% endwith %}{{ s }}
====
{% generation %}a{{ s }}{% set s = 1 %}{% endgeneration %}{{ s }}{% for m in messages %}{% if m.role == 'assistant' %}{%- generation -%} {{ m.role }} {%- endgeneration -%}{% endif %}{% endfor %}
====
{% for x in xs %}{% generation %}{% break %}{% endgeneration %}{% endfor %}
====
{% print 1, s %}{% if yes: %}colon{% endif %}
====
{% if no %}a{% elif yes %}b{% elif 1 %}c{% else %}d{% endif %}{% if no %}{% elif no %}{% else %}e{% endif %}{% if 1, 2 %}t{% endif %}
====
a
{% if yes %}
  b
{% endif %}
c
====
a
  {%- if yes %}
  b
  {%- endif %}
c
====
a  {% if yes -%}

  b
  {%- endif -%}

c
====
  {%+ if yes %}
  b
  {%+ endif +%}
c
====
    {# comment #}
x {# c #}
  {#- c -#}  y
{#+ c +#}
z{# a
b #}
====
  {{ s }}
  {{- s -}}
  {{ s }}

====
a {% raw %}
 {{ s }} {% x %}
 {% endraw %}
b
====
a {%- raw -%}
 {{ s }} {%- endraw -%}
b
====
{% raw %}{{ '{%' }}{% endraw +%}
x
====
trailing


====
	{% if yes %}	tab
	{% endif %}	
x
====
{{ '{{' }}{{ "}}" }}{{ '%}' }}{{ {'a': {'b': 1}} }}{{ {'a':{}}}}
====
{{s}}{{-s-}}{{+1}}{%set q=1%}{{q}}{%-if q-%}q{%-endif-%}
====
{{ 'multi
line' }}{{
  s
}}{%
  set x = [
    1,
    2,
  ]
%}{{ x }}
====
{% for m in messages %}{{ '<|' + m['role'] + '|>' }}{{ m.content if m.content is string else '' }}{% if loop.last and add_generation_prompt %}{{ bos_token }}{% endif %}{% endfor %}
====
{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}{% set rest = messages[1:] %}{% else %}{% set rest = messages %}{% endif %}{{ system|trim }}{{ rest|length }}
====
{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/...') }}{% endif %}{% endfor %}
====
{% set xs2 = xs|map('string') %}{{ xs2|join }}{{ xs2|join }}{{ xs2|list }}
====
{% set it = xs|select('gt', 1) %}{% for x in it %}{{ x }}{{ loop.last }}{{ loop.length }}{% endfor %}
====
{% set ns = namespace(limit=2) %}{% for x in xs if x > ns.limit %}{{ x }}{% set ns.limit = 0 %}{% endfor %}
====
{% for x in xs if loop is defined %}{{ x }}{% endfor %}|{% for y in [1] %}{% for x in xs if x > loop.index %}{{ x }}{% endfor %}{% endfor %}
====
{% set loop = 5 %}{{ loop }}{% for x in [1] %}{{ loop.index }}{% endfor %}{{ loop }}
====
{% for x in [1] %}{% set loop = 2 %}{% endfor %}
====
{% set c = cycler('a', 'b') %}{% for x in xs %}{{ c.next() }}{{ loop.cycle('x', 'y', 'z') }}{{ loop.changed(x) }}{% endfor %}{% set j = joiner() %}{{ j() }}a{{ j() }}b
====
{% set x = namespace(a=1) %}{% set y = x %}{% set y.a = 2 %}{{ x.a }}{{ x == y }}
====
{% set range = 5 %}{{ range }}
====
{% macro m(x) %}{% if x > 0 %}{{ x }}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(9) }}
====
{{ 1
====
{% if yes %}
====
{% endif %}
====
{% if yes %}{% endfor %}
====
{% for x in %}{% endfor %}
====
{% foo %}
====
{% set 1 = 2 %}
====
{% set none = 2 %}
====
{{ }}
====
{{ 1 2 }}
====
{{ 'a }}
====
{# not closed
====
a{#
====
b {%- raw %}
====
{% raw %}{{ x }}
====
{{ (1 }}
====
{{ 1) }}
====
{{ [1, 2 }}
====
{{ s|nofilter }}
====
{{ s is notest }}
====
{{ a..b }}
====
{{ s| }}
====
{{ ! }}
====
{% break %}
====
{% macro m(a=1, b) %}{% endmacro %}
====
{{ m(a=1, 2) }}
====
{% call 5 %}{% endcall %}
====
{% if yes }}
====
{{ 5 %}
====
{{ s.1x }}
====
{{ '\ud83d' }}
"""


def render(template):
    try:
        text = chat._cached_compile_jinja_template(template).render(**TRUSTED, **DATA)
        text.encode()  # a lone surrogate is no text
        if re.search(r"\d{19}", text):
            return {"error": "a number beyond 64 bits, which is refused here alone"}
        return {"text": text}
    except Exception as error:
        return {"error": str(error), **({"raised": True} if type(error) is TemplateError else {})}


def main():
    cases = []
    for line in EXPRESSIONS.strip("\n").split("\n"):
        # a list of expressions is a tuple: each is shown alone too
        cases.append("{{ " + line + " }}")
        cases += ["{{ " + part + " }}" for part in split(line)]
    cases += ["{{ " + line + " }}" for line in REFUSED.strip("\n").split("\n")]
    cases += TEMPLATES.strip("\n").split("\n====\n")
    done = [{"template": t, **render(t)} for t in dict.fromkeys(cases)]
    print(json.dumps({"trusted": TRUSTED, "data": DATA, "now": NOW.strftime("%Y-%m-%d %H:%M:%S"), "cases": done}, ensure_ascii=False, separators=(",", ":")).replace('{"template"', '\n{"template"'))


def split(line):
    """The parts of a line between commas that stand in no bracket and no text."""
    parts, depth, quote, at, i = [], 0, "", 0, 0
    while i < len(line):
        c = line[i]
        if quote:
            i += c == "\\"
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and not depth:
            parts.append(line[at:i].strip())
            at = i + 1
        i += 1
    return parts + [line[at:].strip()] if parts else []


if __name__ == "__main__":
    main()
