"""Files from strangers: each that does harm gets one clear error, soon."""

import datetime
import re
from pathlib import Path
from typing import Any

import pytest

import dsl
from dsl import DslError
from dsl.dump import dump_yaml
from dsl.load import comments, load, text
from tests.dsl.kitchen import kitchen_sink


def test_json_and_yaml_are_told_apart() -> None:
    assert load('{"a": [1, 2.5, null, "x"]}') == {"a": [1, 2.5, None, "x"]}
    assert load("a:\n- 1\n- 2.5\n- ~\n- x\n") == {"a": [1, 2.5, None, "x"]}
    assert load("{a: 1}") == {"a": 1}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "The file is empty."),
        ('{"a": NaN}', "NaN is no JSON number."),
        ('{"a": 1e999}', "The number 1e999 is too large to be kept."),
        (f'{{"a": -{"9" * 400}}}', f"The number -{'9' * 39}... is too large to be kept."),
        ('{"a": 1, "a": 2}', "The key 'a' stands twice in one object: one of the two would be lost."),
        ('{"a": "\\ud83d"}', "half a character"),
        ('{"a": }', "This is not JSON: Expecting value, line 1, column 7."),
        ("a: .nan", "Line 1, column 4: .nan is no number that can be kept."),
        (f"a: {'9' * 400}", f"Line 1, column 4: {'9' * 40} is no number that can be kept."),
        ("a: 1\nb: 2\na: 3", "Line 3, column 1: the key 'a' stands twice: one of the two would be lost."),
        ("a: *b", "nothing is called &b that *b could mean"),
        ("a: &a [*a]", "nothing is called &a"),
        ("a: !!python/object/apply:os.system [id]", "is not for workflow files"),
        ("? [1, 2]\n: 3", "Line 1, column 3: a list or mapping cannot be a key."),
        ("a: 1\n---\nb: 2\n", "Line 2, column 1: a second YAML document begins; a workflow file holds one."),
        ("a: 'x", "This is not YAML: line 1, column"),
        ("[" * 100_000, "nest"),
        ('{"a":' * 100_000, "deep"),
        ("- " * 100_000, "nest"),
        ("\x00", "This is not YAML"),
    ],
)
def test_what_does_harm_is_one_error(source: str, message: str) -> None:
    with pytest.raises(DslError, match=re.escape(message)):
        load(source)


@pytest.mark.timeout(30)
def test_files_that_cost_the_square_of_their_size_are_read_at_once() -> None:
    names = "".join(f'"k{i}": 1, ' for i in range(60_000))
    with pytest.raises(DslError, match="The key 'k7' stands twice"):
        load("{" + names + '"k7": 2}')
    assert load("a: " + ":".join(["59"] * 100_000)) == {"a": ":".join(["59"] * 100_000)}
    assert load("a: 190:20:30") == {"a": 685_230}


def test_aliases_that_double_and_double_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]" for i in range(1, 12)]
    with pytest.raises(DslError, match="the file holds more than 2,000,000 values"):
        load("\n".join(lines))


def test_aliases_of_a_long_text_are_refused() -> None:
    with pytest.raises(DslError, match="its aliases stand for more than 20 MB of text"):
        load(f"x: &x {'y' * 2**20}\nz: [{', '.join(['*x'] * 100)}]")


def test_an_alias_is_a_copy() -> None:
    document = load("a: &a {x: [1]}\nb: *a")
    document["b"]["x"].append(2)
    assert document["a"] == {"x": [1]}


def test_a_file_that_is_too_large_or_no_text_is_refused_at_once() -> None:
    with pytest.raises(DslError, match="21 MB"):
        text(b" " * (21 * 2**20))
    with pytest.raises(DslError, match="not UTF-8 text: byte 2 is 0xff"):
        text(b"a:\xff")


@pytest.mark.parametrize(
    ("data", "dialect", "message"),
    [
        (b"PK\x05\x06" + bytes(18), None, "This is an empty zip archive: there is no workflow in it."),
        (b"PK\x05\x06" + bytes(18), "coze", "This is an empty zip archive and no file of coze."),
        (b"PK\x03\x04" + bytes(26), "dify", "This is a zip archive and no file of dify."),
        (b"%PDF-1.7\n%\xe2\xe3", None, "This is a PDF: there is no workflow in it."),
        (b"\x89PNG\r\n\x1a\n", None, "This is a PNG image: there is no workflow in it."),
    ],
)
def test_a_file_that_is_no_text_is_called_what_it_is(data: bytes, dialect: str | None, message: str) -> None:
    with pytest.raises(DslError, match=re.escape(message)):
        dsl.read(data, dialect)


@pytest.mark.parametrize("tagged", ["!!bool maybe", "!!int ''", "!!float ''", "!!timestamp soon", "!!null x"])
def test_a_value_that_is_not_what_its_tag_says_is_text(tagged: str) -> None:
    assert load(f"a: {tagged}\nb: 1") in ({"a": tagged.split()[1].strip("'"), "b": 1}, {"a": None, "b": 1})


def test_yaml_reads_as_platforms_read_it() -> None:
    source = "a: 2024-01-02\nb: yes\nc: '1'\nd: 0.6.0\ne: 0.6\nf: |\n  x\n  y\n1: z\n"
    expected = {"a": datetime.date(2024, 1, 2), "b": True, "c": "1", "d": "0.6.0", "e": 0.6, "f": "x\ny\n", 1: "z"}
    assert load(source) == expected
    assert load(dump_yaml(expected)) == expected


def test_merge_keys_are_followed() -> None:
    assert load("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n")["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("# one\na: 1  # two\nb: 'no # comment'\nc: x#y\n", 2),
        ("a: |\n  # text of a block\n  more\n# one\nb: 2\n", 1),
        ('{"a": "# text"}', 0),
        ("a: [1, # one\n  2]\n", 1),
        ("a: {", 0),
    ],
)
def test_comments_are_counted(source: str, count: int) -> None:
    assert comments(source) == count


@pytest.mark.parametrize("given", [None, 123, {"a": 1}, Path("x.yml")])
def test_what_is_no_file_at_all_is_one_error(given: Any) -> None:
    for act in (lambda: dsl.read(given), lambda: dsl.sniff(given)):
        with pytest.raises(dsl.DslError, match="bytes or text"):
            act()


@pytest.mark.parametrize("name", [None, 123, {"a": 1}])
def test_what_is_no_name_of_a_dialect_is_one_error(name: Any) -> None:
    with pytest.raises(dsl.DslError, match="There is no dialect"):
        dsl.write(kitchen_sink(), name)


def test_what_is_no_flow_is_one_error() -> None:
    with pytest.raises(dsl.DslError, match="a flow"):
        dsl.write({"nodes": []}, "n8n")  # type: ignore[arg-type]
