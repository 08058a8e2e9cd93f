"""Dify's own engine runs workflow files here, with the model and the sandbox faked."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

import dsl
from dsl.coze.tables import FILES
from dsl.ir import Flow, Node, Ref, Text, Type, Variable
from dsl.lint import check
from tests.doubles.echo import echo
from tests.dsl import small
from tests.dsl.corpus import SHARED
from tests.dsl.engines.build import MODEL, Json, dify, end, start
from tests.dsl.engines.dify import VERSIONS, run_dify
from tests.dsl.engines.lane import EngineError
from tests.dsl.small import STRING, STRINGS, Q, flow, javascript, line
from tests.dsl.small import end as results
from tests.dsl.small import start as begin
from tests.dsl.test_renamed import SOURCES, asked

pytestmark = pytest.mark.engines
LATEST, PINNED = VERSIONS
VERIFIED = SHARED / "dify" / "verified"

# What the same flows gave on a Dify server.
EXPECTED: dict[str, tuple[dict[str, str], str, dict[str, Any]]] = {
    "full": ({"q": "hello"}, "succeeded", {"result": "LLM<HELLO / status=200 q=hello>", "n": 3}),
    "full.exported-by-1.16.1": ({"q": "hello"}, "succeeded", {"result": "LLM<HELLO / status=200 q=hello>", "n": 3}),
    "iteration": ({"q": "a,b,c"}, "succeeded", {"r": ["<a>", "<b>", "<c>"]}),
    "loop": ({"q": "x"}, "succeeded", {"n": 3}),
    "list_operator_aggregator": ({"q": "a,c,b"}, "succeeded", {"f": "c", "o": ["c", "b"]}),
    "fail_branch": (
        {"q": "x"},
        "partial-succeeded",
        {"e": "[Errno 111] Connection refused", "t": "HttpRequestNodeError"},
    ),
    "default_value": ({"q": "x"}, "partial-succeeded", {"b": "DEF"}),
    "advanced_chat": ({"query": "hi"}, "succeeded", {"answer": "A: LLM<hi> c=3", "files": []}),
    "question_classifier": ({"q": "tell me"}, "succeeded", {"c2": "other"}),
}
CONTAINERS = {"iteration", "loop"}  # 0.6.0 runs neither


@pytest.fixture(scope="module")
def echo_url() -> Iterator[str]:
    with echo() as url:
        yield url


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", EXPECTED)
def test_a_verified_flow_gives_what_it_gave_on_a_dify_server(name: str, version: str, echo_url: str) -> None:
    inputs, status, outputs = EXPECTED[name]
    ran = run_dify(verified(name).replace("http://127.0.0.1:28080", echo_url), inputs, version=version)
    if version == PINNED and name in CONTAINERS:
        assert ran.error.startswith("plan.unsupported: Unsupported node types: ")
    else:
        assert (ran.status, ran.outputs) == (status, outputs), ran


def verified(name: str) -> str:
    if not VERIFIED.is_dir():
        pytest.skip("../shared is not here")
    return (VERIFIED / f"{name}.yml").read_text(encoding="utf-8")


def test_a_class_is_chosen_by_its_name_in_the_question() -> None:
    assert run_dify(verified("question_classifier"), {"q": "What will the weather be?"}).outputs == {"c": "weather"}


def test_a_file_that_does_not_load_fails_with_the_engines_code() -> None:
    assert run_dify(verified("mcp_tool"), {"q": "x"}).error.startswith("dependency.missing_plugin: ")
    assert run_dify("kind: app\napp: {mode: workflow", {}).error.startswith("parse.")


@pytest.mark.parametrize("version", VERSIONS)
def test_parameters_are_extracted_from_what_the_text_says(version: str) -> None:
    wanted = [
        {"name": "city", "type": "string"},
        {"name": "days", "type": "number"},
        {"name": "mood", "type": "string"},
    ]
    extract = {
        "id": "pe",
        "type": "parameter-extractor",
        "query": ["start", "q"],
        "model": MODEL,
        "parameters": [one | {"description": "", "required": True} for one in wanted],
        "instruction": "",
        "reasoning_mode": "prompt",
        "vision": {"enabled": False},
    }
    flow = dify([start("q"), extract, end(c="pe.city", d="pe.days", m="pe.mood")], "start>pe pe>end")
    ran = run_dify(flow, {"q": "city: Oslo, days: 3"}, version=version)
    assert ran.outputs == {"c": "Oslo", "d": 3, "m": "some mood"}, ran


def test_a_model_gives_structured_output_that_fits_the_schema() -> None:
    properties = {"city": {"type": "string"}, "days": {"type": "integer"}, "tags": {"type": "array", "items": {}}}
    llm = {
        "id": "llm",
        "type": "llm",
        "model": MODEL,
        "prompt_template": [{"role": "user", "text": "{{#start.q#}}"}],
        "context": {"enabled": False, "variable_selector": []},
        "vision": {"enabled": False},
        "structured_output_enabled": True,
        "structured_output": {"schema": {"type": "object", "properties": properties}},
    }
    flow = dify([start("q"), llm, end(o="llm.structured_output")], "start>llm llm>end")
    ran = run_dify(flow, {"q": "city: Oslo\ndays: 3\ntags: a; b"})
    assert ran.outputs == {"o": {"city": "Oslo", "days": 3, "tags": ["a", "b"]}}, ran
    assert run_dify(flow, {"q": "x"}, version=PINNED).outputs == {"o": None}  # its loader forgets that it is asked for


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", [None, "any", *FILES])
def test_an_input_for_any_kind_of_file_of_coze_is_one_that_the_engine_takes(kind: str | None, version: str) -> None:
    flow = Flow("f", "ir", graph=line(small.start(doc=Type("file", file=kind)), small.end()))
    ran = run_dify(str(dsl.write(flow, "dify").data), {"doc": {"url": "http://127.0.0.1:9/a.pdf"}}, version=version)
    assert ran.status == "succeeded", ran


def code(language: str, source: str) -> str:
    run = {
        "id": "code",
        "type": "code",
        "code_language": language,
        "code": source,
        "variables": [{"variable": "q", "value_selector": ["start", "q"]}],
        "outputs": {"n": {"type": "number", "children": None}},
    }
    return dify([start("q"), run, end(n="code.n")], "start>code code>end")


def test_code_runs_in_both_languages() -> None:
    assert run_dify(code("python3", "def main(q):\n    return {'n': len(q)}"), {"q": "four"}).outputs == {"n": 4}
    assert run_dify(code("javascript", "function main({q}) { return {n: q.length} }"), {"q": "four"}).outputs == {
        "n": 4
    }


def test_code_that_fails_fails_the_run_with_its_own_words() -> None:
    ran = run_dify(code("python3", "def main(q):\n    raise ValueError('I was here')"), {"q": "x"})
    assert ran.status == "failed" and "I was here" in ran.error and ran.order == ["start", "code"]


def test_an_engine_that_gives_no_answer_is_ended_and_the_next_flow_runs() -> None:
    with pytest.raises(EngineError, match="no answer within 1 s"):
        run_dify(code("python3", "import time\ndef main(q):\n    time.sleep(5)"), {"q": "x"}, seconds=1)
    assert run_dify(code("python3", "def main(q):\n    return {'n': 1}"), {"q": "x"}).outputs == {"n": 1}


def test_an_iteration_over_what_is_declared_as_text_fails_on_dify_as_the_linter_says() -> None:
    flow = verified("iteration").replace("- mk\n        - xs", "- start\n        - q")
    assert [each.code for each in check(dsl.read(flow)) if each.level == "error"] == ["list.type"]
    ran = run_dify(flow, {"q": "a,b"})
    assert ran.status == "failed" and "iter" in ran.error, ran


@pytest.mark.parametrize(
    ("step", "finding", "says"),
    [
        ({"type": "template-transform", "template": "{{ qq }}"}, "input.missing", "'qq' is undefined"),
        ({"type": "code", "code": "def main(q, n):\n    return {}"}, "input.missing", "'n'"),
        ({"type": "code", "code": "def main():\n    return {}"}, "input.refused", "'q'"),
    ],
)
def test_a_step_without_the_inputs_that_it_uses_fails_as_the_linter_says(step: Json, finding: str, says: str) -> None:
    taken = {"variables": [{"variable": "q", "value_selector": ["start", "q"]}]}
    one = {"id": "one", "code_language": "python3", "outputs": {}} | taken | step
    flow = dify([start("q"), one, end(q="start.q")], "start>one one>end")
    assert [each.code for each in check(dsl.read(flow)) if each.level == "error"] == [finding]
    ran = run_dify(flow, {"q": "x"})
    assert ran.status == "failed" and says in ran.error, ran


@pytest.mark.parametrize("version", VERSIONS)
def test_groups_of_any_type_load_and_give_their_values(version: str) -> None:
    source = "function main({q}) { return {xs: [q, q]}; }"
    made = javascript("make", source, {"q": Q}, xs=STRINGS)
    types = {"text": (STRING, Q), "list": (Type("array"), Ref("make", ("xs",))), "thing": (Type(), Q)}
    groups = [{"name": name, "type": type_, "values": [value]} for name, (type_, value) in types.items()]
    outputs = {name: type_ for name, (type_, _) in types.items()}
    first = Node("first", "aggregate", "First", params={"groups": groups, "skip": "missing"}, outputs=outputs)
    last = results(**{name: (Ref("first", (name,)), type_) for name, (type_, _) in types.items()})
    small = flow("groups", line(begin(q=STRING), made, first, last))
    ran = run_dify(str(dsl.write(small, "dify").data), {"q": "a"}, version=version)
    assert ran.outputs == {"text": "a", "list": ["a", "a"], "thing": "a"}, ran


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("dialect", "lang"), SOURCES)
def test_code_gives_out_what_has_another_name_on_dify(dialect: str, lang: str, version: str) -> None:
    text = str(dsl.write(asked(dialect, lang), "dify").data)
    assert run_dify(text, {"q": "Ja"}, version=version).outputs == {"r": "Ja!"}


Q_IN = {"variable": "q", "value_selector": ["start", "q"]}
CODE = {"id": "x", "type": "code", "variables": [Q_IN], "outputs": {"r": {"type": "string"}}}
SOME = {"variable_selector": ["start", "q"], "comparison_operator": ">", "value": "many", "varType": "number"}
ADDED = {"variable_selector": ["conversation", "told"], "operation": "+=", "input_type": "constant", "value": 1}
TOLD = [{"id": "t", "name": "told", "value_type": "array[string]", "value": []}]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (CODE | {"code_language": "python3", "code": "def main(q:\n  return {'r': q}"}, "code.syntax"),
        (CODE | {"code_language": "python3", "code": "def run(q):\n  return {'r': q}"}, "code.main"),
        ({"id": "x", "type": "template-transform", "variables": [Q_IN], "template": "{% if q %}"}, "code.syntax"),
        ({"id": "x", "type": "if-else", "cases": [{"case_id": "true", "conditions": [SOME]}]}, "condition.number"),
        ({"id": "x", "type": "llm", "model": MODEL, "prompt_template": []}, "prompt.missing"),
        ({"id": "x", "type": "assigner", "version": "2", "items": [ADDED]}, "assign.type"),
    ],
)
def test_what_check_finds_in_a_node_fails(wrong: Json, code: str) -> None:
    begin = {"id": "start", "type": "start", "variables": [{"variable": "q", "label": "q", "type": "number"}]}
    document = dify([begin, wrong, end(q="start.q")], "start>x x>end", conversation_variables=TOLD)
    assert code in {each.code for each in check(dsl.read(document))}
    assert run_dify(document, {"q": 3}).status == "failed"


@pytest.mark.parametrize(("op", "left"), [("clear", []), ("remove_first", ["b", "c"]), ("remove_last", ["a", "b"])])
def test_an_operation_without_a_value_changes_a_list_of_a_chat(op: str, left: list[str]) -> None:
    seen = Ref("", ("seen",), "session")
    change = Node("c", "assign", params={"items": [{"target": seen, "op": op, "value": None}]})
    say = Node("a", "answer", params={"text": Text((seen,))})
    variables = [Variable("session", "seen", STRINGS, ["a", "b", "c"])]
    chat = Flow("f", "ir", mode="chat", graph=line(begin(), change, say), variables=variables)
    ran = run_dify(str(dsl.write(chat, "dify").data), {"query": "hi"})
    assert (ran.status, re.findall("[abc]", ran.outputs["answer"])) == ("succeeded", left), ran


GIVEN = ("constant", "variable")
ASSIGNED = [  # an operation, from what, on what
    *((op, given, "lists") for op in ("clear", "append", "extend", "remove-first", "over-write") for given in GIVEN),
    *((op, given, "count") for op in ("over-write", "set", "+=", "clear") for given in GIVEN),
]


@pytest.mark.parametrize(("op", "given", "target"), ASSIGNED)
def test_what_an_assigner_does_not_take_is_found_and_what_it_takes_is_not(op: str, given: str, target: str) -> None:
    name = "n" if target == "count" else "x" if op == "append" else "xs"
    value = MADE[name] if given == "constant" else ["m", name]
    item = {"variable_selector": ["conversation", target], "operation": op, "input_type": given, "value": value}
    file = _chat_that_does(item)
    ran = run_dify(file, {"query": "hi"})
    assert [each.code for each in check(dsl.read(file))] == ([] if ran.status == "succeeded" else ["assign.input"]), ran


MADE = {"xs": ["x"], "x": "x", "n": 1}


def _chat_that_does(item: Json) -> str:
    types = {"xs": "array[string]", "x": "string", "n": "number"}
    code: Json = {"id": "m", "type": "code", "code_language": "python3", "variables": []}
    code |= {"code": f"def main():\n    return {MADE}\n", "outputs": {name: {"type": types[name]} for name in MADE}}
    change = {"id": "c", "type": "assigner", "version": "2", "items": [item]}
    held: list[Json] = [{"name": "lists", "value_type": types["xs"], "value": ["a"]}]
    held += [{"name": "count", "value_type": "number", "value": 1}]
    nodes = [start(), code, change, {"id": "a", "type": "answer", "answer": "done"}]
    return dify(nodes, "start>m m>c c>a", "advanced-chat", conversation_variables=held)
