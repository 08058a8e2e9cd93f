"""Flows of any dialect as workflows of n8n: what it takes, and what means the same there."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

import dsl
from dsl import DslError, Flow, irjson, n8n, values
from dsl.ir import Edge, Graph, Node, OnError, Ref, Resource, Script, Text, Type, Variable
from dsl.merge import same
from tests.dsl.kitchen import kitchen_sink

# What n8n has no counterpart for, by id: it raises an error there, and comes back as what it was
STUBS = {
    "page": "template.logic",
    "plain": "kind.unsupported",
    "choose": "kind.unsupported",
    "form": "kind.unsupported",
    "odd": "kind.unsupported",
}
STRING, NUMBER = Type("string"), Type("number")
API_NODE = {
    *("id", "name", "type", "typeVersion", "position", "parameters", "credentials", "disabled", "notes", "notesInFlow"),
    *("webhookId", "executeOnce", "alwaysOutputData", "retryOnFail", "maxTries", "waitBetweenTries", "onError"),
}


def flow(*nodes: Node, edges: str = "", variables: Any = (), resources: Any = (), mode: Any = "workflow") -> Flow:
    """Edges are written as "a>b a.error>c"."""
    made = [Edge(*_ends(one)) for one in edges.split()]
    return Flow(
        "T", "ir", mode=mode, graph=Graph(list(nodes), made), variables=list(variables), resources=list(resources)
    )


def _ends(edge: str) -> tuple[str, str, str]:
    source, _, target = edge.partition(">")
    node, _, port = source.partition(".")
    return node, target, port or "out"


def written(made: Flow, **options: Any) -> dict[str, dict[str, Any]]:
    """The nodes by name, each with what it leads to."""
    document, _ = n8n.build(made, **options)
    nodes = {each["name"]: each for each in document["nodes"]}
    for name, kinds in document["connections"].items():
        nodes[name]["to"] = [[link["node"] for link in links] for links in kinds.get("main", [])]
    return nodes


def start(**outputs: Type) -> Node:
    return Node("s", "start", "Start", outputs=outputs)


def said(id_: str, *parts: Any) -> Node:
    return Node(id_, "template", id_.upper(), params={"template": values.text(list(parts)) if parts else "x"})


def either(id_: str, *conditions: dict[str, Any]) -> Node:
    cases = [{"logic": "and", "conditions": [each]} for each in conditions]
    return Node(id_, "if", id_.upper(), params={"cases": cases})


@pytest.mark.parametrize(
    ("edges", "options"),
    [
        ("s>c c.class:0>a", {}),
        ("s>c c.default>a", {"fallback": "other"}),
        ("s>c c.class:0>a c.default>a", {"fallback": "other"}),
    ],
)
def test_a_classifier_has_a_class_for_the_rest_where_something_follows_it(edges: str, options: dict[str, str]) -> None:
    choose = Node("c", "classify", "C", params={"query": "x", "classes": [{"name": "one"}, {"name": "two"}]})
    nodes = written(flow(start(), choose, said("a"), edges=edges))
    assert nodes["C"]["parameters"]["options"] == options


@pytest.mark.parametrize("kind", ["classify", "extract"])
def test_a_memory_that_n8n_gives_a_step_no_place_for_is_named(kind: str) -> None:
    params = {"model": "model:1", "query": "x", "classes": [{"name": "one"}], "memory": {"window": 5}}
    params = params if kind == "classify" else {name: value for name, value in params.items() if name != "classes"}
    made = flow(
        start(), Node("c", kind, "C", params=params), edges="s>c", resources=[Resource("model:1", "model", "m")]
    )
    document, notes = n8n.build(made)
    assert not [each for each in document["nodes"] if "memory" in each["type"]]
    assert [(note.severity, note.node) for note in notes if note.code == "memory.lost"] == [("degraded", "c")]


def remembering(*turns: tuple[str, Any]) -> tuple[dict[str, Any], list[dsl.Note]]:
    """The agent that stands for a model that remembers, and what is said of its prompt."""
    params: dict[str, Any] = {"model": "model:1", "memory": {"window": None}, "mode": "chat"}
    params["messages"] = [{"role": role, "text": text} for role, text in turns]
    made = flow(start(), Node("l", "llm", "L", params=params), edges="s>l", mode="chat")
    document, notes = n8n.build(replace(made, resources=[Resource("model:1", "model", "m")]))
    found = next(each["parameters"] for each in document["nodes"] if each["name"] == "L")
    return found, [note for note in notes if note.code == "prompt.turns"]


def test_what_the_user_says_in_a_prompt_before_the_question_stays_on_n8n() -> None:
    query = Ref("", ("query",), "system")
    agent, notes = remembering(("system", "Be brief."), ("user", "Translate it."), ("user", query))
    assert agent["options"]["systemMessage"] == "Be brief.\n\nTranslate it."
    assert agent["text"] == "={{ $('Start').first().json.chatInput }}"
    assert [(note.severity, note.node) for note in notes] == [("degraded", "l")]


def test_examples_in_a_prompt_stay_with_who_says_them() -> None:
    turns = (("user", "2 + 2"), ("assistant", "four"), ("user", "3 + 3"))
    agent, _ = remembering(("system", "Count."), *turns)
    assert agent["options"]["systemMessage"] == "Count.\n\nUser: 2 + 2\n\nAssistant: four"
    assert agent["text"] == "3 + 3"


def test_a_question_that_stands_twice_in_a_prompt_is_asked_once_on_n8n() -> None:
    query = Ref("", ("query",), "system")
    agent, notes = remembering(("system", "Be brief."), ("user", query), ("user", query))
    assert (agent["options"]["systemMessage"], notes) == ("Be brief.", [])


# -- the kitchen sink


REQUESTS = ("store", "unstore")  # and behind each is code that reads the answer


@pytest.mark.parametrize("trigger", ["", "webhook", "call", "chat", "manual"])
def test_every_kind_comes_back_as_what_it_was(trigger: str) -> None:
    before = values.nodes(kitchen_sink())
    document, _ = n8n.build(kitchen_sink(), trigger=trigger)
    after = values.nodes(n8n.read(json.loads(json.dumps(document))))
    for name in REQUESTS:
        assert (after.pop(name).kind, after.pop(f"{name}_answer").kind) == ("http", "code")
        del before[name]
    assert after.keys() == before.keys()
    assert {id_: node.kind for id_, node in after.items()} == {id_: node.kind for id_, node in before.items()}
    assert {id_: node.title for id_, node in after.items()} == {id_: node.title for id_, node in before.items()}


def test_every_edge_of_the_kitchen_sink_comes_back() -> None:
    def edges(made: Flow) -> Counter[Edge]:
        return Counter(edge for _, graph, _ in values.walk(made.graph) for edge in set(graph.edges))

    back = n8n.read(n8n.build(kitchen_sink())[0])
    moved = {replace(edge, source=f"{edge.source}_answer") for edge in edges(kitchen_sink()) if edge.source in REQUESTS}
    kept = {edge for edge in edges(kitchen_sink()) if edge.source not in REQUESTS}
    assert set(edges(back)) == kept | moved | {Edge(name, f"{name}_answer") for name in REQUESTS}


def test_what_is_a_stub_is_told() -> None:
    _, notes = n8n.build(kitchen_sink())
    assert {note.node: note.code for note in notes if note.severity == "stub"} == STUBS


def test_no_reference_is_empty_or_dangles() -> None:
    document, _ = n8n.build(kitchen_sink())
    names = [each["name"] for each in document["nodes"]]
    assert len(set(names)) == len(names)
    assert not [name for name in names if set(name) & set("\"'`\\")]
    back = n8n.read(document)
    known = values.nodes(back)
    for node in known.values():
        for ref in values.node_refs(node):
            assert ref.scope != "node" or (ref.node in known and ref.path), (node.id, ref)
    for name, kinds in document["connections"].items():
        assert name in names
        assert all(link["node"] in names for outputs in kinds.values() for links in outputs for link in links)


def test_writing_twice_gives_the_same() -> None:
    document, _ = n8n.build(kitchen_sink())
    again, _ = n8n.build(n8n.read(json.loads(json.dumps(document))))
    assert same(n8n.read(again).graph.edges, n8n.read(document).graph.edges)
    assert {each["name"] for each in again["nodes"]} == {each["name"] for each in document["nodes"]}


def test_the_flow_is_not_changed() -> None:
    made = kitchen_sink()
    n8n.build(made)
    assert made == kitchen_sink()


# -- forms and options


def test_the_api_gets_only_what_it_takes() -> None:
    document, _ = n8n.build(kitchen_sink(), form="api")
    assert document.keys() == {"name", "nodes", "connections", "settings"}
    assert all(each.keys() <= API_NODE for each in document["nodes"])
    assert document["settings"] == {"executionOrder": "v1"}


def test_the_command_line_gets_an_id() -> None:
    document, _ = n8n.build(kitchen_sink(), form="cli")
    assert len(document["id"]) == 16 and document["id"].isalnum()


def test_versions_are_numbers_and_positions_two_of_them() -> None:
    for each in n8n.build(kitchen_sink())[0]["nodes"]:
        assert isinstance(each["typeVersion"], (int, float)), each
        assert len(each["position"]) == 2


@pytest.mark.parametrize("option", [{"form": "yaml"}, {"trigger": "email"}])
def test_an_unknown_option_is_an_error(option: dict[str, str]) -> None:
    with pytest.raises(DslError, match="there are:"):
        n8n.build(kitchen_sink(), **option)


# -- triggers


def test_inputs_keep_their_names_and_types_behind_a_webhook() -> None:
    made = flow(start(q=Type("string", required=True), n=Type("integer", default=3)), said("a"), edges="s>a")
    nodes = written(made, path="ask")
    assert nodes["Start: trigger"]["parameters"]["path"] == "ask"
    assert nodes["Start"]["type"].endswith(".set")
    fields = {each["name"]: each["value"] for each in nodes["Start"]["parameters"]["assignments"]["assignments"]}
    assert fields == {"q": "={{ $json.body.q }}", "n": "={{ $json.body.n ?? 3 }}"}
    back = n8n.read(n8n.build(made)[0])
    assert back.graph.nodes[0].outputs == made.graph.nodes[0].outputs
    assert "trigger" not in back.graph.nodes[0].params


def test_a_called_flow_has_typed_inputs() -> None:
    nodes = written(flow(start(q=STRING, n=Type("integer")), said("a"), edges="s>a"), trigger="call")
    assert nodes["Start"]["type"].endswith(".executeWorkflowTrigger")
    assert nodes["Start"]["parameters"]["workflowInputs"]["values"] == [
        {"name": "q", "type": "string"},
        {"name": "n", "type": "number"},
    ]


def test_the_turns_of_a_chat_are_counted_in_what_n8n_keeps_and_come_back() -> None:
    turns = Ref("", ("turns",), "system")
    made = flow(start(), said("a", "turn ", turns), edges="s>a", mode="chat")
    document, notes = n8n.build(made)
    assert [(note.severity, note.code) for note in notes] == [("degraded", "variable.session")]
    again = n8n.read(document)
    assert values.nodes(again)["a"].params["template"] == Text(("turn ", turns))
    assert again.variables == [] and "sys_turns" not in str(document)


def test_what_n8n_does_not_say_of_the_system_is_asked_of_who_starts_it_and_told() -> None:
    made = flow(start(), said("a", Ref("", ("user_id",), "system")), edges="s>a")
    for trigger in ("webhook", "call", "chat"):
        document, notes = n8n.build(made, trigger=trigger)
        assert "sys_user_id" in str(document)
        assert [(note.severity, note.code, note.node) for note in notes] == [("degraded", "ref.system", "s")]


def test_inputs_that_a_chat_of_n8n_does_not_ask_for_are_told() -> None:
    made = flow(start(lang=STRING), said("a", Ref("s", ("lang",))), edges="s>a", mode="chat")
    _, notes = n8n.build(made)
    assert [(note.severity, note.code, note.node) for note in notes] == [("degraded", "start.input", "s")]
    assert n8n.build(made, trigger="webhook")[1] == []


def test_a_chat_is_asked_by_the_chat_trigger() -> None:
    made = flow(start(), said("a", "You said ", Ref("", ("query",), "system")), edges="s>a", mode="chat")
    nodes = written(made)
    assert nodes["Start"]["type"].endswith(".chatTrigger")
    [field] = nodes["A"]["parameters"]["assignments"]["assignments"]
    assert field["value"] == "=You said {{ $('Start').first().json.chatInput }}"
    assert values.nodes(n8n.read(n8n.build(made)[0]))["a"].params == made.graph.nodes[1].params


@pytest.mark.parametrize(
    ("trigger", "kind"),
    [("webhook", "respondToWebhook"), ("call", "set"), ("chat", "set"), ("manual", "set")],
)
def test_the_end_answers_the_webhook_or_is_the_last_item(trigger: str, kind: str) -> None:
    end = Node("e", "end", "End", inputs={"a": Ref("s", ("q",)), "b": 1})
    made = flow(start(q=STRING), end, edges="s>e")
    assert written(made, trigger=trigger)["End"]["type"].endswith(f".{kind}")
    assert values.nodes(n8n.read(n8n.build(made, trigger=trigger)[0]))["e"].inputs == end.inputs


# -- meaning


def test_a_node_behind_parallel_branches_waits_for_both() -> None:
    made = flow(start(), said("a"), said("b"), said("c"), edges="s>a s>b a>c b>c")
    nodes = written(made)
    assert nodes["A"]["to"] == nodes["B"]["to"] == [["C: join"]]
    assert nodes["C: join"]["to"] == [["C"]]
    assert nodes["C"]["executeOnce"]
    assert set(n8n.read(n8n.build(made)[0]).graph.edges) == set(made.graph.edges)


def test_a_node_behind_branches_of_which_one_runs_does_not_wait() -> None:
    fork = either("f", {"left": Ref("s", ("q",)), "op": "eq", "right": "x", "type": "string"})
    nodes = written(flow(start(q=STRING), fork, said("a"), said("c"), edges="s>f f.case:0>a f.else>c a>c"))
    assert nodes["A"]["to"] == [["C"]]
    assert "C: join" not in nodes


def test_what_may_not_have_run_reads_as_null() -> None:
    fork = either("f", {"left": 1, "op": "eq", "right": 1, "type": "number"})
    last = said("c", Ref("a", ("output",)))
    made = flow(start(), fork, said("a"), last, edges="s>f f.case:0>a f.else>c a>c")
    [field] = written(made)["C"]["parameters"]["assignments"]["assignments"]
    assert field["value"] == "={{ ($('A').isExecuted ? $('A').first().json.output : null) }}"
    assert values.nodes(n8n.read(n8n.build(made)[0]))["c"].params["template"] == Ref("a", ("output",))


def fails(error: Ref | str = "x", **reads: Any) -> Flow:
    """A step with a way for its error, behind which the end reads what it gives."""
    call = Node("h", "http", "Call", params={"method": "GET", "url": "u"}, on_error=OnError("branch"))
    last = Node("e", "end", "End", inputs=reads, outputs=dict.fromkeys(reads, Type()))
    edges = "s>h h>a a>b b>e h.error>c c>e"
    return flow(start(), call, said("a", Ref("h", ("body",))), said("b"), said("c", error), last, edges=edges)


def test_what_a_step_gave_is_read_from_the_output_that_it_came_by_however_near_that_of_its_error_is() -> None:
    nodes = written(fails(Ref("h", ("error", "message")), body=Ref("h", ("body",))))
    told = [nodes[name]["parameters"]["assignments"]["assignments"][0]["value"] for name in ("A", "C")]
    assert "($('Call').first(0).json.body)" in told[0]
    assert told[1] == "={{ $('Call').first(1).json.error.message ?? $('Call').first(1).json.error }}"
    assert "($('Call').first(0)?.json.body ?? null)" in nodes["End"]["parameters"]["responseBody"]


def test_what_is_read_from_a_numbered_output_comes_back() -> None:
    read = {
        "body": Ref("h", ("body",)),
        "why": Ref("h", ("error", "message")),
        "said": Text(("<", Ref("h", ("body",)))),
    }
    made = fails(Ref("h", ("error", "message")), **read)
    back = values.nodes(n8n.read(n8n.build(made)[0]))
    assert back["e"].inputs == read
    assert [back[id_].params["template"] for id_ in "ac"] == [Ref("h", ("body",)), Ref("h", ("error", "message"))]
    assert back["h"].on_error == OnError("branch")


@pytest.mark.parametrize("dialect", ["dify", "coze", "n8n", "ragflow"])
def test_what_kind_of_error_it_was_is_called_otherwise_on_every_platform_and_told(dialect: str) -> None:
    read = Ref("h", ("error", "type"))
    written = dsl.write(fails(read), dialect)
    assert ("degraded", "error.type") in {(note.severity, note.code) for note in written.notes}
    if dialect == "n8n":
        assert "$('Call').first(1).json.error.name" in str(written.data)
        assert values.nodes(dsl.read(written.data))["c"].params["template"] == read


def test_which_class_was_chosen_is_null_where_none_was_asked_for() -> None:
    fork = either("f", {"left": 1, "op": "eq", "right": 1, "type": "number"})
    topic = Node("t", "classify", "Topic", params={"model": "m", "query": "x", "classes": [{"name": "a"}]})
    last = said("c", Ref("t", ("class_name",)))
    nodes = written(flow(start(), fork, topic, last, edges="s>f f.case:0>t f.else>c t.class:0>c t.default>c"))
    [field] = nodes["C"]["parameters"]["assignments"]["assignments"]
    assert field["value"].startswith("={{ ($('Topic').isExecuted ? ([") and field["value"].endswith(" : null) }}")


def test_what_may_give_nothing_does_not_end_the_run() -> None:
    nodes = written(kitchen_sink())
    may = {"Facts: store", "Call", "Sub"}  # knowledge, a tool and another flow
    assert {each["name"] for each in nodes.values() if each.get("alwaysOutputData")} == may


@pytest.mark.parametrize("around", [("<", ">"), ()])
def test_a_template_that_joins_lists_comes_back(around: tuple[str, ...]) -> None:
    listed = Node("l", "split", "L", params={"text": "a,b", "delimiters": [","]})
    inner = Node(
        "t", "template", "T", params={"template": values.text([*around, Ref("i", ("item",), "item"), *around])}
    )
    each = Node("i", "iterate", "I", inputs={"item": Ref("l", ("items",))}, outputs={"o": Type("array")})
    each.params, each.body = {"collect": {"o": Ref("t", ("output",))}}, Graph([inner], [Edge("i", "t", "body")])
    inner.params["delimiter"] = ' "}\n'
    outer = said("a", "x: ", Ref("l", ("items",)))
    outer.params["delimiter"] = "-"
    made = flow(start(), listed, each, outer, edges="s>l l>i i.done>a")
    back = values.nodes(n8n.read(n8n.build(made)[0]))
    assert (back["t"].params, back["a"].params) == (inner.params, outer.params)


def test_an_output_with_a_default_reads_as_that_after_a_failure() -> None:
    call = Node("h", "http", "Call", params={"method": "GET", "url": "u"})
    call.on_error = OnError("default", retries=2, wait_ms=100, default={"status": 0})
    made = flow(start(), call, said("a", Ref("h", ("status",))), edges="s>h h>a")
    nodes = written(made)
    assert (nodes["Call"]["onError"], nodes["Call"]["maxTries"]) == ("continueRegularOutput", 3)
    assert values.nodes(n8n.read(n8n.build(made)[0]))["h"].on_error == call.on_error


def test_names_are_made_n8n_s_own() -> None:
    made = flow(start(), Node("a", "pass", 'It\'s "x"'), Node("b", "pass", "Its x"), said("c", Ref("s", ("q",))))
    assert [name for name in written(made) if name.startswith("Its")] == ["Its x", "Its x 2"]


SOURCE = "async function main({ a }) {\n  return { b: a };\n}"
ODD_ENDS = [SOURCE, SOURCE + "\n", SOURCE + "\r\n\r\n", "\n" + SOURCE, "// flowstill:end\n" + SOURCE]


@pytest.mark.parametrize("source", ODD_ENDS)
@pytest.mark.parametrize(("lang", "style"), [("javascript", "kwargs"), ("javascript", "args"), ("python3", "kwargs")])
def test_code_comes_back_byte_for_byte(source: str, lang: str, style: str) -> None:
    params = {"lang": lang, "source": source, "style": style}
    code = Node("c", "code", "C", params=params, inputs={"a": Ref("s", ("q",))})
    code.outputs = {"b": Type("array", items=STRING)}
    made = flow(start(q=STRING), code, edges="s>c")
    back = values.nodes(n8n.read(n8n.build(made)[0]))["c"]
    assert (back.params, back.inputs, back.outputs) == (code.params, code.inputs, code.outputs)


def test_code_in_a_language_that_n8n_lacks_is_a_stub_that_raises() -> None:
    code = Node("c", "code", "C", params={"lang": "ruby", "source": "def main; end", "style": "kwargs"})
    document, notes = n8n.build(flow(start(), code, edges="s>c"))
    assert ("stub", "code.language") in [(note.severity, note.code) for note in notes]
    [written_] = [each for each in document["nodes"] if each["name"] == "C"]
    assert "throw new Error(" in written_["parameters"]["jsCode"]
    assert written_["parameters"]["language"] == "javaScript"


OPERATORS = [
    ("eq", "a", "string"),
    ("in", ["a", "b"], "string"),
    ("not_in", ["a"], "string"),
    ("ge", 2, "number"),
    ("after", "2024-01-01", "time"),
    ("length_gt", 1, "array"),
    ("true", None, "boolean"),
    ("not_null", None, "string"),
]


@pytest.mark.parametrize(("op", "right", "type_"), OPERATORS)
def test_a_condition_comes_back(op: str, right: Any, type_: str) -> None:
    asked = {"left": Ref("s", ("q",)), "op": op, "right": right, "type": type_}
    made = flow(start(q=STRING), either("f", asked), edges="s>f")
    assert values.nodes(n8n.read(n8n.build(made)[0]))["f"].params == {
        "cases": [{"logic": "and", "conditions": [asked]}]
    }


def test_conditions_in_conditions_are_asked_in_javascript() -> None:
    one = {"left": Ref("s", ("n",)), "op": "gt", "right": 1, "type": "number"}
    nested = {"logic": "or", "conditions": [one, {"logic": "and", "conditions": [one, one]}]}
    node = Node("f", "if", "F", params={"cases": [nested]})
    [_, asked] = written(flow(start(n=NUMBER), node, edges="s>f"))["F"]["parameters"]["conditions"]["conditions"]
    n = "$('Start').first().json.n"
    assert asked["leftValue"] == "={{ (" + f"{n} > 1 && {n} > 1" + ") }}"


def test_a_switch_has_a_way_out_for_all_else() -> None:
    asked = [{"left": Ref("s", ("q",)), "op": "eq", "right": word, "type": "string"} for word in "xy"]
    nodes = written(flow(start(q=STRING), either("f", *asked), said("a"), said("b"), edges="s>f f.case:1>a f.else>b"))
    assert nodes["F"]["parameters"]["options"]["fallbackOutput"] == "extra"
    assert nodes["F"]["to"] == [[], ["A"], ["B"]]


def test_every_way_through_a_loop_leads_on() -> None:
    enough = either("f", {"left": Ref("l", ("i",), "loop"), "op": "gt", "right": 3, "type": "number"})
    inner = Graph([enough, Node("b", "break", "B")], [Edge("l", "f", "body"), Edge("f", "b", "case:0")])
    loop = Node("l", "loop", "L", params={"count": 9, "variables": {"i": {"type": NUMBER, "value": 0}}}, body=inner)
    loop.outputs = {"i": NUMBER}
    made = flow(start(), loop, said("a", Ref("l", ("i",))), edges="s>l l.done>a")
    nodes = written(made)
    assert nodes["L: start"]["to"] == nodes["L: round"]["to"] == [["L: check"]]
    assert nodes["L: check"]["to"] == [["L: item"], ["L"]]
    assert (nodes["F"]["to"], nodes["B"]["to"]) == ([["B"], ["L: round"]], [["L"]])
    back = n8n.read(n8n.build(made)[0])
    assert [back.graph.edges, values.nodes(back)["l"].params] == [made.graph.edges, loop.params]


# -- what has to be supplied


def test_models_tools_and_knowledge_have_to_be_bound() -> None:
    _, notes = n8n.build(kitchen_sink())
    bound = Counter(note.code for note in notes if note.severity == "needs_binding")
    assert bound.keys() >= {"resource.model", "resource.tool", "resource.knowledge", "resource.subflow"}
    assert bound["resource.model"] == 1


def test_one_model_with_two_temperatures_is_two_nodes() -> None:
    def asked(id_: str, heat: float) -> Node:
        messages = [{"role": "user", "text": "Hi"}]
        params = {"model": "model:1", "parameters": {"temperature": heat}, "mode": "chat", "messages": messages}
        return Node(id_, "llm", id_.upper(), params=params)

    model = Resource("model:1", "model", "qwen3", {"provider": "openai_api_compatible"})
    made = flow(start(), asked("a", 0), asked("b", 1), asked("c", 0), edges="s>a a>b b>c", resources=[model])
    nodes = written(made)
    models = [each for each in nodes.values() if "lmChat" in each["type"]]
    assert [each["parameters"]["options"] for each in models] == [{"temperature": 0}, {"temperature": 1}]
    assert all(each["parameters"]["responsesApiEnabled"] is False for each in models)


def test_a_secret_is_read_from_the_environment_and_other_variables_have_their_value() -> None:
    url, key = Ref("", ("URL",), "env"), Ref("", ("KEY",), "env")
    call = Node("h", "http", "Call", params={"method": "GET", "url": Text((url, "/x")), "headers": [["K", key]]})
    variables = [Variable("env", "URL", STRING, "https://x.example"), Variable("env", "KEY", Type("secret"))]
    made = flow(start(), call, edges="s>h", variables=variables)
    parameters = written(made)["Call"]["parameters"]
    assert parameters["url"] == '={{ $vars.URL ?? "https://x.example" }}/x'
    assert parameters["sendHeaders"] is True
    assert parameters["headerParameters"]["parameters"][0]["value"] == "={{ $env.KEY }}"
    back = n8n.read(n8n.build(made)[0])
    assert back.variables == variables
    assert values.nodes(back)["h"].params["url"] == call.params["url"]


def test_a_template_of_names_only_is_filled_in() -> None:
    page = Node("p", "template", "P", params={"template": Script("jinja2", "Hi {{ name }}, {{ x.y }}!")})
    page.inputs = {"name": Ref("s", ("q",)), "x": {"y": 1}}
    _, notes = n8n.build(flow(start(q=STRING), page, edges="s>p"))
    assert not [note for note in notes if note.severity == "stub"]
    back = n8n.read(n8n.build(flow(start(q=STRING), page, edges="s>p"))[0])
    assert values.nodes(back)["p"].params == page.params


def test_notes_name_the_codes_of_the_common_form() -> None:
    made = irjson.read(irjson.build(kitchen_sink())[0])
    assert {note.node for note in dsl.write(made, "n8n").notes if note.code == "kind.unsupported"} == {
        "plain",
        "choose",
        "form",
        "odd",
    }


SAVED: dict[str, Any] = {
    "id": "abc",
    "name": "W",
    "active": True,
    "versionId": "v",
    "tags": [{"name": "t"}],
    "pinData": {"A": [{"json": {}}]},
    "settings": {"executionOrder": "v1", "timezone": "Asia/Tokyo", "someday": True},
    "nodes": [
        {
            "id": "a",
            "name": "A",
            "type": "n8n-nodes-base.noOp",
            "typeVersion": 1,
            "position": [0, 0],
            "parameters": {"kept": 1},
            "color": "red",
            "notes": "n",
        }
    ],
    "connections": {},
}


@pytest.mark.parametrize("wrapped", [SAVED, {"data": SAVED}])
def test_a_file_of_n8n_becomes_what_the_public_api_takes(wrapped: Any) -> None:
    written = dsl.write(dsl.read(json.dumps(wrapped)), "n8n", form="api")
    node = {key: value for key, value in SAVED["nodes"][0].items() if key != "color"}
    settings = {"executionOrder": "v1", "timezone": "Asia/Tokyo"}
    kept = {"pinData": SAVED["pinData"], "connections": {}}
    assert written.document == {"name": "W", "nodes": [node], "settings": settings, **kept}
    (note,) = written.notes
    assert (note.severity, note.code) == ("dropped", "leaf.dropped")
    assert all(name in note.message for name in ("active", "id", "tags", "versionId", "settings/someday", "color"))


def test_a_file_of_n8n_keeps_its_id_for_the_command_line_or_gets_one() -> None:
    written = dsl.write(dsl.read(json.dumps(SAVED)), "n8n", form="cli")
    assert written.document == SAVED and written.notes == []
    without = {key: value for key, value in SAVED.items() if key != "id"}
    document = dsl.write(dsl.read(json.dumps(without)), "n8n", form="cli").document
    assert len(document["id"]) == 16 and {**document, "id": "abc"} == SAVED


@pytest.mark.parametrize("options", [{"trigger": "chat"}, {"path": "other"}, {"trigger": "never"}, {"form": "never"}])
def test_a_file_of_n8n_keeps_how_it_begins_and_says_so(options: dict[str, str]) -> None:
    hook = SAVED["nodes"][0] | {"type": "n8n-nodes-base.webhook", "parameters": {"path": "mine"}}
    flow = dsl.read(json.dumps(SAVED | {"nodes": [hook]}))
    assert dsl.write(flow, "n8n", trigger="webhook", path="mine").document == flow.raw
    with pytest.raises(dsl.OptionError):
        dsl.write(flow, "n8n", **options)


def test_a_file_of_n8n_for_the_editor_stays_as_it_is() -> None:
    assert dsl.write(dsl.read(json.dumps(SAVED)), "n8n", form="ui").document == SAVED
