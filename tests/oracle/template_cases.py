"""The language cases: templates that show one rule each, over VARIABLES. template_goldens.py adds what jinja2 makes of them.

The cases of statements and white space are in template_statement_cases.py. A case whose result Python itself leaves open (memory addresses, sets) does not belong here.
"""

from template_statement_cases import STATEMENTS, WHITESPACE

VARIABLES = {
    "name": "World",
    "empty": "",
    "nothing": None,
    "yes": True,
    "no": False,
    "n": 7,
    "big": 9007199254740993,
    "huge": 18446744073709551615,
    "x": 2.5,
    "numbers": [3, 1, 4, 1, 5, 9, 2, 6],
    "words": ["pear", "Apple", "fig", "apple"],
    "nested": [[1, 2], [3, [4, 5]], []],
    "user": {"name": "Ada", "age": 36, "tags": ["a", "b"], "items": "own", "address": {"city": "Paris"}},
    "users": [
        {"name": "Ada", "age": 36, "city": "London"},
        {"name": "bob", "age": 25, "city": "paris"},
        {"name": "Cid", "age": 25, "city": "London"},
    ],
    "text": "The quick brown fox\njumps over\n\nthe lazy dog",
    "unicode": "Grüße, 世界! 😀 ǅ ß ﬁ Σς",
    "html": "<b class=\"x\">Tom & 'Jerry'</b>",
    "spaces": "  \t padded \n ",
    "mixed": [1, "two", 3.0, None, True, {"k": [1]}, []],
    "zero": 0,
    "minus": -7,
    "tree": [{"v": 1, "c": [{"v": 2, "c": [{"v": 3, "c": []}]}, {"v": 4, "c": []}]}],
}

OUTPUT = r"""
Hello {{ name }}!
{{ name }}{{ empty }}{{ nothing }}{{ yes }}{{ no }}
{{ missing }}|{{ missing is defined }}
{{ missing.attribute }}
{{ missing['x'] }}
{{ user.missing }}|{{ user['missing'] }}
{{ user.missing.deeper }}
{{ nothing.x }}
{{ n.x }}|{{ n[0] }}
{{ user.name }} {{ user['name'] }} {{ user.address.city }}
{{ user['items'] }}
{{ user.get('items') }} {{ user.get('nope') }} {{ user.get('nope', 5) }}
{{ numbers[0] }} {{ numbers[-1] }} {{ numbers.0 }} {{ numbers[99] }}
{{ numbers[true] }}
{{ numbers['0'] }}
{{ numbers[1.0] }}
{{ mixed }}
{{ user }}
{{ nested }}
{{ [] }} {{ {} }} {{ () }} {{ (1,) }} {{ 1, 2 }}
{{ [1, 2,] }} {{ {'a': 1,} }} {{ (1, 2,) }}
{{ {1: 'a', 1.0: 'b', true: 'c'} }}
{{ {'a': {'b': [1, {'c': none}]}} }}
{{ {[1]: 2} }}
{{ {(1, 2): 3} }}
{{ 'a' 'b' "c" }}
{{ "it's" }} {{ 'say "hi"' }} {{ 'both \' and "' }}
{{ ["it's", 'say "hi"', 'both \' and "', 'tab\t', 'nl\n', 'nul\x00', '\x7f', 'é', '\u200b', '😀'] }}
{{ 'a\nb' }} {{ 'a\\nb' }} {{ '\q' }} {{ '\é' }} {{ '\101\x41\u0041\U00000041' }}
{{ '\N{GREEK SMALL LETTER ALPHA}' }}
{{ '\N{no such name}' }}
{{ '\x4' }}
{{ 'a\
b' }}
{{ 0b101 }} {{ 0o17 }} {{ 0xff }} {{ 1_000 }} {{ 0xF_F }} {{ 00 }}
{{ 1.5 }} {{ 1e3 }} {{ 1.5e-7 }} {{ 1_0.5 }} {{ 2e16 }} {{ 123456789012345678.0 }} {{ 1e22 }} {{ 0.1 }} {{ 1e-5 }} {{ 0.0001 }}
{{ 1e400 }} {{ -1e400 }}
{{ 0.1 + 0.2 }} {{ 1/3 }} {{ 100000000.0 * 10 }} {{ 5e-324 }} {{ 1.7976931348623157e308 }}
{{ big }} {{ huge }} {{ big * 2 }}
{{ huge + 1 }}
{{ n }} {{ -n }} {{ +n }} {{ --n }} {{ -x }}
{{ true }} {{ True }} {{ none }} {{ None }} {{ false }}
{{ 'x' if yes }} {{ 'x' if no }}| {{ 'x' if no else 'y' }}
{{ 'a' if no else 'b' if no else 'c' }}
{{ ('x' if no).y }}
{{ (1, 2)[0] }} {{ [1, 2][1] }} {{ {'a': 5}['a'] }} {{ {'a': 5}.a }} {{ 'abc'[1] }}
{{ print }}
{{ }}
{{ 1 2 }}
{{ 1 +
{{ (1 }}
{{ [1 }}
{{ {'a' 1} }}
{{ a b }}
{{ 1 if }}
{{ 'unterminated }}
{{ $ }}
{{ user. }}
{{ user.0x }}
{{ x.y.z | }}
{{ foo( }}
{{ foo(a=1, 2) }}
{{ foo(**a, b) }}
{{ range(3)() }}
{{ 'str'() }}
{{ missing() }}
{{ user.name() }}
{{ not missing }} {{ missing == missing }} {{ missing == none }} {{ missing != 1 }}
{{ missing + 1 }}
{{ 1 + missing }}
{{ 'a' + missing }}
{{ missing < 1 }}
{{ missing ~ 'x' }}
{{ -missing }}
{{ missing in [1] }} {{ 1 in missing }}
{{ missing | length }} {{ missing | list }} {{ missing | upper }}|
{{ [missing, 1] }}
{{ {'k': missing} }}
{{ missing | tojson }}
{{ user.append }} {{ numbers.append }} {{ user.update }} {{ name.__class__ }} {{ name._x }}
{{ numbers.append(1) }}
{{ user.update({}) }}
{{ user.pop('name') }}
{{ numbers.sort() }}
{{ name.__class__.__mro__ }}
{{ ''.__class__ }}
{{ user.__len__ }}
"""

