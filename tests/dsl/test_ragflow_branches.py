"""Where control goes on RAGFlow: a switch fails where a value is of another type than it takes; and categories."""

import json
from collections.abc import Callable
from numbers import Number
from typing import Any

import pytest

import dsl
from dsl import ragflow
from dsl.ir import Edge, Flow, Graph, Node, Ref, Type
from dsl.values import nodes
from tests.dsl.small import start

STRINGS = Type("array", items=Type("string"))


def chosen(components: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """Where RAGFlow's switch leads with these values in the beginning's fields: it makes a number of what is on the
    right, if there is one on the left, and looks up nothing there."""
    (switch,) = [each["obj"]["params"] for each in components.values() if each["obj"]["component_name"] == "Switch"]
    for case in switch["conditions"]:
        found = [says(looked_up(components, item["cpn_id"], values), item) for item in case["items"]]
        if (all if case["logical_operator"] == "and" else any)(found):
            return list(case["to"])
    return list(switch["end_cpn_ids"])


def looked_up(components: dict[str, Any], name: str, values: dict[str, Any]) -> Any:
    producer, _, output = name.partition("@")
    if producer == "begin":
        return values[output]
    code = components[producer]["obj"]["params"]
    there: dict[str, Any] = {}
    exec(code["script"], there)
    given = {key: looked_up(components, ref, values) for key, ref in code["arguments"].items()}
    return there["main"](**given)[output.partition(".")[2]]


def says(left: Any, item: dict[str, Any]) -> bool:
    right: Any = float(item["value"]) if isinstance(left, Number) else item["value"]
    answers: dict[str, Callable[[], bool]] = {
        "contains": lambda: right.lower() in left.lower(),
        "not contains": lambda: right.lower() not in left.lower(),
        "start with": lambda: left.lower().startswith(right.lower()),
        "end with": lambda: left.lower().endswith(right.lower()),
        "empty": lambda: not left,
        "not empty": lambda: bool(left),
        "=": lambda: left == right,
        "≠": lambda: left != right,
        ">": lambda: float(left) > float(right),
        "<": lambda: float(left) < float(right),
        "≥": lambda: float(left) >= float(right),
        "≤": lambda: float(left) <= float(right),
    }
    return bool(answers[item["operator"]]())


def forked(left: Type, op: str, right: Any) -> dict[str, Any]:
    asked = {"left": Ref("begin", ("x",)), "op": op, "right": right, "type": left.name}
    fork = Node("fork", "if", "Fork", params={"cases": [{"logic": "and", "conditions": [asked]}]})
    says_ = [Node(name, "answer", name, params={"text": name}) for name in ("yes", "no")]
    edges = [Edge("begin", "fork"), Edge("fork", "yes", "case:0"), Edge("fork", "no", "else")]
    flow = Flow("f", "dify", graph=Graph([start(x=left, y=Type("string")), fork, *says_], edges))
    components: dict[str, Any] = dsl.write(flow, "ragflow").document["dsl"]["components"]
    return components


@pytest.mark.parametrize(
    ("type_", "op", "right", "yes", "no"),
    [
        (Type("boolean"), "true", None, True, False),
        (Type("boolean"), "false", None, False, True),
        (Type("boolean"), "empty", None, None, False),
        (Type("number"), "eq", "2", 2, 3),
        (Type("number"), "not_empty", None, 0, None),
        (Type("number"), "eq", "two", "two", 2),
        (Type("number"), "contains", "2", 123, 13),
        (Type("string"), "eq", Ref("begin", ("y",)), "same", "other"),
        (Type("string"), "contains", "ab", "cab", "b"),
        (Type("string"), "empty", None, "", "0"),
        (STRINGS, "contains", "a", ["b", "a"], ["ab"]),
        (STRINGS, "not_empty", None, ["a"], []),
        (Type("object"), "empty", None, {}, {"a": 1}),
        (Type("any"), "starts", "1", 12, 21),
        (Type("any"), "empty", None, "", 1),
        (Type("any"), "true", None, True, "no"),
    ],
)
def test_a_condition_leads_where_it_led_whatever_the_type(type_: Type, op: str, right: Any, yes: Any, no: Any) -> None:
    made = forked(type_, op, right)
    assert chosen(made, {"x": yes, "y": "same"}) == ["yes"]
    assert chosen(made, {"x": no, "y": "same"}) == ["no"]


def test_each_case_and_each_class_leads_somewhere_as_ragflow_wants_it() -> None:
    asked = {"logic": "and", "conditions": [{"left": Ref("begin", ("q",)), "op": "eq", "right": "a"}]}
    fork = Node("fork", "if", "Fork", params={"cases": [asked, asked]})
    classes: list[dict[str, Any]] = [{"name": "Tea", "examples": ["Milk?"]}, {"name": "Rum"}]
    sort = Node("sort", "classify", "Sort", params={"query": Ref("begin", ("q",)), "classes": classes, "model": "m"})
    edges = [Edge("begin", "fork"), Edge("fork", "sort", "case:1")]
    written = dsl.write(Flow("f", "dify", graph=Graph([start(), fork, sort], edges)), "ragflow")
    made = {key: each["obj"]["params"] for key, each in written.document["dsl"]["components"].items()}
    assert [case["to"] for case in made["fork"]["conditions"]] == [["fork_else"], ["sort"]]
    assert made["fork"]["end_cpn_ids"] == ["fork_else"]
    assert all(each["to"] == ["sort_else"] for each in made["sort"]["category_description"].values())
    assert [note.node for note in written.notes if note.code == "switch.else"] == ["fork", "sort"]


def test_a_classifier_is_as_ragflow_and_its_editor_want_it() -> None:
    classes: list[dict[str, Any]] = [{"name": "Tea", "description": "Hot", "examples": ["Milk?"]}, {"name": "Rum"}]
    params = {"query": Ref("begin", ("q",)), "classes": classes, "model": "m"}
    sort = Node("sort", "classify", "Sort", params=params)
    written = dsl.write(Flow("f", "dify", graph=Graph([start(), sort], [Edge("begin", "sort")])), "ragflow")
    made = written.document["dsl"]["components"]["sort"]["obj"]["params"]
    assert made["category_description"]["Tea"]["examples"] == ["Milk?"]  # one that is no text fails
    assert made["message_history_window_size"] == 1  # 0 is refused
    (form,) = [each["data"]["form"] for each in written.document["dsl"]["graph"]["nodes"] if each["id"] == "sort"]
    tea = {"name": "Tea", "description": "Hot", "examples": [{"value": "Milk?"}], "uuid": "class-0"}
    assert form["items"][0] == tea and "category_description" not in form
    assert "memory" not in nodes(dsl.read(written.data))["sort"].params


@pytest.mark.parametrize(
    ("operators", "ignores", "told"), [(["="], False, []), (["contains"], True, []), (["=", "contains"], True, ["S"])]
)
def test_ragflow_takes_heed_of_capitals_where_it_compares(operators: list[str], ignores: bool, told: list[str]) -> None:
    items = [{"cpn_id": "sys.query", "operator": each, "value": "a"} for each in operators]
    case = {"logical_operator": "and", "items": items, "to": ["M"]}
    switch = {"component_name": "Switch", "params": {"conditions": [case], "end_cpn_ids": ["M"]}}
    made: dict[str, Any] = {
        "begin": {"obj": {"component_name": "Begin", "params": {}}, "downstream": ["S"], "upstream": []},
        "S": {"obj": switch, "downstream": ["M"], "upstream": ["begin"]},
        "M": {"obj": {"component_name": "Message", "params": {"content": ["x"]}}, "downstream": [], "upstream": ["S"]},
    }
    flow = ragflow.read({"dsl": {"components": made, "history": [], "path": [], "retrieval": []}})
    assert nodes(flow)["S"].params["ignore_case"] is ignores
    assert [note.node for note in dsl.write(flow, "dify").notes if note.code == "case.insensitive"] == told


def test_what_fits_no_category_is_called_what_ragflow_calls_it() -> None:
    classes = [{"name": "Tea"}, {"name": "Rum"}]
    sort = Node("sort", "classify", "Sort", params={"query": Ref("begin", ("q",)), "classes": classes, "model": "m"})
    say = Node("say", "answer", "Say", params={"text": Ref("sort", ("class_name",))})
    ways = [Edge("sort", "say", port) for port in ("class:0", "class:1", "default")]
    flow = Flow("f", "ragflow", graph=Graph([start(), sort, say], [Edge("begin", "sort"), *ways]))
    assert '?? "Rum")' in str(dsl.write(flow, "n8n").document)


@pytest.mark.parametrize(("op", "right"), [("true", None), ("false", None)])
def test_a_field_of_the_form_that_is_true_or_not_is_so_again_where_it_is_read_back(op: str, right: Any) -> None:
    asked = {"left": Ref("begin", ("x",)), "op": op, "right": right, "type": "boolean"}
    fork = Node("fork", "if", "Fork", params={"cases": [{"logic": "and", "conditions": [asked]}]})
    flow = Flow("f", "dify", graph=Graph([start(x=Type("boolean")), fork], [Edge("begin", "fork")]))
    back = nodes(dsl.read(dsl.write(flow, "ragflow").data, "ragflow"))["fork"]
    assert [(each["op"], each["right"]) for each in back.params["cases"][0]["conditions"]] == [(op, None)]


def test_a_boolean_may_be_compared_with_a_number_or_with_anything_else() -> None:
    def read(value: Any) -> dict[str, Any]:
        field = {"inputs": {"x": {"name": "x", "type": "boolean"}}}
        items = [{"cpn_id": "begin@x", "operator": "≠", "value": value}]
        switch = {"conditions": [{"logical_operator": "and", "items": items, "to": []}], "end_cpn_ids": []}
        kinds = {"begin": ("Begin", field, ["fork"]), "fork": ("Switch", switch, [])}
        components = {
            key: {"obj": {"component_name": kind, "params": params}, "downstream": after}
            for key, (kind, params, after) in kinds.items()
        }
        found = nodes(dsl.read(json.dumps({"components": components, "path": [], "history": []}), "ragflow"))["fork"]
        return dict(found.params["cases"][0]["conditions"][0])

    assert read(1)["op"] == "false"
    assert read([1])["op"] == "ne"
