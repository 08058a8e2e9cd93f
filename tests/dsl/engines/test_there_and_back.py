"""The six flows of agentbridge, from Dify to Coze and back: what the file gave before, it gives afterwards."""

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

import dsl
from dsl.ir import Edge, Flow, Graph, Node, Ref, Resource, Script, Text
from dsl.schemas import schema_with
from tests.dsl.corpus import SHARED
from tests.dsl.engines.dify import run_dify
from tests.dsl.engines.n8n_core import run_n8n_core
from tests.dsl.small import NUMBER, OBJECTS, STRING, STRINGS, containers, flow, line, start, when

MODEL = Resource("model:1", "model", "stub", {"provider": "langgenius/openai_api_compatible/openai_api_compatible"})

pytestmark = pytest.mark.engines
FLOWS = (
    "basic_start_end",
    "start_classifier_end",
    "start_code_end",
    "start_condition_end",
    "start_iteration_end",
    "start_llm_end",
)


@pytest.mark.parametrize("said", ["Python", "技能实践类", "man"])
@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_gives_the_same_after_a_journey_to_coze(name: str, said: str) -> None:
    path = SHARED / "agentbridge" / "dify" / f"dify_{name}.yml"
    if not path.is_file():
        pytest.skip("../shared is not here")
    before = path.read_text(encoding="utf-8")
    canvas = str(dsl.write(dsl.read(before), "coze").data)
    after = str(dsl.write(dsl.read(canvas, "coze"), "dify").data)
    inputs = _inputs(before, said)
    wanted, found = (run_dify(each, _named(each, inputs)) for each in (before, after))
    assert (wanted.status, wanted.error) == ("succeeded", "")
    assert (found.status, found.outputs) == (wanted.status, wanted.outputs), found


def _variables(text: str) -> list[dict[str, Any]]:
    nodes = yaml.safe_load(text)["workflow"]["graph"]["nodes"]
    (start,) = (node["data"] for node in nodes if node["data"]["type"] == "start")
    found: list[dict[str, Any]] = start["variables"]
    return found


def _inputs(text: str, said: str) -> list[object]:
    """A value for each variable of the start."""
    return [7 if one["type"] == "number" else said for one in _variables(text)]


def _named(text: str, values: list[object]) -> dict[str, Any]:
    return {one["variable"]: value for one, value in zip(_variables(text), values, strict=True)}


@pytest.mark.parametrize("target", ["coze", "ragflow", "n8n"])
def test_a_template_that_names_fields_of_each_row_gives_the_same_after_a_journey(target: str) -> None:
    rows = Node("rows", "code", "Rows", params={"lang": "python3", "style": "kwargs", "source": ROWS})
    rows.outputs = {"rows": OBJECTS}
    said = Script("jinja2", "{{ row.sku }}-{{ row.tags[0] }}")
    mark = Node("m", "template", "Mark", params={"template": said}, inputs={"row": Ref("w", ("item",), "item")})
    walk = Node("w", "iterate", "Walk", params={"collect": {"output": Ref("m", ("output",))}})
    walk.inputs, walk.outputs = {"item": Ref("rows", ("rows",))}, {"output": STRINGS}
    walk.body = Graph([mark], [Edge("w", "m", "body")])
    last = Node("a", "answer", "Say", params={"text": Text((Ref("w", ("output",)),))})
    chat = Flow("T", "dify", mode="chat", graph=line(start(), rows, walk, last))
    there = dsl.write(chat, target)
    assert not [note for note in there.notes if note.severity == "stub"]
    before, after = (dsl.write(each, "dify").data for each in (chat, dsl.read(there.data)))
    wanted, found = (run_dify(str(each), {"query": "x", "q": "x", "n": 1}) for each in (before, after))
    assert (wanted.outputs["answer"], found.outputs["answer"]) == ("- a-x\n- b-y", "- a-x\n- b-y"), found


ROWS = "def main():\n    return {'rows': [{'sku': 'a', 'tags': ['x']}, {'sku': 'b', 'tags': ['y']}]}\n"