OPERATORS = r"""
{{ 7 + 2 }} {{ 7 - 2 }} {{ 7 * 2 }} {{ 7 / 2 }} {{ 7 // 2 }} {{ 7 % 2 }} {{ 7 ** 2 }} {{ 6 / 2 }}
{{ -7 // 2 }} {{ -7 % 2 }} {{ 7 // -2 }} {{ 7 % -2 }} {{ -7 % -2 }}
{{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ 7.5 % 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }} {{ -0.0 // 1 }} {{ 0.0 % -1 }}
{{ 2 ** -1 }} {{ 2 ** 0.5 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 4 ** 0.5 }} {{ 0 ** 0 }} {{ (-1) ** 3 }}
{{ 0 ** -1 }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 1 % 0 }}
{{ 1.0 / 0 }}
{{ 10.0 ** 400 }}
{{ 1 + 2 * 3 - 4 / 2 }} {{ (1 + 2) * 3 }} {{ 2 * 3 % 4 }} {{ 10 - 2 - 3 }} {{ 100 / 10 / 2 }}
{{ 1 + 2 ~ 3 + 4 }} {{ 1 ~ 2 * 3 }} {{ 'a' ~ 1 + 2 }}
{{ 'a' + 'b' }} {{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ 'a' * 0 }} {{ 'a' * -1 }} {{ 'a' * true }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ 'a' - 'b' }}
{{ 'a' * 'b' }}
{{ [1] + [2] }} {{ (1,) + (2,) }} {{ [0] * 3 }} {{ 2 * (1, 2) }}
{{ [1] + (2,) }}
{{ {} + {} }}
{{ none + 1 }}
{{ 1 ~ 'a' ~ none ~ true ~ 2.0 ~ [1] ~ missing }}
{{ 'a' ~ 'b' ~ 'c' }}
{{ 1 < 2 }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 3 > 2 >= 2 }} {{ 1 == 1.0 }} {{ 1 == true }} {{ 1 != 2 }} {{ 0 == false == no }}
{{ 'a' < 'b' }} {{ 'B' < 'a' }} {{ 'abc' < 'abd' }} {{ 'é' > 'z' }} {{ '' < 'a' }}
{{ [1, 2] < [1, 3] }} {{ [1] < [1, 0] }} {{ (1, 'a') < (1, 'b') }} {{ [1, 2] == [1, 2.0] }} {{ [1] == (1,) }}
{{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }} {{ {} == [] }} {{ none == none }} {{ none == false }}
{{ 1 < 'a' }}
{{ none < 1 }}
{{ {} < {} }}
{{ [1] < [none] }}
{{ 1 in [1, 2] }} {{ 3 in [1, 2] }} {{ 3 not in [1, 2] }} {{ 'a' in 'abc' }} {{ '' in 'abc' }} {{ 'name' in user }} {{ 'Ada' in user }}
{{ 1 in 'abc' }}
{{ 1 in 5 }}
{{ none in [none] }} {{ 1.0 in [1] }} {{ true in [1] }} {{ [1] in [[1]] }} {{ (1, 2) in {(1, 2): 3} }}
{{ [1] in {} }}
{{ 5 in range(10) }} {{ 10 in range(10) }} {{ 4.0 in range(0, 10, 2) }} {{ 4.5 in range(10) }} {{ 'a' in range(3) }}
{{ 'name' in user.keys() }} {{ 36 in user.values() }} {{ ('age', 36) in user.items() }}
{{ not 1 in [1] }} {{ not yes and no }} {{ not (yes and no) }}
{{ yes and 'x' }} {{ no and 'x' }} {{ no or 'y' }} {{ '' or [] or 'z' }} {{ 1 and 2 and 3 }} {{ 0 or 0.0 }} {{ none or missing }}|
{{ yes or missing.x }} {{ no and missing.x }}
{{ 1 if 2 > 1 and 3 > 2 else 0 }}
{{ true + true }} {{ true * 3 }} {{ -true }} {{ 5 - false }}
{{ 1 is number }} {{ not 1 is number }} {{ 1 is not number }}
{{ 2 ** 62 * 2 }} {{ 2 ** 100 }}
{{ 9 / 3 }} {{ 1e308 * 10 }} {{ 3 * 1.5 }} {{ 10 % 3.5 }} {{ 2 + 2.0 }}
{{ 9007199254740993 / 3 }} {{ 9007199254740993 == 9007199254740992.0 }} {{ 9007199254740993 > 9007199254740992.0 }}
{{ 'abcdef'[1:3] }} {{ 'abcdef'[:3] }} {{ 'abcdef'[3:] }} {{ 'abcdef'[::2] }} {{ 'abcdef'[::-1] }} {{ 'abcdef'[-3:-1] }} {{ 'abcdef'[4:1] }}|{{ 'abcdef'[4:1:-1] }} {{ 'abc'[10:] }}|{{ 'abc'[-10:2] }}
{{ numbers[1:3] }} {{ numbers[::-1] }} {{ numbers[:-1] }} {{ numbers[-2:] }} {{ numbers[:] }} {{ (1, 2, 3)[1:] }}
{{ numbers[none:2] }} {{ numbers[1:none:2] }} {{ numbers[true:] }}
{{ numbers[::0] }}
{{ numbers['a':] }}
{{ user[1:] }}
{{ nothing[1:] }}
{{ none[1:] }}|{{ 5[:2] }}|{{ {'a': 1}[1:] }}|
{{ missing[1:] }}
{{ range(10)[2:5] }} {{ range(10)[::3] }} {{ range(1, 20, 4)[1:3] }} {{ range(10)[::-2] }} {{ range(10)[5] }} {{ range(10)[-1] }} {{ range(10)[20] }}|
{{ unicode[0:5] }} {{ unicode[::-1] }} {{ unicode[-3:] }} {{ unicode[7] }} {{ unicode | length }} {{ unicode[100] }}|
{{ 'a%sb' % 'X' }} {{ '%d %s' % (1, 'a') }} {{ '%5d|%-5d|%05d|%+d|% d' % (42, 42, 42, 42, 42) }} {{ '%5s|%-5s|%.2s' % ('ab', 'ab', 'abc') }}
{{ '%.2f %e %g %G' % (3.14159, 12345.678, 0.00001, 1e20) }} {{ '%x %X %o %#x %#o' % (255, 255, 8, 255, 8) }} {{ '%c%c' % ('a', 98) }} {{ '%%' % () }} {{ '%r' % 'a' }} {{ '%a' % 'é' }}
{{ '%(name)s is %(age)d' % user }} {{ '%s' % [1, 2] }} {{ '%s' % none }} {{ '%*d|%.*f' % (5, 42, 1, 2.55) }}
{{ '%d' % 3.9 }} {{ '%i' % true }} {{ '%s %s' % ('a', 'b') }} {{ '%08.3f|%+.1f|%-8.2f|' % (3.14159, 2.0, 1.5) }} {{ '%.3d' % 5 }}
{{ '%d' % 'a' }}
{{ '%s' % (1, 2) }}
{{ '%s %s' % 1 }}
{{ '%(x)s' % 1 }}
{{ '%(nope)s' % user }}
{{ '%q' % 1 }}
{{ 'a' % 1 }}
{{ '%' % 1 }}
{{ 'a' % () }} {{ 'a' % [] }} {{ 'a' % {} }}
{{ 1 is lt 2 }} {{ 3 is in [3] }} {{ 3 is not in [3] }}
"""

