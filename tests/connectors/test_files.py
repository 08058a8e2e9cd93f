"""A folder of documents becomes passages and exchanges; what cannot be read says so, and nothing is lost."""

import itertools
import os
import random
import re
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from connectors import ServiceError
from connectors.files import Document, Folder, convert, folder
from connectors.files.split import passages
from connectors.files.text import Text
from connectors.records import Content, Exchange, Origin, Passage, sha256
from tests.doubles import documents as office

LONG = "The lamp is lit at dusk and put out at dawn. " * 40  # some 440 tokens


def read(path: Path, name: str, content: str | bytes, max_tokens: int = 400) -> Content:
    """What one file holds."""
    (path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    source = Folder(path, name="docs", max_tokens=max_tokens, include=[name])
    return source.read(source.documents()[0])


def read_passages(path: Path, name: str, content: str | bytes, max_tokens: int = 400) -> list[Passage]:
    found = read(path, name, content, max_tokens)
    assert not found.lost
    return [record for record in found.records if isinstance(record, Passage)]


def read_exchanges(path: Path, name: str, content: str | bytes) -> list[Exchange]:
    found = read(path, name, content)
    assert not found.lost
    return [record for record in found.records if isinstance(record, Exchange)]


def refused(path: Path, name: str, content: str | bytes) -> str:
    """What the error says of a file; it always names the file, once."""
    with pytest.raises(ServiceError) as error:
        read(path, name, content)
    assert str(error.value).count(name) == 1
    return str(error.value)


# Markdown


def test_a_passage_knows_the_headings_above_it(tmp_path: Path) -> None:
    text = "# Ferry\n\nIntro.\n\n## The *night* `door`\n\nCode 4471.\n\n# Boats\n\nThree.\n"
    found = read_passages(tmp_path, "a.md", text)
    assert [(p.headings, p.text) for p in found] == [
        (("Ferry",), "Intro."),
        (("Ferry", "The night door"), "Code 4471."),
        (("Boats",), "Three."),
    ]
    assert [text[p.offset :].startswith(p.text) for p in found] == [True] * 3
    assert found[1].sha256 == sha256("Code 4471.")
    assert found[1].origin == Origin("files", "docs", "a.md")
    assert found[1].tokens == 5  # Code| |447|1|.


def test_underlined_headings_and_headings_in_quotes(tmp_path: Path) -> None:
    found = read_passages(tmp_path, "a.md", "Title\n=====\n\nOne.\n\n> # no heading\n> but a quote\n")
    assert [(p.headings, p.text) for p in found] == [(("Title",), "One.\n\n> # no heading\n> but a quote")]


def test_a_heading_with_nothing_below_it_is_kept_as_text(tmp_path: Path) -> None:
    found = read_passages(tmp_path, "a.md", "# Rules\n\n## No smoking\n\n## No dogs\n\nExcept guide dogs.\n")
    assert [(p.headings, p.text) for p in found] == [
        (("Rules",), "## No smoking"),
        (("Rules", "No dogs"), "Except guide dogs."),
    ]


def test_a_title_that_is_no_text_or_a_bomb_of_aliases_is_none(tmp_path: Path) -> None:
    lines = ["a0: &a0 [" + ",".join(["lol"] * 10) + "]"]
    lines += [f"a{i}: &a{i} [" + ",".join([f"*a{i - 1}"] * 10) + "]" for i in range(1, 9)]
    (tmp_path / "bomb.md").write_text("---\n" + "\n".join(lines) + "\ntitle: *a8\n---\n# Door\n\nThe door is red.\n")
    (tmp_path / "long.md").write_text("---\ntitle: " + "x" * 5000 + "\n---\nThe door is blue.\n")
    source = Folder(tmp_path)
    bomb, long = (source.read(document).records[0] for document in source.documents())
    assert isinstance(bomb, Passage) and bomb.headings == ("Door",)
    assert isinstance(long, Passage) and long.headings == ("x" * 200,)


def test_umlauts_in_an_english_table_of_windows_are_no_chinese(tmp_path: Path) -> None:
    lines = [
        "question,answer",
        "How long is the warranty?,Three years.",
        'Wo ist der Eingang für Gäste?,"Hinter der Bäckerei, Türe zwei."',
        "Who cleans the workshop floor?,Tamsin Kell does on Fridays.",
    ]
    (tmp_path / "a.csv").write_bytes("\n".join(lines).encode("cp1252"))
    (tmp_path / "b.csv").write_bytes("question,answer\n保修期多长？,三年。VIP 客户五年。\n".encode("gb18030"))
    source = Folder(tmp_path)
    german, chinese = (source.read(document).records for document in source.documents())
    assert [record.answer for record in german if isinstance(record, Exchange)][1] == "Hinter der Bäckerei, Türe zwei."
    assert [record.answer for record in chinese if isinstance(record, Exchange)] == ["三年。VIP 客户五年。"]


def test_html_may_leave_out_the_ends_that_html_lets_one_leave_out() -> None:
    rows = b"<table><tr><th>Boat<th>Price<tr><td>Red<td>7 euro<tr><td>Blue<td>9 euro</table><ul><li>a<li>b</ul>"
    assert convert.html(rows, "x").text == (
        "| Boat | Price |\n| --- | --- |\n| Red | 7 euro |\n| Blue | 9 euro |\n\n* a\n* b"
    )
    many = convert.html(b"<p>hello\n" * 2000, "x").text
    assert many.count("hello") == 2000


def test_html_that_opens_and_opens_takes_no_more_than_its_length() -> None:
    for source in (b"<a " * 30_000, b"<table><tr>" + b"<td>a|" * 2000, "‹!--".encode() * 50_000):
        convert.html(source, "x")
    nested = b"<table><tr><td><table><tr><td>a|b</table></table>"
    assert r"a\|b" in convert.html(nested, "x").text and r"\\|" not in convert.html(nested, "x").text


def test_what_flowstill_keeps_and_exports_is_no_document(tmp_path: Path) -> None:
    for name in ("a.md", "still/runs/b.md", "shop-alpaca/c.md", "held-out.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("The door is red.")
    (tmp_path / "shop-alpaca" / "dataset_info.json").write_text("{}")
    source = Folder(tmp_path, apart=[tmp_path / "still", tmp_path / "held-out.jsonl"])
    assert [document.path for document in source.documents()] == ["a.md"]


def test_front_matter_is_metadata_and_its_title_heads_a_page_without_one(tmp_path: Path) -> None:
    text = "---\ntitle: Tickets\ndate: 2024-99-99\n---\n## Prices\n\nEleven crowns.\n"
    (found,) = read_passages(tmp_path, "a.md", text)
    assert (found.headings, found.text) == (("Tickets", "Prices"), "Eleven crowns.")
    assert text[found.offset :].startswith("Eleven")


def test_pictures_inside_markdown_are_left_out_but_for_what_they_show(tmp_path: Path) -> None:
    data = f"data:image/png;base64,{'iVBORw0KGgo/+=' * 1000}"
    text = (
        f'Press ![the red button]({data} "Stop") to stop. Here is [the form]({data}), and ![][p] [all][P].\n\n'
        f'See ![the plan][p], ![P] <img\nsrc="{data}"><img alt="and this" src="{data}">. [Not][this], nor [p].\n\n'
        f"[p]: {data}\n"
    )
    (found,) = read_passages(tmp_path, "page.md", text)
    first, second = found.text.split("\n\n")
    assert first == "Press the red button to stop. Here is the form, and  all."
    assert second == "See the plan, P and this. [Not][this], nor p."


def test_text_between_two_rules_is_no_front_matter(tmp_path: Path) -> None:
    (found,) = read_passages(tmp_path, "a.md", "---\nBring a lamp: always\n  and oil\n- too\n---\nEnd.\n")
    assert "Bring a lamp" in found.text


def test_a_table_is_not_cut(tmp_path: Path) -> None:
    table = "| boat | cars |\n| --- | --- |\n" + "".join(f"| boat {n} | {n} |\n" for n in range(20))
    found = read_passages(tmp_path, "a.md", f"{LONG}\n\n{table}\n{LONG}", max_tokens=300)
    assert sum(table.strip() in p.text for p in found) == 1
    assert all(p.tokens <= 300 for p in found)


def test_a_table_larger_than_a_passage_is_cut_between_rows_below_its_header(tmp_path: Path) -> None:
    rows = [f"| boat {n} | {n} cars |" for n in range(100)]
    header = "| name | space |\n| --- | --- |\n"
    text = f"# Boats\n\n{header}" + "\n".join(rows) + "\n\nAfterwards.\n"
    found = read_passages(tmp_path, "a.md", text, max_tokens=100)
    *parts, last = found
    assert all(p.text.startswith(header) and p.tokens <= 100 for p in parts) and len(parts) > 5
    assert [row for p in parts for row in p.text.split("\n")[2:]] == rows
    assert all(text[p.offset :].startswith(p.text.removeprefix(header)) for p in parts)
    assert last.text == "Afterwards."


def test_a_single_row_larger_than_a_passage_stays_whole(tmp_path: Path) -> None:
    found = read_passages(tmp_path, "a.md", f"| a |\n| --- |\n| {LONG} |\n| b |\n", max_tokens=100)
    assert [p.tokens > 100 for p in found] == [True, False]


def test_code_is_cut_between_lines_only(tmp_path: Path) -> None:
    code = "".join(f"    step_{n} = do_the_step(number={n})\n" for n in range(60))
    found = read_passages(tmp_path, "a.md", f"Look:\n\n```python\n{code}```\n", max_tokens=100)
    lines = [line for p in found for line in p.text.split("\n") if line.strip()]
    assert [line for line in lines if "step" in line] == code.rstrip().split("\n")
    assert len(found) > 5


def test_a_short_code_block_is_whole(tmp_path: Path) -> None:
    code = "```\none = 1\n\n\n\ntwo = 2\n```"
    found = read_passages(tmp_path, "a.md", f"{LONG}\n\n{code}\n\n{LONG}", max_tokens=100)
    assert sum(code in p.text for p in found) == 1


def test_a_heading_in_code_is_no_heading(tmp_path: Path) -> None:
    (found,) = read_passages(tmp_path, "a.md", "# Install\n\n```\n# as root\napt update\n```\n")
    assert found.headings == ("Install",)


def test_chinese_text_is_cut_at_sentences(tmp_path: Path) -> None:
    found = read_passages(tmp_path, "钥匙.md", "# 钥匙\n\n" + "备用钥匙挂在广场对面的鲱鱼客栈。" * 40, max_tokens=100)
    assert len(found) > 5
    assert all(p.text.endswith("。") and p.headings == ("钥匙",) and p.tokens <= 100 for p in found)


BLOCKS = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=200),
    st.sampled_from(
        [
            "# One",
            "## Two `x`",
            "Title\n---",
            "| a | b |\n| - | - |\n" + "| some cell | another cell |\n" * 12,
            "```\nif x:\n    print(1)\n```",
            "```\n" + "    a long line of code(1, 2, 3)\n" * 20 + "```",
            "    indented code\n\n    more of it",
            "- a list\n  - nested\n\n    | a |\n    | - |\n    | x |\n- more",
            "> a quote\n> # not a heading",
            "[reference]: https://ferry.example/x",
            "钥匙挂在墙上。" * 30,
            LONG,
            "<div>\n\nhtml\n\n</div>",
        ]
    ),
)
ORIGIN = Origin("files", "docs", "a.md")


