"""Drawings: everything is there, nothing stands on anything else, and no text does more than be read."""

import re
import time
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import combinations, pairwise, product

import pytest

from dsl import DslError
from dsl.boxes import Box, Drawing, Line, arrange
from dsl.drawing import draw
from dsl.ir import Edge, Flow, Graph, Node
from dsl.kinds import KINDS
from dsl.values import walk
from tests.dsl.kitchen import kitchen_sink

HOSTILE = [
    "<script>alert(1)</script>",
    "</title></svg><script>alert(1)</script>",
    '" onload="alert(1)',
    "]]>&<!--",
    "a\x00\x1b\ud800\u202eb",
    '"]; click n0 href "javascript:alert(1)"',
    '%%{init: {"securityLevel": "loose"}}%%',
    "end\n  n9 --> n0",
    "`**x**`#quot;",
    "長い名前" * 200,
]


def flow(nodes: list[Node], edges: list[Edge]) -> Flow:
    return Flow("f", "ir", graph=Graph(nodes, edges))


def texts(picture: str) -> str:
    return " ".join(ET.fromstring(picture).itertext())


def crossing(drawing: Drawing) -> list[tuple[str, str]]:
    """The pairs of boxes, notes aside, that stand on each other."""
    boxes = [box for box in drawing.boxes if box.node.kind != "note"]
    return [
        (one.node.id, other.node.id)
        for i, one in enumerate(boxes)
        for other in boxes[:i]
        if one.x < other.x + other.w
        and other.x < one.x + one.w
        and one.y < other.y + other.h
        and other.y < one.y + one.h
    ]


def within(box: Box) -> bool:
    inner = box.inner.boxes if box.inner else []
    return all(
        box.x < each.x and box.y < each.y and each.x + each.w < box.x + box.w and each.y + each.h < box.y + box.h
        for each in inner
    )


def test_every_kind_is_drawn_with_its_kind_and_title() -> None:
    sink = kitchen_sink()
    assert {node.kind for node, _, _ in walk(sink.graph)} == set(KINDS)
    picture, chart = texts(draw(sink, "svg")), draw(sink, "mmd")
    for node, _, _ in walk(sink.graph):
        assert node.kind in picture and node.title in picture
        assert node.kind in chart and node.title in chart


@pytest.mark.parametrize("fact", ["qwen3-8b", "POST https://api.example.com/v1/", "python3", "{i} > 9", "tools: add"])
def test_a_box_says_what_matters_most(fact: str) -> None:
    assert fact in texts(draw(kitchen_sink(), "svg"))


@pytest.mark.parametrize("port", ["price", "red", "else", "error", "default"])
def test_the_words_of_a_port_stand_on_its_edge(port: str) -> None:
    sink = kitchen_sink()
    assert port in re.findall(r'<text class="words"[^>]*>([^<]*)<', draw(sink, "svg"))
    assert f'|"{port}"|' in draw(sink, "mmd")


@pytest.mark.parametrize("placed", [True, False])
def test_one_sees_which_line_leaves_by_which_words(placed: bool) -> None:
    classes = [{"name": name} for name in ("A question about a product", "Orders", "Anything else")]
    ends = [Node(str(i), "end", position=(300.0, 150.0 * i) if placed else None) for i in range(3)]
    start = Node("t", "classify", params={"classes": classes}, position=(0.0, 150.0) if placed else None)
    edges = [Edge("t", str(i), f"class:{i}") for i in range(3)]
    picture = draw(flow([start, *ends], edges), "svg")
    lines = re.findall(r'<path d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)C\S+ \S+ \S+ \S+ ([\d.]+)', picture)
    words = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="14"', picture)
    assert len(lines) == len(words) == 3
    for line, label in zip(lines, words, strict=True):
        (x, y, bends, level, ends_at), (left, top, wide) = map(float, line), map(float, label)
        assert y == level and x < left and left + wide < bends < ends_at - 24  # level under its words, and then a curve
        assert y - 17 <= top and top + 14 < y