FILTERS = r"""
{{ -5 | abs }} {{ (-5) | abs }} {{ 2.5 | abs }} {{ true | abs }}
{{ 'a' | abs }}
{{ 'hello world' | capitalize }} {{ 'HELLO' | capitalize }} {{ 'élan' | capitalize }} {{ 'ßa' | capitalize }} {{ 'ǆa' | capitalize }} {{ '' | capitalize }}| {{ 5 | capitalize }}
{{ 'ab' | center(6) }}| {{ 'ab' | center(7) }}| {{ 'abc' | center(6) }}| {{ 'abc' | center(2) }}| {{ 'é' | center(4) }}| {{ 'a' | center | length }}
{{ missing | default('d') }} {{ '' | default('d') }}| {{ '' | default('d', true) }} {{ none | d('e') }} {{ none | d('e', boolean=true) }} {{ 0 | default(default_value=1, boolean=true) }} {{ missing | default }}|
{{ missing.x | default('d') }}
{{ {'b': 1, 'A': 2, 'a': 3} | dictsort }} {{ {'b': 1, 'A': 2} | dictsort(true) }} {{ {'b': 1, 'a': 2} | dictsort(by='value') }} {{ {'b': 1, 'a': 2} | dictsort(reverse=true) }}
{{ {'b': 1} | dictsort(by='nope') }}
{{ [1] | dictsort }}
{{ {1: 2, 'a': 3} | dictsort }}
{{ html | escape }} {{ html | e }} {{ html | e | e }} {{ html | forceescape }} {{ html | e | forceescape }} {{ 5 | e }} {{ none | e }}
{{ (html | e) + '<' }} {{ '<' + (html | e) }} {{ ('<' | safe) + '<' }} {{ ('<' | safe) ~ '<' }} {{ [html | e] }} {{ ('<' | safe) * 2 + '>' }}
{{ ('%s' | safe) % '<' }} {{ ('<%s>' | safe) % ('<b>' | safe) }} {{ ('{}' | safe).format('<') }} {{ ('<' | safe).join(['<', '>']) }} {{ ('a<b' | safe).split('<') }}
{{ ('<a>' | safe) | upper }} {{ ('<a>' | safe).replace('a', '<') }} {{ ('<a>' | safe)[0] + '<' }} {{ ('<' | e) | string + '<' }} {{ ('<' | safe) is escaped }} {{ '<' is escaped }}
{{ 1 | filesizeformat }} {{ 0 | filesizeformat }} {{ 999 | filesizeformat }} {{ 1000 | filesizeformat }} {{ 1500000 | filesizeformat }} {{ 1024 | filesizeformat(true) }} {{ 1e30 | filesizeformat }} {{ '2048' | filesizeformat(binary=true) }}
{{ numbers | first }} {{ 'abc' | first }} {{ [] | first }}| {{ user | first }} {{ numbers | last }} {{ 'abc' | last }} {{ [] | last }}| {{ user | last }}
{{ 5 | first }}
{{ 5 | last }}
{{ numbers | map('string') | last }}
{{ '3.5' | float }} {{ 'x' | float }} {{ 'x' | float(1.5) }} {{ 3 | float }} {{ ' 1e3 ' | float }} {{ 'inf' | float }} {{ 'nan' | float }} {{ '1_0' | float }} {{ none | float }} {{ [] | float(2) }} {{ '1__0' | float }} {{ '0x1' | float }} {{ '-Infinity' | float }}
{{ '42' | int }} {{ 'x' | int }} {{ 'x' | int(9) }} {{ 3.9 | int }} {{ -3.9 | int }} {{ (-3.9) | int }} {{ '42.7' | int }} {{ 'ff' | int(base=16) }} {{ '0xff' | int(0, 16) }} {{ '0b11' | int(0, 2) }} {{ '0o17' | int(0, 0) }} {{ ' 12 ' | int }} {{ '1_000' | int }} {{ true | int }} {{ none | int }} {{ [] | int(3) }} {{ '１２' | int }} {{ '1e3' | int }} {{ '010' | int }} {{ '010' | int(base=0) }} {{ '-0x1f' | int(base=16) }} {{ '' | int }}
{{ 1e400 | int }}
{{ missing | int }}
{{ '%s and %s' | format('a', 'b') }} {{ '%(a)s' | format(a=1) }} {{ '%d%%' | format(50) }}
{{ '%s' | format('a', b=1) }}
{{ users | groupby('city') }}
{% for city, list in users | groupby('city') %}{{ city }}: {{ list | map(attribute='name') | join(',') }}; {% endfor %}
{% for g in users | groupby('age') %}{{ g.grouper }} {{ g.list | length }} {{ g[0] }}; {% endfor %}
{{ users | groupby('city', case_sensitive=true) | length }} {{ users | groupby('nope', default='x') | length }}
{{ text | indent }}
{{ text | indent(2, true) }}
{{ text | indent(width='> ', blank=true) }}
{{ text | indent(first=true) }}|{{ '' | indent }}|{{ 'a\n' | indent }}|{{ 'a\r\nb\x0bc' | indent }}|
{{ 5 | indent }}
{{ user | items | list }} {{ missing | items | list }} {{ {} | items | list }}
{{ [1] | items | list }}
{{ numbers | join }} {{ numbers | join(', ') }} {{ 'abc' | join('-') }} {{ users | join(', ', attribute='name') }} {{ [1, none, 'a', 2.0] | join('|') }} {{ user | join(',') }} {{ [] | join(',') }}| {{ numbers | join(1) }} {{ users | join(d=';', attribute='age') }}
{{ 5 | join }}
{{ numbers | length }} {{ user | count }} {{ 'héllo' | length }} {{ range(5) | length }} {{ user.keys() | length }}
{{ 5 | length }}
{{ none | length }}
{{ numbers | map('string') | length }}
{{ 'abc' | list }} {{ user | list }} {{ range(3) | list }} {{ (1, 2) | list }} {{ user.items() | list }} {{ user.values() | list }}
{{ 5 | list }}
{{ 'HeLLo ÄÖ' | lower }} {{ 'Straße ŉ ﬁ' | upper }} {{ 5 | upper }} {{ none | lower }} {{ 'ΑΣ ΣΑΣ Σ' | lower }} {{ 'İ' | lower | length }}
{{ words | map('upper') | list }} {{ users | map(attribute='name') | list }} {{ users | map(attribute='nope') | list }} {{ users | map(attribute='nope', default='-') | list }} {{ nested | map('length') | list }} {{ words | map('replace', 'p', 'b') | list }} {{ [user] | map(attribute='address.city') | list }} {{ nested | map(attribute=0) | list }} {{ [[1,[2,3]]] | map(attribute='1.0') | list }} {{ words | map('truncate', length=3, end='', leeway=0) | list }}
{{ words | map('nofilter') | list }}
{{ words | map | list }}
{{ words | map(attribute='x', other=1) | list }}
{{ 5 | map('upper') | list }}
{{ users | map(attribute='a.b') | list }}
{{ numbers | max }} {{ numbers | min }} {{ words | max }} {{ words | min }} {{ words | max(case_sensitive=true) }} {{ users | max(attribute='age') }} {{ [] | max }}| {{ 'hello' | max }}
{{ [1, 'a'] | max }}
{{ numbers | select | list }} {{ numbers | select('odd') | list }} {{ numbers | select('gt', 3) | list }} {{ numbers | reject('odd') | list }} {{ numbers | select('divisibleby', 3) | list }} {{ mixed | select('string') | list }} {{ mixed | reject('none') | list }} {{ [0, 1, '', 'a', none, []] | select | list }} {{ [0, 1, ''] | reject | list }}
{{ numbers | select('notest') | list }}
{{ users | selectattr('age') | list | length }} {{ users | selectattr('age', 'equalto', 25) | map(attribute='name') | join }} {{ users | rejectattr('age', '>', 30) | map(attribute='name') | join }} {{ users | selectattr('nope', 'defined') | list }} {{ users | selectattr('name', 'in', ['Ada', 'Cid']) | map(attribute='name') | list }} {{ [user] | selectattr('address.city', '==', 'Paris') | list | length }}
{{ users | selectattr | list }}
{{ 'a-b-a' | replace('a', 'x') }} {{ 'aaa' | replace('a', 'b', 2) }} {{ 'abc' | replace('', '-') }} {{ 'abc' | replace('', '-', 2) }} {{ 5 | replace(5, 6) }} {{ 'x' | replace('x', none) }} {{ 'é世é' | replace('é', '世') }} {{ 'aXbX' | replace(old='X', new='') }} {{ 'aa' | replace('a', 'b', 0) }} {{ 'aa' | replace('a', 'b', none) }}
{{ 'a' | replace('a') }}
{{ numbers | reverse | list }} {{ 'abc' | reverse }} {{ user | reverse | list }} {{ range(3) | reverse | list }} {{ (1, 2) | reverse | list }} {{ numbers | map('string') | reverse | join }}
{{ 42.55 | round }} {{ 42.55 | round(1) }} {{ 42.55 | round(1, 'floor') }} {{ 42.55 | round(1, 'ceil') }} {{ 42 | round }} {{ 2.5 | round }} {{ 3.5 | round }} {{ -2.5 | round }} {{ (-2.5) | round }} {{ 0.5 | round }} {{ 1234.5678 | round(-2) }} {{ 1250 | round(-2) }} {{ 1350 | round(-2) }} {{ 2.675 | round(2) }} {{ 1e20 | round(2) }} {{ 42.1 | round(method='ceil') }} {{ 5 | round(2, 'floor') }} {{ 1.005 | round(2) }} {{ 150.0 | round(-2) }} {{ 250.0 | round(-2) }} {{ 55.5 | round(-3) }} {{ true | round }}
{{ 1 | round(1, 'nope') }}
{{ 'a' | round }}
{{ range(10) | batch(3) | list }} {{ range(7) | batch(3, 'x') | list }} {{ [] | batch(3) | list }} {{ 'abcd' | batch(2) | list }}
{{ range(10) | slice(3) | list }} {{ range(10) | slice(3, 'x') | list }} {{ [1] | slice(3) | list }}
{{ [1] | slice(0) | list }}
{{ words | sort }} {{ words | sort(case_sensitive=true) }} {{ numbers | sort(reverse=true) }} {{ users | sort(attribute='age') | map(attribute='name') | join(',') }} {{ users | sort(attribute='age,name', reverse=true) | map(attribute='name') | join(',') }} {{ 'hello' | sort }} {{ user | sort }} {{ [[2, 'a'], [1, 'b']] | sort }} {{ nested[:1] | sort(attribute=0) }}
{{ [1, 'a'] | sort }}
{{ [none, 1] | sort }}
{{ users | sort }}
{{ 5 | string }} {{ none | string }} {{ [1, 'a'] | string }} {{ 2.0 | string | length }}
{{ '<b>a</b> &amp; <!-- c --> b\n  c &lt;d&gt; &#65;&#x42; &copy; &eacute;' | striptags }} {{ 'a < b' | striptags }} {{ '<a' | striptags }}
{{ numbers | sum }} {{ users | sum(attribute='age') }} {{ [] | sum }} {{ [1, 2.5] | sum(start=10) }} {{ [[1], [2]] | sum(start=[]) }} {{ [true, 2] | sum }}
{{ ['a'] | sum }}
{{ ['a', 'b'] | sum(start='') }}
{{ "hello world-foo (bar) it's o'neil [x] {y} <z>" | title }} {{ 'ÉLAN vital' | title }} {{ '' | title }}| {{ 5 | title }}
{{ user | tojson }} {{ mixed | tojson }} {{ 'é"\\\n\t\x00\x1f\x7f/<>&\'' | tojson }} {{ '😀' | tojson(ensure_ascii=true) }} {{ 1.0 | tojson }} {{ none | tojson }} {{ true | tojson }} {{ (1, 2) | tojson }} {{ 1e100 | tojson }} {{ {1: 2, none: 3, true: 4, 1.5: 5} | tojson }} {{ [] | tojson }}{{ {} | tojson }}
{{ user | tojson(indent=2) }}
{{ nested | tojson(indent=4) }} {{ {'a': [], 'b': {}} | tojson(indent=1) }} {{ [1] | tojson(indent=0) }} {{ [1] | tojson(indent='--') }} {{ [1, 2] | tojson(indent=-1) }}
{{ {'b': 1, 'a': [1, 2]} | tojson(sort_keys=true) }} {{ {'b': 1, 'a': 2} | tojson(separators=(',', ':')) }} {{ {'b': [1]} | tojson(indent=2, separators=(';', '=')) }} {{ user | tojson(true, none, none, true) }}
{{ {(1, 2): 3} | tojson }}
{{ range(3) | tojson }}
{{ user.items() | tojson }}
{{ namespace() | tojson }}
{{ 'nan' | float | tojson }} {{ 'inf' | float | tojson }} {{ html | e | tojson }}
{{ spaces | trim }}| {{ 'xxaxx' | trim('x') }} {{ 5 | trim }} {{ none | trim }} {{ '\u00a0\u2003a\u3000' | trim }}| {{ 'abcba' | trim(chars='ab') }}
{{ text | truncate(10) }} {{ text | truncate(10, true) }} {{ text | truncate(10, end='!') }} {{ text | truncate(40, leeway=0) }} {{ 'foo bar baz qux' | truncate(9) }} {{ 'foo bar baz qux' | truncate(11) }} {{ 'foo bar baz qux' | truncate(11, false, '...', 0) }} {{ unicode | truncate(8, true, '…') }} {{ 'abcdefghij' | truncate(5, leeway=1) }}
{{ text | truncate(1) }}
{{ 5 | truncate }}
{{ [1, 1.0, 'a', 'A', true, 2] | unique | list }} {{ words | unique | list }} {{ words | unique(case_sensitive=true) | list }} {{ users | unique(attribute='age') | map(attribute='name') | list }} {{ 'hello' | unique | join }}
{{ [[1], [1]] | unique | list }}
{{ 'a b/c?d=é&f' | urlencode }} {{ {'a b': 'c/d', 'e': 1} | urlencode }} {{ [('a', 1), ('b', '&')] | urlencode }} {{ 5 | urlencode }} {{ '~-_.' | urlencode }}
{{ 'one two  three-four' | wordcount }} {{ '' | wordcount }} {{ 'it\'s naïve_x 世界' | wordcount }}
{{ {'class': 'a', 'id': none, 'x': missing, 'y': '<'} | xmlattr }} {{ {'a': 1} | xmlattr(false) }} {{ {} | xmlattr }}|
{{ {'a b': 1} | xmlattr }}
{{ user | attr('name') }}| {{ user | attr('nope') }}| {{ 'abc' | attr('upper') is defined }} {{ 5 | attr('real') }}
{{ 1 | nofilter }}
{{ 1 is notest }}
{% if no %}{{ 1 | nofilter }}{% endif %}ok
{% if yes %}{{ 1 | nofilter }}{% endif %}
{{ (1 | nofilter) if no else 'ok' }}
{{ numbers | select('odd') is iterable }} {{ numbers | map('string') is sequence }} {{ (numbers | map('string')) and 1 }}
{% set g = numbers | select('odd') %}{{ g | list }}{{ g | list }}
{{ 'a' | upper('x') }}
{{ 'a' | upper(x=1) }}
{{ 'x' | filter }}
{{ 'a' | trim | upper | lower }} {{ 'a' | upper() | lower() }}
{{ 'a,b' | upper .lower }}
{% filter upper %}abc {{ name }}{% endfilter %}
{% filter replace('a', 'b') | upper %}abc{% endfilter %}
{% filter trim %}  x  {% endfilter %}|{% filter indent(2) %}a
b{% endfilter %}
{% filter nope %}x{% endfilter %}
{% filter length %}abc{% endfilter %}
{% set n %}abc{% endset %}{{ n | length }}{% set n | length %}abc{% endset %}{{ n }}
"""

