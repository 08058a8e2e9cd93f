"""The linter: each defect planted in a good flow is found, at its place, and nothing else."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import dsl
from dsl.dialects import named
from dsl.dump import dump_json
from dsl.findings import as_json, sarif, text
from dsl.ir import Edge, Flow, Graph, Node, Ref, Script, Text, Type
from dsl.lint import Finding, check, mend
from dsl.refused import refusals
from dsl.values import at, nodes
from tests.dsl.engines.build import assign, conditions, node, workflow
from tests.dsl.kitchen import kitchen_sink
from tests.dsl.small import STRING, STRINGS, Q, cases, end, flow, javascript, line, start


def planted(change: Callable[[Flow], None]) -> list[Finding]:
    flow = kitchen_sink()
    change(flow)
    return check(flow)


def test_a_good_flow_has_no_finding() -> None:
    assert check(kitchen_sink()) == []
    assert [each for case in cases() for each in check(case.flow) if each.code != "port.unwired"] == []


def _points(node: str, ref: Ref) -> Callable[[Flow], None]:
    def change(flow: Flow) -> None:
        nodes(flow)[node].params["text"] = Text(("So: ", ref))

    return change


def _edge(edge: Edge) -> Callable[[Flow], None]:
    return lambda flow: flow.graph.edges.append(edge)


def _drop(source: str, port: str) -> Callable[[Flow], None]:
    def change(flow: Flow) -> None:
        flow.graph.edges = [edge for edge in flow.graph.edges if (edge.source, edge.port) != (source, port)]

    return change


def _param(node: str, name: str) -> Callable[[Flow], None]:
    return lambda flow: nodes(flow)[node].params.pop(name)


def _walks(node: str, ref: Ref) -> Callable[[Flow], None]:
    def change(flow: Flow) -> None:
        if node == "each":
            nodes(flow)[node].inputs["item"] = ref
        else:
            nodes(flow)[node].params["list"] = ref

    return change


def _set(node: str, **params: object) -> Callable[[Flow], None]:
    return lambda flow: nodes(flow)[node].params.update(params)


def _prompt(flow: Flow) -> None:
    nodes(flow)["reply"].params["messages"][0]["text"] = Script("jinja2", "{{ mood }}")


def _no_start(flow: Flow) -> None:
    nodes(flow)["begin"].kind = "pass"


@pytest.mark.parametrize(
    ("change", "code", "node", "says"),
    [
        (_points("say", Ref("frist", ("output",))), "ref.unknown", "say", "Did you mean 'first'?"),
        (_points("say", Ref("first", ("outputs",))), "ref.output", "say", "Did you mean 'output'?"),
        (_points("say", Ref("mark", ("output",))), "ref.order", "say", "does not run before it"),
        (_points("say", Ref("each", ("item",), "item")), "ref.scope", "say", "outside of 'Each'"),
        (_points("say", Ref("", ("API_URI",), "env")), "ref.variable", "say", "Did you mean 'API_URL'?"),
        (_points("say", Ref("", ("sen",), "session")), "ref.variable", "say", "session variable 'sen'"),
        (_edge(Edge("say", "nowhere")), "edge.dangling", "", "leads to 'nowhere'"),
        (_edge(Edge("nobody", "say")), "edge.dangling", "", "leads from 'nobody'"),
        (_edge(Edge("fork", "say", "case:7")), "port.unknown", "fork", "the branch never runs"),
        (_edge(Edge("done", "say")), "port.unknown", "done", "It has: none."),
        (_edge(Edge("dumped", "shape")), "edge.cycle", "shape", "run in a circle"),
        (_drop("fork", "else"), "port.unwired", "fork", "Nothing follows 'Fork' on 'else'"),
        (_drop("fetch", "error"), "port.unwired", "fetch", "on 'error'"),
        (_drop("fork", "else"), "node.unreachable", "odd", "'Odd' is never reached"),
        (_walks("each", Ref("begin", ("q",))), "list.type", "each", "'begin.q', which is declared as string"),
        (_walks("few", Ref("", ("API_URL",), "env")), "list.type", "few", "'env.API_URL', which is declared as str"),
        (_walks("each", Ref("rounds", ("i",), "loop")), "list.type", "each", "declared as number"),
        (_walks("each", Ref("facts", ("result", 0, "title"))), "list.type", "each", "declared as string"),
        (_set("page", template=Script("jinja2", "{{ xss }}")), "input.missing", "page", "Did you mean 'xs'?"),
        (_prompt, "input.missing", "reply", "'Reply' uses 'mood', which is none of its inputs: it is nothing."),
        (_set("double", source="def main(n, m):\n    ..."), "input.missing", "double", "uses 'm'"),
        (
            _set("double", source="def main():\n    ..."),
            "input.refused",
            "double",
            "input 'n', which its main does not",
        ),
        (_param("reply", "model"), "model.missing", "reply", "'Reply' has no model"),
        (_param("fetch", "url"), "http.url", "fetch", "'Fetch' has no URL"),
        (_param("facts", "knowledge"), "knowledge.missing", "facts", "no knowledge base"),
        (_no_start, "start.missing", "", "cannot run"),
    ],
)
def test_a_planted_defect_is_found(change: Callable[[Flow], None], code: str, node: str, says: str) -> None:
    found = [each for each in planted(change) if each.code == code]
    assert found and found[0].node == node and says in f"{found[0].message} {found[0].fix}"


def test_a_list_whose_type_nobody_declares_is_believed_to_be_one() -> None:
    for ref in (Ref("parsed", ("output", "xs")), Ref("odd", ("any",)), Ref("", ("files",), "system"), Ref("begin", ())):
        assert "list.type" not in {each.code for each in planted(_walks("each", ref))}


def test_what_is_clear_is_mended_and_nothing_else() -> None:
    flow = kitchen_sink()
    before = list(flow.graph.edges)
    flow.graph.edges += [Edge("say", "nowhere"), before[0], Edge("fork", "say", "case:7")]
    mended, done = mend(flow)
    assert done == ["2 edges that led nowhere or stood twice."]
    assert mended.graph.edges == [*before, Edge("fork", "say", "case:7")]
    assert mend(mended) == (mended, [])


def test_a_round_that_waits_for_itself_does_not_hang_the_linter() -> None:
    flow = kitchen_sink()
    flow.graph.nodes += [Node(f"n{i}", "pass", f"N{i}") for i in range(2000)]
    flow.graph.edges += [Edge(f"n{i}", f"n{(i + 1) % 2000}") for i in range(2000)]
    assert {each.code for each in check(flow)} == {"edge.cycle", "node.unreachable"}


def test_ways_out_and_edges_are_called_as_the_file_calls_them() -> None:
    document = dsl.write(kitchen_sink(), "dify").document
    held = {node["id"]: node["data"] for node in document["workflow"]["graph"]["nodes"]}
    held["topic"]["classes"][0]["id"] = "9"
    del held["fetch"]["error_strategy"]
    found = [each for each in check(dsl.read(dump_json(document))) if each.code.startswith("port.")]
    assert [(each.message, each.fix) for each in found] == [
        (
            "An edge leaves 'Fetch' by 'fail-branch', which it does not have: the branch never runs.",
            "It has: 'source'.",
        ),
        (
            "An edge leaves 'Topic' by '2', which it does not have: the branch never runs.",
            "It has: '9' (other), '1' (price).",
        ),
        ("Nothing follows 'Topic' on 'other': the run ends there.", "Wire it, or leave it if that is meant."),
    ]


def test_of_what_flowstill_wrote_to_fail_the_check_does_not_say_that_it_is_only_nothing() -> None:
    flow = kitchen_sink()
    nodes(flow)["say"].params["text"] = Text(("Status: ", Ref("fetch", ("status",))))
    written = dsl.write(flow, "ragflow")
    assert "it fails where that is read" in " ".join(note.message for note in written.notes if note.node == "say")
    (found,) = [
        each for each in check(dsl.read(written.data)) if each.code == "ref.output" and "status" in each.message
    ]
    assert "fails where it is read" in found.message


def test_all_that_keeps_a_file_from_being_read_is_told_and_what_else_is_wrong() -> None:
    document = copy.deepcopy(dsl.write(kitchen_sink(), "dify").document)
    places = {node["id"]: f"/workflow/graph/nodes/{i}" for i, node in enumerate(document["workflow"]["graph"]["nodes"])}
    held = {node["id"]: node["data"] for node in document["workflow"]["graph"]["nodes"]}
    held["fork"]["cases"][0]["conditions"][0]["comparison_operator"] = "equals"
    held["set_seen"]["items"][0]["operation"] = "plus"
    held["say"]["answer"] = "{{#gone.x#}}"
    document["version"] = 0.6
    found = refusals(dump_json(document))
    assert {each.pointer for each in found if each.code == "file.refused"} == {
        "/version",
        f"{places['fork']}/data/cases/0/conditions/0/comparison_operator",
        f"{places['set_seen']}/data/items/0/operation",
    }
    assert [(each.code, each.pointer) for each in found if each.level == "error" and each.code != "file.refused"] == [
        ("ref.unknown", places["say"])
    ]


@pytest.mark.parametrize("dialect", ["coze", "ragflow", "dify"])
def test_outputs_whose_names_a_platform_does_not_take_are_found_where_they_are_read(dialect: str) -> None:
    start = Node("s", "start", "S", outputs={"full name": Type("string")})
    fields = {"Image URL": Ref("s", ("full name",)), "标题": "T"}
    given = Node("k", "set", "K", inputs=fields, outputs=dict.fromkeys(fields, Type("string")))
    source = {"lang": "javascript", "style": "items", "source": "return [{json: {'x y': $json['Image URL']}}]"}
    code = Node("c", "code", "C", params=source, outputs={"x y": Type("string")})
    said = Text((Ref("c", ("x y",)), Ref("k", ("标题",)), Ref("s", ("full name",))))
    edges = [Edge("s", "k"), Edge("k", "c"), Edge("c", "a"), Edge("a", "e")]
    nodes_ = [start, given, code, Node("a", "answer", "A", params={"text": said}), Node("e", "end", "E")]
    written = dsl.write(Flow("t", "ir", mode="chat", graph=Graph(nodes_, edges)), dialect)
    back = dsl.read(written.data)
    assert [each for each in check(back) if each.level == "error"] == []
    assert "full_name" in next(each.message for each in written.notes if each.code == "name.changed")
    told = next(node for node in nodes(back).values() if node.kind == "answer").params["text"]
    assert {part.path[0] for part in told.parts if isinstance(part, Ref)} == {"x_y", "value", "full_name"}


def test_findings_are_shown_as_text_json_and_sarif() -> None:
    found = planted(_drop("fork", "else"))
    found = [replace(each, pointer="/nodes/3") for each in found]
    assert text("a.yml", found).splitlines()[-1] == "a.yml: 2 warnings."
    assert '"code": "port.unwired"' in as_json("a.yml", found)
    assert '"ruleId": "port.unwired"' in sarif("a.yml", found, "1.0")
    assert text("a.yml", []) == "a.yml: nothing found."


def _astray(document: dict[str, Any], dialect: str) -> None:
    """An edge to nothing, as each platform has edges."""
    if dialect == "n8n":
        name = next(iter(document["connections"]))
        document["connections"][name]["main"][0].append({"node": "Ghost", "type": "main", "index": 0})
        document["connections"]["Nobody"] = {"main": [[{"node": name, "type": "main", "index": 0}]]}
    elif dialect == "ragflow":
        document["dsl"]["components"]["begin"]["downstream"].append("Ghost:1")
    elif dialect == "coze":
        document["edges"].append({"sourceNodeID": "100001", "targetNodeID": "4711"})
    else:
        edges = document["workflow"]["graph"]["edges"]
        edges.append(edges[0] | {"id": "new", "target": "ghost"})


@pytest.mark.parametrize("dialect", ["dify", "coze", "n8n", "ragflow"])
def test_an_edge_to_nothing_is_found_in_the_file_of_each_platform_and_mended_there(dialect: str) -> None:
    document = copy.deepcopy(dsl.write(kitchen_sink(), dialect).document)
    assert "edge.dangling" not in {each.code for each in check(dsl.read(dump_json(document)))}
    _astray(document, dialect)
    flow = dsl.read(dump_json(document))
    assert "edge.dangling" in {each.code for each in check(flow)}
    mended, done = mend(flow)
    assert any("nothing" in each or "nowhere" in each for each in done)
    again = dsl.read(dsl.write(mended, dialect).data)
    assert "edge.dangling" not in {each.code for each in check(again)}


@pytest.mark.parametrize("form", ["F1", "F3", "F4", "F4-yaml", "F5", "F6"])
def test_an_edge_that_stands_twice_or_leads_from_nowhere_is_gone_from_every_form_of_coze(form: str) -> None:
    flow = dsl.read(dsl.write(kitchen_sink(), "coze", form=form).data)
    document = copy.deepcopy(flow.raw)
    edges = at(document, flow.graph.edges[0].pointer.rpartition("/")[0])
    lost = {"source_node": "nope", "target_node": "900001"} if "source_node" in edges[0] else {}
    edges[:0] = [copy.deepcopy(edges[0]), lost or {"sourceNodeID": "nope", "targetNodeID": "900001"}]
    mended, done = mend(dsl.read(named("coze").dump(document)))
    assert sum(int(each.split()[0]) for each in done) == 2
    again = dsl.read(dsl.write(mended, "coze").data)
    assert len(again.graph.edges) == len(flow.graph.edges)
    assert mend(again)[1] == []


def test_what_a_converted_file_reads_of_whichever_branch_ran_is_no_finding() -> None:
    fork = node("If", "if", 2.2, conditions=conditions("={{ $json.n }}", "number", "gt", 5), options={})
    one, other = assign("A", x="a", sub="s"), assign("B", x="b", h="h")
    last = assign("Out", s="={{ $json.x }} {{ $json.sub ?? '-' }} {{ $json.h ?? '-' }}")
    begin = node("In", "executeWorkflowTrigger", 1.1, inputSource="passthrough")
    made = workflow([begin, fork, one, other, last], "In>If If>A If.1>B A>Out B>Out")
    written = dsl.write(dsl.read(json.dumps(made)), "dify")
    assert not [each for each in dsl.check(dsl.read(written.data)) if each.level == "error"]


def test_code_that_stands_for_a_list_operation_gives_its_first_and_last() -> None:
    params = {"list": Ref("make", ("xs",)), "limit": {"size": 2, "keep": "last"}}
    make = javascript("make", "({q}) => ({xs: q.split(' ')})", {"q": Q}, xs=STRINGS)
    last = Ref("cut", ("last",))
    made = flow("cut", line(start(), make, Node("cut", "list", "Cut", params=params), end(r=(last, STRING))))
    written = dsl.write(made, "dify")
    assert not [each for each in dsl.check(dsl.read(written.data)) if each.code == "ref.output"]


def test_an_empty_side_is_said_to_be_mended_only_where_it_is() -> None:
    document = copy.deepcopy(dsl.write(kitchen_sink(), "coze").document)
    fork = next(each for each in document["nodes"] if each["type"] == "8")

    for side, fix in (({}, "--fix does"), ({"type": "string"}, "Put in what is missing")):
        fork["data"]["inputs"]["inputParameters"] = [{"name": "x", "left": side}]
        (found,) = [each for each in check(dsl.read(dump_json(document))) if each.code == "coze.empty"]
        assert fix in found.fix


@pytest.mark.parametrize("version", ["0.6.0", "0.7.0"])
def test_a_mended_file_of_dify_has_its_version_in_quotes(version: str) -> None:
    document = copy.deepcopy(dsl.write(kitchen_sink(), "dify").document) | {"version": version}
    edges = document["workflow"]["graph"]["edges"]
    edges.append(edges[0] | {"id": "new", "target": "ghost"})
    mended, _ = mend(dsl.read(dump_json(document)))
    assert f"version: '{version}'" in str(dsl.write(mended, "dify").data)
