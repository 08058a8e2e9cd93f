"""The JavaScript that is written for Coze and RAGFlow, run by Node as those platforms call it."""

import json
import subprocess
from typing import Any

import pytest

import dsl
from tests.dsl.engines.build import Json, assign, called, node, workflow
from tests.dsl.engines.lane import home
from tests.dsl.engines.n8n_core import VERSION

pytestmark = pytest.mark.engines
CALLS = {
    "coze": "main({params: input})",  # `async function main({ params })`
    "ragflow": "main(input)",
}


def run(source: str, inputs: Json, call: str) -> Any:
    """What the code returns."""
    node_ = home(f"n8n-core-{VERSION}") / "node_modules/.bin/node"
    program = f"{source}\nconst input = {json.dumps(inputs)};\n"
    program += f"Promise.resolve({call}).then((made) => console.log(JSON.stringify(made)));\n"
    done = subprocess.run([node_, "-"], input=program, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def javascript(document: Any) -> list[str]:
    """All of it in a document of Coze or RAGFlow."""
    if isinstance(document, list):
        return [source for each in document for source in javascript(each)]
    if not isinstance(document, dict):
        return []
    own = document.get("code") if document.get("language") == 5 else None
    own = document.get("script") if document.get("lang") == "javascript" else own
    return [own] if own else javascript(list(document.values()))


@pytest.mark.parametrize("target", ["coze", "ragflow"])
def test_what_n8n_computes_in_an_expression_a_code_node_computes_elsewhere(target: str) -> None:
    hook = node("In", "webhook", 2.1, httpMethod="POST", path="x", options={})
    total = "={{ $json.body.price * ($('In').item.json.body.qty || 1) }}"
    shape = assign("Shape", total=total, who="=Dear {{ $json.body.name.toUpperCase() }}!")
    written = dsl.write(dsl.read(json.dumps(workflow([hook, shape], "In>Shape"))), target)
    source = javascript(written.document)[0]
    assert run(source, {"in_0": 5, "in_1": 3, "in_2": "ann"}, CALLS[target]) == {"v_total": 15, "v_who": "ANN"}
    assert [note.severity for note in written.notes if note.code == "ref.script"] == ["degraded"]


@pytest.mark.parametrize("target", ["coze", "ragflow"])
def test_code_behind_a_chat_sees_what_was_asked(target: str) -> None:
    chat = node("Chat", "@n8n/n8n-nodes-langchain.chatTrigger", 1.1, options={})
    loud = node("Loud", "code", 2, jsCode="return [{json: {output: $json.chatInput + '!'}}];")
    written = dsl.write(dsl.read(json.dumps(workflow([chat, loud], "Chat>Loud"))), target)
    made = run(javascript(written.document)[0], {"in_0": "hi"}, CALLS[target])
    assert made["output"] == "hi!"


@pytest.mark.parametrize("target", ["coze", "ragflow"])
@pytest.mark.parametrize(
    ("source", "mode"),
    [
        ("return items.map((one) => ({json: {n: one.json.n + $('In').first().json.by}}));", "runOnceForAllItems"),
        ("return {n: $json.n + $('In').first().json.by};", "runOnceForEachItem"),
        (
            "const by = await $('In').first().json.by;\nreturn {json: {n: $input.item.json.n + by}};",
            "runOnceForEachItem",
        ),
        (
            "const items = $items();\nconst by = $('In').first(0).json.by + $runIndex;\n"
            "return items.map(({ json }) => ({ json: { n: json.n + by } }));",
            "runOnceForAllItems",
        ),
        (
            "const item = $items()[$itemIndex];\nreturn { n: item.json.n + $('In').all(0)[0].json.by };",
            "runOnceForEachItem",
        ),
    ],
)
def test_code_of_n8n_sees_all_items_and_gives_all_of_them(target: str, source: str, mode: str) -> None:
    start = called(by="number")
    many = node("Many", "code", 2, jsCode="return [{json: {n: 1}}, {json: {n: 2}}];")
    more = node("More", "code", 2, jsCode=source, mode=mode)
    written = dsl.write(dsl.read(json.dumps(workflow([start, many, more], "In>Many Many>More"))), target)
    first, second = dict.fromkeys(javascript(written.document))
    items = run(first, {}, CALLS[target])["all_items"]
    assert items == [{"n": 1}, {"n": 2}]
    made = run(second, {"in_0": items, "in_1": 10}, CALLS[target])
    assert made == {"all_items": [{"n": 11}, {"n": 12}], "n": 11}


@pytest.mark.parametrize("target", ["coze", "ragflow"])
def test_what_left_a_node_by_another_output_than_the_first_is_not_made_up(target: str) -> None:
    start = called(by="number")
    source = "let said = '';\ntry { $('In').all(1) } catch (error) { said = error.message }\nreturn { said };"
    more = node("More", "code", 2, jsCode=source, mode="runOnceForEachItem")
    written = dsl.write(dsl.read(json.dumps(workflow([start, more], "In>More"))), target)
    made = run(javascript(written.document)[0], {"in_0": 10}, CALLS[target])
    assert made["said"] == "What left In by its output 1 is not known here."