def test_what_the_rounds_of_a_loop_make_is_there_after_a_journey_to_ragflow() -> None:
    rows = Node("rows", "code", "Rows", params={"lang": "python3", "style": "kwargs", "source": ROWS})
    rows.outputs = {"rows": OBJECTS}
    mark = Node("m", "template", "Mark", params={"template": Text((Ref("w", ("item", "sku"), "item"), "!"))})
    again = {"target": Ref("w", ("n",), "loop"), "op": "add", "value": 1}
    count = Node("c", "assign", "Count", params={"items": [again]})
    walk = Node("w", "loop", "Walk", inputs={"item": Ref("rows", ("rows",))}, outputs={"n": NUMBER, "made": STRINGS})
    walk.params = {"variables": {"n": {"type": NUMBER, "value": 1}}}
    walk.params["collect"] = {"n": Ref("w", ("n",), "loop"), "made": Ref("m", ("output",))}
    walk.body = Graph([mark, count], [Edge("w", "m", "body"), Edge("m", "c")])
    last = Node("a", "answer", "Say", params={"text": Text((Ref("w", ("made",)), " ", Ref("w", ("n",))))})
    chat = Flow("T", "coze", mode="chat", graph=line(start(), rows, walk, last))
    there = dsl.read(dsl.write(chat, "ragflow").data)
    assert [each for each in dsl.check(there) if each.level == "error"] == []
    before, after = (
        run_dify(str(dsl.write(each, "dify").data), {"query": "x", "q": "x", "n": 1}) for each in (chat, there)
    )
    assert before.outputs["answer"].split() == after.outputs["answer"].split() == ["-", "a!", "-", "b!", "3"], after


@pytest.mark.parametrize("target", ["coze", "ragflow", "n8n"])
def test_a_chat_answers_what_was_asked_after_a_journey(target: str) -> None:
    say = Node("say", "answer", "Say", params={"text": Text(("You said ", Ref("", ("query",), "system"), "!"))})
    chat = Flow("T", "dify", mode="chat", graph=line(Node("begin", "start", "Start"), say))
    there = dsl.read(dsl.write(chat, target).data)
    ran = run_dify(str(dsl.write(there, "dify").data), {"query": "hi"})
    assert (ran.status, str(ran.outputs.get("answer")).split()) == ("succeeded", ["You", "said", "hi!"]), ran


@pytest.mark.parametrize("kind", ["llm", "extract"])
@pytest.mark.parametrize("target", ["", "coze", "ragflow"])
def test_the_fields_that_a_model_finds_are_read_after_a_journey(target: str, kind: str) -> None:
    """The model of the tests gives each field that the asked text names."""
    ask, below = _asking(kind)
    first = Node("first", "list", "First", params={"list": Ref("ask", (*below, "tags"))})
    said = Text(("In ", Ref("ask", (*below, "city")), ":", Ref("first", ("first",))))
    say = Node("say", "answer", "Say", params={"text": said})
    chat = replace(flow("T", line(start(lang=STRING), ask, first, say), MODEL), mode="chat")
    after = dsl.read(dsl.write(chat, target).data) if target else chat
    ran = run_dify(str(dsl.write(after, "dify").data), {"query": "city: Rome, tags: a;b"})
    assert (ran.status, str(ran.outputs.get("answer")).split()) == ("succeeded", ["In", "Rome:a"]), ran


def _asking(kind: str) -> tuple[Node, tuple[str, ...]]:
    """A model that finds a city and tags, and what stands in front of their names."""
    fields, query = {"city": STRING, "tags": STRINGS}, Ref("", ("query",), "system")
    using = {"model": "model:1", "parameters": {}}
    if kind == "extract":
        return Node("ask", kind, "Ask", params=using | {"query": query, "method": "prompt"}, outputs=fields), ()
    said = {"mode": "chat", "messages": [{"role": "user", "text": query}], "schema": schema_with(fields)}
    return Node("ask", kind, "Ask", params=using | said), ("structured",)


