"""Code that is written for Coze and RAGFlow gives what the step gives that it stands for.

It runs as it runs there, without the marks by which a file that is read back shows what each step was.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import dsl
from dsl.ir import Edge, Graph, Node, OnError, Ref, Text, Type
from dsl.values import at, nodes, pointer
from tests.dsl.engines import build
from tests.dsl.engines.build import assign, called, workflow
from tests.dsl.small import (
    BOOLEAN,
    NUMBER,
    NUMBERS,
    OBJECT,
    STRING,
    Case,
    N,
    Q,
    cases,
    end,
    flow,
    javascript,
    line,
    start,
    when,
)
from tests.dsl.test_ragflow_code import printed

_AS_CODE = {"start", "end", "code", "set", "list", "pass"}
_MARK = re.compile(r"^\s*(#|//) flowstill:.*\n", re.M)


def unmarked(written: Any) -> Any:
    if isinstance(written, dict):
        return {key: unmarked(each) for key, each in written.items()}
    if isinstance(written, list):
        return list(map(unmarked, written))
    return _MARK.sub("", written) if isinstance(written, str) else written


def _rows() -> Node:
    source = "function main({q}) {return {rows: q.split(',').map((k, i) => ({k, v: i + 0.5})), ns: [1.5, 2]}}"
    return javascript("rows", source, {"q": Q}, rows=Type("array", items=Type("object", props=_ROW)), ns=NUMBERS)


_ROW = {"k": STRING, "v": NUMBER}
_ROWS, _NS = Ref("rows", ("rows",)), Ref("rows", ("ns",))


def _each(**made: Any) -> Node:
    """Rounds over the rows, each of which gives a field of these."""
    ((name, value),) = made.items()
    inner = Node("shape", "set", "Shape", inputs={name: value}, outputs={name: Type()})
    node = Node("each", "iterate", "Each", inputs={"item": _ROWS}, outputs={"output": Type("array")})
    node.params = {"collect": {"output": Ref("shape", (name,))}}
    node.body = Graph([inner], [Edge("each", "shape", "body")])
    return node


def _few(listed: Ref, **asked: Any) -> Node:
    return Node("few", "list", "Few", params={"list": listed, **asked})


_ITEM = Ref("each", ("item",), "item")
_FEW = {"r": (Ref("few", ("result",)), Type("array")), "f": (Ref("few", ("first",)), Type())}
_SUM = "function main({rows}) {return {sum: rows.reduce((sum, one) => sum + one.v, 0)}}"
_A, _B, _C = ({"k": key, "v": i + 0.5} for i, key in enumerate("abc"))


def _given(name: str, *steps: Node, expected: dict[str, Any], **results: Any) -> Case:
    return Case(name, flow(name, line(start(), *steps, end(**results))), {"q": "a,b,c", "n": 2}, expected)


def _more() -> list[Case]:
    """What the types and the forms of values make hard."""
    big = when((Ref("few", ("v",), "item"), "gt", 1, "number"))
    shaped = Node("shape", "set", "Shape", inputs={"o.a": Q, "o.b.c": N, "l": [Q, "x"]})
    shaped.outputs = {"o": OBJECT, "l": Type("array")}
    said = Text((Q, ": ", N))
    texts = Node("shape", "set", "Shape", inputs={"t": said, "b": True}, outputs={"t": STRING, "b": BOOLEAN})
    total = javascript("total", _SUM, {"rows": Ref("each", ("output",))}, sum=NUMBER)
    return [
        _given("numbers in a list", _rows(), _few(_NS), expected={"r": [1.5, 2], "f": 1.5}, **_FEW),
        _given("objects, filtered", _rows(), _few(_ROWS, filter=big), expected={"r": [_B, _C], "f": _B}, **_FEW),
        _given(
            "objects, sorted by a field and cut",
            _rows(),
            _few(_ROWS, sort=[{"key": "v", "order": "desc"}], limit={"size": N, "keep": "first"}),
            expected={"r": [_C, _B], "f": _C},
            **_FEW,
        ),
        _given("one of objects", _rows(), _few(_ROWS, nth=N), expected={"r": [_B], "f": _B}, **_FEW),
        _given(
            "fields of fields, and a list",
            shaped,
            expected={"o": {"a": "a,b,c", "b": {"c": 2}}, "l": ["a,b,c", "x"]},
            o=(Ref("shape", ("o",)), OBJECT),
            l=(Ref("shape", ("l",)), Type("array")),
        ),
        _given(
            "texts and truth",
            texts,
            expected={"t": "a,b,c: 2", "b": True},
            t=(Ref("shape", ("t",)), STRING),
            b=(Ref("shape", ("b",)), BOOLEAN),
        ),
        _given(
            "rounds that give objects",
            _rows(),
            _each(item={"name": Ref("each", ("item", "k"), "item"), "v": Ref("each", ("item", "v"), "item")}),
            total,
            expected={"r": [{"name": one["k"], "v": one["v"]} for one in (_A, _B, _C)], "sum": 4.5},
            r=(Ref("each", ("output",)), Type("array")),
            sum=(Ref("total", ("sum",)), NUMBER),
        ),
        _given(
            "rounds that give their elements",
            _rows(),
            _each(item=_ITEM),
            _few(Ref("each", ("output",)), sort=[{"key": "v", "order": "desc"}]),
            expected={"r": [_C, _B, _A], "f": _C},
            **_FEW,
        ),
        _given(
            "rounds that give numbers",
            _rows(),
            _each(v=Ref("each", ("item", "v"), "item")),
            expected={"r": [0.5, 1.5, 2.5]},
            r=(Ref("each", ("output",)), Type("array")),
        ),
    ]


def _items() -> list[Case]:
    """What n8n makes of the elements of a list, one after the other."""
    asked = called(rows="array", shop="string")
    each = build.node("Each", "splitOut", 1, fieldToSplitOut="rows", include="allOtherFields", options={})
    said = assign("Said", t="={{ $json.shop }}/{{ $json.rows }}")
    every = build.node(
        "All", "aggregate", 1, fieldsToAggregate={"fieldToAggregate": [{"fieldToAggregate": "t"}]}, options={}
    )
    last = assign("Last", o="={{ $json.t.join('|') }}")
    made = workflow([asked, each, said, every, last], "In>Each Each>Said Said>All All>Last")
    given = {"rows": ["a", "b"], "shop": "S"}
    return [Case("items with what stands beside them", dsl.read(json.dumps(made)), given, {"o": "S/a|S/b"})]


def _texts() -> list[Case]:
    """What other languages than Python print of truth, numbers and nothing."""
    said = assign("Said", r="=b={{ $json.b }} n={{ $json.n }} s={{ $json.s }}.")
    read = dsl.read(json.dumps(workflow([called(b="boolean", n="number", s="string"), said], "In>Said")))
    return [Case("a text of what is no text", read, {"b": False, "n": 2.5, "s": None}, {"r": "b=false n=2.5 s=."})]


def _is_code(case: Case) -> bool:
    every = nodes(case.flow).values()
    return {node.kind for node in every} <= _AS_CODE and all(node.on_error == OnError() for node in every)


CASES = [*filter(_is_code, cases()), *_more(), *_items(), *_texts()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_code_on_coze_gives_what_the_step_gives(case: Case) -> None:
    written = unmarked(dsl.write(case.flow, "coze").document)
    assert "flowstill:" not in json.dumps(written)
    assert OnCoze(written).run(case.inputs) == case.expected


OPERATIONS = ("objects, filtered", "one of objects")  # RAGFlow has components of its own for these
ON_RAGFLOW = [case for case in CASES if _is_code(case) and case.name not in OPERATIONS]


@pytest.mark.parametrize("case", ON_RAGFLOW, ids=lambda case: case.name)
def test_the_code_on_ragflow_gives_what_the_step_gives(case: Case) -> None:
    written = unmarked(dsl.write(case.flow, "ragflow").document)
    assert "flowstill:" not in json.dumps(written)
    assert on_ragflow(written, case.inputs) == case.expected


class OnCoze:
    """A canvas that is a line of code nodes and of rounds over lists: what its end gives."""

    def __init__(self, canvas: dict[str, Any]) -> None:
        self.canvas = canvas
        self.values: dict[str, Any] = {}

    def run(self, inputs: dict[str, Any]) -> Any:
        self.values["100001"] = inputs
        for node in _line(self.canvas, "100001"):
            self.values[node["id"]] = self._gives(node)
        return self.values["900001"]

    def _gives(self, node: dict[str, Any]) -> dict[str, Any]:
        inputs = node["data"]["inputs"]
        given = {each["name"]: self._value(each["input"]) for each in inputs["inputParameters"]}
        if node["type"] == "5":
            made = _called(inputs, given)
            for each in node["data"]["outputs"]:
                assert _fits(made.get(each["name"]), each), f"{node['id']} gives {made}, and declares {each}"
            return {each["name"]: made.get(each["name"]) for each in node["data"]["outputs"]}
        return self._rounds(node, given) if node["type"] in ("21", "28") else given

    def _rounds(self, node: dict[str, Any], lists: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {each["name"]: [] for each in node["data"]["outputs"]}
        for index in range(min(map(len, lists.values()))):
            self.values[node["id"]] = {"index": index} | {name: listed[index] for name, listed in lists.items()}
            for inner in _line({"nodes": node["blocks"], "edges": node["edges"]}, node["id"]):
                self.values[inner["id"]] = self._gives(inner)
            for each in node["data"]["outputs"]:
                made[each["name"]].append(self._value(each["input"], of_round=True))
        for each in node["data"]["outputs"]:
            assert _fits(made[each["name"]], each["input"]), f"{node['id']} gives {made}, and declares {each}"
        return made

    def _value(self, block: dict[str, Any], *, of_round: bool = False) -> Any:
        kind, content = block["value"]["type"], block["value"].get("content")
        if kind == "object_ref":
            return {each["name"]: self._value(each["input"]) for each in block["schema"]}
        if kind == "literal":
            return json.loads(content) if block["type"] in ("list", "object") and isinstance(content, str) else content
        found = _below(self.values[content["blockID"]], content["name"])
        assert of_round or _fits(found, block), f"{content} is {found}, and declared as {block}"
        return found


def _line(canvas: dict[str, Any], first: str) -> Iterator[dict[str, Any]]:
    """What follows, up to what nothing follows, or to the round's end."""
    known = {node["id"]: node for node in canvas["nodes"]}
    after = {edge["sourceNodeID"]: edge["targetNodeID"] for edge in canvas["edges"] if edge["targetNodeID"] in known}
    while first in after:
        first = after[first]
        yield known[first]