TESTS = r"""
{{ 1 is odd }} {{ 2 is odd }} {{ 2 is even }} {{ 2.0 is even }} {{ 1.5 is odd }} {{ true is odd }} {{ -1 is odd }} {{ (-1) is odd }}
{{ 'a' is odd }}
{{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 0 is divisibleby 5 }}
{{ 9 is divisibleby 0 }}
{{ name is defined }} {{ missing is defined }} {{ user.name is defined }} {{ user.nope is defined }} {{ missing is undefined }} {{ none is defined }}
{{ missing.x is defined }}
{{ none is none }} {{ 0 is none }} {{ missing is none }} {{ true is boolean }} {{ 1 is boolean }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ 0 is false }}
{{ 1 is integer }} {{ true is integer }} {{ 1.0 is integer }} {{ 1.0 is float }} {{ 1 is float }} {{ true is number }} {{ 1.5 is number }} {{ '1' is number }}
{{ 'abc' is lower }} {{ 'aBc' is lower }} {{ 'ABC' is upper }} {{ '123' is upper }} {{ 'ABC1' is upper }} {{ '' is lower }} {{ 5 is lower }} {{ 'ß' is lower }} {{ 'ǅ' is upper }}
{{ 'a' is string }} {{ 1 is string }} {{ [] is string }} {{ {} is mapping }} {{ [] is mapping }} {{ missing is mapping }} {{ user is mapping }}
{{ [] is sequence }} {{ 'a' is sequence }} {{ {} is sequence }} {{ () is sequence }} {{ range(3) is sequence }} {{ 5 is sequence }} {{ none is sequence }} {{ missing is sequence }} {{ user.keys() is sequence }}
{{ [] is iterable }} {{ 'a' is iterable }} {{ 5 is iterable }} {{ none is iterable }} {{ {} is iterable }} {{ missing is iterable }} {{ user.items() is iterable }} {{ namespace() is iterable }}
{{ range is callable }} {{ 'a' is callable }} {{ user.get is callable }} {{ namespace is callable }} {{ none is callable }}
{{ none is sameas none }} {{ true is sameas true }} {{ 1 is sameas true }} {{ user is sameas user }} {{ missing is sameas none }}
{{ 1 is eq 1 }} {{ 1 is equalto 1.0 }} {{ 1 is == 1 }}
{{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 1 is lessthan 0 }} {{ 2 is gt 1 }} {{ 2 is greaterthan 1 }} {{ 1 is ge 1 }} {{ 1 is le 0 }}
{{ 1 is lt 'a' }}
{{ 1 is in [1] }} {{ 'a' is in 'abc' }} {{ 1 is not in [2] }} {{ 'x' is in user }}
{{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }} {{ 'nope' is test }} {{ 'tojson' is filter }}
{{ 5 is not none }} {{ not 5 is none }} {{ 5 is not odd }} {{ 5 is odd and 4 is even }} {{ 5 is odd or no }} {{ 5 is odd if yes else 1 }}
{{ 1 is odd is even }}
{{ 1 is not }}
{{ name is string and name | length > 3 }} {{ user.age is defined and user.age > 30 }} {{ 'a' is string ~ 'b' }}
{{ user.tags is iterable and user.tags is not string and user.tags is not mapping }}
{{ 3 is odd + 1 }}
{{ 4 is divisibleby 2 and yes }} {{ 4 is divisibleby n - 5 }}
"""

