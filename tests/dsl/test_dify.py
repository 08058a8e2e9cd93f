"""Dify files: every version and mode is read, what is written says the same, an edit changes nothing else."""

import copy
import dataclasses
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dsl
from dsl import DslError, dify, irjson
from dsl.audit import differing
from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Resource, Script, Text, Type, Variable
from dsl.kinds import KINDS
from dsl.load import load
from dsl.report import summary
from dsl.values import at, leaves, node_refs, nodes, rename, walk
from tests.dsl.corpus import files
from tests.dsl.kitchen import kitchen_sink

FILES = files("dify")


def _flow(path: Path) -> Flow:
    return dsl.read(path.read_bytes(), "dify")


def _plain(flow: Flow) -> Any:
    """What a flow says, without where it stood and which version of Dify wrote it."""
    encoded = irjson.encode(dataclasses.replace(flow, raw=None, version="", notes=[]))

    def forget(graph: dict[str, Any]) -> None:
        for thing in graph.get("nodes", []) + graph.get("edges", []):
            thing.pop("pointer", None)
            thing.pop("folded", None)
            forget(thing.get("body", {}))

    forget(encoded.get("graph", {}))
    return encoded


def _node(**data: Any) -> dict[str, Any]:
    return {"id": data.pop("id", data["type"]), "data": data}


def _app(*nodes: dict[str, Any], edges: Any = (), mode: str = "workflow", **workflow: Any) -> dict[str, Any]:
    graph = {"nodes": list(nodes), "edges": list(edges)}
    return {
        "version": "0.6.0",
        "kind": "app",
        "app": {"name": "t", "mode": mode},
        "workflow": {"graph": graph, **workflow},
    }


START = _node(type="start", title="Start", variables=[{"variable": "q", "label": "q", "type": "paragraph"}])


# -- over the corpus


@pytest.mark.parametrize("path", FILES)
def test_what_is_read_is_all_written(path: Path) -> None:
    flow = _flow(path)
    document, notes = dify.build(flow)
    assert notes == []
    placed = {node.id for node, _, _ in walk(flow.graph) if node.position}
    again = dify.read(document)
    for node, _, _ in walk(again.graph):
        node.position = node.position if node.id in placed else None
    assert list(differing(_plain(flow), _plain(again))) == []


@pytest.mark.parametrize("path", FILES)
def test_every_node_points_at_what_it_was_read_from(path: Path) -> None:
    flow = _flow(path)
    for node, graph, _ in walk(flow.graph):
        for place in (node.pointer, *node.folded, *(edge.pointer for edge in graph.edges)):
            at(flow.raw, place)


def _prompted(flow: Flow) -> tuple[str, str] | None:
    for node, _, _ in walk(flow.graph):
        if node.kind == "llm" and node.params["messages"] and "/nodes/" in node.pointer:
            node.params["messages"][0]["text"] = "A new prompt."
            return node.pointer, "A new prompt."
    return None


@pytest.mark.parametrize("path", FILES)
def test_a_prompt_that_is_changed_is_all_that_changes(path: Path) -> None:
    flow = _flow(path)
    if (changed := _prompted(flow)) is None:
        return
    places = [place for place, _ in differing(flow.raw, dsl.write(flow, "dify").document)]
    assert len(places) == 1
    assert places[0].startswith(f"{changed[0]}/data/")
    assert at(dsl.write(flow, "dify").document, places[0]) == changed[1]


@pytest.mark.parametrize("path", FILES)
def test_a_node_with_a_new_id_changes_only_what_names_it(path: Path) -> None:
    flow = _flow(path)
    raw = copy.deepcopy(flow.raw)
    old = next(
        (node.id for node in flow.graph.nodes if node.kind in ("llm", "code") and "/nodes/" in node.pointer), None
    )
    if old is None:
        return
    rename(flow, {old: "renamed"})
    document = dsl.write(flow, "dify").document
    assert flow.raw == raw
    had = dict(leaves(raw))
    for place, gone in differing(raw, document):
        assert not gone
        assert "renamed" in str(at(document, place))
        if not place.endswith("/id"):  # of an edge: files may do without
            assert old in str(had[place])


@pytest.mark.parametrize("path", FILES)
def test_an_edge_that_is_added_is_all_that_changes(path: Path) -> None:
    flow = _flow(path)
    if not any("/nodes/" in node.pointer for node in flow.graph.nodes) or "graph" not in str(flow.raw.keys()) + "graph":
        return
    ends = [node.id for node in flow.graph.nodes if node.kind in ("end", "answer")]
    start = next((node.id for node in flow.graph.nodes if node.kind == "start"), None)
    target = next((name for name in ends if Edge(start or "", name) not in flow.graph.edges), None)
    if start is None or target is None:
        return
    flow.graph.edges.append(Edge(start, target))
    document = dsl.write(flow, "dify").document
    graph = document["graph"] if document.get("kind") == "graph" else document["workflow"]["graph"]
    before = (flow.raw["graph"] if flow.raw.get("kind") == "graph" else flow.raw["workflow"]["graph"])["edges"]
    assert graph["edges"][:-1] == before
    assert (graph["edges"][-1]["source"], graph["edges"][-1]["target"]) == (start, target)
    graph["edges"].pop()
    assert document == flow.raw


_ODD: list[Any] = [
    None,
    "",
    "x",
    0,
    -1,
    1.5,
    True,
    [],
    {},
    [[]],
    [None],
    {"a": None},
    ["x", 1],
    {"type": "x"},
    "{{#a.b#}}",
]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