def _called(inputs: dict[str, Any], given: dict[str, Any]) -> Any:
    if inputs["language"] == 3:
        there: dict[str, Any] = {}
        exec(inputs["code"], there)
        return asyncio.run(there["main"](SimpleNamespace(params=given)))
    return printed(
        f"{inputs['code']}\nmain({{params: {json.dumps(given)}}}).then((x) => console.log(JSON.stringify(x)));"
    )


def _fits(value: Any, declared: dict[str, Any]) -> bool:
    """Whether Coze takes the value as what is declared, and makes nothing else of it."""
    kind, schema = declared["type"], declared.get("schema")
    if value is None:
        return True
    if kind == "list":
        return isinstance(value, list) and all(_fits(each, schema or {"type": "string"}) for each in value)
    if kind == "object":
        return isinstance(value, dict) and all(_fits(value.get(each["name"]), each) for each in schema or ())
    if isinstance(value, bool):
        return bool(kind == "boolean")
    return isinstance(value, {"string": str, "float": int | float, "integer": int, "boolean": bool}[kind])


def on_ragflow(document: dict[str, Any], inputs: dict[str, Any]) -> Any:
    """A canvas that is a line of code components: by name what its message says."""
    components, values, at_ = document["dsl"]["components"], {"begin": inputs}, "begin"
    while components[at_]["downstream"]:
        (at_,) = components[at_]["downstream"]
        params = components[at_]["obj"]["params"]
        if "script" in params:
            given = {name: _read(ref, values) for name, ref in params["arguments"].items()}
            values[at_] = {"returned": _run(params, given)}
    said = re.findall(r"(?:(\w+): )?\{([^{}\s]+)\}", params["content"][0])
    return {name or "r": _read(ref, values) for name, ref in said}  # a single result is said without its name


def _read(ref: str, values: dict[str, Any]) -> Any:
    component, _, path = ref.partition("@")
    return _below(values[component], path)


def _run(params: dict[str, Any], given: dict[str, Any]) -> Any:
    if params["lang"] == "python":
        there: dict[str, Any] = {}
        exec(params["script"], there)
        return there["main"](**given)
    called = f"Promise.resolve(module.exports.main({json.dumps(given)}))"
    return printed(f"{params['script']}\n{called}.then((x) => console.log(JSON.stringify(x)));")


def _below(value: Any, path: str) -> Any:
    return at(value, pointer(*re.findall(r"[^.\[\]]+", path)))