def test_no_box_stands_on_another_and_a_body_lies_in_its_container() -> None:
    drawing = arrange(kitchen_sink())
    assert not crossing(drawing)
    for box in drawing.boxes:
        assert within(box) and not (box.inner and crossing(box.inner))
        assert box.x >= 0 and box.y >= 0 and box.x + box.w <= drawing.w and box.y + box.h <= drawing.h


def test_places_that_were_given_keep_their_order_and_are_spread_until_nothing_overlaps() -> None:
    nodes = [Node(str(i), "pass", position=(150.0 * (i % 4), 90.0 * (i // 4))) for i in range(12)]
    boxes = {box.node.id: box for box in arrange(flow(nodes, [])).boxes}
    assert not crossing(arrange(flow(nodes, [])))
    assert boxes["0"].y == boxes["3"].y and boxes["1"].x == boxes["9"].x and boxes["0"].x < boxes["1"].x


@pytest.mark.parametrize("x", [0.0, 1.0, 1e300, float("nan"), float("inf")])
def test_places_that_are_of_no_use_are_made_anew(x: float) -> None:
    nodes = [Node(str(i), "pass", position=(x * i, 0.0)) for i in range(5)]
    drawing = arrange(flow(nodes, [Edge("0", "1"), Edge("1", "2")]))
    assert not crossing(drawing) and drawing.w < 5000


def test_a_note_keeps_framing_what_it_framed() -> None:
    note = Node("n", "note", position=(-20.0, -40.0), params={"text": "both", "size": [400, 200]})
    nodes = [note, *(Node(str(i), "pass", position=(150.0 * i, 0.0)) for i in range(2))]
    boxes = {box.node.id: box for box in arrange(flow(nodes, [Edge("0", "1")])).boxes}
    assert boxes["n"].x < boxes["0"].x and boxes["1"].x < boxes["n"].x + boxes["n"].w


def test_circles_loops_and_edges_to_nothing_are_drawn() -> None:
    nodes = [Node("a", "start"), Node("b", "pass"), Node("c", "loop", body=Graph([], [Edge("c", "gone", "body")]))]
    edges = [Edge("a", "b"), Edge("b", "a"), Edge("b", "b"), Edge("b", "ghost"), Edge("lost", "c"), Edge("x", "y")]
    for form in ("svg", "mmd", "html"):
        drawn = draw(flow(nodes, edges), form)
        assert "ghost" in drawn and "lost" in drawn
    assert draw(flow([], []), "svg") and draw(flow([], []), "mmd") and draw(flow([], []), "html")


def test_what_is_missing_in_two_bodies_is_two_marks_in_a_chart() -> None:
    nodes = [Node(name, "loop", body=Graph([Node(f"{name}1", "pass")], [Edge(f"{name}1", "gone")])) for name in "ab"]
    marks = re.findall(r'(\w+)\["gone is missing"', draw(flow(nodes, []), "mmd"))
    assert len(set(marks)) == 2


def test_an_edge_goes_round_the_box_in_its_way() -> None:
    nodes = [Node(str(i), "pass", position=(400.0 * i, 0.0)) for i in range(3)]
    drawing = arrange(flow(nodes, [Edge("0", "1"), Edge("1", "2"), Edge("0", "2")]))
    middle = drawing.boxes[1]
    assert [len(line.points) for line in drawing.lines[:2]] == [2, 2]
    assert not any(middle.y <= y <= middle.y + middle.h for _, y in drawing.lines[2].points[2:4])


def level(line: Line) -> list[tuple[float, float, float]]:
    """The pieces of an edge that run level between its corners: at what height, from where to where."""
    pieces = pairwise(line.points[1:-1])
    return [(y, min(x, to_x), max(x, to_x)) for (x, y), (to_x, to_y) in pieces if y == to_y]


def test_edges_that_go_back_to_the_next_row_are_told_apart() -> None:
    rows = [
        Node(f"{row}{i}", "pass", position=(300.0 * i + 80, 200.0 * row + 80)) for row in range(2) for i in range(6)
    ]
    ahead = [Edge(f"{row}{i}", f"{row}{i + 1}") for row in range(2) for i in range(5)]
    back = [Edge(f"0{i}", f"1{j}") for i, j in ((5, 0), (4, 1), (3, 2), (5, 2), (4, 0), (3, 1), (5, 1))]
    lines = [line for line in arrange(flow(rows, [*ahead, *back])).lines if line.edge in back]
    for one, other in combinations(lines, 2):
        if one.edge.source != other.edge.source and one.edge.target != other.edge.target:
            for (y, x, to_x), (at, since, to) in product(level(one), level(other)):
                assert abs(y - at) > 3 or min(to_x, to) - max(x, since) < 5, (one.edge, other.edge)


def test_what_only_one_platform_has_is_dashed_and_said_in_words() -> None:
    picture = draw(flow([Node("o", "opaque", "Odd", params={"type": "memory"})], []), "svg")
    assert 'class="node stub"' in picture and ".stub .box{stroke-dasharray" in picture
    assert "opaque: memory" in texts(picture)
    assert "stroke-dasharray" in draw(flow([Node("o", "opaque")], []), "mmd")


def test_a_long_title_is_clipped_and_whole_in_its_tooltip() -> None:
    title = "A very long title " * 20
    picture = draw(flow([Node("a", "pass", title)], []), "svg")
    assert title.strip() in texts(picture)
    assert all(len(text) < 40 for text in re.findall(r'<text class="name"[^>]*>([^<]*)<', picture))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_only_text(text: str) -> None:
    nodes = [
        Node(text, "opaque", text, text, params={"type": text}),
        Node("n", "note", text, params={"text": text}),
        Node("c", "classify", params={"classes": [{"name": text}], "query": text}),
        Node("h", "http", params={"method": text, "url": text}),
    ]
    hostile = Flow(text, "ir", graph=Graph(nodes, [Edge("c", text, "class:0"), Edge("h", text + "?", text)]))
    picture = ET.fromstring(draw(hostile, "svg"))
    tags = {element.tag.rpartition("}")[2] for element in picture.iter()}
    assert tags <= {"svg", "title", "style", "defs", "marker", "path", "rect", "g", "text"}
    assert not any(name.startswith("on") or name == "href" for element in picture.iter() for name in element.attrib)
    assert _Scripts.of(draw(hostile, "html")) == 1
    chart = draw(hostile, "mmd")
    for odd in ("<script", "%%", "`", 'click n0 href "', "\x00", "\ud800", "\u202e"):
        assert odd not in chart
    assert all(line.count('"') in (0, 2, 4) for line in chart.splitlines())
    chart.encode(), draw(hostile, "html").encode()


class _Scripts(HTMLParser):
    """Counts the scripts of a page."""

    count = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count += tag == "script"
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

    @classmethod
    def of(cls, page: str) -> int:
        parser = cls()
        parser.feed(page)
        return parser.count


def test_a_page_loads_nothing_and_runs_its_own_script_only() -> None:
    page = draw(kitchen_sink(), "html")
    assert "default-src 'none'" in page and "script-src 'sha256-" in page
    assert not re.search(r"(src|href)=|@import|url\((?!#)", page)


def test_a_secret_is_not_drawn() -> None:
    secret = "sk-" + "a1B2c3D4e5F6g7H8" * 3
    nodes = [Node("h", "http", params={"method": "GET", "url": f"https://example.com/?api_key={secret}"})]
    for form in ("svg", "mmd", "html"):
        assert secret not in draw(flow(nodes, []), form)


@pytest.mark.parametrize("placed", [False, True])
def test_a_thousand_nodes_take_seconds_at_most(placed: bool) -> None:
    nodes = [
        Node(str(i), "pass", position=(300.0 * (i % 40), 150.0 * (i // 40)) if placed else None) for i in range(1000)
    ]
    edges = [Edge(str(i), str(i * step % 1000)) for i in range(1000) for step in (1, 2, 7)]
    edges += [Edge(str(i), str(i + 1)) for i in range(999)]
    began = time.process_time()
    draw(flow(nodes, edges), "html")
    draw(flow(nodes, edges), "mmd")
    assert time.process_time() - began < 20


def test_an_unknown_form_is_named_with_those_there_are() -> None:
    with pytest.raises(DslError, match=r"'png'.*svg, mmd, html"):
        draw(kitchen_sink(), "png")
