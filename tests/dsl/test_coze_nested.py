"""A loop in a loop, which Coze does not have: the inner one is a workflow of its own there, and comes back from it."""

from dataclasses import replace
from typing import Any

import pytest

import dsl
from dsl import coze, sidecar
from dsl.audit import differing
from dsl.coze import yamlform
from dsl.coze.formats import inside
from dsl.coze.validate import validate
from dsl.dump import dump_yaml
from dsl.ir import Edge, Flow, OnError, Ref, Type
from dsl.load import load_yaml
from dsl.values import node_refs, nodes, walk
from tests.dsl.engines.dify import run_dify
from tests.dsl.small import Case, nested, rounds_in_rounds, walked_in_rounds

INNER = "workflow/rounds_in_rounds_Inner-draft.yaml"
FLOWS = [
    pytest.param(walked_in_rounds(), {"q": "a,b;c"}, id="lists"),
    pytest.param(rounds_in_rounds(), {"q": "x"}, id="loops"),
    pytest.param(rounds_in_rounds(from_inside=True), {"q": "x"}, id="a variable of the outer loop"),
]


def archive(flow: Flow) -> Any:
    return dsl.write(flow, "coze", form="F4").document


def canvases(flow: Flow) -> list[Any]:
    """The main workflow and the others of an archive."""
    document = archive(flow)
    return [yamlform.to_canvas(each) for each in (document["flow"], *document["sub"].values())]


# -- there


@pytest.mark.parametrize(("flow", "inputs"), FLOWS)
def test_coze_studio_accepts_the_outer_and_the_inner_workflow(flow: Flow, inputs: Any) -> None:
    assert [validate(canvas) for canvas in canvases(flow)] == [[], []]


@pytest.mark.parametrize(("flow", "inputs"), FLOWS)
def test_no_reference_of_either_leads_out_of_it(flow: Flow, inputs: Any) -> None:
    for canvas in canvases(flow):
        read = dsl.read(dump_yaml(yamlform.from_canvas(canvas, "x", "", "0")))
        known = nodes(read)
        assert [ref for node in known.values() for ref in node_refs(node) if ref.node and ref.node not in known] == []


def test_what_the_inner_loop_reads_and_gives_out_are_typed_inputs_and_outputs() -> None:
    outer, inner = canvases(walked_in_rounds())
    start, loop, end = inner["nodes"]
    wanted = {"xs": "list", "q": "string", "index": "integer"}
    assert {each["name"]: each["type"] for each in start["data"]["outputs"]} == wanted
    (call,) = (node for node in outer["nodes"][2]["blocks"] if node["type"] == "9")
    given = [each["name"] for each in call["data"]["inputs"]["inputParameters"]]
    assert given == [each["name"] for each in start["data"]["outputs"]]
    assert call["data"]["inputs"]["inputDefs"] == start["data"]["outputs"]
    assert call["data"]["outputs"] == [{"name": "output", "type": "list", "schema": {"type": "string"}}]
    assert end["data"]["inputs"]["inputParameters"][0]["input"]["value"]["content"]["blockID"] == loop["id"]


def test_a_call_names_its_workflow_by_the_id_that_the_archive_gives_it() -> None:
    document = archive(rounds_in_rounds())
    (call,) = (node for node in document["flow"]["nodes"][1]["nodes"] if node["type"] == "subflow")
    assert (
        call["parameters"]["workflowId"] == document["sub"][INNER]["id"] == document["manifest"]["sub"][0]["id"] != "0"
    )


def test_loops_three_deep_become_two_workflows() -> None:
    flow = walked_in_rounds()
    inner = nodes(flow)["inner"]
    assert inner.body is not None
    deepest = replace(
        nodes(walked_in_rounds())["inner"], id="deep", title="Deep", inputs={"item": Ref("words", ("xs",))}
    )
    assert deepest.body is not None
    deepest.body.edges = [replace(edge, source="deep") for edge in deepest.body.edges]
    deepest.body.nodes[0].id, deepest.params = "said", {"collect": {"output": Ref("said", ("output",))}}
    deepest.body.edges = [Edge("deep", "said", "body")]
    inner.body.nodes.append(deepest)
    inner.body.edges.append(Edge("mark", "deep"))
    made = canvases(flow)
    assert [validate(canvas) for canvas in made] == [[], [], []]
    back = dsl.read(dsl.write(flow, "coze", form="F4").data)
    containers = {node.id: container.id if container else "" for node, _, container in walk(back.graph)}
    assert (containers["deep"], containers["inner"], containers["outer"]) == ("inner", "outer", "")