@settings(deadline=None, max_examples=150)
@given(st.lists(BLOCKS, max_size=8), st.sampled_from([20, 50, 400]), st.booleans())
def test_nothing_of_a_document_is_lost_or_told_twice(blocks: list[str], most: int, markdown: bool) -> None:
    text = "\n\n".join(blocks)
    covered = [0] * len(text)
    for passage in passages(Text(text, markdown=markdown), ORIGIN, most):
        said = passage.text
        if not text[passage.offset :].startswith(said):  # a later part of a table, below the repeated header
            said = "\n".join(said.split("\n")[2:])
        assert said.strip() and text[passage.offset :].startswith(said)
        assert passage.tokens <= most or " | " in passage.text or "|\n" in passage.text
        for at in range(passage.offset, passage.offset + len(said)):
            covered[at] += 1
    assert max(covered, default=0) <= 1
    left_out = {at for at, times in enumerate(covered) if not times and not text[at].isspace()}
    assert left_out <= _of_headings_and_table_heads(text, markdown)


def _of_headings_and_table_heads(text: str, markdown: bool) -> set[int]:
    """The characters that stand in a trail of headings, or above each part of a large table."""
    tokens = MarkdownIt("commonmark" if markdown else "zero").enable("table").parse(text)
    starts = list(itertools.accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
    left: set[int] = set()
    for token in tokens:
        if token.map and token.type == "heading_open" and token.level == 0:
            left.update(range(starts[token.map[0]], starts[token.map[1]]))
        elif token.map and token.type == "thead_open":  # its two lines: the names, and the rule below them
            left.update(range(starts[token.map[0]], starts[token.map[0] + 2]))
    return left


# Text, HTML, PDF, DOCX


def test_plain_text_has_no_headings(tmp_path: Path) -> None:
    (found,) = read_passages(tmp_path, "a.txt", "# rm -rf /tmp/x\r\n\r\nSecond paragraph\r\n=====\r\n")
    assert found.text == "# rm -rf /tmp/x\n\nSecond paragraph\n====="
    assert found.headings == ()


PAGE = """<html><head><title>Ferry</title><style>p {color: red}</style></head><body>
<nav><a href="/">Home</a></nav><script>track()</script>
<h2>Prices</h2><p>See <a href="#x">below</a> or <a href="https://ferry.example">the site</a> for snake_case.</p>
<table><tr><td>who</td><td>crowns</td></tr><tr><td>adult | child</td><td>11<br>60</td></tr></table>
<img src="data:image/png;base64,AAAA" alt="the quay"><footer>Imprint</footer></body></html>"""


def test_html_without_scripts_and_navigation_but_with_tables(tmp_path: Path) -> None:
    (found,) = read_passages(tmp_path, "a.html", PAGE)
    assert found.headings == ("Ferry", "Prices")
    assert found.text == (
        "See below or [the site](https://ferry.example) for snake_case.\n\n"
        "| who | crowns |\n| --- | --- |\n| adult \\| child | 11 60 |\n\nthe quay"
    )


def test_xhtml_and_the_main_part_of_a_page(tmp_path: Path) -> None:
    page = '<?xml version="1.0"?><html><body><p>aside</p><main><h1>T</h1><p>x</p></main></body></html>'
    (found,) = read_passages(tmp_path, "a.xhtml", page)
    assert (found.headings, found.text) == (("T",), "x")
    assert read_passages(tmp_path, "b.html", "https://ferry.example/x")[0].text == "https://ferry.example/x"


def test_html_says_which_encoding_it_has(tmp_path: Path) -> None:
    page = '<meta charset="{}"><p>{}</p>'
    chinese = page.format("gb2312", "锟铻客栈").encode("gb18030")
    japanese = page.format("shift_jis", "鍵は宿屋").encode("shift_jis")
    assert read_passages(tmp_path, "a.html", chinese)[0].text == "锟铻客栈"
    assert read_passages(tmp_path, "b.html", japanese)[0].text == "鍵は宿屋"


@pytest.mark.parametrize("charset", ["undefined", "unicode_escape", "idna", "zip", "a\0b"])
def test_html_that_claims_an_encoding_that_is_none_is_read_as_what_it_looks_like(tmp_path: Path, charset: str) -> None:
    page = f'<meta charset="{charset}"><p>Rooms for our guests \\ud800 f\xfcr G\xe4ste in the house by the sea</p>'
    try:
        text = read_passages(tmp_path, "a.html", page.encode("cp1252"))[0].text
    except ServiceError as error:  # named, so that the others go on
        assert "a.html" in str(error)
    else:
        assert "f\xfcr G\xe4ste" in text


def test_docx_with_headings_and_tables(tmp_path: Path) -> None:
    file = office.docx(
        office.paragraph("钥匙", 1),
        office.paragraph("Night door", 2),
        office.paragraph("Code 4471."),
        office.word_table([["boat", "cars"], ["Margit", "22"]]),
    )
    (found,) = read_passages(tmp_path, "a.docx", file)
    assert found.headings == ("钥匙", "Night door")
    assert found.text == "Code 4471.\n\n| boat | cars |\n| --- | --- |\n| Margit | 22 |"


def test_pdf_with_paragraphs_and_a_ruled_table(tmp_path: Path) -> None:
    file = office.pdf(
        office.pdf_line("Before the table.", 72, 740)
        + office.pdf_table([["boat", "cars"], ["Margit", "22"]], top=700)
        + office.pdf_line("After the table.", 72, 600)
    )
    (found,) = read_passages(tmp_path, "a.pdf", file)
    assert found.text == ("Before the table.\n\n| boat | cars |\n| --- | --- |\n| Margit | 22 |\n\nAfter the table.")


# CSV and JSONL


def test_rows_of_questions_and_answers_are_exchanges(tmp_path: Path) -> None:
    rows = 'Question,Answer,Rating,Comment\nWhere?,"At the inn,\nupstairs",1,good\n\nWhen?,At six,-1.0,\nWho?,Ann\n'
    found = read_exchanges(tmp_path, "a.csv", rows)
    assert [(e.question, e.answer, e.rating, e.comment) for e in found] == [
        ("Where?", "At the inn,\nupstairs", 1, "good"),
        ("When?", "At six", -1, ""),
        ("Who?", "Ann", 0, ""),
    ]
    assert [e.origin.chunk for e in found] == ["2", "4", "5"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_chinese_column_names_and_other_delimiters(tmp_path: Path, delimiter: str) -> None:
    rows = "问题,答案,评分\n几点开船？,六点。,1\n".replace(",", delimiter)
    (found,) = read_exchanges(tmp_path, "a.csv", rows.encode("gb18030"))
    assert (found.question, found.answer, found.rating) == ("几点开船？", "六点。", 1)


def test_another_csv_is_one_table(tmp_path: Path) -> None:
    rows = "boat,cars\n" + "".join(f"boat {n},{n}|2\n" for n in range(100))
    found = read_passages(tmp_path, "a.csv", rows, max_tokens=100)
    assert all(p.text.startswith("| boat | cars |\n| --- | --- |\n| boat ") for p in found)
    assert found[0].text.split("\n")[2] == "| boat 0 | 0\\|2 |"
    assert sum(p.text.count("\n") - 1 for p in found) == 100


def test_jsonl_lines_are_exchanges(tmp_path: Path) -> None:
    english = '{"question": "Where?", "answer": "Inn.", "keys": ["x"]}'
    chinese = '{"问题": "几点？", "答案": "六点。", "rating": null}'
    found = read_exchanges(tmp_path, "a.jsonl", f"{english}\n\n{chinese}\n")
    assert [(e.question, e.answer, e.origin.chunk) for e in found] == [
        ("Where?", "Inn.", "1"),
        ("几点？", "六点。", "3"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "question,answer\nWhere?,\nWhen?,\n", "No other of its 2 rows can be used either"),
        ("a.csv", "question,anwser\nWhere?,Inn\n", "no 'answer', only question, anwser. Is 'anwser' meant"),
        ("a.csv", "answer,when\nInn,now\n", "no 'question'"),
        ("a.csv", "question,answer\nWhere?,\n", "row 2: the answer is ''"),
        ("a.csv", "question,answer\nWhere?,Inn,today\n", "row 2 has 3 cells, the header 2"),
        ("a.csv", 'question,answer\nWhere?,"Inn\n', "broken as CSV"),
        ("a.csv", "question,answer,rating\nWhere?,Inn,7\n", "row 2: the rating is '7'"),
        ("a.csv", "question,answer\n", "is empty"),
        ("a.jsonl", "[" * 100_000, "line 1: is not JSON"),
        ("a.jsonl", '["a", "b"]\n', "line 1: is list"),
        ("a.jsonl", '{"text": "a"}\n', "line 1: has no 'question', only text"),
        ("a.jsonl", '{"question": "a", "answer": 7}\n', "line 1: the answer is 7"),
    ],
)
def test_a_file_without_a_sound_row_is_named_with_its_first(tmp_path: Path, name: str, content: str, says: str) -> None:
    assert says in refused(tmp_path, name, content)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "question,answer\nWhere?,Inn\nWhen?,\nWho?,Ann\n,Six\n", ["row 3: the answer is ''", "row 5: the q"]),
        ("a.csv", "question,answer\nWhere?,Inn,today\nWho?,Ann\n", ["row 2 has 3 cells, the header 2"]),
        ("a.csv", 'question,answer\nWho?,Ann\nWhere?,"Inn"s\nWhen?,Six\n', ["row 3 is broken as CSV"]),
        ("a.csv", 'question,answer\nWho?,Ann\nWhere?,"Inn\nWhen?,Six\n', ["row 3 (lines 3 to 4) is broken as CSV"]),
        ("a.csv", "boat,cars\nAda,3\nMargit,2,1\n", ["row 3 has 3 cells, the header 2"]),
        ("a.csv", "question,answer,rating\nWhere?,Inn,good\nWho?,Ann,meh\n", ["row 3: the rating is 'meh'. Give good"]),
        (
            "a.jsonl",
            '{"question": "Where?", "answer": "Inn"}\n{"q": \n{"text": 1}',
            ["line 2: is not JSON", "line 3: has no"],
        ),
        (
            "a.jsonl",
            '{"question": "Where?", "answer": "Inn"}\n{"question": "Who?", "question": "When?", "answer": "Six"}',
            ["line 2: 'question' stands twice"],
        ),
    ],
)
def test_a_broken_row_is_named_and_costs_no_other(tmp_path: Path, name: str, content: str, says: list[str]) -> None:
    found = read(tmp_path, name, content)
    assert found.records
    for lost, said in zip(found.lost, says, strict=True):
        assert lost.startswith(f"{tmp_path / name}: {said}")


