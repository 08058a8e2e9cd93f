"""JSON bodies of requests: by fields, as a text, as an expression; each platform sends the same."""

import json
from typing import Any

import pytest

import dsl
from dsl.ir import Edge, Flow, Graph, Node, Ref, Text, Type
from dsl.values import nodes
from tests.dsl.small import INPUTS, STRING, N, Q, end, flow, line, start

URL = "https://api.example.com"


def asking(body: dict[str, Any]) -> Flow:
    params = {"method": "POST", "url": URL, "headers": [], "query": [], "body": {"type": "json"} | body}
    ask = Node("ask", "http", "Ask", params=params)
    return flow("ask", line(start(**INPUTS), ask, end(r=(Ref("ask", ("body",)), STRING))))


def from_n8n(body: str) -> Flow:
    asks = {"method": "POST", "url": URL, "sendBody": True, "specifyBody": "json", "jsonBody": body}
    made = [
        {"name": "In", "type": "n8n-nodes-base.set", "typeVersion": 3.4, "parameters": _assigned("q", "n")},
        {"name": "Ask", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2, "parameters": asks},
    ]
    document = {"name": "x", "nodes": [each | {"id": each["name"], "position": [0, 0]} for each in made]}
    links = {"In": {"main": [[{"node": "Ask", "type": "main", "index": 0}]]}}
    return dsl.read(json.dumps(document | {"connections": links}))


def _assigned(*names: str) -> dict[str, Any]:
    return {"assignments": {"assignments": [{"name": each, "value": each, "type": "string"} for each in names]}}


FIELDS = [{"name": "q", "type": "text", "value": Q}, {"name": "fixed", "type": "text", "value": "x"}]


@pytest.mark.parametrize("platform", ["dify", "coze"])
def test_a_body_of_fields_is_the_text_of_one_object(platform: str) -> None:
    written = dsl.write(asking({"fields": FIELDS}), platform)
    read = nodes(dsl.read(written.data))
    text = read["ask"].params["body"]["text"]
    ref: Any = text.parts[0] if isinstance(text, Text) else text
    assert read[ref.node].kind == "json_dump"
    assert read[ref.node].params["value"] == {
        "q": Ref("100001" if platform == "coze" else "begin", ("q",)),
        "fixed": "x",
    }


def sent_by_ragflow(made: Flow, **given: Any) -> dict[str, Any]:
    """What its request sends, with the code in front run."""
    written = dsl.write(made, "ragflow")
    assert not [note for note in written.notes if note.severity == "stub"]
    components = {key: each["obj"] for key, each in written.document["dsl"]["components"].items()}
    (asks,) = [each["params"] for each in components.values() if each["component_name"] == "Invoke"]
    (code,) = [key for key, each in components.items() if each["component_name"] == "CodeExec" and "_body" in key]
    there: dict[str, Any] = {}
    params = components[code]["params"]
    exec(params["script"], there)
    made_there = there["main"](**{name: given[ref.split("@")[1]] for name, ref in params["arguments"].items()})
    assert list(params["outputs"]) == ["returned"]

    def of(ref: str) -> Any:
        node, _, name = ref.partition("@")
        return made_there[name.removeprefix("returned.")] if node == code else given[name]

    return {each["key"]: each["value"] or of(each["ref"]) for each in asks["variables"]}


def test_an_object_with_objects_and_numbers_in_it_is_sent_by_ragflow() -> None:
    parts = (
        '{"q": "',
        Q,
        '", "n": ',
        N,
        ', "in": {"say": "Hi ',
        Q,
        '!", "list": [',
        N,
        ', "',
        Q,
        '"]}, "no": false, "": ""}',
    )
    sent = sent_by_ragflow(asking({"text": Text(parts)}), q='a "b"', n=2)
    assert sent == {"q": 'a "b"', "n": 2, "in": {"say": 'Hi a "b"!', "list": [2, 'a "b"']}, "no": False, "": ""}


def test_constants_among_the_fields_keep_their_types_in_what_ragflow_sends() -> None:
    values = {"q": Q, "n": 5, "yes": True, "list": [1, {"a": "b"}], "said": "x", "none": ""}
    fields = [{"name": name, "type": "text", "value": value} for name, value in values.items()]
    assert sent_by_ragflow(asking({"fields": fields}), q="hi") == values | {"q": "hi"}


def test_what_stands_in_json_as_it_is_may_be_json_text() -> None:
    sent = sent_by_ragflow(asking({"text": Text(('{"a b": ', Q, "}"))}), q='{"x": [1]}')
    assert sent == {"a b": {"x": [1]}}