def test_what_happens_when_the_inner_loop_fails_is_what_happens_when_its_workflow_does() -> None:
    flow = rounds_in_rounds()
    nodes(flow)["inner"].on_error = OnError("default", default={"sum": 0})
    outer, _ = canvases(flow)
    (call,) = (node for node in outer["nodes"][1]["blocks"] if node["type"] == "9")
    assert call["data"]["inputs"]["settingOnError"]["dataOnErr"] == '{"sum": 0}'
    back = nodes(dsl.read(dsl.write(flow, "coze", form="F4").data))["inner"]
    assert (back.on_error.then, back.on_error.default) == ("default", {"sum": 0})


def test_an_iteration_that_sets_a_variable_of_the_loop_around_it_raises() -> None:
    flow = rounds_in_rounds(from_inside=True)
    inner = nodes(flow)["inner"]
    inner.kind, inner.params, inner.inputs = "iterate", {"collect": {}}, {"item": Ref("begin", ("q",))}
    notes = dsl.write(flow, "coze", form="F4").notes
    assert [(note.severity, note.node) for note in notes if note.code == "container.nested"] == [("stub", "inner")]


# -- in forms that hold one workflow only


@pytest.mark.parametrize("form", ["F1", "F2", "F3", "F4-yaml", "F5", "F6"])
def test_the_inner_workflow_is_a_file_beside_and_has_to_be_chosen(form: str) -> None:
    options = {"form": form} | ({"host": "coze.example.com"} if form == "F2" else {})
    written = dsl.write(rounds_in_rounds(), "coze", **options)
    (told,) = (note for note in written.notes if note.code == "container.extracted")
    assert (told.severity, told.node) == ("needs_binding", "inner")
    (name,) = written.beside
    assert name in told.message
    for data in (written.data, *written.beside.values()):
        _, held, is_yaml = inside(dsl.read(data).raw)
        assert validate(yamlform.to_canvas(held) if is_yaml else held) == []
    (call,) = (node for node in nodes(dsl.read(written.data)).values() if node.kind == "subflow")
    assert call.outputs == {"sum": Type("number")}


def test_what_is_told_of_the_steps_of_the_inner_workflow_is_told_in_every_form() -> None:
    told = [dsl.write(rounds_in_rounds(), "coze", form=form).notes for form in ("F1", "F4")]
    assert [{(note.node, note.code) for note in notes} for notes in told] == [
        {("inner", "container.extracted"), ("step", "code.language"), ("step", "code.wrapped")}
    ] * 2


def test_a_flow_without_loops_in_loops_has_nothing_beside() -> None:
    assert dsl.write(Flow("x", "ir"), "coze").beside == {}
    assert dsl.write(rounds_in_rounds(), "coze", form="F4").beside == {}


# -- and back


@pytest.mark.engines
@pytest.mark.parametrize(("flow", "inputs"), FLOWS)
def test_it_gives_the_same_after_a_journey_to_an_archive(flow: Flow, inputs: dict[str, Any]) -> None:
    before = str(dsl.write(flow, "dify").data)
    after = str(dsl.write(dsl.read(dsl.write(dsl.read(before), "coze", form="F4").data), "dify").data)
    wanted, found = run_dify(before, inputs), run_dify(after, inputs)
    assert (wanted.status, wanted.error) == ("succeeded", "")
    assert (found.status, found.outputs) == (wanted.status, wanted.outputs), found


@pytest.mark.parametrize(("flow", "inputs"), FLOWS[:2])
def test_every_step_is_where_it_was(flow: Flow, inputs: Any) -> None:
    back = dsl.read(dsl.write(flow, "coze", form="F4").data)
    assert back.resources == []
    names = {"begin": "100001", "done": "900001"}
    places = {
        (names.get(node.id, node.id), node.kind, container.id if container else "")
        for node, _, container in walk(flow.graph)
    }
    assert {
        (node.id, node.kind, container.id if container else "") for node, _, container in walk(back.graph)
    } == places