@pytest.mark.parametrize("target", ["coze", "ragflow", "n8n"])
def test_a_list_that_is_asked_for_is_walked_after_a_journey(target: str) -> None:
    mark = Node("m", "template", "Mark", params={"template": Text((Ref("w", ("item", "sku"), "item"), "!"))})
    walk = Node("w", "iterate", "Walk", params={"collect": {"output": Ref("m", ("output",))}})
    walk.inputs, walk.outputs = {"item": Ref("begin", ("xs",))}, {"output": STRINGS}
    walk.body = Graph([mark], [Edge("w", "m", "body")])
    last = Node("a", "answer", "Say", params={"text": Text((Ref("w", ("output",)),))})
    chat = replace(flow("T", line(start(xs=OBJECTS), walk, last)), mode="chat")
    there = dsl.read(dsl.write(chat, target).data)
    ran = run_dify(str(dsl.write(there, "dify").data), {"query": "x", "xs": '[{"sku": "a"}, {"sku": "b"}]'})
    assert (ran.status, str(ran.outputs.get("answer")).split()) == ("succeeded", ["-", "a!", "-", "b!"]), ran


@pytest.mark.parametrize(("asked", "heard"), [("yes", ["yes", "and"]), ("no", ["and", "no"])])
def test_an_answer_that_names_both_branches_says_what_the_one_that_ran_gave(asked: str, heard: list[str]) -> None:
    case = when((Ref("", ("query",), "system"), "eq", "yes", "string"))
    fork = Node("fork", "if", "Fork", params={"cases": [case]})
    sides = [Node(name, "set", name, inputs={"said": name}, outputs={"said": STRING}) for name in ("yes", "no")]
    text = Text((Ref("yes", ("said",)), " and ", Ref("no", ("said",))))
    graph = Graph([Node("begin", "start", "Start"), fork, *sides, Node("a", "answer", "Say", params={"text": text})])
    graph.edges = [Edge("begin", "fork"), Edge("fork", "yes", "case:0"), Edge("fork", "no", "else")]
    graph.edges += [Edge("yes", "a"), Edge("no", "a")]
    there = dsl.read(dsl.write(Flow("T", "ir", mode="chat", graph=graph), "ragflow").data)
    ran = run_dify(str(dsl.write(there, "dify").data), {"query": asked})
    assert (ran.status, str(ran.outputs.get("answer")).split()) == ("succeeded", heard), ran


def test_an_expression_over_the_round_of_a_list_that_was_written_for_n8n_has_it_on_dify() -> None:
    """It is asked for by the name of the step that begins a round on n8n."""
    [made] = [case.flow for case in containers() if case.name == "for each with its number"]
    document = dsl.write(made, "n8n", trigger="call").document
    [mark] = [node for node in document["nodes"] if node["name"] == "Mark"]
    item = "$('Each: item').first().json"
    said = f"={{{{ {item}.item.toUpperCase() + ({item}.$index + 1) }}}}"
    mark["parameters"]["assignments"]["assignments"][0]["value"] = said
    there = run_n8n_core(document, {"q": "a,b", "n": 1})
    back = run_dify(str(dsl.write(dsl.read(json.dumps(document)), "dify").data), {"q": "a,b", "n": 1})
    assert (there.outputs, back.outputs) == ({"r": ["A1", "B2"]}, {"r": ["A1", "B2"]}), back


@pytest.mark.parametrize("target", ["coze", "n8n"])
@pytest.mark.parametrize(("asked", "chosen"), [("What will the weather be?", "weather"), ("Some other thing", "other")])
def test_the_class_that_was_chosen_is_read_after_a_journey(target: str, asked: str, chosen: str) -> None:
    sort = Node("sort", "classify", "Sort", params={"model": "model:1", "query": Ref("begin", ("q",))})
    sort.params["classes"] = [{"name": "other", "id": "7"}, {"name": "weather", "id": "8"}]
    ends = [Node(f"end{i}", "end", f"End {i}", inputs={"c": Ref("sort", ("class_name",))}) for i in (0, 1)]
    for each in ends:
        each.inputs["id"], each.outputs = Ref("sort", ("class_id",)), {"c": STRING, "id": STRING}
    ways = [Edge("sort", "end0", "class:0"), Edge("sort", "end1", "class:1"), Edge("sort", "end0", "default")]
    edges = [Edge("begin", "sort"), *ways]
    made = replace(flow("T", Graph([start(q=STRING), sort, *ends], edges), MODEL), dialect="dify")
    there = dsl.read(dsl.write(made, target).data)
    there.resources = [replace(MODEL, id=each.id) for each in there.resources]
    ran = run_dify(str(dsl.write(there, "dify").data), {"q": asked})
    assert (ran.status, ran.outputs) == ("succeeded", {"c": chosen, "id": "8" if chosen == "weather" else "7"}), ran