@pytest.mark.parametrize(
    "names",
    ["question,answer", "Prompt,Completion", "instruction,output", "query,response", "q,a", "问题,答案", "问,答"],
)
def test_questions_and_answers_go_by_many_names(tmp_path: Path, names: str) -> None:
    (found,) = read_exchanges(tmp_path, "a.csv", f"{names}\nWhere?,Inn\n")
    assert (found.question, found.answer) == ("Where?", "Inn")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "Query,question,answer\nInn?,Where?,There.\n"),
        ("a.csv", "question,question,answer\nWhere?,Inn?,There.\n"),
        ("a.jsonl", '{"query": "Inn?", "question": "Where?", "answer": "There."}'),
    ],
)
def test_two_columns_that_could_be_the_question_are_told_with_the_one_that_is_taken(
    tmp_path: Path, name: str, content: str
) -> None:
    found = read(tmp_path, name, content)
    assert [one.question for one in found.records if isinstance(one, Exchange)] == ["Where?"]
    assert re.search(
        rf"{name}:( line 1:)? (query|question), question could each be the question; question is taken", found.note
    )


def test_lines_that_call_the_question_by_different_names_need_no_choice(tmp_path: Path) -> None:
    rows = '{"query": "Where?", "answer": "Inn"}\n{"question": "Who?", "answer": "Ann"}'
    found = read(tmp_path, "a.jsonl", rows)
    assert [one.question for one in found.records if isinstance(one, Exchange)] == ["Where?", "Who?"]
    assert found.note == ""