def test_a_damaged_file_is_read_or_is_one_clear_error() -> None:
    if not isinstance(FILES[0], Path) and FILES[0].values[0] is None:  # type: ignore[attr-defined]
        pytest.skip("../shared is not here")
    chance = random.Random(7)
    paths = [each.values[0] for each in FILES]  # type: ignore[attr-defined]
    small = [path for path in paths if path.stat().st_size < 30_000]
    documents = [load(path.read_text()) for path in small]
    documents += [load(dify.dump(dify.build(kitchen_sink())[0]))] * 10
    for _ in range(600):
        document = copy.deepcopy(chance.choice(documents))
        for _ in range(chance.randint(1, 3)):
            holder, key = chance.choice(list(_places(document)))
            if chance.random() < 0.3:
                del holder[key]
            else:
                holder[key] = copy.deepcopy(chance.choice(_ODD))
        _read_or_refuse(document)


def _read_or_refuse(document: Any) -> None:
    dify.sniff(document)
    try:
        flow = dify.read(document)
    except DslError as error:
        assert str(error).startswith(("/", "The file"))
        return
    dify.read(dify.build(flow)[0])
    common = irjson.read(irjson.build(flow)[0])
    common.dialect, common.raw = "ir", None
    dify.read(dify.build(common)[0])


@pytest.mark.parametrize(
    "document", [None, [], "x", 3, {}, {"app": 1}, {"app": {"mode": []}}, {"workflow": {"graph": []}}]
)
def test_sniffing_takes_anything(document: Any) -> None:
    assert isinstance(dify.sniff(document), bool)


# -- what is wrong with a file


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(version=0.6), "/version: a version in quotes, such as '0.6.0', is wanted here, not 0.6."),
        (lambda d: d.update(version="abc"), "/version: a version in quotes"),
        (lambda d: d.pop("app"), "/app: a mapping with the name and the mode of the app is wanted here, not nothing."),
        (lambda d: d["app"].update(mode="foo"), "/app/mode: one of workflow, advanced-chat, chat, agent-chat"),
        (lambda d: d.pop("workflow"), "/workflow: a mapping with the graph is wanted here, not nothing."),
        (lambda d: d["workflow"]["graph"].pop("nodes"), "/workflow/graph/nodes: a list of nodes is wanted here"),
        (
            lambda d: d["workflow"]["graph"]["nodes"][0].pop("data"),
            "/workflow/graph/nodes/0/data: a mapping with the type",
        ),
        (
            lambda d: d["workflow"]["graph"]["nodes"][0].pop("id"),
            "/workflow/graph/nodes/0/id: the id of the node is wanted",
        ),
        (lambda d: d["workflow"]["graph"]["nodes"].append(START), "another node is called 'start' too"),
        (
            lambda d: d["workflow"]["graph"]["edges"].append({"source": "a"}),
            "/workflow/graph/edges/0/target: the id of a node",
        ),
        (
            lambda d: d["workflow"].update(environment_variables=[{"name": "x", "value_type": "zzz"}]),
            "/value_type: a type such",
        ),
        (
            lambda d: d.update(dependencies=[{"type": "pip"}]),
            "/dependencies/0/type: marketplace, github or package is wanted",
        ),
        (
            lambda d: d["workflow"]["graph"]["nodes"][0]["data"].update(variables="x"),
            "/data/variables: a list is wanted here",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(change: Callable[[Any], Any], message: str) -> None:
    document = _app(copy.deepcopy(START))
    change(document)
    with pytest.raises(DslError) as error:
        dify.read(document)
    assert message in str(error.value)


def test_an_operator_that_dify_does_not_have_is_refused() -> None:
    condition = {"variable_selector": ["start", "q"], "comparison_operator": "~", "value": ""}
    node = _node(type="if-else", cases=[{"case_id": "true", "logical_operator": "and", "conditions": [condition]}])
    with pytest.raises(DslError, match="/cases/0/conditions/0/comparison_operator: one of is, =, is not"):
        dify.read(_app(START, node))


def test_a_node_inside_itself_is_refused() -> None:
    nodes = [{**_node(id=a, type="loop", loop_id=b)} for a, b in (("a", "b"), ("b", "a"))]
    with pytest.raises(DslError, match="is inside itself"):
        dify.read(_app(*nodes))


def test_an_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DslError, match=r"Dify's '0.1.5' is not written here; there are 0.6.0 and 0.7.0."):
        dify.build(kitchen_sink(), version="0.1.5")


# -- what the platform takes is taken


def test_a_file_of_dify_gets_the_version_that_is_asked_for() -> None:
    flow = dsl.read(dsl.write(kitchen_sink(), "dify").data)
    written = dsl.write(flow, "dify", version="0.7.0")
    assert (written.document["version"], written.notes) == ("0.7.0", [])
    assert written.document | {"version": "0.6.0"} == flow.raw


@pytest.mark.parametrize("version", ["0.1.0", "0.1.5", "0.3.1", "0.6.0", "0.7.0", "0.8.0", "1.0.0"])
def test_files_of_every_version_are_read(version: str) -> None:
    flow = dify.read(_app(START) | {"version": version})
    assert (flow.version, flow.mode, flow.name) == (version, "workflow", "t")


def test_version_and_kind_may_be_absent_or_stand_in_the_app() -> None:
    document = _app(START)
    del document["version"], document["kind"]
    assert dify.read(document).version == ""
    document["app"]["version"] = "0.1.3"
    assert dify.read(document).version == "0.1.3"


def test_a_file_may_be_json() -> None:
    text = '{"kind": "graph", "graph": {"nodes": [{"id": "s", "data": {"type": "start"}}]}}'
    flow = dsl.read(text)
    assert [node.kind for node in flow.graph.nodes] == ["start"]
    flow.graph.nodes[0].title = "Start"
    assert dsl.write(flow, "dify").document == {
        "kind": "graph",
        "graph": {"nodes": [{"id": "s", "data": {"type": "start", "title": "Start"}}]},
    }


