"""The language cases of statements, macros, loops and white space; see template_cases.py."""

STATEMENTS = r"""
{% if yes %}a{% endif %}{% if no %}b{% elif yes %}c{% else %}d{% endif %}{% if no %}e{% elif no %}f{% else %}g{% endif %}
{% if missing %}a{% else %}b{% endif %}{% if not missing %}c{% endif %}{% if numbers %}d{% endif %}{% if [] %}e{% endif %}{% if '' %}f{% endif %}{% if 0.0 %}g{% endif %}{% if none %}h{% endif %}{% if {} %}i{% endif %}{% if range(0) %}j{% endif %}
{% if 1, 2 %}tuple{% endif %}
{% for i in numbers %}{{ i }},{% endfor %}
{% for i in [] %}x{% else %}none{% endfor %}{% for i in [1] %}x{% else %}none{% endfor %}
{% for k in user %}{{ k }} {% endfor %}{% for k, v in user.items() %}{{ k }}={{ v }};{% endfor %}
{% for a, b in [[1, 2], (3, 4), 'xy'] %}{{ a }}{{ b }} {% endfor %}{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for a, b in [[1]] %}{% endfor %}
{% for a, b in [[1, 2, 3]] %}{% endfor %}
{% for a, b in [1] %}{% endfor %}
{% for i in 5 %}{% endfor %}
{% for i in none %}{% endfor %}
{% for i in missing %}x{% else %}empty{% endfor %}
{% for c in 'héy' %}[{{ c }}]{% endfor %}{% for i in range(3) %}{{ i }}{% endfor %}{% for i in range(1, 10, 3) %}{{ i }}{% endfor %}{% for i in range(3, 0, -1) %}{{ i }}{% endfor %}
{% for i in numbers if i > 3 %}{{ i }}{% endfor %}{% for i in numbers if i > 30 %}{{ i }}{% else %}none{% endfor %}
{% for i in numbers if i is odd %}{{ loop.index }}/{{ loop.length }}:{{ i }} {% endfor %}
{% for k, v in user.items() if v is string %}{{ k }}:{{ v }} {% endfor %}
{% for i in numbers %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}
{% for i in [1, 2, 3] %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }};{% endfor %}
{% for i in [1, 2, 3] %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}
{% for i in [1, 2, 3, 4] %}{{ loop.cycle('a', 'b', 'c') }}{% endfor %}
{% for i in [1] %}{{ loop.cycle() }}{% endfor %}
{% for i in [1, 1, 2, 2, 1] %}{{ loop.changed(i) }} {% endfor %}
{% for i in [1, 2] %}{{ loop.depth }}{{ loop.depth0 }}{% for j in [1] %}{{ loop.depth }}{% endfor %}{% endfor %}
{% for i in [1, 2] %}{% set outer = loop %}{% for j in [1, 2] %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}
{% for i in [1, 2] %}{{ loop }}{% endfor %}
{% for i in numbers | map('string') %}{{ loop.last }}{{ loop.length }} {% endfor %}
{% for i in numbers | select('odd') %}{{ loop.revindex }}{% endfor %}
{% for i in [1] %}{{ loop.nope }}|{{ loop['index'] }}{% endfor %}
{% for item in tree recursive %}{{ item.v }}{% if item.c %}({{ loop(item.c) }}){% endif %}{% endfor %}
{% for item in tree recursive %}{{ loop.depth }}:{{ item.v }} {{ loop(item.c) }}{% endfor %}
{% for item in tree recursive %}[{{ item.v }}{{ loop(item.c) }}]{% else %}-{% endfor %}
{% for item in tree if item.v < 4 recursive %}[{{ item.v }}{{ loop(item.c) }}]{% endfor %}
{% for i in [1] %}{{ loop([2]) }}{% endfor %}
{{ loop }}|{{ loop.index }}
{% for i in [1, 2, 3, 4] %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for i in [1, 2, 3, 4] %}{% if i is even %}{% continue %}{% endif %}{{ i }}{% endfor %}
{% for i in [1] %}{% break %}{% else %}else{% endfor %}
{% for i in [1, 2] %}{% continue %}{% else %}else{% endfor %}
{% for i in [1, 2] %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% else %}else{% endfor %}
{% for i in [1, 2] %}{% for j in [1, 2] %}{% if j == 2 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}
{% for i in [1, 2] %}{% for j in [] %}{% else %}{% break %}{% endfor %}x{% endfor %}y
{% for i in [1, 2] %}{% with a = i %}{% if a == 2 %}{% break %}{% endif %}{{ a }}{% endwith %}{% endfor %}
{% for i in [1, 2, 3] %}{% set t %}{% if i == 2 %}{% continue %}{% endif %}<{{ i }}>{% endset %}{{ t }}{% endfor %}
{% break %}
{% continue %}
{% macro m() %}{% break %}{% endmacro %}
{% for i in [1] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}
{% for i in [1] %}{% generation %}{% break %}{% endgeneration %}{% endfor %}
{% set a = 1 %}{{ a }}{% set a = a + 1 %}{{ a }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, d) = [3, 4] %}{{ c }}{{ d }}{% set e = 5, 6 %}{{ e }}{% set a, b = b, a %}{{ a }}{{ b }}
{% set a, b = [1] %}
{% set a, b = 1 %}
{% set 1 = 2 %}
{% set none = 2 %}
{% set a.b = 2 %}
{% set a.b.c = 2 %}
{% set user.name = 'x' %}
{% set a['b'] = 2 %}
{% set a %}block {{ name }}{% endset %}{{ a }}|{{ a | upper }}
{% set a | upper %}block{% endset %}{{ a }}{% set b | replace('o', '0') | upper %}foo{% endset %}{{ b }}
{% set a = 'outer' %}{% for i in [1, 2] %}{{ a }}{% set a = 'inner' %}{{ a }}{% endfor %}{{ a }}
{% for i in [1] %}{% set z = 1 %}{% endfor %}{{ z }}|{{ z is defined }}
{% if yes %}{% set z = 1 %}{% endif %}{{ z }}{% if no %}{% set y = 1 %}{% endif %}{{ y is defined }}{% if no %}{% set name = 1 %}{% endif %}{{ name }}
{% for i in [1] %}{% if yes %}{% set z = 1 %}{% endif %}{{ z }}{% endfor %}{{ z is defined }}
{% for i in [1, 2] %}{% if i == 1 %}{% set z = i %}{% endif %}{{ z }}|{% endfor %}
{% set z = 0 %}{% for i in [1, 2] %}{% if i == 1 %}{% set z = i %}{% endif %}{{ z }}|{% endfor %}{{ z }}
{% for name in ['x'] %}{{ name }}{% endfor %}{{ name }}
{% for i in [1, 2] %}{{ i }}{% endfor %}{{ i is defined }}
{% set ns = namespace(a=1, b='x') %}{{ ns.a }}{% set ns.a = 2 %}{{ ns.a }}{% for i in [1, 2] %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}|{{ ns }}
{% set ns = namespace({'k': 1}, m=2) %}{{ ns.k }}{{ ns.m }}{% set ns.new = [1] %}{{ ns.new }}{{ ns['k'] }}
{% set ns = namespace(a=1) %}{% set ns.a, b = 5, 6 %}{{ ns.a }}{{ b }}{% set ns.t %}block{% endset %}{{ ns.t }}
{% set ns = namespace(_a=1) %}
{% set ns = namespace() %}{% set ns._a = 1 %}
{% set ns = namespace() %}{% if ns.x %}a{% else %}b{% endif %}{{ ns.x is defined }}{{ ns.items }}{% set ns.items = 3 %}{{ ns.items }}
{% set ns = namespace(5) %}
{% set x = namespace(a=1) %}{% macro m() %}{% set x.a = 9 %}{% endmacro %}{{ m() }}{{ x.a }}
{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q is defined }}
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}
{% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% with a, b = (1, 2) %}{{ a }}{{ b }}{% endwith %}
{% with a %}{% endwith %}
{% macro hi(who, greeting='Hello') %}{{ greeting }} {{ who }}!{% endmacro %}{{ hi('A') }} {{ hi('B', 'Hi') }} {{ hi(who='C') }} {{ hi(greeting='Yo', who='D') }} {{ hi() }}
{% macro m(a, b=a ~ '!') %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 2) }}
{% macro m(a, a) %}{% endmacro %}
{% macro m(a=1, b) %}{% endmacro %}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}{{ m() }}
{% macro m(a) %}{{ a }}{{ varargs | join(',') }}{{ kwargs.x }}{% endmacro %}{{ m(1, 2, 3, x=4) }} {{ m(*[1, 2], **{'x': 5}) }}
{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(*'xy') }}{{ m(**{'a': 1, 'b': 2}) }}{{ m(1, *[2]) }}
{% macro m(a) %}{% endmacro %}{{ m(**{1: 2}) }}
{% macro m(a) %}{% endmacro %}{{ m(**5) }}
{% macro m() %}inner{% endmacro %}{{ m }}{{ m.name }}{{ m.arguments }}{{ m() | upper }}{{ m() ~ 'x' }}
{% macro m(a) %}{{ a is defined }}{{ a }}{% endmacro %}{{ m() }}{{ m(none) }}
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}
{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}
{{ early() }}{% macro early() %}x{% endmacro %}
{% set v = 'global' %}{% macro m() %}{{ v }}{% endmacro %}{{ m() }}{% set v = 'changed' %}{{ m() }}
{% macro m() %}{% set inside = 1 %}{{ inside }}{% endmacro %}{{ m() }}{{ inside is defined }}
{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}
{% macro m() %}{{ later }}{% endmacro %}{% set later = 'L' %}{{ m() }}
{% macro m() %}{{ unset }}|{{ name }}{% endmacro %}{{ m() }}
{% macro box() %}[{{ caller() }}]{% endmacro %}{% call box() %}content {{ name }}{% endcall %}
{% macro list(items) %}{% for i in items %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(x) list([1, 2]) %}<{{ x }}>{% endcall %}
{% macro m() %}{{ caller('a', b='c') }}{% endmacro %}{% call(a, b='d') m() %}{{ a }}{{ b }}{% endcall %}
{% macro m() %}{{ caller is defined }}{{ caller }}{% endmacro %}{{ m() }}
{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}
{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}
{% macro m(caller=5) %}{{ caller }}{% endmacro %}{{ m() }}
{% macro m(caller) %}{{ caller }}{% endmacro %}{{ m() }}
{% call name %}{% endcall %}
{% call range(3) %}{% endcall %}
{% macro outer() %}{% macro inner() %}in{{ caller() }}{% endmacro %}{% call inner() %}x{{ caller() }}{% endcall %}{% endmacro %}{% call outer() %}deep{% endcall %}
{% raw %}{{ not }} {% parsed %} {# at all #}{% endraw %}
a{%- raw -%}  {{ x }}  {%- endraw -%}  b
{% raw %}a{% endraw %}
{% raw %}never closed
{# comment #}a{# multi
line #}b{#- strip -#}  c
a {#- c #} b {# c -#} c
{# never closed
{% generation %}gen {{ name }}{% endgeneration %}
{% for i in [1, 2] %}{% generation %}{% set t = i %}{{ t }}{% endgeneration %}{{ t is defined }}{% endfor %}
{% generation %}x
{% macro m() %}{% generation %}{{ name }}{% endgeneration %}{% endmacro %}{{ m() }}
{% print 1, 'a', name %}
{% block title %}T {{ name }}{% endblock %}|{% block other %}O{% endblock other %}
{% set v = 1 %}{% block b %}{{ v }}{{ name }}{% endblock %}
{% for i in [1] %}{% block c %}{{ i }}|{% endblock %}{% endfor %}
{% for i in [1] %}{% block c scoped %}{{ i }}|{% endblock %}{% endfor %}
{% block a %}{% endblock %}{% block a %}{% endblock %}
{% block a required %}{% endblock %}
{% autoescape false %}{{ html }}{% endautoescape %}
{% include 'x' %}
{% import 'x' as y %}
{% from 'x' import y %}
{% extends 'x' %}
{% if no %}{% include 'x' %}{% endif %}ok
{% do numbers.append(1) %}
{% trans %}x{% endtrans %}
{% unknown %}
{% endif %}
{% if yes %}
{% for i in x %}{% endif %}
{% if yes %}{% endfor %}
{% for %}
{% for i in %}{% endfor %}
{% for loop in [1] %}{% endfor %}
{% for i in [1] %}{% set loop = 2 %}{% endfor %}
{% if %}{% endif %}
{% set %}
{% macro %}
{% macro m %}{% endmacro %}
{% 5 %}
{% if yes: %}colon{% endif %}{% for i in [1]: %}{{ i }}{% endfor %}
{{ range(3) }} {{ range(1, 3) }} {{ range(0, 10, 5) }} {{ range(3) | list }} {{ range(5, 0, -2) | list }} {{ range(0) | list }}
{{ range() }}
{{ range(1, 2, 0) }}
{{ range('a') }}
{{ range(1.0) }}
{{ range(100001) }}
{{ range(100000) | length }}
{{ dict(a=1, b=2) }} {{ dict([('a', 1)]) }} {{ dict({'a': 1}, b=2) }} {{ dict() }} {{ dict.fromkeys(['a'], 1) }}
{{ dict(5) }}
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}
{{ cycler() }}
{% set j = joiner(', ') %}{% for i in [1, 2] %}{{ j() }}{{ i }}{% endfor %}{% set j = joiner() %}{{ j() }}a{{ j() }}b
{{ raise_exception('my message') }}
{{ raise_exception(5) }}
{% if no %}{{ raise_exception('x') }}{% endif %}fine
{{ strftime_now('%Y-%m-%d %H:%M:%S') }} {{ strftime_now('%d %b %Y') }} {{ strftime_now('%A %B %j %p %I %%') }} {{ strftime_now('') }}|
{{ strftime_now(5) }}
{{ _x }} {{ __builtins__ }} {{ __import__ }}
{{ varargs }} {{ kwargs }} {{ caller }}
{%set a=1%}{{a}}{%if a==1%}y{%endif%}
{% set a = {'x': {'y': 1}}
   %}{{
   a
   . x . y }}
{% for i in
  [1, 2] -%}
  {{ i }}
{%- endfor %}
{{ {'a': 1}['a'] }}{{ {'a':{'b':2}}.a.b }}{{ '}}' }}{{ "{{" }}{{ '%}' }}
{% set s = '%}' %}{{ s }}{% if '{%' in '{%' %}in{% endif %}
{}{ }{{ '{' }}{ {% raw %}{{{% endraw %} %} }} #}
"""

