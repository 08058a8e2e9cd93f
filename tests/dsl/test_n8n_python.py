"""Python code of other platforms as n8n's task runner runs it.

The runner is not in n8n's npm package. What it does with code is small (packages/@n8n/task-runner-python of n8n 2):
the code becomes the body of a function, `_items` holds what came in, and some builtins are missing.
"""

import asyncio
import builtins
import json
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import dsl
from dsl import n8n, values
from dsl.ir import Edge, Flow, Graph, Node, Ref, Type
from tests.dsl.corpus import files
from tests.dsl.engines.n8n_core import run_n8n_core

MISSING = (  # BUILTINS_DENY_DEFAULT there
    *("eval", "exec", "compile", "open", "input", "breakpoint", "getattr", "object", "type", "vars", "setattr"),
    *("delattr", "hasattr", "dir", "memoryview", "__build_class__", "globals", "locals"),
)
KWARGS = "def main(q, n):\n    return {'said': q * 2, 'none': n is None}"
ARGS = "async def main(args: Args) -> Output:\n    ret: Output = {'said': args.params['q'] * 2}\n    return ret"
PLAIN_ARGS = "def main(args: Args) -> Output:\n    return {'said': args.params['q'] * 2}"


def flow(source: str, style: str = "kwargs", **inputs: Any) -> Flow:
    start = Node("s", "start", "Start", outputs={"q": Type("string"), "n": Type("number")})
    code = Node("c", "code", "C", params={"lang": "python3", "source": source, "style": style})
    code.inputs = inputs or {"q": Ref("s", ("q",)), "n": Ref("s", ("n",))}
    code.outputs = {"said": Type("string")}
    end = Node("e", "end", "End", inputs={"said": Ref("c", ("said",))})
    return Flow("T", "ir", graph=Graph([start, code, end], [Edge("s", "c"), Edge("c", "e")]))


def code_of(document: Any) -> list[str]:
    codes = [each["parameters"].get("pythonCode") for each in document["nodes"]]
    return [code for code in codes if code is not None]


def in_runner(code: str, item: dict[str, Any]) -> Any:
    """What the code gives in n8n's runner for one item."""
    known: dict[str, Any] = {name: value for name, value in vars(builtins).items() if name not in MISSING}
    there: dict[str, Any] = {"__builtins__": known, "_items": [{"json": item}]}
    exec(wrapped(code), there)
    return there["_output"]


def wrapped(code: str) -> str:
    return f"def _user_function():\n{textwrap.indent(code, '    ')}\n\n_output = _user_function()"


@pytest.mark.parametrize(("source", "style"), [(KWARGS, "kwargs"), (ARGS, "args"), (PLAIN_ARGS, "args")])
def test_python_runs_with_the_inputs_of_the_step_before_it(source: str, style: str) -> None:
    [code] = code_of(dsl.write(flow(source, style), "n8n").document)
    [item] = in_runner(code, {"q": "ab", "n": None})
    assert item["json"]["said"] == "abab"


@pytest.mark.engines
def test_the_step_before_it_gives_all_inputs_as_one_item() -> None:
    document = dsl.write(flow(KWARGS), "n8n", trigger="call").document
    ran = run_n8n_core(document, {"q": "ab"})
    assert ran.nodes["C: arguments"] == [[{"q": "ab", "n": None}]]
    [code] = code_of(document)
    assert in_runner(code, {"q": "ab", "n": None}) == [{"json": {"said": "abab", "none": True}}]


def test_a_person_is_told_what_the_runner_needs() -> None:
    written = dsl.write(flow("import re\nimport os.path\nfrom json import loads\n" + KWARGS), "n8n")
    [note] = [each for each in written.notes if each.code == "code.runner"]
    assert note.severity == "needs_binding"
    assert "json, os, re in N8N_RUNNERS_STDLIB_ALLOW" in note.message


def test_code_that_waits_for_an_event_fails_loudly() -> None:
    source = "import asyncio\nasync def main(args):\n    await asyncio.sleep(0)\n    return {}"
    [code] = code_of(dsl.write(flow(source, "args"), "n8n").document)
    with pytest.raises(RuntimeError, match="no event loop"):
        in_runner(code, {"q": "a", "n": 1})


