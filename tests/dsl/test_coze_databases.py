"""What Coze asks of its databases is a tool to supply elsewhere, with what it is asked as plain arguments."""

from typing import Any

import pytest

import dsl
from dsl import coze
from dsl.ir import Flow, Node, Ref, Type
from dsl.values import nodes
from tests.dsl.small import end, line, start

Q = {
    "type": "string",
    "value": {"type": "ref", "content": {"source": "block-output", "blockID": "100001", "name": "q"}},
}
WHERE = {"conditionList": [[("left", "name"), ("operation", "EQUAL"), ("right", Q)]], "logic": "AND"}
VALUES = [[("fieldID", "17"), ("fieldValue", Q)], [("fieldID", "18"), ("fieldValue", "x")]]
ORDER, FIELDS = [{"fieldID": 17, "isAsc": False}], [{"fieldID": 18, "isDistinct": True}]
ASKED: dict[str, dict[str, Any]] = {
    "42": {"updateParam": {"condition": WHERE, "fieldInfo": VALUES}},
    "43": {"selectParam": {"condition": WHERE, "orderByList": ORDER, "fieldList": FIELDS, "limit": 10}},
    "44": {"deleteParam": {"condition": WHERE}},
    "46": {"insertParam": {"fieldInfo": VALUES}},
}
ARGUMENTS = {
    "where": [{"left": "name", "operation": "EQUAL", "right": Ref("100001", ("q",))}],
    "logic": "AND",
    "values": {"17": Ref("100001", ("q",)), "18": "x"},
    "order": ORDER,
    "fields": FIELDS,
    "limit": 10,
}


def params(value: Any) -> Any:
    """Pairs of a name and what it holds as PARAMs."""
    if isinstance(value, dict):
        return {key: params(inner) for key, inner in value.items()} if "value" not in value else value
    if isinstance(value, list):
        return [params(each) for each in value]
    if not isinstance(value, tuple):
        return value
    name, held = value
    block = held if held is Q else {"type": "string", "value": {"type": "literal", "content": held}}
    return {"name": name, "input": block}


def asking(kind: str, **asked: Any) -> dict[str, Any]:
    """A canvas with a node of a database."""
    between = Node("db", "json_dump", "Ask it", params={"value": Ref("begin", ("q",))})
    document: Any = coze.build(Flow("f", "ir", graph=line(start(q=Type("string")), between, end())))[0]
    node = next(node for node in document["nodes"] if node["id"] == "db")
    outputs = [{"name": "outputList", "type": "list", "schema": {"type": "object", "schema": []}}]
    node["data"] |= {"inputs": {"databaseInfoList": [{"databaseInfoID": "74"}]} | asked, "outputs": outputs}
    node["type"] = kind
    return dict(document)


@pytest.mark.parametrize("kind", ASKED)
def test_what_a_database_is_asked_is_an_argument_of_a_tool(kind: str) -> None:
    flow = coze.read(asking(kind, **params(ASKED[kind])))
    node = nodes(flow)["db"]
    assert (node.kind, node.inputs.pop("database"), [*node.outputs]) == ("tool", "74", ["outputList"])
    assert node.inputs == {name: ARGUMENTS[name] for name in node.inputs}


@pytest.mark.parametrize("kind", ASKED)
def test_it_stands_in_the_canvas_again_as_it_was(kind: str) -> None:
    document = asking(kind, **params(ASKED[kind]))
    (back,) = (node for node in coze.build(coze.read(document))[0]["nodes"] if node["id"] == "db")
    assert back["type"] == kind
    assert nodes(coze.read(document | {"nodes": [*document["nodes"][:1], back]}))["db"].inputs == (
        nodes(coze.read(document))["db"].inputs
    )


def test_sql_goes_apart_from_what_it_is_given() -> None:
    sql = "select * from t where name = {{who}}"
    document = asking("12", sql=sql, inputParameters=[{"name": "who", "input": Q}])
    flow = coze.read(document)
    given = nodes(flow)["db"].inputs
    assert given == {"database": "74", "sql": sql, "parameters": {"who": Ref("100001", ("q",))}}
    (back,) = (node for node in coze.build(flow)[0]["nodes"] if node["id"] == "db")
    assert back["data"]["inputs"]["sql"] == sql
    assert [each["name"] for each in back["data"]["inputs"]["inputParameters"]] == ["who"]


@pytest.mark.parametrize("target", ["dify", "n8n", "ragflow"])
def test_the_tool_has_to_be_supplied_elsewhere(target: str) -> None:
    notes = dsl.write(coze.read(asking("43", **params(ASKED["43"]))), target).notes
    told = [note for note in notes if note.node == "db" and "select_database" in note.message]
    assert {(note.severity, note.code) for note in told} == {("needs_binding", "resource.tool")}