def test_an_object_that_an_expression_of_n8n_makes_is_sent_by_ragflow_field_by_field() -> None:
    made = from_n8n("={{ JSON.stringify({ text: $json.q, 'in': { a: [$json.n, 'x, y'] }, \"z\": 0.8 }) }}")
    written = dsl.write(made, "ragflow")
    assert not [note for note in written.notes if note.severity == "stub" and note.title == "Ask"]
    components = {key: each["obj"]["params"] for key, each in written.document["dsl"]["components"].items()}
    (asks,) = [each for each in components.values() if "url" in each]
    assert [each["key"] for each in asks["variables"]] == ["text", "in", "z"]
    (code,) = [each["script"] for key, each in components.items() if "expressions" in key]
    assert "({ a: [$json.n, 'x, y'] }) ?? null" in code and "(0.8) ?? null" in code


@pytest.mark.parametrize(
    "source", ["{ ...$json }", "{ q }", "{ [$json.q]: 1 }", "Object.assign({ a: 1 }, $json)", "{ a: 1 }, null, 2"]
)
def test_an_object_whose_fields_are_not_known_stays_what_it_is(source: str) -> None:
    written = dsl.write(from_n8n(f"={{{{ JSON.stringify({source}) }}}}"), "ragflow")
    assert [note.title for note in written.notes if note.severity == "stub"] == ["Ask"]


def test_a_request_in_a_loop_gets_its_body_there() -> None:
    made = asking({"fields": FIELDS})
    begin, ask, done = made.graph.nodes
    each = Node("each", "iterate", "Each", inputs={"item": ["a"]}, outputs={"output": Type("array")})
    each.params, each.body = {"collect": {"output": Ref("ask", ("body",))}}, Graph([ask], [Edge("each", "ask", "body")])
    done.inputs = {"r": Ref("each", ("output",))}
    made.graph = Graph([begin, each, done], [Edge("begin", "each"), Edge("each", "done", "done")])
    read = nodes(dsl.read(dsl.write(made, "coze").data))
    body = read["each"].body
    assert body is not None and {node.kind for node in body.nodes} == {"json_dump", "http"}


def test_what_n8n_escapes_in_a_body_is_the_same_text_on_the_way_back() -> None:
    text = Text(('{"q": "Re: ', Q, '", "n": ', N, "}"))
    there = dsl.read(dsl.write(asking({"text": text}), "n8n").data)
    back = dsl.read(dsl.write(there, "dify").data)
    assert nodes(back)["ask"].params["body"] == {"type": "json", "text": text}


def from_ragflow(*variables: dict[str, Any]) -> Flow:
    fields = {"n": {"name": "N", "type": "integer"}, "s": {"name": "S", "type": "line"}}
    asks = {"url": URL, "method": "post", "headers": "{}", "datatype": "json", "variables": list(variables)}
    made = {
        "begin": ("Begin", {"mode": "task", "inputs": fields}, ["Invoke:Ask"]),
        "Invoke:Ask": ("Invoke", asks, []),
    }
    components = {
        name: {"obj": {"component_name": kind, "params": params}, "downstream": after, "upstream": []}
        for name, (kind, params, after) in made.items()
    }
    return dsl.read(json.dumps({"components": components, "path": [], "history": []}))


def test_what_ragflow_sends_of_elsewhere_keeps_its_type() -> None:
    read = from_ragflow({"key": "n", "ref": "begin@n", "value": ""}, {"key": "s", "ref": "begin@s", "value": ""})
    written = [each["parameters"] for each in dsl.write(read, "n8n").document["nodes"]]
    (sent,) = [each["bodyParameters"]["parameters"] for each in written if "bodyParameters" in each]
    assert [(each["name"], each["value"]) for each in sent] == [
        ("n", "={{ $('begin').first().json.n }}"),
        ("s", "={{ $('begin').first().json.s }}"),
    ]
    dumps = [each for each in nodes(dsl.read(dsl.write(read, "coze").data)).values() if each.kind == "json_dump"]
    assert [each.params["value"].keys() for each in dumps] == [{"n", "s"}]
    back = dsl.write(dsl.read(dsl.write(read, "dify").data), "ragflow").document["dsl"]["components"]
    (asks,) = [each["obj"]["params"] for each in back.values() if each["obj"]["component_name"] == "Invoke"]
    assert [(each["key"], each["ref"]) for each in asks["variables"]] == [("n", "begin@n"), ("s", "begin@s")]


def test_texts_that_ragflow_sends_are_one_json_text() -> None:
    read = from_ragflow(
        {"key": "s", "ref": "begin@s", "value": ""}, {"key": "said", "ref": "", "value": 'say "{begin@s}"'}
    )
    body = nodes(read)["Invoke:Ask"].params["body"]
    ref = Ref("begin", ("s",))
    assert body == {"type": "json", "text": Text(('{"s": "', ref, '", "said": "say \\"', ref, '\\""}'))}