def test_an_instruction_is_asked_with_its_input(tmp_path: Path) -> None:
    rows = '{"instruction": "Translate.", "input": "Inn", "output": "客栈"}\n{"instruction": "Hi", "output": "Ho"}'
    found = read_exchanges(tmp_path, "a.jsonl", rows)
    assert [(e.question, e.answer) for e in found] == [("Translate.\n\nInn", "客栈"), ("Hi", "Ho")]


def test_a_table_without_questions_and_answers_is_read_as_text_and_says_so(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", "query,count\nferry,7\n")
    assert [type(record) for record in found.records] == [Passage]
    assert "a.csv: is read as text: its columns are query, count. Columns named question and answer" in found.note
    assert not read(tmp_path, "b.csv", "question,answer\nWhere?,Inn\n").note


@pytest.mark.parametrize(
    ("column", "ratings", "meant"),
    [
        ("rating", "1 -1 0 1.0 -1.0", [1, -1, 0, 1, -1]),
        ("rating", "TRUE false True False", [1, -1, 1, -1]),
        ("rating", "up down Thumbs_Up 👎 好评 差评", [1, -1, 1, -1, 1, -1]),
        ("rating", "good bad neutral", [1, -1, 0]),
        ("rating", "1 2 3 4 5", [-1, -1, 0, 1, 1]),
        ("rating", "5.0 4.0 1.0", [1, 1, -1]),
        ("rating", "5 5", [1, 1]),
        ("rating", "1 1 1", [1, 1, 1]),
        ("stars", "5 1 1", [1, -1, -1]),
        ("星级", "1 1", [-1, -1]),
    ],
)
def test_ratings_are_read_on_the_scale_of_their_column(
    tmp_path: Path, column: str, ratings: str, meant: list[int]
) -> None:
    rows = "".join(f"Where {number}?,Inn,{rating}\n" for number, rating in enumerate(ratings.split()))
    found = read_exchanges(tmp_path, "a.csv", f"question,answer,{column}\n{rows}")
    assert [e.rating for e in found] == meant


@pytest.mark.parametrize(
    ("ratings", "refused_rows"),
    [
        ("1 -1 1 5", [5]),  # a slip of the hand, and 1 is good beside -1
        ("good bad 7", [4]),
        ("1 1 5", [2, 3, 4]),  # stars, or the same slip?
        ("1 7 10", [2, 3, 4]),
        ("0 1 4 5", [2, 3, 4, 5]),
    ],
)
def test_no_rating_is_guessed(tmp_path: Path, ratings: str, refused_rows: list[int]) -> None:
    rows = "".join(f"Where {number}?,Inn,{rating}\n" for number, rating in enumerate(ratings.split()))
    found = read(tmp_path, "a.csv", f"question,answer,rating\n{rows}Who?,Ann,\n")
    for number, lost in zip(refused_rows, found.lost, strict=True):
        assert f"row {number}: the rating is" in lost


# Encodings and faults


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"])
def test_chinese_encodings(tmp_path: Path, encoding: str) -> None:
    (found,) = read_passages(tmp_path, "a.md", "# 渡船\n\n末班船 21:50 返回。".encode(encoding))
    assert (found.headings, found.text) == (("渡船",), "末班船 21:50 返回。")


def test_windows_western_text(tmp_path: Path) -> None:
    (found,) = read_passages(tmp_path, "a.txt", "Die Fähre fährt täglich – auch an Feiertagen.".encode("cp1252"))
    assert found.text == "Die Fähre fährt täglich – auch an Feiertagen."


def compressed_bomb() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * (60 * 2**20))
    return file.getvalue()


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {here} "{f"&{before};" * 10}">' for before, here in itertools.pairwise("abcdefghij")
)


