"""A workflow as an SVG picture that stands alone: no scripts, no loads, every text escaped."""

from collections.abc import Iterator

from dsl.boxes import Box, Drawing, Line, Point, arrange, bend
from dsl.facts import SILENT, Names, facts, is_stub, port_words, resource_names
from dsl.ir import Flow, Node
from dsl.lettering import LABEL, clean, clip, label_width, wrap

FAMILIES = {
    "ends": ("start", "end", "answer", "ask", "stop"),
    "models": ("llm", "agent", "classify", "extract"),
    "control": ("if", "iterate", "loop", "break", "continue", "aggregate", "pass"),
    "data": ("code", "template", "split", "set", "assign", "json_parse", "json_dump", "list"),
    "outside": ("http", "retrieve", "add_document", "delete_document", "document", "tool", "subflow"),
    "note": ("note",),
}
FAMILY = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}
COLOURS = {  # of the family: frame and words, fill
    "ends": ("#1d6b43", "#e9f6ee"),
    "models": ("#6134a8", "#f3edfc"),
    "control": ("#8a4b08", "#fdf3e3"),
    "data": ("#1b5698", "#e9f2fc"),
    "outside": ("#0c6670", "#e4f5f6"),
    "note": ("#75650f", "#fff9d6"),
    "stub": ("#a02a2a", "#fdf1f1"),
}
RADIUS = 14.0  # of the corners of an edge
STYLE = """
text{font-family:system-ui,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC",sans-serif;fill:#1c2430}
.kind{font-size:11px;font-weight:600;letter-spacing:.04em}.name{font-size:14.5px;font-weight:600}
.fact{font-size:11.5px;fill:#46505e}.words{font-size:10.5px;fill:#33404f}
.box{stroke-width:1.4}.stub .box{stroke-dasharray:7 4}.holder .box{fill-opacity:.4}
.edge path{fill:none;stroke:#7d8896;stroke-width:1.6}.edge.error path{stroke:#b53a3a;stroke-dasharray:6 3}
.edge.lost path{stroke:#b53a3a;stroke-dasharray:2 3}.lost .words{fill:#a02a2a}
.edge:hover path{stroke:#111;stroke-width:2.4}
""" + "".join(
    f".{name} .box{{fill:{fill};stroke:{line}}}.{name} .kind{{fill:{line}}}" for name, (line, fill) in COLOURS.items()
)
ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 1L9 5L0 9z" fill="#7d8896"/></marker></defs>'
)


def svg(flow: Flow) -> str:
    """Notes lie at the bottom, then containers, edges, nodes, and the words of the edges on top."""
    drawing = arrange(flow)
    names = resource_names(flow)
    every = list(_boxes(drawing))
    low = [box for box in every if box.node.kind == "note"] + [box for box in every if box.inner is not None]
    high = [box for box in every if box.inner is None and box.node.kind != "note"]
    lines = list(_lines(drawing))
    left, top, wide, tall = (f"{n:.0f}" for n in _extent(drawing))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="{left} {top} {wide} {tall}" '
        f'width="{wide}" height="{tall}">',
        f"<title>{clean(flow.name)}</title><style>{STYLE}</style>{ARROW}",
        f'<rect x="{left}" y="{top}" width="100%" height="100%" fill="#fff"/>',
        *(_node(box, names) for box in low),
        *(_edge(line) for line, _ in lines),
        *(_node(box, names) for box in high),
        *_labels(lines),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _extent(drawing: Drawing) -> tuple[float, float, float, float]:
    return drawing.left, drawing.top, drawing.w - drawing.left, drawing.h - drawing.top


def _boxes(drawing: Drawing) -> Iterator[Box]:
    for box in drawing.boxes:
        yield box
        if box.inner is not None:
            yield from _boxes(box.inner)


def _lines(drawing: Drawing) -> Iterator[tuple[Line, Node | None]]:
    """Every line with the node that it leaves."""
    nodes = {box.node.id: box.node for box in drawing.boxes}
    for line in drawing.lines:
        yield line, nodes.get(line.edge.source)
    for box in drawing.boxes:
        if box.inner is not None:
            yield from _lines(box.inner)


# -- nodes


def family(node: Node) -> str:
    return "stub" if is_stub(node) else FAMILY.get(node.kind, "stub")


def kind_words(node: Node) -> str:
    """The kind, and of an opaque node what its platform calls it."""
    told = str(node.params.get("type", "")) if node.kind == "opaque" else ""
    return f"{node.kind}: {told}" if told else node.kind


def _node(box: Box, names: Names) -> str:
    node = box.node
    said = [fact for fact in facts(node, names) if node.kind != "opaque"]
    title = node.title or node.id
    full = "\n".join([f"{title} ({kind_words(node)})", *([node.description] if node.description else []), *said])
    classes = " ".join(["node", family(node), *(["holder"] if box.inner is not None else [])])
    find = clean(" ".join([title, node.id, kind_words(node), *said]).lower())
    inside = _paper(box) if node.kind == "note" else _frame(box) + _words(box, title, said)
    return f'<g class="{classes}" data-find="{find}"><title>{clean(full)}</title>{inside}</g>'