def test_dangling_edges_and_unknown_nodes_are_kept() -> None:
    odd = _node(id="odd", type="frobnicate", output_schema={"type": "object", "properties": {"r": {"type": "string"}}})
    document = _app(START, odd, edges=[{"source": "odd", "target": "nope", "sourceHandle": "zzz"}])
    flow = dify.read(document)
    assert (flow.graph.nodes[1].kind, flow.graph.nodes[1].params) == ("opaque", {"type": "frobnicate"})
    assert flow.graph.nodes[1].outputs == {"r": Type("string")}
    assert flow.graph.edges == [Edge("odd", "nope", "zzz")]
    assert dsl.write(flow, "dify").document == document
    assert dify.build(flow)[0]["workflow"]["graph"]["edges"][0]["target"] == "nope"


def test_a_rag_pipeline_is_kept() -> None:
    graph = {
        "nodes": [_node(id="d", type="datasource", plugin_id="p"), _node(id="k", type="knowledge-index")],
        "edges": [],
    }
    head = {"name": "Docs", "icon": "x", "description": ""}
    document = {"version": "0.1.0", "kind": "rag_pipeline", "rag_pipeline": head, "workflow": {"graph": graph}}
    assert dify.sniff(document)
    flow = dify.read(document)
    assert [node.kind for node in flow.graph.nodes] == ["opaque", "opaque"]
    assert dsl.write(flow, "dify").document == document
    flow.name = "Papers"
    assert dsl.write(flow, "dify").document == document | {"rag_pipeline": head | {"name": "Papers"}}


def _config(**more: Any) -> dict[str, Any]:
    model = {"provider": "openai", "name": "gpt-4o-mini", "mode": "chat", "completion_params": {"temperature": 0.1}}
    form = [{"text-input": {"label": "Name", "variable": "name", "required": True, "max_length": 48}}]
    config = {"model": model, "pre_prompt": "Greet {{name}} with {{#context#}}.", "user_input_form": form}
    return config | {"opening_statement": "Hello!", **more}


@pytest.mark.parametrize(
    ("mode", "kinds", "speaker"),
    [
        ("chat", ["start", "retrieve", "llm", "answer"], "system"),
        ("agent-chat", ["start", "retrieve", "agent", "answer"], "system"),
        ("completion", ["start", "retrieve", "llm", "end"], "user"),  # no question follows: Dify sends it as the user's
    ],
)
def test_an_app_without_a_graph_is_a_small_flow(mode: str, kinds: list[str], speaker: str) -> None:
    sets = {"top_k": 3, "datasets": {"datasets": [{"dataset": {"enabled": True, "id": "ds-1"}}]}}
    tool = {
        "enabled": True,
        "tool_name": "now",
        "provider_id": "time",
        "provider_type": "builtin",
        "tool_parameters": {},
    }
    config = _config(dataset_configs=sets, agent_mode={"enabled": True, "max_iteration": 4, "tools": [tool]})
    document = {"version": "0.6.0", "kind": "app", "app": {"name": "t", "mode": mode}, "model_config": config}
    flow = dify.read(document)
    assert [node.kind for node in flow.graph.nodes] == kinds
    start, retrieve, model, _ = flow.graph.nodes
    assert start.outputs == {"name": Type("string", required=True, label="Name", max_length=48)}
    assert start.params["prologue"] == "Hello!"
    assert retrieve.params["top_k"] == 3
    context = Ref("", ("context",), "system")
    prompt = Text(("Greet ", Ref("start", ("name",)), " with ", context, "."))
    assert model.params["messages"][0] == {"role": speaker, "text": prompt}
    assert flow.resources[-1 if mode == "agent-chat" else 1].name == ("now" if mode == "agent-chat" else "gpt-4o-mini")
    assert dsl.write(flow, "dify").document == document
    model.params["messages"][0]["text"] = "Be kind."
    assert dsl.write(flow, "dify").document == document | {"model_config": config | {"pre_prompt": "Be kind."}}


@pytest.mark.parametrize("mode", ["chat", "agent-chat"])
def test_what_an_app_finds_is_told_to_its_model_though_the_prompt_does_not_ask_for_it(mode: str) -> None:
    sets = {"datasets": {"datasets": [{"dataset": {"enabled": True, "id": "ds-1"}}]}}
    config = _config(dataset_configs=sets, agent_mode={"enabled": True}) | {"pre_prompt": "Greet {{name}}."}
    document = {"version": "0.6.0", "kind": "app", "app": {"name": "t", "mode": mode}, "model_config": config}
    flow = dify.read(document)
    said = flow.graph.nodes[2].params["messages"][0]["text"]
    assert said.parts[1:] == (Ref("retrieve", ("result",)), "\n\nGreet ", Ref("start", ("name",)), ".")
    assert dsl.write(flow, "dify").document == document
    flow.name = "u"
    assert dsl.write(flow, "dify").document["model_config"]["pre_prompt"] == "Greet {{name}}."


def test_an_app_that_gets_more_nodes_gets_a_graph() -> None:
    document = {"version": "0.6.0", "kind": "app", "app": {"name": "t", "mode": "chat"}, "model_config": _config()}
    flow = dify.read(document)
    flow.graph.nodes.insert(1, Node("c", "code", params={"lang": "python3", "source": "", "style": "kwargs"}))
    built, _ = dify.build(flow)
    assert built["app"]["mode"] == "advanced-chat"
    assert len(built["workflow"]["graph"]["nodes"]) == 4


# -- what the parts of a file mean


