"""What templates and code take from their inputs is told from their form, and nothing where that is not clear."""

import pytest

from dsl.used import Arguments, arguments, jinja


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("Hi {{ name }}, {{- age -}}", {"name", "age"}),
        ("{{ user.name }} {{ xs[i] }} {{ f(x, key=y) }}", {"user", "xs", "i", "f", "x", "y"}),
        ("{{ 'text' ~ \"it's {n}\" ~ name | upper | join(sep) }}", {"name", "sep"}),
        ("{% for x, y in pairs %}{{ x }}{{ loop.index }}{{ z }}{% endfor %}", {"pairs", "z"}),
        ("{% set a = b %}{{ a }}{% if a == c and not d %}{% endif %}", {"b", "c", "d"}),
        ("{% macro shown(x, n=2) %}{{ x }}{{ n }}{% endmacro %}{{ shown(q) }}", {"q"}),
        ("{% with t = 1 %}{{ t }}{% endwith %}", set()),
        ("{{ range(3) }} {{ namespace(x=1) }} {{ none }} {{ 1e3 }} {{ x is odd }}", {"x"}),
        ("{% if a is defined %}{{ a }}{% endif %}{{ b | default('x') }}{{ c is not defined }}", set()),
        ("{# {{ a }} #}{% raw %}{{ b }}{% endraw %}{{ c }}", {"c"}),
        ("{{ 姓名 }}", {"姓名"}),
        ("{ a } {{", set()),
        ("{{ 'a }} b' }}", set()),
    ],
)
def test_a_template_takes_the_names_that_it_gives_no_meaning_itself(template: str, names: set[str]) -> None:
    assert jinja(template) == names


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "template",
    [
        "{{ 9**(9**(9**9)) }}{{ a }}",
        "{% if 9**(9**(9**9)) %}{{ a }}{% endif %}",
        "{% set b = 9**(9**(9**9)) %}{{ a | center(9**(9**9)) }}",
    ],
)
def test_a_template_that_computes_without_end_is_not_computed(template: str) -> None:
    assert jinja(template) == {"a"}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("template", ["{{ " + "(" * 10**5, "{% if a %}" * 10**4, "{{ a" * 10**5, "{{ a }}" * 10**4])
def test_a_template_of_any_form_is_read_or_left_alone(template: str) -> None:
    assert jinja(template) <= {"a"}


@pytest.mark.parametrize(
    ("source", "wanted", "taken"),
    [
        ("def main(a, b: str = '', *, c: list[str], d=1) -> dict:\n    ...", {"a", "c"}, {"a", "b", "c", "d"}),
        ("import json\nasync def main(a): ...", {"a"}, {"a"}),
        ("def main(a, **more): ...", {"a"}, None),
        ("def main(a): ...\ndef main(b): ...", {"b"}, {"b"}),
        ("def main(a=(1, 2)): ...", set(), None),
        ("def main(a b): ...", set(), None),
        ("def helper(a): ...", set(), None),
    ],
)
def test_python_takes_what_main_declares(source: str, wanted: set[str], taken: set[str] | None) -> None:
    found = arguments(source, "python3", "kwargs")
    assert found.wanted == wanted and found.taken == taken


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("function main({a, b: c, d = 1, ...more}) {}", {"a", "b"}),
        ("async function main({\n  a\n}) {}", {"a"}),
        ("function main(inputs) { return inputs.a }", set()),
        ("function main({a: {b}}) {}", set()),
    ],
)
def test_javascript_takes_what_main_unpacks(source: str, wanted: set[str]) -> None:
    assert arguments(source, "javascript", "kwargs") == Arguments(frozenset(wanted))


@pytest.mark.parametrize(
    ("lang", "source", "wanted"),
    [
        ("python3", "# params['x']\nparams = args.params\nreturn params['a'] + args.params[\"b\"]", {"a", "b"}),
        ("python3", "params['a'] = 1\nif params['a'] == params.get('c') or 'd' in params: params['d']", {"a"}),
        ("javascript", "// params.x\nreturn params.a + params.keys() + params.b.length", {"a", "b"}),
    ],
)
def test_code_that_gets_all_in_one_wants_what_it_reads_of_it(lang: str, source: str, wanted: set[str]) -> None:
    assert arguments(source, lang, "args") == Arguments(frozenset(wanted))


@pytest.mark.parametrize(
    "part", ["{{", "{%", "{{'", "{% raw %}", "{{ a is", "{#", "def main(", "function main({", "//"]
)
def test_what_is_made_to_take_long_does_not(part: str) -> None:
    jinja(part * 100_000)
    for lang in ("python3", "javascript"):
        for style in ("kwargs", "args"):
            arguments(part * 100_000, lang, style)


def test_a_head_that_no_parser_takes_says_nothing() -> None:
    for inside in ("[" * 1990, "a=" + "-" * 1980 + "1", "\0"):
        assert arguments(f"def main({inside}): ...", "python3", "kwargs").wanted == set()