def entity_bomb() -> bytes:
    file = BytesIO(office.docx())
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("word/document.xml", f"{ENTITIES}]><x>&j;</x>")
    return file.getvalue()


def renamed_bomb() -> bytes:
    """The text of the document is a part that is called as no text is."""
    file = BytesIO()
    with zipfile.ZipFile(BytesIO(office.docx())) as plain, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in plain.infolist():
            content = plain.read(part).replace(b"word/document.xml", b"word/photo.bin")
            archive.writestr(part.filename.replace("word/document.xml", "word/photo.bin"), content)
        archive.writestr("word/more.bin", b" " * (60 << 20))
    return file.getvalue()


def stored_bomb() -> bytes:
    """Takes as much room in the file as in memory, as photographs do."""
    file = BytesIO(office.docx())
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("word/more.bin", b"<" * (41 << 20), zipfile.ZIP_STORED)
    return file.getvalue()


def rarely_packed() -> bytes:
    file = BytesIO(office.docx())
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("word/more.bin", b" ", zipfile.ZIP_BZIP2)
    return file.getvalue()


def test_a_docx_is_read_without_the_style_map_that_mammoth_would_unpack_at_once(tmp_path: Path) -> None:
    file = BytesIO(office.docx(office.paragraph("Code 4471.", 1), office.paragraph("Ask Margit.")))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mammoth/style-map", "p => h3")
    (found,) = read_passages(tmp_path, "a.docx", file.getvalue())
    assert (found.headings, found.text) == (("Code 4471.",), "Ask Margit.")