def _read_one(data: dict[str, Any], *others: dict[str, Any], **more: Any) -> Node:
    flow = dify.read(_app(START, {"id": "n", "data": data}, *others, **more))
    return next(node for node in flow.graph.nodes if node.id == "n")


def test_references_are_parsed_wherever_they_stand() -> None:
    http = {
        "type": "http-request",
        "method": "post",
        "url": "https://x.example/{{#start.q#}}",
        "headers": "X-Of:{{#env.who#}}\n\nX-Run: {{#sys.workflow_run_id#}}",
        "params": "",
        "authorization": {"type": "no-auth"},
        "body": {"type": "json", "data": '{"q": "{{#start.q#}}"}'},
        "retry_config": {"retry_enabled": True, "max_retries": 2, "retry_interval": 50},
        "error_strategy": "fail-branch",
    }
    node = _read_one(http, environment_variables=[{"name": "who", "value_type": "string", "value": "me"}])
    q = Ref("start", ("q",))
    assert node.params["url"] == Text(("https://x.example/", q))
    assert node.params["headers"] == [
        ["X-Of", Text((Ref("", ("who",), "env"),))],
        ["X-Run", Text((Ref("", ("execution_id",), "system"),))],
    ]
    assert node.params["body"] == {"type": "json", "text": Text(('{"q": "', q, '"}'))}
    assert node.params["on_status"] == "fail"
    assert node.on_error == OnError("branch", 2, 50)


@pytest.mark.parametrize("text", ["{{#a-b.x#}}", "{{# start.q #}}", "{{#start.1#}}", "{{#start#}}", "{{start.q}}"])
def test_what_the_engine_leaves_as_text_is_text(text: str) -> None:
    assert _read_one({"type": "answer", "answer": text}).params["text"] == text


def test_outputs_have_their_common_names() -> None:
    answer = "{{#h.status_code#}}{{#h.error_message#}}{{#e.__reason#}}{{#m.structured_output.a#}}{{#v.one.output.b#}}"
    group = {"group_name": "one", "output_type": "object", "variables": []}
    nodes = [
        _node(id="h", type="http-request"),
        _node(id="e", type="parameter-extractor", parameters=[]),
        _node(id="m", type="llm"),
        _node(id="v", type="variable-aggregator", advanced_settings={"group_enabled": True, "groups": [group]}),
    ]
    node = _read_one({"type": "answer", "answer": answer}, *nodes)
    paths = [("status",), ("error", "message"), ("reason",), ("structured", "a"), ("one", "b")]
    assert [ref.path for ref in node_refs(node)] == paths


def test_an_output_that_the_author_calls_as_dify_calls_its_own_keeps_its_name() -> None:
    code = _node(id="c", type="code", code="", code_language="python3", outputs={"error_message": {"type": "string"}})
    node = _read_one({"type": "answer", "answer": "{{#c.error_message#}}"}, code)
    assert list(node_refs(node)) == [Ref("c", ("error_message",))]


def test_a_variable_of_a_loop_is_one_inside_and_an_output_outside() -> None:
    loop = _node(
        id="l",
        type="loop",
        loop_count=3,
        start_node_id="lstart",
        loop_variables=[{"label": "n", "var_type": "number", "value_type": "constant", "value": "1"}],
        break_conditions=[
            {"variable_selector": ["l", "n"], "comparison_operator": "≥", "value": "2", "varType": "number"}
        ],
        logical_operator="and",
    )
    inside = {**_node(id="in", type="answer", answer="{{#l.n#}}"), "parentId": "l"}
    begin = {**_node(id="lstart", type="loop-start"), "parentId": "l"}
    edges = [{"source": "lstart", "target": "in"}, {"source": "l", "target": "n", "sourceHandle": "source"}]
    document = _app(
        START, loop, begin, inside, _node(id="n", type="answer", answer="{{#l.n#}}{{#l.loop_round#}}"), edges=edges
    )
    flow = dify.read(document)
    node = flow.graph.nodes[1]
    assert node.body is not None
    assert node.body.edges == [Edge("l", "in", "body")]
    assert node.folded == ("/workflow/graph/nodes/2",)
    assert flow.graph.edges == [Edge("l", "n", "done")]
    assert list(node_refs(node.body.nodes[0])) == [Ref("l", ("n",), "loop")]
    assert list(node_refs(flow.graph.nodes[2])) == [Ref("l", ("n",)), Ref("l", ("rounds",))]
    condition = {"left": Ref("l", ("n",), "loop"), "op": "ge", "right": 2, "type": "number"}
    assert node.params["until"] == {"logic": "and", "conditions": [condition]}
    assert node.params["variables"] == {"n": {"type": Type("number"), "value": 1}}


def test_an_iteration_of_an_old_file_begins_with_its_own_node() -> None:
    iteration = _node(
        id="i", type="iteration", start_node_id="a", iterator_selector=["start", "q"], output_selector=["a", "text"]
    )
    flow = dify.read(_app(START, iteration, _node(id="a", type="llm", iteration_id="i", isInIteration=True)))
    body = flow.graph.nodes[1].body
    assert body is not None
    assert body.edges == [Edge("i", "a", "body")]
    assert dify.build(flow)[0]["workflow"]["graph"]["nodes"][1]["data"]["start_node_id"] == "istart"


def test_the_question_that_memory_adds_is_the_last_message() -> None:
    llm = {
        "type": "llm",
        "model": {"provider": "openai", "name": "m", "mode": "chat"},
        "prompt_template": [{"role": "system", "text": "Be brief."}],
        "memory": {"window": {"enabled": True, "size": 4}},
    }
    node = _read_one(llm)
    assert node.params["memory"] == {"window": 4}
    assert node.params["messages"][1] == {"role": "user", "text": Text((Ref("", ("query",), "system"),))}