@pytest.mark.parametrize("style", ["kwargs", "args"])
@pytest.mark.parametrize(
    "source", [KWARGS, KWARGS + "\n\n", "\n" + ARGS, "# flowstill:begin call\n# flowstill:end\n", ""]
)
def test_python_comes_back_byte_for_byte(source: str, style: str) -> None:
    before = flow(source, style)
    after = n8n.read(json.loads(json.dumps(n8n.build(before)[0])))
    code, back = (values.nodes(each)["c"] for each in (before, after))
    assert (back.params, back.inputs, back.outputs) == (code.params, code.inputs, code.outputs)
    assert [each.kind for each in after.graph.nodes] == ["start", "code", "end"]
    assert {(edge.source, edge.target) for edge in after.graph.edges} == {("s", "c"), ("c", "e")}


def test_a_step_that_was_changed_by_hand_stays_a_step() -> None:
    document, _ = n8n.build(flow(KWARGS))
    [step] = [each for each in document["nodes"] if each["name"] == "C: arguments"]
    step["parameters"]["jsCode"] = "return [{ json: { q: 'mine' } }];"
    after = n8n.read(document)
    assert [each.title for each in after.graph.nodes if each.kind == "code"] == ["C: arguments", "C"]


@pytest.mark.parametrize("path", [*files("dify"), *files("coze"), *files("ragflow")])
def test_python_of_real_files_is_code_that_the_runner_can_read(path: Path) -> None:
    found = dsl.read(path.read_bytes())
    made = {each["id"]: each["parameters"] for each in dsl.write(found, "n8n").document["nodes"]}
    for id_, node in values.nodes(found).items():
        if node.kind == "code" and node.params["lang"] == "python3" and _is_python(node.params["source"]):
            assert _is_python(wrapped(made[id_]["pythonCode"]))


def _is_python(source: str) -> bool:
    try:
        compile(source, "code", "exec")
    except SyntaxError:
        return False
    return True


# -- and Python of n8n elsewhere

EACH = "for item in _input.all():\n  item.json.twice = item.json.n * 2\nreturn _input.all()"
NATIVE = 'for item in _items:\n    item["json"]["twice"] = item["json"]["n"] * 2\nreturn _items'
ONE = 'return {"json": {"twice": _item["json"]["n"] * 2}}'
NAMED = 'return [{"json": {"twice": _node["Many"].first().json.n * 2}}]'


def items_of_n8n(source: str, mode: str = "runOnceForAllItems") -> Flow:
    many = {"name": "Many", "type": "n8n-nodes-base.code", "typeVersion": 2}
    many["parameters"] = {"jsCode": "return [1, 2].map((n) => ({json: {n}}));"}
    code = {"name": "Double", "type": "n8n-nodes-base.code", "typeVersion": 2}
    code["parameters"] = {"language": "pythonNative", "pythonCode": source, "mode": mode}
    tell = {"name": "Tell", "type": "n8n-nodes-base.set", "typeVersion": 3.4}
    assigned = [{"name": "r", "value": "={{ $json.twice }}", "type": "number"}]
    tell["parameters"] = {"assignments": {"assignments": assigned}}
    chain = [each | {"id": each["name"], "position": [0, 0]} for each in (many, code, tell)]
    links = {
        one["name"]: {"main": [[{"node": other["name"], "type": "main", "index": 0}]]}
        for one, other in ((many, code), (code, tell))
    }
    return dsl.read(json.dumps({"name": "x", "nodes": chain, "connections": links}))


@pytest.mark.parametrize("platform", ["coze", "ragflow", "dify"])
@pytest.mark.parametrize(
    ("source", "mode", "first"),
    [
        (EACH, "runOnceForAllItems", {"n": 1, "twice": 2}),
        (NATIVE, "runOnceForAllItems", {"n": 1, "twice": 2}),
        (ONE, "runOnceForEachItem", {"twice": 2}),
        (NAMED, "runOnceForAllItems", {"twice": 2}),
    ],
)
def test_python_over_items_of_n8n_runs_elsewhere(platform: str, source: str, mode: str, first: dict[str, Any]) -> None:
    written = dsl.write(items_of_n8n(source, mode), platform)
    assert not [note for note in written.notes if note.severity == "stub"]
    [code] = [each for _, each in values.leaves(written.document) if "original_main" in str(each)][-1:]
    there: dict[str, Any] = {}
    exec(code, there)
    arguments = ["in_0", "in_1"] if "in_1" in code else ["in_0"]
    given: dict[str, Any] = {name: [{"n": 1}, {"n": 2}] for name in arguments}
    run = there["main"]
    made = asyncio.run(run(SimpleNamespace(params=given))) if platform == "coze" else run(**given)
    assert made["twice"] == ({"value": 2} if platform == "dify" else 2)
    assert platform == "dify" or made["all_items"][0] == first
    back = next(each for each in values.nodes(dsl.read(written.data)).values() if each.params.get("lang") == "python3")
    assert back.params["source"] == source
