"""The linter on files: what one platform alone trips over is planted in a file, found, and mended if clear."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import dsl
from dsl.lint import Finding, check, mend
from dsl.n8n.rules import REQUIRED, Required, known
from dsl.n8n.source import Raw
from dsl.n8n.tables import VERSIONS
from dsl.n8n.wiring import inputs, outputs
from dsl.notes import Note
from dsl.values import nodes
from tests.dsl.corpus import FOLDERS, files
from tests.dsl.engines.lane import home
from tests.dsl.engines.n8n_server import VERSION
from tests.dsl.kitchen import kitchen_sink
from tests.dsl.n8n_types import Shown, required, sides, types
from tests.dsl.small import cases, services

LOST = ("degraded", "stub", "dropped")
Change = Callable[[Any], object]


def flow(dialect: str, change: Change = lambda document: None) -> dsl.Flow:
    """A small flow, read from the file of a dialect with something wrong in it."""
    data = dsl.write(next(iter(cases())).flow, dialect).data
    document = dsl.read(data).raw
    change(document)
    return dsl.read(json.dumps(document))


@pytest.mark.parametrize("dialect", FOLDERS)
def test_what_flowstill_writes_has_no_trap(dialect: str) -> None:
    for case in cases():
        written = dsl.write(case.flow, dialect)
        said = {(note.node, note.code) for note in written.notes if note.severity == "stub"}
        found = [each for each in check(dsl.read(written.data)) if each.level == "error"]
        assert [each for each in found if (each.node, each.code) not in said] == [], case.name


def _data(number: int, **values: Any) -> Change:
    return lambda document: document["workflow"]["graph"]["nodes"][number]["data"].update(values)


def _n8n(number: int, **values: Any) -> Change:
    return lambda document: document["nodes"][number].update(values)


def _tool(document: Any) -> None:
    document.pop("settings")
    document["connections"]["Yes"]["ai_tool"] = [[{"node": "No", "type": "ai_tool", "index": 0}]]


def _set(value: str) -> Change:
    return lambda document: document["nodes"][3]["parameters"]["assignments"]["assignments"][0].update(value=value)


def _code_of(source: str, **more: str) -> Change:
    code = {"pythonCode" if more else "jsCode": source, **more}
    return _n8n(3, type="n8n-nodes-base.code", typeVersion=2, parameters=code)


def _operation(name: str) -> Change:
    def change(document: Any) -> None:
        document["nodes"][2]["parameters"]["conditions"]["conditions"][0]["operator"]["operation"] = name

    return change


def _edge(source: str, output: int, index: int = 0) -> Change:
    """A connection to the node No instead of those that leave by the output."""

    def change(document: Any) -> None:
        outputs = document["connections"][source]["main"]
        outputs += [[] for _ in range(output + 1 - len(outputs))]
        outputs[output] = [{"node": "No", "type": "main", "index": index}]

    return change


def _cron(line: str) -> Change:
    rule = {"interval": [{"field": "cronExpression", "expression": line}]}
    return _n8n(0, type="n8n-nodes-base.scheduleTrigger", typeVersion=1.2, parameters={"rule": rule})


def _agent(document: Any) -> None:
    kind = "@n8n/n8n-nodes-langchain."
    document["nodes"][3] |= {"type": f"{kind}agent", "typeVersion": 3, "parameters": {"hasOutputParser": True}}
    document["nodes"][4] |= {"type": f"{kind}toolHttpRequest", "typeVersion": 1.1, "parameters": {}}
    document["connections"]["Fork"]["main"].pop()
    document["connections"]["No"] = {"ai_tool": [[{"node": "Yes", "type": "ai_tool", "index": 0}]]}


def _loop(document: Any) -> None:
    document["nodes"][2] |= {"type": "n8n-nodes-base.splitInBatches", "typeVersion": 3, "parameters": {}}


def _coze(number: int, change: Change) -> Change:
    return lambda document: change(document["nodes"][number]["data"])


def _ragflow(name: str, **params: Any) -> Change:
    def change(document: Any) -> None:
        document["dsl"]["components"]["yes"]["obj"] = {"component_name": name, "params": params}

    return change


def _code(**outputs: Any) -> Change:
    return _ragflow("CodeExec", lang="python", script="def main(x): 0", arguments={"x": "5"}, outputs=outputs)


TEA = {"to": ["no"], "examples": [{"value": "Milk?"}]}


def _empty(data: Any) -> None:
    data["inputs"]["inputParameters"] = [{"name": "a", "input": {}}]


def _failing(data: Any) -> None:
    data["inputs"]["settingOnError"] = {"processType": 2, "dataOnErr": ""}


def _as(type_: str, **inputs: Any) -> Change:
    def change(document: Any) -> None:
        document["nodes"][2]["type"] = type_
        document["nodes"][2]["data"]["inputs"] = inputs

    return change


def _param(name: str, content: Any) -> dict[str, Any]:
    return {"name": name, "input": {"type": "string", "value": {"type": "literal", "content": content}}}


FILE = _param("f", "https://e.com/a.png")
FILE["input"] |= {"assistType": 2, "value": FILE["input"]["value"] | {"rawMeta": {"type": 7}}}
EXTRACTED = {"name": "items", "type": "list", "description": "", "required": True}
MODEL = {"provider": "langgenius/openai/openai", "name": "gpt-4o", "mode": "chat", "completion_params": {}}
IF = {"case_id": "a", "logical_operator": "and", "conditions": [{"comparison_operator": "empty"}]}
CLEAR = {"input_type": "constant", "operation": "clear"}
ASSIGNED = {"variable_selector": ["begin", "n"], "value": ["begin", "n"]}
BY_CONSTANT = ASSIGNED | {"input_type": "constant", "operation": "append"}
BY_VARIABLE = ASSIGNED | {"input_type": "variable", "operation": "+="}
GROUPS = {"group_enabled": True, "groups": [{"group_name": "g", "output_type": "array", "variables": []}]}
BELOW = {"type": "object", "children": {"n": {"type": "any"}}}
ABOVE = {"variable_selector": ["begin", "n"], "comparison_operator": ">", "value": "many"}
MANY = {"case_id": "a", "conditions": [ABOVE]}
ASKED = {"variable": "x", "type": "text-input", "label": "x"}


def _system(document: Any) -> None:
    _data(2, type="code", variables=[{"variable": "x", "value_selector": ["sys", "query"]}])(document)


def _added(document: Any) -> None:
    item = {"variable_selector": ["conversation", "told"], "operation": "+=", "input_type": "constant", "value": 1}
    _data(2, type="assigner", version="2", items=[item])(document)
    document["workflow"]["conversation_variables"] = [{"name": "told", "value_type": "array[string]", "value": []}]


def _unstructured(document: Any) -> None:
    _data(3, type="llm", model=MODEL, prompt_template=[{"role": "user", "text": "x"}])(document)
    _data(2, type="document-extractor", variable_selector=["no", "structured_output", "x"])(document)
    document["workflow"]["graph"]["nodes"].pop(4)


def _inside(document: Any) -> None:
    """A node of which an iteration that follows it is read."""
    _data(3, type="loop", loop_count=3)(document)
    document["workflow"]["graph"]["nodes"][2]["parentId"] = "no"


IS = {"to": ["no"], "items": [{"cpn_id": "sys.query", "operator": "is", "value": "x"}]}


def _hyphened(document: Any) -> None:
    document["dsl"]["components"]["a-b"] = {"obj": {"component_name": "Message", "params": {"content": ["x"]}}}


def _prompted(document: Any) -> None:
    content = {"type": "string", "value": {"type": "literal", "content": "Say {{ nmae.x }}"}}
    inputs = {"inputParameters": [{"name": "name", "input": content}]}
    inputs["llmParam"] = [{"name": "prompt", "input": content}]
    document["nodes"][2] |= {"type": "3"}
    document["nodes"][2]["data"]["inputs"] = inputs


def _listed(document: Any) -> None:
    (fork,) = [each for each in document["nodes"] if each["type"] == "8"]
    condition = fork["data"]["inputs"]["branches"][0]["condition"]["conditions"][0]
    condition["operator"], condition["left"]["input"]["type"] = 13, "list"


def _unknown_operator(document: Any) -> None:
    (fork,) = [each for each in document["nodes"] if each["type"] == "8"]
    fork["data"]["inputs"]["branches"][0]["condition"]["conditions"][0]["operator"] = 17


def _set_beside_the_loop(document: Any) -> None:
    _set_in_loop(document)
    (block,) = document["nodes"][2]["blocks"]
    block["data"]["inputs"]["inputParameters"][0]["left"]["value"]["content"] |= {"blockID": "100001", "name": "q"}


def _field_of_json(document: Any) -> None:
    """A field that the JSON node in front does not declare."""
    schema = [{"name": "limit", "type": "integer"}]
    parse = {"id": "150000", "type": "59", "meta": {"position": {"x": 0, "y": 0}}}
    parse["data"] = {"inputs": {}, "outputs": [{"name": "output", "type": "object", "schema": schema}]}
    read = {"type": "ref", "content": {"source": "block-output", "blockID": "150000", "name": "output.limt"}}
    end = next(each for each in document["nodes"] if each["type"] == "2")
    end["data"]["inputs"]["inputParameters"][0]["input"]["value"] = read
    document["nodes"].append(parse)


def _broken_off(document: Any) -> None:
    document["nodes"][2] |= {"type": "19"}


def _set_in_loop(document: Any) -> None:
    left = {"type": "ref", "content": {"source": "block-output", "blockID": document["nodes"][2]["id"], "name": "summ"}}
    inside = {"inputs": {"inputParameters": [{"left": {"value": left}, "input": {"value": left}}]}, "nodeMeta": {}}
    document["nodes"][2] |= {"type": "21", "blocks": [{"id": "7", "type": "20", "data": inside}], "edges": []}
    document["nodes"][2]["data"]["inputs"] = {"variableParameters": [{"name": "sum", "input": {}}]}


PLANTED = [
    ("dify", lambda document: document.pop("kind"), "kind.missing", "/kind", "kind: app"),
    ("dify", _data(2, type="start", variables=[]), "start.twice", "/workflow/graph/nodes/2/data", "knows one only"),
    (
        "dify",
        _data(2, type="trigger-schedule", mode="cron", cron_expression=""),
        "cron.missing",
        "/cron_expression",
        "no time",
    ),
    ("dify", _data(2, type="llm", model=MODEL), "dependency.missing", "/model", "langgenius/openai."),
    ("dify", _data(2, credential_id="c-1"), "credential.id", "/credential_id", "no other workspace"),
    ("dify", _data(2, code="{{#a-b.c#}}"), "ref.text", "/data/code", "{{#a-b.c#}} is no reference"),
    ("dify", _data(2, type="code", variables=[{"variable": "x", "value_selector": []}]), "ref.empty", "/0", "'x' from"),
    ("dify", _data(2, outputs={"1st": {"type": "string"}}), "name.pattern", "/outputs/1st", "'1st'"),
    ("dify", _data(2, outputs={"o": {"type": "integer"}}), "output.type", "/outputs/o", "'integer', with which"),
    ("dify", _data(2, type="parameter-extractor", parameters=[EXTRACTED]), "output.type", "/parameters/0", "'list'"),
    ("dify", _data(2, outputs={"o": BELOW}), "output.type", "/outputs/o/children/n", "'any', with which"),
    ("dify", _data(2, code="{{# a.b #}}"), "ref.text", "/data/code", "{{# a.b #}} is no reference"),
    ("dify", _data(2, type="knowledge"), "node.type", "/nodes/2/data", "'knowledge', which Dify does not have"),
    ("dify", _data(2, type="knowledge-retrieval", dataset_ids=["x"]), "ref.empty", "_selector", "its query from"),
    ("dify", _data(2, type="iteration", iterator_selector=[]), "ref.empty", "/data/iterator_selector", "its list from"),
    ("dify", _data(2, type="if-else", cases=[IF]), "ref.empty", "/cases/0/conditions/0", "comparison from nowhere"),
    ("dify", _data(2, type="assigner", version="2", items=[CLEAR]), "ref.empty", "/items/0", "its target from nowhere"),
    ("dify", _data(2, type="assigner", items=[BY_CONSTANT]), "assign.input", "/items/0", "'append' from a constant"),
    ("dify", _data(2, type="assigner", items=[BY_VARIABLE]), "assign.input", "/items/0", "'+=' from a variable"),
    ("dify", _data(2, type="variable-aggregator", variables=[]), "ref.empty", "/data", "its values from nowhere"),
    ("dify", _data(2, type="variable-aggregator", advanced_settings=GROUPS), "ref.empty", "/groups/0", "from nowhere"),
    ("dify", _data(2, type="variable-aggregator", advanced_settings=GROUPS), "group.type", "/groups/0", "'array'"),
    ("dify", _system, "ref.system", "/0/value_selector", "reads sys.query, which there is in chats only"),
    ("dify", _data(2, type="llm", model=MODEL, prompt_template=[]), "prompt.missing", "/prompt_template", "nothing"),
    (
        "dify",
        _data(2, type="template-transform", template="{% if x %}"),
        "code.syntax",
        "/nodes/2",
        "a template that cannot be parsed",
    ),
    ("dify", _data(2, type="code", code="def main(:"), "code.syntax", "/nodes/2", "invalid syntax (line 1): it fails"),
    ("dify", _data(2, type="code", code="def run(): 0"), "code.main", "/nodes/2", "without a main"),
    ("dify", _data(2, type="if-else", cases=[MANY]), "condition.number", "/conditions/0/value", "the text 'many'"),
    ("dify", _added, "assign.type", "/nodes/2", "'add' to 'told', which is declared as array"),
    ("dify", _data(0, variables=[ASKED, ASKED]), "input.twice", "/variables/1", "asks for 'x' twice"),
    ("dify", _data(2, type="answer", answer="x"), "end.type", "/nodes/2/data", "which only chats give"),
    ("dify", _unstructured, "ref.output", "/nodes/2", "which answers in text only"),
    ("dify", _inside, "ref.scope", "", "outside of 'No': it is nothing"),
    ("dify", _data(2, type="loop", loop_count=3), "container.start", "/nodes/2/data", "does not say with which node"),
    ("dify", _data(2, type="iteration", start_node_id="no"), "container.start", "/data", "stands outside of it"),
    (
        "dify",
        _data(2, type="iteration", output_selector=["begin", "n"]),
        "iteration.output",
        "_selector",
        "the same value",
    ),
    ("n8n", lambda document: document.pop("settings"), "order.missing", "/settings", "another order"),
    ("n8n", _tool, "order.missing", "/settings", "empty answers from its tools"),
    ("n8n", _n8n(3, type="n8n-nodes-base.sett"), "node.type", "/nodes/3", "does not have"),
    ("n8n", _n8n(3, type="n8n-nodes-acme.thing"), "node.community", "/nodes/3", "has to be installed"),
    ("n8n", _n8n(3, typeVersion=9), "node.version", "/nodes/3", "set 9"),
    ("n8n", _n8n(3, type="n8n-nodes-base.executeCommand", typeVersion=1), "node.disabled", "/nodes/3", "operator"),
    ("n8n", _n8n(3, type="n8n-nodes-base.splitOut", typeVersion=1), "parameter.missing", "/nodes/3", "fieldToSplitOut"),
    (
        "n8n",
        _n8n(3, type="n8n-nodes-base.executeWorkflow", typeVersion=1.4, parameters={"workflowId": {"__rl": True}}),
        "parameter.missing",
        "/nodes/3",
        "no workflowId: n8n does not publish",
    ),
    (
        "n8n",
        _n8n(3, type="n8n-nodes-base.wait", typeVersion=1.1, parameters={"resume": "form"}),
        "parameter.missing",
        "/nodes/3",
        "formTitle",
    ),
    ("n8n", lambda document: document["nodes"][3].pop("position"), "node.position", "/nodes/3", "no position"),
    ("n8n", _set("={{ $('Nope').item.json.x }}"), "ref.unknown", "/assignments/0/value", "'Nope', which is not there"),
    ("n8n", _set("=a {{ $node['Yess'].json.x }}"), "ref.unknown", "/0/value", "Did you mean 'Yes'?"),
    ("n8n", _set("={{ `${$items('Nope').length}` }}"), "ref.unknown", "/0/value", "'Nope'"),
    ("n8n", _code_of("return $('Nope').all()"), "ref.unknown", "/nodes/3/parameters/jsCode", "'Nope'"),
    ("n8n", _code_of("return ["), "code.syntax", "/parameters/jsCode", "a [ that is not closed (line 1)"),
    ("n8n", _code_of("return (", language="pythonNative"), "code.syntax", "/pythonCode", "cannot be parsed"),
    ("n8n", _set("={{ foo( }}"), "code.syntax", "/0/value", "is no JavaScript, there is a ( that is not closed"),
    ("n8n", _set("=a {{ $json.x } b"), "expression.open", "/0/value", "Close it with }}"),
    ("n8n", _set("Hi {{ $json.x }}"), "expression.plain", "/0/value", "{{ $json.x }} stays in the text"),
    ("n8n", _set("={{ $env.KEY }}"), "env.denied", "/0/value", "N8N_BLOCK_ENV_ACCESS_IN_NODE"),
    ("n8n", _operation("biggerThan"), "condition.operator", "/operator/operation", "compares a string by 'biggerThan'"),
    ("n8n", _edge("Fork", 5), "port.unknown", "/connections/Fork/main/5/0", "'Fork' by output 6"),
    ("n8n", _edge("Yes", 1), "port.unknown", "/connections/Yes/main/1/0", "onError: continueErrorOutput"),
    ("n8n", _edge("Yes", 0, index=2), "port.input", "/connections/Yes/main/0/0", "input 3 of 'No', which has 1"),
    ("n8n", lambda document: document["nodes"].pop(), "respond.missing", "/nodes/0", "none follows"),
    ("n8n", _n8n(0, parameters={"path": "x"}), "respond.unused", "/nodes/0", "answers onReceived"),
    ("n8n", _cron("99 * * * *"), "cron.refused", "/rule/interval/0/expression", "'99' is no minute"),
    ("n8n", _cron("0 12 ? * L *"), "cron.refused", "/interval/0/expression", "'l' is no name"),
    ("n8n", _agent, "parser.missing", "/nodes/3", "answers in plain text"),
    ("n8n", _agent, "tool.old", "/nodes/4", "an agent of version 3 fails"),
    ("n8n", _loop, "loop.open", "/nodes/2", "Nothing leads back to 'Fork'"),
    ("coze", lambda document: document["edges"].pop(1), "coze.connection", "", "not connected"),
    ("coze", _coze(2, lambda data: data["nodeMeta"].update(title="No")), "title.twice", "/nodes/3", "'No'"),
    ("coze", _coze(2, lambda data: data["nodeMeta"].update(title="x" * 64)), "title.long", "/nodes/2", "64"),
    (
        "coze",
        _coze(2, _empty),
        "coze.empty",
        "",
        "crash",
    ),
    ("coze", lambda document: document["nodes"][2].update(type="16"), "coze.type", "/nodes/2", "image_generate"),
    ("coze", _coze(2, _failing), "coze.default", "/nodes/2/data/inputs/settingOnError", "dataOnErr"),
    ("coze", _as("3", llmParam=[_param("topP", 0.5)]), "coze.literal", "/llmParam/0/input/value/content", "quotes"),
    ("coze", _as("3", llmParam=[_param("enableChatHistory", "true")]), "coze.literal", "/content", "no boolean"),
    ("coze", _as("5", language=5, code=""), "coze.language", "/nodes/2/data/inputs/language", "coze.cn"),
    ("coze", _as("5", language=3, code="import requests"), "coze.import", "/nodes/2/data/inputs/code", "requests"),
    ("coze", _as("5", language=3, code="import os\nfrom pty import x"), "coze.import", "/inputs/code", "pty"),
    ("coze", _as("45", apiInfo={"url": "https://e.com/{{q}}"}), "coze.text", "/data/inputs/apiInfo/url", "{{q}}"),
    ("coze", _as("45", apiInfo={"url": "{{block_output_100001.}}"}), "coze.text", "/apiInfo/url", "no output"),
    ("coze", _coze(2, lambda data: data.update(outputs=[{"assistType": 99}])), "coze.assist", "/outputs/0", "99"),
    ("coze", _coze(2, lambda data: data.update(outputs=[{"name": "nil"}])), "coze.word", "/nodes/2", "'nil'"),
    ("coze", _as("9", inputParameters=[FILE]), "coze.file", "/data/inputs/inputParameters/0/input", "fileName"),
    ("coze", _as("15", method="join"), "coze.method", "/data/inputs/method", "'join'"),
    ("coze", _as("28", inputParameters=[_param("cfg", "x")]), "list.type", "/inputParameters/0", "declared as string"),
    ("coze", _as("21", loopType="array", inputParameters=[_param("c", 1)]), "list.type", "/inputParameters/0", "'c'"),
    ("coze", _coze(0, lambda data: data["outputs"][0].update(type="array")), "output.type", "/outputs/0", "'array'"),
    ("coze", _unknown_operator, "condition.operator", "/conditions/0", "no operator 17"),
    ("coze", _set_beside_the_loop, "ref.variable", "/inputParameters/0/left", "no variable of its loop"),
    ("coze", _field_of_json, "ref.output", "/nodes/5", "Did you mean 'limit'?"),
    ("coze", _prompted, "input.missing", "/llmParam/0/input/value/content", "Did you mean 'name'?"),
    ("coze", _listed, "condition.operator", "/conditions/0", "A list is compared by operator 13 (>)"),
    ("coze", _broken_off, "coze.outside", "/nodes/2", "outside of a loop"),
    ("coze", _set_in_loop, "ref.variable", "/blocks/0/data/inputs/inputParameters/0/left", "sets 'summ'"),
    ("ragflow", _ragflow("Loop", maximum_loop_count=3), "loop.ends", "/dsl/components/yes", "first round"),
    ("ragflow", _ragflow("Loop", logical_operator="or", maximum_loop_count=0), "loop.ends", "/yes", "0 rounds"),
    ("ragflow", _ragflow("Invoke", url="https://e.com", method="DELETE"), "http.method", "/yes", "'DELETE'"),
    ("ragflow", _ragflow("Invoke", url="http://192.168.1.5:8000/x"), "http.private", "/yes", "ALLOW_ANY_HOST"),
    ("ragflow", _ragflow("CodeExec", lang="python", script="import os"), "code.refused", "/yes", "refuses os"),
    ("ragflow", _ragflow("Message", content=["a", "b"]), "message.random", "/yes", "at random"),
    ("ragflow", _ragflow("Switch", conditions=[], end_cpn_ids=[]), "switch.else", "/yes", "fits no case"),
    ("ragflow", _ragflow("Switch", conditions=[{"to": []}], end_cpn_ids=["n"]), "switch.case", "/yes", "leads nowhere"),
    ("ragflow", _ragflow("Categorize", category_description={"A": {}}), "class.way", "/yes", "leads nowhere"),
    ("ragflow", _ragflow("Categorize", category_description={"A": TEA}), "class.examples", "/yes", "is no text"),
    ("ragflow", _ragflow("Categorize", message_history_window_size=0), "class.history", "/yes", "above 0"),
    ("ragflow", _ragflow("LLM", llm_id="m@x", temperature="1.2"), "model.range", "/yes", "temperature is not from 0"),
    ("ragflow", _ragflow("Invoke", url="https://e.com", timeout=2.5), "http.timeout", "/yes", "whole number"),
    ("ragflow", _ragflow("UserFillUp", inputs={}), "form.id", "/yes", "begins anew"),
    ("ragflow", _code(a={}, b={}), "code.outputs", "/yes", "and not 2"),
    ("ragflow", _code(content={}, attachments={}), "code.outputs", "/yes", "and not 0"),
    ("ragflow", _code(a={}), "code.literal", "/yes", "looks up what is given for x"),
    ("ragflow", _ragflow("Message", content=[]), "message.empty", "/yes", "nothing to say"),
    ("ragflow", _ragflow("Invoke", url="https://e.com", headers="A: b"), "http.headers", "/yes", "are no JSON"),
    ("ragflow", _ragflow("Switch", conditions=[IS], end_cpn_ids=["no"]), "switch.operator", "/yes", "'is'"),
    ("ragflow", _ragflow("Switch", conditions=[IS], end_cpn_ids=["gone"]), "edge.dangling", "cpn_ids/0", "'gone'"),
    ("ragflow", _ragflow("Categorize", category_description={"A": {"to": ["off"]}}), "edge.dangling", "/to/0", "'off'"),
    ("ragflow", _hyphened, "name.pattern", "/dsl/components/a-b", "no reference can name 'a-b'"),
    (
        "ragflow",
        _ragflow("LLM", llm_id="m@x", prompts=[], temperature=0.2, temperatureEnabled=False),
        "model.switched_off",
        "/yes",
        "temperature",
    ),
]


@pytest.mark.parametrize(("dialect", "change", "code", "pointer", "says"), PLANTED)
def test_what_a_platform_trips_over_is_found(dialect: str, change: Change, code: str, pointer: str, says: str) -> None:
    assert code not in {each.code for each in check(flow(dialect))}
    found = [each for each in check(flow(dialect, change)) if each.code == code]
    assert found and found[0].pointer.endswith(pointer) and says in f"{found[0].message} {found[0].fix}"


def test_an_output_of_dify_that_has_another_name_elsewhere_is_nothing_by_that_name() -> None:
    asked = next(case.flow for case in services("http://127.0.0.1") if case.name == "HTTP")
    right = str(dsl.write(asked, "dify").data)
    assert [each for each in check(dsl.read(right)) if each.code == "ref.output"] == []
    (found,) = [each for each in check(dsl.read(right.replace("status_code", "status"))) if each.code == "ref.output"]
    assert found.pointer.endswith("/data/outputs/1/value_selector") and "fetch.status" in found.message
    assert found.fix == "Did you mean 'status_code'?"


@pytest.mark.parametrize(
    ("dialect", "change", "code"),
    [
        ("dify", lambda document: document.pop("kind"), "kind.missing"),
        ("n8n", lambda document: document.pop("settings"), "order.missing"),
        ("n8n", lambda document: document["nodes"][3].pop("position"), "node.position"),
        ("coze", _coze(2, _empty), "coze.empty"),
    ],
)
def test_what_has_one_right_value_is_mended_in_the_file(dialect: str, change: Change, code: str) -> None:
    broken = flow(dialect, change)
    mended, done = mend(broken)
    assert done
    again = dsl.read(dsl.write(mended, dialect).data)
    assert code in {each.code for each in check(broken)} and code not in {each.code for each in check(again)}
    assert mend(again)[1] == []


@pytest.mark.parametrize(
    "values",
    [
        {"type": "n8n-nodes-base.splitOut", "parameters": {"fieldToSplitOut": "={{ $json.x }}"}},
        {"type": "n8n-nodes-base.splitOut", "disabled": True},
        {"type": "n8n-nodes-base.wait", "parameters": {"amount": 5}},
        {"type": "@n8n/n8n-nodes-langchain.mcpClientTool", "parameters": {"sseEndpoint": "https://e.com/sse"}},
    ],
)
def test_a_parameter_that_a_node_does_not_need_is_not_missed(values: dict[str, Any]) -> None:
    found = check(flow("n8n", _n8n(3, **{"typeVersion": 1} | values)))
    assert "parameter.missing" not in {each.code for each in found}


@pytest.mark.parametrize(
    "change",
    [
        _set("={{ $('Yes').isExecuted }}"),
        _set("=$('Nope') {{ /* $('Nope') */ \"$('Nope')\" }}"),
        _set("{{ name }}"),
        _code_of("// $('Nope')\nreturn [{ json: { a: /[(]'/.test('x') } }]; // {"),
        _code_of("if items:\n  return items", language="pythonNative"),
        _n8n(3, type="n8n-nodes-base.html", typeVersion=1.2, parameters={"html": "<b>{{ $json.x }}</b>"}),
        _cron("0 9 * * mon-fri"),
        _cron("*/5 0-6,12 1 * * 7"),
        _cron("@daily"),
        _cron("={{ $json.cron }}"),
        _n8n(3, onError="continueErrorOutput"),
    ],
)
def test_what_n8n_takes_is_not_found(change: Change) -> None:
    def changed(document: Any) -> None:
        change(document)
        if document["nodes"][3].get("onError"):
            _edge("Yes", 1)(document)

    assert [each for each in check(flow("n8n", changed)) if each.level != "note"] == []


def test_a_canvas_of_ragflow_without_a_key_that_it_needs_is_told_which() -> None:
    document = flow("ragflow").raw
    document["dsl"].pop("path")
    with pytest.raises(dsl.DslError, match="it looks like RAGFlow's, which needs `path` \\(a list"):
        dsl.read(json.dumps(document))


def test_n8n_may_run_in_circles_until_something_is_done() -> None:
    def back(document: Any) -> None:
        document["connections"]["Yes"]["main"][0].append({"node": "Fork", "type": "main", "index": 0})

    assert "edge.cycle" not in {each.code for each in check(flow("n8n", back))}


def test_a_pipeline_starts_with_a_component_that_only_its_platform_has() -> None:
    found = flow(
        "ragflow", lambda document: document["dsl"]["components"]["begin"]["obj"].update(component_name="File")
    )
    assert "start.missing" not in {each.code for each in check(found)}


def test_a_list_given_to_ragflow_is_believed_since_its_form_has_none() -> None:
    found = check(dsl.read(dsl.write(kitchen_sink(), "ragflow").data))
    assert "list.type" not in {each.code for each in found}


@pytest.mark.parametrize("dialect", FOLDERS)
def test_a_file_in_order_is_not_touched(dialect: str) -> None:
    assert mend(flow(dialect))[1] == []


@pytest.mark.parametrize("path", [path for dialect in FOLDERS for path in files(dialect)])
def test_every_real_file_is_checked_and_mended_without_loss(path: Any) -> None:
    before = dsl.read(path.read_bytes())
    mended, done = mend(before)
    again = dsl.read(dsl.write(mended, before.dialect).data)
    assert set(nodes(again)) == set(nodes(before))
    assert mend(again)[1] == []
    if not done:
        assert again.raw == before.raw


@pytest.mark.parametrize("path", [path for dialect in FOLDERS for path in files(dialect)])
def test_what_is_written_of_a_real_file_has_no_error_that_no_note_tells(path: Any) -> None:
    source = dsl.read(path.read_bytes())
    own = {(each.code, each.title) for each in check(source)}
    for dialect in FOLDERS.keys() - {source.dialect}:
        written = dsl.write(source, dialect)
        found = [each for each in check(dsl.read(written.data)) if each.level == "error"]
        lost = [each for each in written.notes if each.severity in LOST and not each.code.startswith("leaf.")]
        new = [each for each in found if (each.code, each.title) not in own]
        assert [f"{dialect}: {each.message}" for each in new if not any(_tells(note, each) for note in lost)] == []


def _tells(note: Note, finding: Finding) -> bool:
    """Whether the note is about the node that something is wrong with, or one that is named there."""
    return (note.title or note.node) in (finding.title, finding.node) or f"'{note.title}'" in finding.message


def test_the_types_that_flowstill_writes_are_known() -> None:
    for name, version in VERSIONS.items():
        assert version in (known().get(name) or known()[name.removesuffix("Tool")]), name


@pytest.mark.engines
def test_the_known_types_are_those_of_the_server() -> None:
    assert known() == types(home(f"n8n-{VERSION}") / "node_modules")


@pytest.mark.engines
def test_the_inputs_and_outputs_of_the_types_are_those_of_the_server() -> None:
    for name, version, into, out in sides(home(f"n8n-{VERSION}") / "node_modules"):
        raw = Raw({}, "", "", "", name, version, {}, None)
        assert inputs(raw) in (into, None) and outputs(raw) in (out, None), (name, version)


@pytest.mark.engines
def test_the_parameters_that_n8n_requires_are_those_of_the_server() -> None:
    modules = home(f"n8n-{VERSION}") / "node_modules"
    for name, version in VERSIONS.items():
        told = required(modules, name, version) or required(modules, name.removesuffix("Tool"), version)
        if name == "httpRequest":
            told.discard(("url", frozenset()))  # http.url, on every platform
        if name == "ai:openAi":  # what the common form knows of it
            told = {each for each in told if ("resource", frozenset({"text"})) in each[1]}
        assert told == {(each.name, _shown(each)) for each in REQUIRED.get(name, ())}, name


def _shown(each: Required) -> Shown:
    return frozenset((other, frozenset(filter(None, values))) for other, values in each.when.items())


def test_two_flows_that_start_alike_are_served_at_two_addresses() -> None:
    one, other = (dsl.write(replace(kitchen_sink(), name=name), "n8n").document["nodes"] for name in ("One", "Other"))
    hooks = [{node["webhookId"] for node in found if "webhookId" in node} for found in (one, other)]
    assert hooks[0] and hooks[1] and not hooks[0] & hooks[1]
    assert "webhook.id" not in {each.code for each in check(flow("n8n"))}


DSL = Path(dsl.__file__).parent
NAMES = ("rules", "assigned", "refused", "runnable", "evaluated", "wiring")
CHECKERS = [*DSL.glob("lint/*.py"), *(path for path in DSL.rglob("*.py") if path.stem in NAMES)]


def test_every_code_is_explained_and_nothing_else() -> None:
    given = {
        code
        for file in CHECKERS
        for code in re.findall(r'"([a-z]+\.[a-z_]+)"', file.read_text())
        if not code.endswith(".json")
    }
    assert set(re.findall(r"^\| `([a-z._]+)` \|", (DSL / "CHECKS.md").read_text(), re.M)) == given


# Strings of the same form that are paths of parameters or names of values, and no codes.
PATHS = {"body.file", "groups.values", "inputs.limit", "items.target", "sys.conversation_turns", "sys.files"}
PATHS |= {"sys.query", "sys.user_id"}


def test_every_note_of_a_conversion_is_explained_and_nothing_else() -> None:
    given = {
        code
        for file in set(DSL.rglob("*.py")) - {*CHECKERS, DSL / "findings.py"}
        for code in re.findall(r'"([a-z]+\.[a-z_]+)"', file.read_text())
        if not code.endswith(".json") and not code.startswith("dsl.") and code not in PATHS
    }
    explained = [line for line in (DSL / "NOTES.md").read_text().splitlines() if line.startswith("| `")]
    codes = [code for line in explained for code in re.findall(r"`([a-z]+\.[a-z_]+)`", line.split("|")[1])]
    assert sorted(codes) == sorted(given)


@pytest.mark.parametrize(("settings", "fix"), [({}, "(--fix does)"), ({"executionOrder": "v0"}, 'Set it to "v1".')])
def test_an_order_that_the_file_says_is_left_to_its_author(settings: dict[str, str], fix: str) -> None:
    broken = flow("n8n", lambda document: document.update(settings=settings))
    (found,) = [each for each in check(broken) if each.code == "order.missing"]
    assert fix in found.fix
    assert bool(mend(broken)[1]) == ("--fix" in found.fix)