@pytest.mark.parametrize("form", ["F1", "F4"])
@pytest.mark.parametrize("case", nested(), ids=lambda case: case.name)
def test_what_the_way_back_does_not_restore_is_named(case: Case, form: str) -> None:
    flow = dsl.read(dsl.write(case.flow, "dify").data)
    written = dsl.write(flow, "coze", form=form)
    back = dsl.write(dsl.read(written.data), "dify").document
    named = [note.source_pointer for note in written.notes if note.source_pointer]
    lost = [place for place, _ in differing(flow.raw, back)]
    assert [place for place in lost if not any(f"{place}/".startswith(f"{each}/") for each in named)] == []
    assert sidecar.restore(dsl.read(written.data), sidecar.make(flow, "coze", written.document)) == (flow.raw, [])


def test_an_archive_that_was_read_is_written_as_it_was_and_with_what_was_changed_in_the_loop() -> None:
    data = dsl.write(rounds_in_rounds(), "coze", form="F4").data
    flow = dsl.read(data)
    assert dsl.write(flow, "coze").document == flow.raw
    nodes(flow)["step"].title = "Another"
    written = dsl.write(flow, "coze")
    assert written.document["sub"][INNER]["nodes"][1]["nodes"][0]["title"] == "Another"
    assert written.document["flow"] == flow.raw["flow"]
    assert [note for note in written.notes if note.code == "container.extracted"] == []


def test_a_workflow_to_which_a_step_was_added_since_stays_one_that_is_called() -> None:
    document = archive(rounds_in_rounds())
    inner = document["sub"][INNER]
    inner["nodes"].append(inner["nodes"][1]["nodes"][0] | {"id": "more", "title": "More"})
    flow = coze.read(document)
    assert nodes(flow)["inner"].kind == "subflow"
    assert [resource.hint["workflowId"] for resource in flow.resources] == [inner["id"]]


def test_check_looks_into_the_inner_workflow() -> None:
    document = archive(rounds_in_rounds())
    document["sub"][INNER]["edges"] = []
    found = [each for each in dsl.check(coze.read(document)) if each.code == "coze.connection"]
    assert [each.pointer for each in found] == ["/sub/workflow~1rounds_in_rounds_Inner-draft.yaml"]


def test_steps_with_the_ids_of_others_get_new_ones() -> None:
    """In Coze the ids of two workflows have nothing to do with each other."""
    document = archive(rounds_in_rounds())
    call = document["flow"]["nodes"][1]["nodes"][1]
    assert call["id"] == "take"
    text = dump_yaml(document["flow"]).replace("take", "step")
    document["flow"] = load_yaml(text)
    flow = coze.read(document)
    ids = [node.id for node, _, _ in walk(flow.graph)]
    assert len(set(ids)) == len(ids) and nodes(flow)["step_2"].kind == "code"
    assert any(ref == Ref("step_2", ("sum",)) for ref in node_refs(nodes(flow)["keep"]))


def test_inner_workflows_that_call_each_other_in_a_circle_are_read() -> None:
    document = archive(rounds_in_rounds())
    inner = document["sub"][INNER]
    inner["nodes"][1]["nodes"][0] |= {"type": "subflow", "parameters": {"workflowId": inner["id"]}}
    known = nodes(coze.read(document))
    assert (known["inner"].kind, known["step"].kind) == ("loop", "subflow")


def test_references_that_lead_on_and_on_have_no_type_at_last() -> None:
    def loop(i: int) -> dict[str, Any]:
        given = {"value": {"path": "x", "ref_node": f"l{i + 1}"}}
        return {"id": f"l{i}", "type": "loop", "nodes": [], "parameters": {"node_outputs": {"x": given}}}

    flow = coze.read({"schema_version": "1.0.0", "nodes": [loop(i) for i in range(3000)], "edges": []})
    assert nodes(flow)["l2999"].outputs["x"] == Type("array", items=Type("string"))
    assert nodes(flow)["l0"].outputs["x"].name == "array"