def test_keys_and_secrets_stay_in_the_file() -> None:
    auth = {"type": "api-key", "config": {"type": "bearer", "api_key": "sk-very-secret"}}
    env = [{"name": "TOKEN", "value_type": "secret", "value": "also-secret"}]
    document = _app(
        START, _node(id="h", type="http-request", title="Fetch it", authorization=auth), environment_variables=env
    )
    flow = dify.read(document)
    assert "secret" not in str(irjson.encode(dataclasses.replace(flow, raw=None))).replace("'secret'", "").replace(
        "secret.found", ""
    )
    assert flow.variables == [Variable("env", "TOKEN", Type("secret")), Variable("env", "FETCH_IT_KEY", Type("secret"))]
    assert flow.notes[0].code == "secret.found"
    assert flow.notes[0].source_pointer == "/workflow/graph/nodes/1/data/authorization/config/api_key"
    built = dify.build(flow)[0]["workflow"]["graph"]["nodes"][1]["data"]["authorization"]["config"]
    assert built == {"type": "bearer", "api_key": "{{#env.FETCH_IT_KEY#}}", "header": ""}
    assert dsl.write(flow, "dify").document == document


@pytest.mark.parametrize(
    ("visual", "cron"),
    [
        ({"frequency": "hourly", "visual_config": {"on_minute": 5}}, "5 * * * *"),
        ({"frequency": "daily", "visual_config": {"time": "2:30 PM"}}, "30 14 * * *"),
        ({"frequency": "weekly", "visual_config": {"time": "12:05 AM", "weekdays": ["mon", "fri"]}}, "5 0 * * 1,5"),
        ({"frequency": "monthly", "visual_config": {"time": "12:00 PM", "monthly_days": [1, "last"]}}, "0 12 1,L * *"),
        ({"mode": "cron", "cron_expression": "1 2 3 4 5"}, "1 2 3 4 5"),
    ],
)
def test_a_schedule_is_five_fields(visual: dict[str, Any], cron: str) -> None:
    node = _read_one({"type": "trigger-schedule", "mode": "visual", "timezone": "Asia/Tokyo", **visual})
    assert node.params["trigger"] == {"type": "schedule", "cron": cron, "timezone": "Asia/Tokyo"}


def test_a_note_is_markdown_both_ways() -> None:
    text = "First **bold** line\n- see [the page](https://x.example)\n"
    document, _ = dify.build(
        Flow("t", "ir", graph=Graph([Node("m", "note", params={"text": text, "size": [300, 90]})]))
    )
    note = next(node for node in document["workflow"]["graph"]["nodes"] if node["type"] == "custom-note")
    assert dify.read(document).graph.nodes[1].params == {"text": text, "size": [300, 90]}
    assert note["data"]["text"].startswith('{"root": {')


# -- the kitchen sink

DIFFERENT = {  # what does not come back as it was, and why
    "shape": {},
    "fetch": {"params"},  # a credential is called by its variable; an error branch takes answers of 400 too
    "facts": {"params"},  # a knowledge base that is not of Dify is not bound
    "fields": {"params"},  # a model is called by its name
    "reply": {"params"},
    "topic": {"params"},
    "helper": {"params"},
    "call": {"outputs"},  # a tool has text, files and json
    "sub": {"outputs"},
    "choose": {"outputs"},  # what was chosen is told by the button
    "form": {"outputs"},  # no field of a form is compulsory
    "odd": {"params"},  # a stub, which says what it stands for
    "fork": {"params"},  # the right side of what has none
    "store": {"kind", "params"},  # a request, with code behind it that reads the answer
    "unstore": {"kind", "params"},
}


def test_every_kind_comes_back() -> None:
    flow = kitchen_sink()
    again = dify.read(dify.build(flow)[0])
    nodes = {node.id: node for node, _, _ in walk(again.graph)}
    for node, _, _ in walk(flow.graph):
        back = nodes.pop(node.id)
        fields = ("kind", "title", "description", "params", "inputs", "outputs", "on_error")
        different = {name for name in fields if getattr(node, name) != getattr(back, name)}
        assert different == set(DIFFERENT.get(node.id, set())), node.id
    assert nodes.keys() == {"store_answer", "unstore_answer"}
    lost = set(flow.graph.edges) - set(again.graph.edges)
    behind = {Edge("store", "unstore"), Edge("unstore", "fields")}
    swapped = {Edge("topic", "form", "class:0"), Edge("topic", "first", "class:1")}  # the first takes what fits none
    assert lost == swapped | behind
    assert again.variables[:1] == flow.variables[:1]


def test_what_fits_no_class_takes_the_first_one_as_dify_has_it() -> None:
    classes = [{"id": "1", "name": "boats"}, {"id": "2", "name": "freight"}]
    ends = [_node(id=name, type="end", title=name, outputs=[]) for name in ("a", "b")]
    topic = _node(type="question-classifier", id="topic", title="Topic", classes=classes)
    edges = [
        {"source": "start", "target": "topic"},
        {"source": "topic", "sourceHandle": "1", "target": "a"},
        {"source": "topic", "sourceHandle": "2", "target": "b"},
    ]
    flow = dify.read(_app(START, topic, *ends, edges=edges))
    assert Edge("topic", "a", "default") in flow.graph.edges
    canvas = dsl.write(flow, "coze").data
    back = dsl.read(dsl.write(dsl.read(canvas), "dify").data)
    (node,) = (node for node, _, _ in walk(back.graph) if node.kind == "classify")
    assert [each["name"] for each in node.params["classes"]] == ["boats", "freight"]