WHITESPACE = [
    "a\n{% if yes %}\nb\n{% endif %}\nc\n",
    "a\n  {% if yes %}  \nb\n  {% endif %}  \nc",
    "  {% if yes %}x{% endif %}\n",
    "  {{ name }}  \n  {{ name }}\n",
    "a  {%- if yes -%}  b  {%- endif -%}  c",
    "a  {%+ if yes +%}\n  b  {%+ endif +%}\nc",
    "a \n {%+ if yes %}\n b {% endif +%}\n c",
    "  {%+ if yes %}x{% endif %}",
    "{{- name -}}  \n\n  x  {{- name }}",
    "a  {{- name -}}  b",
    "a\n\n\n{{- name -}}\n\n\nb",
    "{{+ name }}|{{+name}}",
    "{{-5}}|{{ -5 }}|{{- -5 }}",
    "{# c #}\nx\n  {# c #}\ny {# c #} z\n",
    "{#- c -#}\n\n x {#- c -#} \n y",
    "{#+ c +#}\n x",
    "{##}{#-#}x{#--#}",
    "{% raw %}\n  a\n{% endraw %}\nb",
    "  {% raw %}  a  {% endraw %}  b",
    "x {%- raw %} a {% endraw -%} b",
    "  {%+ raw %} a {% endraw +%}\n b",
    "{% raw -%}\n  a\n  {%- endraw %}\n",
    "{% raw %}\n {%+ endraw %}x",
    "{% for i in [1, 2] %}\n{{ i }}\n{% endfor %}\n",
    "{% for i in [1, 2] -%}\n{{ i }}\n{%- endfor %}\n",
    "<ul>\n  {% for i in [1, 2] %}\n  <li>{{ i }}</li>\n  {% endfor %}\n</ul>\n",
    "\n\n{% if yes %}x{% endif %}\n\n",
    "x\n",
    "x\n\n",
    "\n",
    "",
    "x\r\ny\rz\r\n",
    "a\r\n  {% if yes %}\r\nb\r\n  {% endif %}\r\nc",
    "{{ 'a\r\nb' }}|{{ 'a\\r\\nb' }}",
    "\t{% if yes %}\tx\t{% endif %}\t\ny",
    "\x0b {% if yes %}x{% endif %}",
    "\u00a0{% if yes %}x{% endif %}\u00a0\n",
    "a\u2003{%- if yes -%}\u2003b{% endif %}",
    "a\u2028  {% if yes %}x{% endif %}",
    "{% if yes %}{% if yes %}\n  {% if yes %}\n x\n  {% endif %}\n{% endif %}\n{% endif %}\nend",
    "{% set a = 1 %}\n{% set b = 2 %}\n{{ a }}{{ b }}\n",
    "  {% set a = 1 %}  {% set b = 2 %}\n  {{ a }}",
    "{% if yes %}  {% if yes %}x{% endif %}{% endif %}",
    "x{% if yes %}\n\n\ny{% endif %}",
    "x {% if yes %} y {% endif %} z",
    "{%- if yes -%}\n\n x \n\n{%- endif -%}",
    "{% if yes -%}\n a {%- endif %} b",
    "{{ name }}\n{% if yes %}\n{{ name }}\n{% endif %}",
    "{{ name -}}\n\n{{- name }}",
    "{%\nif yes\n%}\nx\n{%\nendif\n%}\n",
    "{%  if yes  %}x{%  endif  %}{{name}}{{  name  }}",
    "a{% if yes %}\n\r\nb{% endif %}",
    "{% macro m() %}\n  x\n{% endmacro %}\n{{ m() }}\n{{- m() -}}\n",
    "{% set t %}\n  x\n  {% endset %}\n[{{ t }}]",
    "{% call(x) m() -%} {%- endcall %}",
    "{% filter upper -%}  a  {%- endfilter %}",
    "{%- for m in users -%}{{- m.name -}}{%- if not loop.last -%},{%- endif -%}{%- endfor -%}",
    "{% for m in users %}\n    {%- if m.age > 30 %}\nold\n    {%- else %}\nyoung\n    {%- endif %}\n{%- endfor %}",
    "{{'{{'}}{{'}}'}}{ {x} }",
    "{{ '{#' }} {# {{ #} {{ 1 }}",
    "{#{#}x",
    "{% if yes %}{#\n#}\n{% endif %}x",
    "   {#- a -#}   {{ 1 }}   {#- b -#}   ",
    "a{{ 1 }}\n   {{ 2 }}\n{{ 3 }}   \n",
    "{%- set x = 1 -%}\n\n{{ x }}",
    "\ufeff{{ name }}",
    "é{% if yes %}世{% endif %}😀  {%- if yes %}é{% endif %}",
]
