"""Written YAML is what PyYAML writes of the same data, whatever the data is."""

import datetime
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dsl.dump import Quoted, dump_yaml


class _WithoutAliases(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def of_the_library(document: Any) -> str:
    written = yaml.dump(document, Dumper=_WithoutAliases, allow_unicode=True, sort_keys=False, width=2**20)
    return str(written)


def test_yaml_is_written_as_the_library_writes_it() -> None:
    words = ["plain", "", " ", "1", "1.5", "on", "null", "~", "=", "<<", "2026-01-02", "a: b", "# no", "- x", "'", '"']
    texts = ["two\nlines", "ends\n", "tab\t", "日本", "\U0001f600", "\x07", "{{#a.b#}}", "long " * 40]
    others: list[Any] = [
        None,
        True,
        False,
        0,
        -7,
        1.5,
        1e30,
        datetime.date(2026, 1, 2),
        datetime.datetime(2026, 1, 2, 3),
        (),
        {},
    ]
    document = {"all": words + texts + others, 1: {"1": 1, True: "true"}, "list": [[], [[1, "1"]], [{"a": {}}]]}
    assert dump_yaml(document) == of_the_library(document)


@pytest.mark.parametrize(
    "document",
    [
        {"k" * 200: {"a": 1}, "b": [2]},
        {"密" * 43: {"a": 1}},
        {"two\nlines": ["a"]},
        {"cut": ["word " * 300_000], "next": 1},
        {"cut": "word " * 300_000 + "\nand more"},
        {"bytes": [b"abc", [b"abc"]]},
        {"separated": {"lines": ["one\u2028two\u2029\u2029three", {"and": "a\u2028\n- b"}]}},
        ["a\n- b", ["a\n\n\nb\n"], {"c": ["d\n e"]}],
        "a word",
        [],
        {},
    ],
    ids=[
        "key",
        "Chinese key",
        "key of two lines",
        "cut",
        "cut line",
        "bytes",
        "separators",
        "lists",
        "word",
        "list",
        "map",
    ],
)
def test_what_is_seldom_is_written_as_the_library_writes_it(document: Any) -> None:
    assert dump_yaml(document) == of_the_library(document)


words = st.text(max_size=12) | st.text("ab:- #'\"\n\t\u2028é&*!|>{}[]?,%@`~01.", max_size=12)
scalars = words | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none() | st.dates()
keys = words | st.integers() | st.text("a", min_size=120, max_size=140)


@given(st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)))
def test_any_data_are_written_as_the_library_writes_them(document: Any) -> None:
    assert dump_yaml(document) == of_the_library(document)


def test_quoted_text_stays_text_for_every_reader() -> None:
    assert dump_yaml({"version": Quoted("0.6.0")}) == "version: '0.6.0'\n"
