"""Code whose outputs have names that another platform does not take."""

import asyncio
import inspect
import json
import shutil
import subprocess
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

import dsl
from dsl.dump import dump_json
from dsl.ir import Flow, Node, Ref, Text, Type
from dsl.values import node_refs, nodes
from tests.dsl.small import line

LONG = "what_the_code_says_to_what_was_asked"  # more than Dify refers to
SOURCES = {
    ("coze", "python3"): f"async def main(args):\n    return {{'{LONG}': args.params['q'] + '!', 'n': 1}}",
    ("coze", "javascript"): "async function main({ params }: Args): Promise<Output> {\n"
    f"  return {{ {LONG}: params.q + '!', n: 1 }};\n}}",
    ("ragflow", "python3"): "def main(q):\n    return {'die-Antwort': q + '!', 'n': 1}",
    ("ragflow", "javascript"): "const main = ({ q }) => ({ 'die-Antwort': q + '!', n: 1 });",
}
TEXT = Type("string")
STYLES = {"coze": "args", "ragflow": "kwargs"}
NAMES = {"coze": (LONG, LONG[:30]), "ragflow": ("die-Antwort", "die_Antwort")}
WAYS = [(*key, target) for key in SOURCES for target in ("dify", "coze") if target != key[0]]


def asked(dialect: str, lang: str) -> Flow:
    """Code with an output that is called as its own platform takes it, and what reads it."""
    params = {"lang": lang, "style": STYLES[dialect], "source": SOURCES[dialect, lang]}
    start = Node("s", "start", "Start", outputs={"q": Type("string")})
    outputs = {NAMES[dialect][0]: Type("string"), "n": Type("number")}
    code = Node("c", "code", "Code", params=params, inputs={"q": Ref("s", ("q",))}, outputs=outputs)
    end = Node("e", "end", "End", inputs={"r": Ref("c", (NAMES[dialect][0],))}, outputs={"r": Type("string")})
    return Flow("T", dialect, graph=line(start, code, end))


def sources(document: Any) -> list[str]:
    if isinstance(document, list):
        return [source for each in document for source in sources(each)]
    if not isinstance(document, dict):
        return []
    own = document.get("code", document.get("script"))
    return [own] if isinstance(own, str) else sources(list(document.values()))


def run(source: str, lang: str, target: str) -> Any:
    """What the code returns, called as the platform calls it."""
    if lang == "python3":
        scope: dict[str, Any] = {}
        exec(source, scope)
        made = scope["main"](SimpleNamespace(params={"q": "Ja"})) if target == "coze" else scope["main"](q="Ja")
        return asyncio.run(made) if inspect.iscoroutine(made) else made
    if shutil.which("node") is None:
        pytest.skip("no node here")
    given = {"params": {"q": "Ja"}} if target == "coze" else {"q": "Ja"}
    program = f"{source}\nconst made = main({json.dumps(given)});\n"
    program += (
        "if (made) Promise.resolve(made).then((made) => console.log(`<<RESULT>>${JSON.stringify(made)}<<RESULT>>`));"
    )
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.split("<<RESULT>>")[1])


@pytest.mark.parametrize(("dialect", "lang", "target"), WAYS)
def test_code_gives_out_what_is_read_by_another_name(dialect: str, lang: str, target: str) -> None:
    written = dsl.write(asked(dialect, lang), target)
    assert "code.wrapped" in {note.code for note in written.notes}
    assert run(sources(written.document)[0], lang, target) == {NAMES[dialect][1]: "Ja!", "n": 1}


@pytest.mark.parametrize(("dialect", "lang", "target"), WAYS)
def test_what_goes_back_is_called_as_its_author_called_it(dialect: str, lang: str, target: str) -> None:
    there = dsl.read(dsl.write(asked(dialect, lang), target).data)
    back = nodes(dsl.read(dsl.write(there, dialect).data))
    code = next(node for node in back.values() if node.kind == "code")
    assert code.params["source"].strip() == SOURCES[dialect, lang] and code.params["style"] == STYLES[dialect]
    assert [*code.outputs] == [NAMES[dialect][0], "n"]
    assert Ref(code.id, (NAMES[dialect][0],)) in [ref for node in back.values() for ref in node_refs(node)]


def test_code_that_was_changed_around_its_lines_stays_as_it_is() -> None:
    flow = dsl.read(dsl.write(asked("coze", "python3"), "dify").data)
    nodes(flow)["c"].params["source"] += "\nprint(1)"
    back = nodes(dsl.read(dsl.write(flow, "ragflow").data))["c"]
    assert back.params["source"].endswith("print(1)") and [*back.outputs] == [NAMES["coze"][1], "n"]


def test_the_common_form_and_a_change_in_the_file_keep_the_names_of_the_file() -> None:
    flow = dsl.read(dsl.write(asked("coze", "python3"), "dify").data)
    again = dsl.write(dsl.read(dsl.write(flow, "ir").data), "dify")
    assert again.document == flow.raw
    nodes(flow)["c"].title = "Other"
    changed = nodes(dsl.read(dsl.write(flow, "dify").data))["c"]
    assert [*changed.outputs] == [NAMES["coze"][1], "n"] and run(
        sources(dsl.write(flow, "dify").document)[0], "python3", "dify"
    )


def _fields() -> Flow:
    """n8n: a field with a blank in its name, and what reads it."""
    field = {"id": "1", "name": "Image URL", "type": "string", "value": "={{ $json.body.q }}"}
    kinds: dict[str, tuple[str, float, dict[str, Any]]] = {
        "Go": ("webhook", 2, {"path": "x"}),
        "Fields": ("set", 3.4, {"assignments": {"assignments": [field]}, "options": {}}),
        "Ask": ("httpRequest", 4.2, {"url": "={{ $json['Image URL'] }}", "options": {}}),
    }
    steps = [
        {"id": name, "name": name, "type": f"n8n-nodes-base.{kind}", "typeVersion": version, "parameters": params}
        for name, (kind, version, params) in kinds.items()
    ]
    ways = {one: {"main": [[{"node": two, "type": "main", "index": 0}]]} for one, two in pairwise(kinds)}
    return dsl.read(dump_json({"nodes": [{**each, "position": [0, 0]} for each in steps], "connections": ways}))


@pytest.mark.parametrize("target", ["dify", "coze", "ragflow"])
def test_fields_that_are_set_have_their_own_names_again_on_the_way_back(target: str) -> None:
    there = dsl.read(dsl.write(_fields(), target).data)
    assert "Image_URL" in str(there.graph)
    back = nodes(dsl.read(dsl.write(there, "n8n").data))
    (fields,) = [node for node in back.values() if node.kind == "set"]
    assert [*fields.inputs] == ["Image URL"]
    assert Ref(fields.id, ("Image URL",)) in [ref for node in back.values() for ref in node_refs(node)]


def test_nodes_have_their_own_ids_again_on_the_way_back_from_ragflow() -> None:
    nodes_ = [
        Node("1700", "start", "Start"),
        Node("1701", "ask", "Ask", params={"question": "So?"}, outputs={"a": TEXT}),
    ]
    nodes_.append(Node("1702", "answer", "Say", params={"text": Text((Ref("1701", ("a",)),))}))
    there = dsl.read(dsl.write(Flow("T", "dify", mode="chat", graph=line(*nodes_)), "ragflow").data)
    assert "1702" not in nodes(there)
    back = dsl.write(there, "dify")
    assert {"1701", "1702"} <= {*nodes(dsl.read(back.data))}
    assert {note.node for note in back.notes} <= {*nodes(there), ""}