METHODS = r"""
{{ 'abc'.upper() }} {{ 'ABC'.lower() }} {{ 'abc def'.title() }} {{ "it's o'neil x2y".title() }} {{ 'abc'.capitalize() }} {{ 'aBc'.swapcase() }} {{ 'Straße'.casefold() }} {{ 'ﬁ ǆ'.title() }} {{ 'ßx'.swapcase() }}
{{ '  a '.strip() }}|{{ '  a '.lstrip() }}|{{ '  a '.rstrip() }}|{{ 'xyax'.strip('xy') }}|{{ 'xya'.lstrip('xy') }}|{{ 'axy'.rstrip('yx') }}|{{ 'a'.strip('') }}|{{ ' a'.strip(none) }}|{{ 'éaé'.strip('é') }}
{{ 'a'.strip(1) }}
{{ 'a b  c'.split() }} {{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ 'a b c'.split(none, 1) }} {{ 'a b c '.split(maxsplit=1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'a<>b'.split('<>') }} {{ ' a  b '.split(' ') }} {{ 'aéb'.split('é') }} {{ 'a\u00a0b'.split() }} {{ '  a  b  '.split(none, 0) }}
{{ 'a b c'.rsplit(none, 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ' a  b  c '.rsplit() }} {{ 'a,b'.rsplit(',') }} {{ ' a b '.rsplit(none, 0) }} {{ 'aaa'.split('aa') }} {{ 'aaa'.rsplit('aa') }}
{{ 'a'.split('') }}
{{ 'a\nb\r\nc\rd\x0be\x0cf\x1cg\x85h\u2028i'.splitlines() }} {{ 'a\n\nb\n'.splitlines() }} {{ 'a\nb\r\n'.splitlines(true) }} {{ ''.splitlines() }} {{ 'a\n'.splitlines(keepends=true) }}
{{ ','.join(['a', 'b']) }} {{ ''.join('abc') }} {{ '-'.join(user) }} {{ ', '.join(words | map('upper')) }}
{{ ','.join([1]) }}
{{ 'aXbX'.replace('X', '-') }} {{ 'aXbX'.replace('X', '-', 1) }} {{ 'abc'.replace('', '.') }} {{ 'aa'.replace('a', 'b', -1) }}
{{ 'a'.replace('a') }}
{{ 'a'.replace('a', 1) }}
{{ 'a'.replace('a', 'b', count=1) }}
{{ 'hello'.find('l') }} {{ 'hello'.find('z') }} {{ 'hello'.find('l', 3) }} {{ 'hello'.find('l', 0, 2) }} {{ 'hello'.rfind('l') }} {{ 'hello'.find('') }} {{ 'hello'.rfind('') }} {{ 'hello'.find('', 9) }} {{ 'aéb'.find('b') }} {{ 'hello'.find('o', -1) }} {{ 'hello'.find('h', none, none) }}
{{ 'hello'.index('l') }} {{ 'hello'.rindex('l') }}
{{ 'hello'.index('z') }}
{{ 'hello'.count('l') }} {{ 'aaa'.count('aa') }} {{ 'abc'.count('') }} {{ 'hello'.count('l', 3) }} {{ 'é'.count('') }}
{{ 'hello'.startswith('he') }} {{ 'hello'.startswith('x') }} {{ 'hello'.startswith(('x', 'h')) }} {{ 'hello'.startswith('l', 2) }} {{ 'hello'.startswith('') }} {{ 'hello'.endswith('lo') }} {{ 'hello'.endswith(('x', 'o')) }} {{ 'hello'.endswith('l', 0, 4) }} {{ 'a'.startswith('', 5) }}
{{ 'hello'.startswith(1) }}
{{ 'hello'.startswith(['h']) }}
{{ 'a'.center(5) }}|{{ 'a'.center(4, '*') }}|{{ 'ab'.center(5, '*') }}|{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3, '.') }}|{{ '7'.zfill(3) }}|{{ '-7'.zfill(4) }}|{{ '+7'.zfill(1) }}|{{ ''.zfill(2) }}
{{ 'a'.center(5, 'xy') }}
{{ 'a\tb'.expandtabs() }} {{ 'a\tb\n\tc'.expandtabs(4) }} {{ 'a\tb'.expandtabs(0) }}
{{ 'a-b-c'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'abc'.partition('-') }} {{ 'abc'.rpartition('-') }}
{{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.txt'.removesuffix('.txt') }} {{ 'x'.removeprefix('y') }} {{ 'x'.removesuffix('') }}
{{ 'abc'.isalpha() }} {{ 'ab1'.isalnum() }} {{ '12'.isdigit() }} {{ '²'.isdigit() }} {{ '²'.isdecimal() }} {{ '½'.isnumeric() }} {{ ' \t'.isspace() }} {{ 'AB'.isupper() }} {{ 'ab'.islower() }} {{ 'Ab Cd'.istitle() }} {{ 'a_1'.isidentifier() }} {{ '1a'.isidentifier() }} {{ 'a\n'.isprintable() }} {{ 'aé'.isascii() }} {{ ''.isalpha() }} {{ ''.isascii() }} {{ 'é'.isalpha() }} {{ '世'.isalpha() }} {{ '１'.isdigit() }} {{ '一'.isnumeric() }}
{{ '{} {}'.format(1, 'a') }} {{ '{0} {1} {0}'.format('a', 'b') }} {{ '{x} {y.name} {z[0]} {z[k]}'.format(x=1, y=user, z=[5]) }}
{{ '{x} {y.name} {z[0]} {w[k]}'.format(x=1, y=user, z=[5], w={'k': 'v'}) }} {{ '{{}}'.format() }} {{ '{!r} {!s}'.format('a', 'b') }} {{ '{!a}'.format('é') }}
{{ '{:5}|{:<5}|{:>5}|{:^5}|{:*^7}|{:05}|{:+}|{: }'.format('a', 'b', 'c', 'd', 'e', 42, 7, 7) }} {{ '{:5}|{:<5}|{:^5}'.format(42, 42, 42) }} {{ '{:,}|{:_}|{:,.2f}'.format(1234567, 1234567, 1234567.891) }} {{ '{:x}|{:X}|{:o}|{:b}|{:#x}|{:#b}|{:08b}|{:c}|{:d}|{:n}'.format(255, 255, 8, 5, 255, 5, 5, 97, 3, 4) }}
{{ '{:.2f}|{:e}|{:g}|{:%}|{:.1%}|{:8.3f}|{:08.3f}|{:+.1e}|{:G}'.format(3.14159, 12345.6789, 0.0001, 0.25, 0.256, 2.5, -2.5, 1234.5, 1e-10) }} {{ '{}|{:}|{:5}|{:.3}|{:.10}'.format(1.5, 2.5, 3.5, 3.14159, 3.14159) }} {{ '{:.3}|{:.3}|{:.3}'.format(1234.5, 100.0, 0.00001234) }} {{ '{:>{}}|{:.{p}f}'.format('a', 5, 3.14159, p=2) }} {{ '{:.2}'.format('abcdef') }} {{ '{}'.format(none) }} {{ '{}'.format([1]) }} {{ '{:=+6}|{:06}|{:<06}'.format(42, -42, 42) }} {{ '{:010,}'.format(1234) }} {{ '{:5}|{:d}'.format(true, true) }}
{{ '{'.format() }}
{{ '}'.format() }}
{{ '{} {0}'.format(1) }}
{{ '{}'.format() }}
{{ '{x}'.format() }}
{{ '{:d}'.format('a') }}
{{ '{:s}'.format(1) }}
{{ '{:5}'.format([1]) }}
{{ '{:z}'.format(1) }}
{{ '{x.__class__}'.format(x='a') }}|
{{ '{a} {b}'.format_map({'a': 1, 'b': 2}) }}
{{ user.keys() }} {{ user.values() | list }} {{ {'a': 1}.items() }} {{ {'a': 1}.values() }} {{ user.keys() | list }} {{ user.copy() == user }}
{{ user.get() }}
{{ user.get('name', 1, 2) }}
{{ numbers.count(1) }} {{ numbers.index(4) }} {{ numbers.index(1, 2) }} {{ (1, 2, 1).count(1) }} {{ (1, 2).index(2) }} {{ range(5).index(3) }} {{ range(5).count(9) }}
{{ numbers.index(99) }}
{{ n.bit_length() }} {{ n.real }} {{ x.is_integer() }} {{ 2.0.is_integer() }} {{ n.numerator }} {{ n.denominator }} {{ x.imag }}
{{ name.upper is callable }}
{{ name.nope() }}
{{ name.upper(1) }}
{{ 'a'.upper().lower().title() }} {{ ('a' ~ 'b').upper() }} {{ 'a b'.split()[0].upper() }} {{ user['name'].upper() }} {{ [1, 2].index(2) + 1 }}
"""

def all_cases():
    """(template, variables) of every case, in a fixed order."""
    cases = []
    for table in (OUTPUT, OPERATORS, FILTERS, TESTS, METHODS, STATEMENTS):
        for case in split_cases(table):
            cases.append((case, VARIABLES))
    cases += [(case, VARIABLES) for case in WHITESPACE]
    return cases


def split_cases(table):
    """One case a line; a line that ends inside an open tag or block goes on in the next."""
    cases, current = [], None
    for line in table.strip("\n").split("\n"):
        current = line if current is None else current + "\n" + line
        if is_open(current):
            continue
        cases.append(current)
        current = None
    if current is not None:
        cases.append(current)
    return cases



def is_open(text):
    if text.startswith("{{ 'a\\\n"):
        return False
    if text == "{{ 'a\\":
        return True
    if text.startswith("{# comment #}a"):
        return text.count("#}") < 3
    if text.startswith("{% filter trim"):
        return text.count("endfilter") < 2
    if text.startswith("{% set a = {'x'"):
        return ". y" not in text
    if text.startswith("{% for i in") and text.split("\n")[0] == "{% for i in":
        return "endfor" not in text
    return False