def _frame(box: Box) -> str:
    return f'<rect class="box" x="{box.x:.1f}" y="{box.y:.1f}" width="{box.w:.1f}" height="{box.h:.1f}" rx="9"/>'


def _words(box: Box, title: str, said: list[str]) -> str:
    """Kind, title and facts from the top; of a low box in its middle they are the same."""
    left, room = box.x + 13, box.w - 26
    rows = [("kind", 20.0, kind_words(box.node), 7.4), ("name", 41.0, title, 9.0)]
    rows += [("fact", 60.0 + 17 * i, fact, 6.8) for i, fact in enumerate(said)]
    if box.inner is not None and len(said) > 1:
        rows[2:] = [("fact", 60.0, " · ".join(said), 6.8)]
    return "".join(_text(each, left, box.y + down, clip(words, room / wide)) for each, down, words, wide in rows)


def _text(name: str, x: float, y: float, words: str, more: str = "") -> str:
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}"{more}>{clean(words)}</text>'


def _paper(box: Box) -> str:
    """A sheet with a folded corner."""
    x, y, w, h, fold = box.x, box.y, box.w, box.h, 16.0
    sheet = f"M{x:.1f} {y:.1f}h{w - fold:.1f}l{fold} {fold}v{h - fold:.1f}h{-w:.1f}z"
    corner = f"M{x + w - fold:.1f} {y:.1f}v{fold}h{fold}"
    title = box.node.title or "note"
    text = wrap(str(box.node.params.get("text", "")), (w - 26) / 6.8, max(1, int((h - 36) / 16)))
    words = [_text("kind", x + 13, y + 20, clip(title if title == "note" else f"note: {title}", (w - 40) / 7.4))]
    words += [_text("fact", x + 13, y + 40 + 16 * i, line) for i, line in enumerate(text)]
    return f'<path class="box" d="{sheet}"/><path class="box" d="{corner}"/>' + "".join(words)


# -- edges


def _edge(line: Line) -> str:
    edge = line.edge
    kind = " lost" if line.lost else " error" if edge.port == "error" else ""
    where = f"{edge.source} → {edge.target}" + (f" ({edge.port})" if edge.port not in SILENT else "")
    arrow = ' marker-end="url(#arrow)"'
    return (
        f'<g class="edge{kind}"><title>{clean(where)}</title><path d="{_level(line)}{_path(line.points)}"{arrow}/></g>'
    )


def _level(line: Line) -> str:
    """The way to where the line proper begins: level, under the words of the port."""
    x, y = line.port or line.points[0]
    return f"M{x:.1f} {y:.1f}"


def _path(points: list[Point]) -> str:
    (x, y), *rest = points
    if len(points) == 2:
        (ax, ay), (bx, by) = bend(points[0], points[1])
        return f"L{x:.1f} {y:.1f}C{ax:.1f} {ay:.1f} {bx:.1f} {by:.1f} {rest[0][0]:.1f} {rest[0][1]:.1f}"
    path = f"L{x:.1f} {y:.1f}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        (ax, ay), (bx, by) = _toward(corner, before), _toward(corner, after)
        path += f"L{ax:.1f} {ay:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {bx:.1f} {by:.1f}"
    return path + f"L{points[-1][0]:.1f} {points[-1][1]:.1f}"


def _toward(corner: Point, other: Point) -> Point:
    """Where the rounding of a corner begins, at most half way to the next one."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    far = max(abs(dx), abs(dy)) or 1.0
    share = min(RADIUS, far / 2) / far
    return corner[0] + dx * share, corner[1] + dy * share


def _labels(lines: list[tuple[Line, Node | None]]) -> list[str]:
    """The words of each port once, above the line that leaves it, and what an edge misses."""
    made: dict[tuple[str, str], str] = {}
    for line, node in lines:
        edge, (x, y) = line.edge, line.port or line.points[0]
        if edge.port not in SILENT and node is not None:
            told = f"{port_words(node, edge.port)} ({edge.port})"
            made[edge.source, edge.port] = _label(x + 4, y - 8.5, port_words(node, edge.port), told)
        if line.lost:
            left = x if node is None else line.points[-1][0] + 5
            down = y - 12 if node is None else y
            made[edge.source, f"lost {edge.target}"] = _label(left, down, f"✕ {line.lost}", "not there", " lost")
    return list(made.values())


def _label(x: float, y: float, words: str, full: str, more: str = "") -> str:
    size = f'width="{label_width(words):.1f}" height="14" rx="4"'
    back = f'<rect x="{x:.1f}" y="{y - 7:.1f}" {size} fill="#fff" fill-opacity=".92"/>'
    text = _text("words", x + 4, y + 3.5, clip(words, LABEL))
    return f'<g class="label{more}"><title>{clean(full)}</title>{back}{text}</g>'