def test_what_was_written_and_read_is_written_the_same_again() -> None:
    document, _ = dify.build(kitchen_sink())
    again, notes = dify.build(dify.read(load(dify.dump(document))))
    assert notes == []
    one, other = ({each["id"]: each["data"] for each in d["workflow"]["graph"]["nodes"]} for d in (document, again))
    assert one == other
    one, other = ({each["id"]: each for each in d["workflow"]["graph"]["edges"]} for d in (document, again))
    assert one == other


def _selectors(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _selectors(inner, name)
    elif isinstance(value, list) and ("selector" in key or (value and all(isinstance(step, str) for step in value))):
        yield key, value
    elif isinstance(value, list):
        for inner in value:
            yield from _selectors(inner, key)


_LISTS = {"options", "value", "allowed_file_types", "allowed_file_upload_methods", "required"}


def test_no_reference_is_empty_or_leads_nowhere() -> None:
    flow = kitchen_sink()
    flow.graph.nodes[-1].outputs["x"] = Type("any")
    say = next(node for node in flow.graph.nodes if node.id == "say")
    say.params["text"] = Text(("Hi ", Ref("gone", ("x",)), Ref("parsed", ("output", "list", 0)), Ref("begin", ("ü",))))
    document, notes = dify.build(flow)
    graph = document["workflow"]["graph"]
    known = {node["id"] for node in graph["nodes"]} | {"sys", "env", "conversation"}
    for node in graph["nodes"]:
        for key, steps in _selectors(node["data"]):
            if key in _LISTS or (
                key == "variable_selector" and not node["data"].get("context", {"enabled": True})["enabled"]
            ):
                continue
            assert len(steps) > 1 and steps[0] in known, (node["id"], key, steps)
    assert {edge[key] for edge in graph["edges"] for key in ("source", "target")} <= known
    assert "gone" not in str(graph)
    assert "ref.unknown" in {note.code for note in notes}


def test_what_is_written_is_wired_as_the_engine_wants_it() -> None:
    document, _ = dify.build(kitchen_sink())
    nodes = {node["id"]: node for node in document["workflow"]["graph"]["nodes"]}
    assert document["version"] == "0.6.0"
    assert dify.dump(document).startswith("version: '0.6.0'\n")
    for node in nodes.values():
        if node["data"]["type"] in ("iteration", "loop"):
            start = nodes[node["data"]["start_node_id"]]
            assert (start["parentId"], start["type"]) == (node["id"], f"custom-{node['data']['type']}-start")
        if "parentId" in node:
            inside = node["data"]["isInIteration"], node["data"]["isInLoop"]
            assert inside == (nodes[node["parentId"]]["data"]["type"] == "iteration", not inside[0])
            assert node["parentId"] in (node["data"].get("iteration_id"), node["data"].get("loop_id"))
    assert nodes["rounds"]["data"]["loop_variables"][0]["var_type"] == "number"
    for edge in document["workflow"]["graph"]["edges"]:
        assert edge["data"]["sourceType"] == nodes[edge["source"]]["data"]["type"]
        assert edge["data"]["targetType"] == nodes[edge["target"]]["data"]["type"]
    plugins = [each["value"]["marketplace_plugin_unique_identifier"] for each in document["dependencies"]]
    assert [plugin.split(":")[0] for plugin in plugins] == ["langgenius/ollama"]


def test_ids_and_names_that_dify_cannot_refer_to_get_others_everywhere() -> None:
    flow = Flow(
        "t",
        "n8n",
        graph=Graph(
            [
                Node("Wenn jemand ruft", "start", outputs={"die-frage": Type("string")}),
                Node("答复", "answer", params={"text": Text(("Re: ", Ref("Wenn jemand ruft", ("die-frage",))))}),
            ],
            [Edge("Wenn jemand ruft", "答复")],
        ),
        mode="chat",
    )
    graph = dify.build(flow)[0]["workflow"]["graph"]
    assert [node["id"] for node in graph["nodes"]] == ["Wenn_jemand_ruft", "node"]
    assert graph["nodes"][0]["data"]["variables"][0]["variable"] == "die_frage"
    assert graph["nodes"][1]["data"]["answer"] == "Re: {{#Wenn_jemand_ruft.die_frage#}}"
    assert graph["edges"][0]["id"] == "Wenn_jemand_ruft-source-node-target"


def test_a_note_names_a_node_by_the_id_that_it_has_in_the_source() -> None:
    answer = Node("a-1", "answer", "Say", params={"text": "hi"})
    flow = Flow("t", "n8n", graph=Graph([Node("s-1", "start", "Go"), answer], [Edge("s-1", "a-1")]))
    notes = dify.build(flow)[1]
    assert [(note.code, note.node) for note in notes] == [("answer.workflow", "a-1")]
    assert summary(flow, notes)["degraded"] == 1


def test_a_flow_is_not_changed_by_writing_it() -> None:
    flow = kitchen_sink()
    dify.build(flow)
    assert flow == kitchen_sink()


def test_a_resource_that_is_not_dify_s_is_to_be_bound() -> None:
    codes = {note.code for note in dify.build(kitchen_sink())[1] if note.severity == "needs_binding"}
    assert codes == {
        *("resource.credential", "resource.knowledge", "resource.model", "resource.tool", "resource.subflow"),
    }


def test_a_model_of_another_platform_gets_the_provider_that_fits() -> None:
    node = Node("m", "llm", params={"model": "model:1", "messages": []})
    model = Resource("model:1", "model", "claude", {"type": "lmChatAnthropic"})
    document, _ = dify.build(Flow("t", "n8n", graph=Graph([node]), resources=[model]))
    assert document["workflow"]["graph"]["nodes"][1]["data"]["model"]["provider"] == "langgenius/anthropic/anthropic"


def test_an_expression_of_n8n_is_computed_in_front_of_the_node() -> None:
    script = Script("n8n", "$json.a.map((x) => x * 2)", (Ref("start", ("a",)),))
    nodes = [
        Node("start", "start", outputs={"a": Type("any")}),
        Node("say", "answer", params={"text": Text(("=", script))}),
    ]
    flow = Flow("t", "n8n", mode="chat", graph=Graph(nodes, [Edge("start", "say")]))
    document, notes = dify.build(flow)
    ids = [node["id"] for node in document["workflow"]["graph"]["nodes"]]
    assert ids == ["start", "say_js", "say"]
    assert "ref.script" in {note.code for note in notes}
    again = dify.read(document)
    assert again.graph.nodes[1].params["text"] == Text(("=", script))
    assert again.graph.edges == [Edge("start", "say")]


def test_an_element_of_a_list_within_what_a_tool_gets_is_taken_out_in_front_of_it() -> None:
    said = Ref("start", ("blocks", 1, "said"))
    nodes = [
        Node("start", "start", outputs={"blocks": Type("any")}),
        Node("page", "tool", "Page", params={"tool": "tool:1"}, inputs={"blocks": [{"type": "quote", "said": said}]}),
    ]
    tools = [Resource("tool:1", "tool", "notion")]
    document, _ = dify.build(Flow("t", "n8n", graph=Graph(nodes, [Edge("start", "page")]), resources=tools))
    written = {node["id"]: node["data"] for node in document["workflow"]["graph"]["nodes"]}
    assert "blocks.1" not in str(written["page"]) and "page_in" in str(written["page"])
    assert "pick(blocks, 1, 'said')" in written["page_in"]["code"]


def test_an_expression_of_n8n_in_a_condition_is_computed_before_the_question_is_asked() -> None:
    script = Script("n8n", "$json.prices.some((p) => p > 10)", (Ref("start", ("prices",)),))
    asked = {"logic": "and", "conditions": [{"left": script, "op": "true", "right": None, "type": "boolean"}]}
    nodes = [
        Node("start", "start", outputs={"prices": Type("any")}),
        Node("fork", "if", "Fork", params={"cases": [asked]}),
        Node("say", "answer", params={"text": Text(("yes",))}),
    ]
    edges = [Edge("start", "fork"), Edge("fork", "say", "case:0")]
    document, notes = dify.build(Flow("t", "n8n", mode="chat", graph=Graph(nodes, edges)))
    written = document["workflow"]["graph"]["nodes"]
    assert [node["data"]["type"] for node in written] == ["start", "code", "code", "if-else", "answer"]
    assert all(each["value_selector"] for node in written[1:3] for each in node["data"]["variables"])
    assert ("ref.script", "fork") in {(note.code, note.node) for note in notes}
    back = dify.read(document).graph.nodes[1].params["cases"][0]["conditions"]
    assert [(each["left"], each["op"]) for each in back] == [(script, "true")]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_node_that_holds_nothing_is_written(kind: str) -> None:
    node = Node("n", kind, body=Graph() if kind in ("iterate", "loop") else None)
    document, _ = dify.build(Flow("t", "ir", graph=Graph([Node("s", "start"), node], [Edge("s", "n")])))
    assert len(dify.read(document).graph.nodes) >= 1


@pytest.mark.parametrize("path", [each for name in ("coze", "n8n", "ragflow") for each in files(name)])
def test_files_of_others_are_not_taken_for_dify_s(path: Path) -> None:
    if path.suffix in (".json", ".yml", ".yaml"):
        assert not dify.sniff(load(path.read_text()))


def test_values_that_refer_to_one_another_again_and_again_are_refused() -> None:
    nodes = [START]
    for i in range(40):
        before = ["start", "q"] if i == 0 else [f"c{i - 1}", "a"]
        source = "# flowstill:begin values\ndef main(a, b):\n    return {'a': text(a, b)}\n# flowstill:end\n"
        given = [{"variable": name, "value_selector": before} for name in ("a", "b")]
        code = {"code": source, "code_language": "python3", "variables": given, "outputs": {"a": {"type": "string"}}}
        nodes.append(_node(id=f"c{i}", type="code", **code))
    with pytest.raises(DslError, match="refer to one another too often"):
        dify.read(_app(*nodes, _node(id="e", type="answer", answer="{{#c39.a#}}")))


def test_edges_between_values_are_not_multiplied() -> None:
    code = {"type": "code", "code_language": "python3", "variables": [], "outputs": {"a": {"type": "string"}}}
    code["code"] = "# flowstill:begin values\ndef main():\n    return {'a': 'x'}\n# flowstill:end\n"
    nodes = [_node(id=f"c{i}{j}", **code) for i in range(30) for j in range(2)]
    edges = [{"source": f"c{i}{a}", "target": f"c{i + 1}{b}"} for i in range(29) for a in range(2) for b in range(2)]
    edges += [{"source": "start", "target": "c00"}]
    with pytest.raises(DslError, match="too many"):
        dify.read(_app(START, *nodes, edges=edges))


def test_containers_that_are_nested_too_deep_are_refused() -> None:
    nodes = [{**_node(id=f"l{i}", type="loop"), "parentId": f"l{i - 1}"} for i in range(2000)]
    with pytest.raises(DslError, match="nested deeper than 50 levels"):
        dify.read(_app(*nodes))


@pytest.mark.parametrize("dialect", ["n8n", "ragflow"])
def test_a_knowledge_base_is_called_by_its_id_where_the_file_has_no_name_of_it(dialect: str) -> None:
    data = {"type": "knowledge-retrieval", "query_variable_selector": ["s", "q"], "dataset_ids": ["5f0c"]}
    nodes = [
        {"id": "s", "data": {"type": "start", "variables": [{"variable": "q", "label": "q", "type": "paragraph"}]}},
        {"id": "k", "data": data | {"title": "Look up", "retrieval_mode": "multiple"}},
    ]
    workflow = {"graph": {"nodes": nodes, "edges": [{"source": "s", "target": "k"}]}, "features": {}}
    document = {"kind": "app", "version": "0.6.0", "app": {"name": "T", "mode": "workflow"}, "workflow": workflow}
    written = dsl.write(dsl.read(json.dumps(document), "dify"), dialect)
    (said,) = [note.message for note in written.notes if note.code == "resource.knowledge"]
    assert "5f0c" in said


def test_a_list_is_given_as_json_text_because_no_form_of_dify_takes_one() -> None:
    xs = Type("array", items=Type("string"), required=True)
    mark = Node("m", "template", "Mark", params={"template": Text((Ref("w", ("item",), "item"), "!"))})
    walk_ = Node(
        "w",
        "iterate",
        "Walk",
        params={"collect": {"output": Ref("m", ("output",))}},
        inputs={"item": Ref("s", ("xs",))},
        outputs={"output": xs},
        body=Graph([mark], [Edge("w", "m", "body")]),
    )
    nodes = [Node("s", "start", "Start", outputs={"xs": xs}), walk_, Node("e", "end", "End")]
    written = dsl.write(Flow("T", "ir", graph=Graph(nodes, [Edge("s", "w"), Edge("w", "e", "done")])), "dify")
    graph = written.document["workflow"]["graph"]
    data = {each["id"]: each["data"] for each in graph["nodes"]}
    (variable,) = data["s"]["variables"]
    assert (variable["type"], variable["required"], variable["default"]) == ("paragraph", True, "[]")
    (first,) = [edge["target"] for edge in graph["edges"] if edge["source"] == "s"]
    assert data[first]["type"] == "code" and data[first]["variables"][0]["value_selector"] == ["s", "xs"]
    assert [note.severity for note in written.notes if note.code == "type.narrowed"] == ["degraded"]


def test_what_is_read_inside_of_an_argument_of_a_tool_is_put_together_in_front() -> None:
    start = Node("s", "start", "S", outputs={"q": Type("string"), "xs": Type("array")})
    blocks = {"blocks": [{"text": Text(("Of ", Ref("s", ("q",))))}, {"text": Ref("s", ("xs", 0, "name"))}]}
    tool = Node("t", "tool", "T", params={"tool": "tool:t"}, inputs={"page": blocks})
    flow = Flow("t", "ir", graph=Graph([start, tool, Node("e", "end")], [Edge("s", "t"), Edge("t", "e")]))
    flow.resources = [Resource("tool:t", "tool", "t")]
    written = dsl.write(flow, "dify")
    made = {node["id"]: node["data"] for node in written.document["workflow"]["graph"]["nodes"]}
    assert made["t"]["tool_parameters"]["page"]["type"] == "variable"
    assert "blocks" in made["t_in"]["code"] and "{{#" not in made["t_in"]["code"]
    assert [each.code for each in dsl.check(dsl.read(written.data)) if each.level == "error"] == []
    assert nodes(dsl.read(written.data))["t"].inputs == tool.inputs


def test_a_key_whose_name_is_referred_to_is_a_header_like_any_other() -> None:
    auth = {"type": "header", "name": Ref("begin", ("name",)), "value": Ref("begin", ("key",))}
    ask = Node(
        "ask", "http", params={"method": "GET", "url": "https://a.example", "headers": [["A", "b"]], "auth": auth}
    )
    begin = Node("begin", "start", outputs={"name": Type("string"), "key": Type("string")})
    flow = Flow("f", "coze", graph=Graph([begin, ask], [Edge("begin", "ask")]))
    (data,) = [
        each["data"]
        for each in dify.build(flow)[0]["workflow"]["graph"]["nodes"]
        if each["data"]["type"] == "http-request"
    ]
    assert data["headers"] == "A:b\n{{#begin.name#}}:{{#begin.key#}}"
    assert data["authorization"]["type"] == "no-auth"


def test_what_a_node_needs_in_front_of_it_has_ids_of_its_own_however_long_that_of_the_node_is() -> None:
    parameters = {"operation": "={{ $json.op + 'x' }}", "columns": {"value": {"q": "={{ $json.q }}"}}}
    store = {
        "id": f"{3:0>48}",
        "name": "S",
        "type": "n8n-nodes-base.airtable",
        "typeVersion": 2,
        "parameters": parameters,
    }
    begin = {"id": "t", "name": "T", "type": "n8n-nodes-base.webhook", "typeVersion": 2, "parameters": {"path": "a"}}
    edges = {"T": {"main": [[{"node": "S", "type": "main", "index": 0}]]}}
    written = dsl.write(dsl.read(json.dumps({"nodes": [begin, store], "connections": edges})), "dify")
    ids = [each["id"] for each in written.document["workflow"]["graph"]["nodes"]]
    assert len(ids) == len(set(ids)) > 2


def test_a_model_that_is_asked_nothing_is_told_for_it_fails_on_dify() -> None:
    def told(text: str, **more: Any) -> list[str]:
        model = {"model": "m", "messages": [{"role": "user", "text": text}], **more}
        flow = Flow("f", "coze", graph=Graph([Node("b", "start"), Node("l", "llm", params=model)], [Edge("b", "l")]))
        return [note.node for note in dsl.write(flow, "dify").notes if note.code == "prompt.missing"]

    assert (told(" "), told("Hi"), told("", memory={"window": 3})) == (["l"], [], [])