def test_a_docx_with_many_photographs_is_read(tmp_path: Path) -> None:
    file = BytesIO(office.docx(office.paragraph("Code 4471.")))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        for number in range(9):
            archive.writestr(f"word/media/{number}.jpeg", random.Random(number).randbytes(5 << 20))
    (found,) = read_passages(tmp_path, "a.docx", file.getvalue())
    assert found.text == "Code 4471."


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.md", "", "is empty"),
        ("a.md", " \n\n", "is empty"),
        ("a.csv", "", "is empty"),
        ("a.md", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
        ("a.md", b"plain\0text", "binary"),
        ("a.md", "Ключи висят в трактире.".encode("cp1251"), "neither UTF-8 nor GB18030"),
        ("a.md", b"\xff\xfea\x00\x00\xd8", "binary"),
        ("a.html", "<div>" * 20_000 + "x", "nested too deeply"),
        ("a.html", b"<!DOCTYPE html><p>\0</p>", "binary"),
        ("a.pdf", b"%PDF-1.4 and nothing", "broken PDF"),
        ("a.pdf", b"", "broken PDF"),
        ("a.pdf", office.pdf("0 0 m 9 9 l S"), "Run OCR"),
        ("a.pdf", office.encrypted_pdf(), "is encrypted"),
        ("a.docx", b"PK\x03\x04 and nothing", "is broken"),
        ("a.docx", b"\xd0\xcf\x11\xe0 an encrypted one", "encrypted or an old .doc"),
        ("a.docx", office.docx("<w:p>"), "broken DOCX"),
        ("a.docx", office.docx(), "is empty"),
        ("a.docx", compressed_bomb, "unpacks to 60 MiB"),
        ("a.docx", renamed_bomb, "unpacks to 60 MiB"),
        ("a.docx", stored_bomb, "unpacks to 41 MiB"),
        ("a.docx", rarely_packed, "is packed in a rare way"),
        ("a.docx", entity_bomb, "broken DOCX"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: str | bytes | Callable[[], bytes], says: str
) -> None:
    said = refused(tmp_path, name, content() if callable(content) else content)
    assert says in said
    assert not re.search(r"Error|Exception|BadZip|is no ", said)  # words of libraries


def test_a_pdf_that_leads_in_circles_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "PDF_SECONDS", 2.0)
    assert "no end of it after 2 s" in refused(tmp_path, "a.pdf", office.pdf("", pages="2 0 R"))


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_damaged_docx_is_read_or_refused(data: st.DataObject) -> None:
    file = bytearray(office.docx(office.paragraph("Code 4471.")))
    for at in data.draw(st.lists(st.integers(0, len(file) - 1), min_size=1, max_size=5)):
        file[at] = data.draw(st.integers(0, 255))
    try:
        convert.docx(bytes(file), "a.docx")
    except ServiceError as error:
        assert str(error).startswith("a.docx: ")


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300), st.sampled_from([".md", ".txt", ".html", ".csv", ".jsonl", ".docx"]))
def test_any_bytes_are_read_or_refused(content: bytes, kind: str) -> None:
    try:
        folder.READERS[kind](content, "file", ORIGIN, 400)
    except ServiceError as error:
        assert str(error).startswith("file: ")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "a.md").open("wb") as file:
        file.truncate(51 * 2**20)
    source = Folder(tmp_path)
    (document,) = source.documents()
    with pytest.raises(ServiceError, match=r"a\.md: is 51 MiB, more than 50"):
        source.read(document)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.md").write_text("x")
    (tmp_path / "b.md").write_text("y")
    opened = Path.open

    def refuse(path: Path, mode: str) -> object:
        if path.name == "a.md":
            raise PermissionError(13, "Permission denied")
        return opened(path, mode)

    monkeypatch.setattr(Path, "open", refuse)
    source = Folder(tmp_path)
    broken, sound = source.documents()
    assert broken == Document("a.md", "")
    with pytest.raises(ServiceError, match=r"a\.md: cannot be read \(Permission denied\)"):
        source.read(broken)
    assert source.read(sound).records


