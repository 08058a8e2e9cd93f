"""Code of Coze, n8n and RAGFlow as Dify's engine calls it: what it declares is given out, and nothing else is."""

import json
from typing import Any

import pytest

import dsl
from dsl.ir import Flow, Node, Ref, Type
from dsl.values import nodes
from tests.dsl.engines.build import assign, node, workflow
from tests.dsl.engines.dify import VERSIONS, run_dify
from tests.dsl.engines.test_code import CALLS, run
from tests.dsl.small import NUMBER, STRING, end, line, start

pytestmark = pytest.mark.engines
COUNT = Type("integer")
SOURCES = {
    "python3": "async def main(args):\n    return {'o': {'n': 1, 'more': 2}, 'k': 3, 'rows': [{'n': 4}]}\n",
    "javascript": "async function main({ params }) {\n  return { o: { n: 1, more: 2 }, k: 3, rows: [{ n: 4 }] };\n}\n",
}
FIELDS = {"n": COUNT, "s": STRING, "deep": Type("object", props={"any": Type("any")})}
ROWS = Type("array", items=Type("object", props={"n": COUNT}))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("lang", SOURCES)
def test_an_object_has_the_fields_that_coze_declares_whatever_its_code_gives(lang: str, version: str) -> None:
    params = {"lang": lang, "style": "args", "source": SOURCES[lang]}
    outputs = {"o": Type("object", props=FIELDS), "k": COUNT, "rows": ROWS}
    made = Node("c", "code", "Code", params=params, outputs=outputs)
    results = {name: (Ref("c", ("o", name)), STRING) for name in ("n", "s")}
    flow = Flow("T", "coze", graph=line(start(), made, end(**results, k=(Ref("c", ("k",)), NUMBER))))
    written = dsl.read(dsl.write(flow, "coze").data)
    document = str(dsl.write(written, "dify").data)
    ran = run_dify(document, {"q": "x", "n": 1}, version=version)
    assert (ran.status, ran.outputs) == ("succeeded", {"n": 1, "s": None, "k": 3}), ran
    assert [each for each in dsl.check(dsl.read(document)) if each.level == "error"] == []


def ragflow(lang: str, script: str, kind: str) -> str:
    """A canvas whose code takes `item` and gives `out`."""
    code = {"lang": lang, "script": script, "arguments": {"item": "begin@q"}, "outputs": {"out": {"type": kind}}}
    parts: dict[str, tuple[str, dict[str, Any], list[str]]] = {
        "begin": ("Begin", {"mode": "task", "inputs": {"q": {"name": "q", "type": "line"}}}, ["CodeExec:A"]),
        "CodeExec:A": ("CodeExec", code, ["Message:M"]),
        "Message:M": ("Message", {"content": ["got:{CodeExec:A@out}"]}, []),
    }
    components = {
        name: {"obj": {"component_name": kind, "params": params}, "downstream": after, "upstream": []}
        for name, (kind, params, after) in parts.items()
    }
    return json.dumps({"components": components, "path": [], "history": [], "retrieval": [], "globals": {}})


@pytest.mark.parametrize(
    ("lang", "script", "kind"),
    [
        ("python", "def main(item):\n    return item + '!'\n", "any"),
        ("python", "def main(item):\n    return {'out': item + '!'}\n", "string"),
        ("javascript", "async function main({item}) {\n  return {out: item + '!'};\n}\n", "string"),
        ("javascript", "function main({item}) {\n  return Promise.resolve({out: item + '!'});\n}\n", "string"),
    ],
)
@pytest.mark.parametrize("over", ["", "coze"])
def test_code_of_ragflow_gives_what_it_gave(lang: str, script: str, kind: str, over: str) -> None:
    flow = dsl.read(ragflow(lang, script, kind))
    flow = dsl.read(dsl.write(flow, over).data) if over else flow
    ran = run_dify(str(dsl.write(flow, "dify").data), {"query": "x", "q": "hi"})
    assert (ran.status, ran.outputs.get("answer")) == ("succeeded", "got:hi!"), ran


@pytest.mark.parametrize(
    "source", ["function main({ q }) {\n  return { r: q };\n}\n", "const main = async ({ q }) => ({ r: await q });\n"]
)
def test_javascript_of_dify_gives_what_it_gave_after_a_journey_to_coze(source: str) -> None:
    params = {"lang": "javascript", "style": "kwargs", "source": source}
    made = Node("c", "code", "Code", params=params, inputs={"q": Ref("begin", ("q",))}, outputs={"r": STRING})
    flow = Flow("T", "ir", graph=line(start(q=STRING), made, end(r=(Ref("c", ("r",)), STRING))))
    over = dsl.write(flow, "coze")
    back = dsl.read(over.data)
    assert nodes(back)["c"].params["source"] == source
    ran = run_dify(str(dsl.write(back, "dify").data), {"q": "hi"})
    assert (ran.status, ran.outputs) == ("succeeded", {"r": "hi"}), ran
    code = next(each["data"]["inputs"]["code"] for each in over.document["nodes"] if each["id"] == "c")
    assert run(code, {"q": "hi"}, CALLS["coze"]) == {"r": "hi"}


def test_what_code_of_n8n_gives_of_an_unknown_type_comes_through_coze_as_it_is() -> None:
    call = node("In", "executeWorkflowTrigger", 1.1, inputSource="passthrough")
    clean = node("Clean", "code", 2, jsCode="return [{json: {n: 5, ok: true, word: 'a'}}];")
    last = assign("Last", text="={{ $json.word }}{{ $json.n }}{{ $json.ok }}")
    flow = dsl.read(json.dumps(workflow([call, clean, last], "In>Clean Clean>Last")))
    over = dsl.read(dsl.write(flow, "coze").data)
    ran = run_dify(str(dsl.write(over, "dify").data), {})
    assert (ran.status, ran.outputs) == ("succeeded", {"text": "a5true"}), ran