def test_a_file_that_vanishes_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    source = Folder(tmp_path)
    (document,) = source.documents()
    (tmp_path / "a.md").unlink()
    with pytest.raises(ServiceError, match=r"a\.md: was deleted or moved meanwhile"):
        source.read(document)


# The folder


def test_documents_are_sorted_and_others_are_told(tmp_path: Path) -> None:
    for name in ["b.md", "sub/a.MD", "c.png", "Makefile", ".hidden.md", ".git/x.md", "~$b.docx"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / os.fsdecode(b"\xff.md")).write_text("x")
    source = Folder(tmp_path)
    assert [d.path for d in source.documents()] == ["b.md", "sub/a.MD"]
    assert source.skipped() == [
        ("Makefile", "is of a kind that is not read (no ending)"),
        ("c.png", "is of a kind that is not read (.png)"),
        ("pipe.md", "is not a regular file"),
    ]
    assert source.refused() == [("\\xff.md", "has a name that is not UTF-8; rename it")]


def test_links_never_leave_the_folder_and_loops_end(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    (inside / ".data").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.md").write_text("secret")
    (inside / ".data" / "mounted.md").write_text("mounted")
    (inside / "a.md").write_text("a")
    for name, target in {
        "again.md": "a.md",
        "mounted.md": ".data/mounted.md",  # how Kubernetes mounts a ConfigMap
        "leaves.md": "../out/secret.md",
        "folder": "../out",
        "loop": ".",
        "self.md": "self.md",
        "nothing.md": "gone.md",
    }.items():
        (inside / name).symlink_to(target)
    source = Folder(inside)
    documents = source.documents()
    assert [d.path for d in documents] == ["a.md", "mounted.md", "nothing.md", "self.md"]
    assert dict(source.skipped()) == {
        "again.md": "is a link to a.md, which is read",
        "folder": "is a link to a folder; such links are not followed",
        "loop": "is a link to a folder; such links are not followed",
    }
    assert source.refused() == [("leaves.md", "is a link that leaves the folder; copy the file here, or exclude it")]
    for document, says in zip(documents[2:], ["link to nothing", "cannot be read"], strict=True):
        with pytest.raises(ServiceError, match=says):
            source.read(document)


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.md"], [], ["a.md", "sub/b.md", "sub/deep/c.md"]),
        (["sub/*.md"], [], ["sub/b.md"]),
        (["sub/"], [], ["sub/b.md", "sub/deep/c.md", "sub/deep/d.txt"]),
        (["**/*"], ["**/deep/**"], ["a.md", "sub/b.md"]),
        (["**/*"], ["?.md"], ["sub/deep/d.txt"]),
        (["sub/**/*.md", "a.md"], ["b.md"], ["a.md", "sub/deep/c.md"]),
    ],
)
def test_include_and_exclude(tmp_path: Path, include: list[str], exclude: list[str], expected: list[str]) -> None:
    for name in ["a.md", "sub/b.md", "sub/deep/c.md", "sub/deep/d.txt"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    source = Folder(tmp_path, include=include, exclude=exclude)
    assert [d.path for d in source.documents()] == expected
    assert source.skipped() == []


def test_the_fingerprint_follows_content_and_settings(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    before, again, resized = (Folder(tmp_path, max_tokens=n).documents()[0] for n in (400, 400, 300))
    (tmp_path / "a.md").write_text("y")
    changed = Folder(tmp_path).documents()[0]
    assert before == again
    assert len({before.fingerprint, resized.fingerprint, changed.fingerprint}) == 3


def test_a_missing_or_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no such folder"):
        Folder(tmp_path / "none").documents()
    with pytest.raises(ServiceError, match="holds no document"):
        Folder(tmp_path).documents()
    (tmp_path / "a.png").write_text("x")
    with pytest.raises(ServiceError, match=r"a\.png is of a kind that is not read"):
        Folder(tmp_path).documents()


def test_a_folder_that_may_not_be_listed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.md").write_text("x")
    (tmp_path / "sub").mkdir()
    scan = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ServiceError, match=r"sub: cannot be listed \(Permission denied\)"):
        Folder(tmp_path).documents()


def test_too_small_passages_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="max_tokens: 5 is too few"):
        read(tmp_path, "a.md", "x", max_tokens=5)


@pytest.mark.parametrize(
    ("name", "package"),
    [("a.html", "markdownify"), ("a.docx", "mammoth"), ("a.pdf", "pdfplumber"), ("a.md", "semantic_text_splitter")],
)
def test_a_missing_package_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ServiceError, match=r'pip install "flowstill\[files\]"'):
        read(tmp_path, name, "x")


HOSTILE = {
    "one character": "x" * 200_000,
    "one long line": "some words here " * 20_000,
    "nested lists": "".join(f"{'  ' * depth}- level{depth}\n" for depth in range(300)),
    "quotes in quotes": "> " * 20_000 + "word",
    "headings": "".join(f"## Heading {number}\n\nText {number}.\n\n" for number in range(3000)),
    "blanks in code": "```\nword\n" + " " * 50_000 + "\n" + "do(1);\n" * 2000 + "```\n",
    "one code line": "```\n" + "do(1);" * 30_000 + "\n```\n",
    "a long table": "| a | b |\n| - | - |\n" + "| some cell | another |\n" * 5000,
}


def test_tokens_are_counted_exactly_whatever_was_counted_before(tmp_path: Path) -> None:
    said = {"clear": 1, "1." * 90: 180, "old channel": 2, "the morning " * 10: 20}
    text = "".join(f"# Section\n\n{words}\n\n" for words in said)
    assert [passage.tokens for passage in read_passages(tmp_path, "a.md", text)] == list(said.values())


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_no_person_writes_is_split_into_passages_all_the_same(tmp_path: Path, text: str) -> None:
    """Within the time that every test has, where it took minutes and more once."""
    found = read_passages(tmp_path, "a.md", text)
    assert max(passage.tokens for passage in found) <= 400
    said = set(re.findall(r"\w+", " ".join(passage.titled for passage in found)))
    if max(map(len, text.split())) < 100:  # longer words are cut
        assert set(re.findall(r"\w+", text)) <= said
