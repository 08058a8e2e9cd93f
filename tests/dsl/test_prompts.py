"""Prompts that are templates, on platforms whose prompts hold references alone."""

import pytest

import dsl
from dsl.ir import Flow, Node, Ref, Script, Type
from dsl.values import nodes
from tests.dsl.small import line


def written(template: str, dialect: str, **types: Type) -> dsl.Written:
    """A prompt of Dify on another platform; the input is a text, where nothing else is said."""
    reply = Node("l", "llm", "Reply", params={"messages": [{"role": "user", "text": Script("jinja2", template)}]})
    reply.inputs = {"q": Ref("s", ("q",))}
    start = Node("s", "start", "Start", outputs={"q": Type("string")} | types)
    return dsl.write(Flow("T", "dify", graph=line(start, reply, Node("e", "end", "End"))), dialect)


@pytest.mark.parametrize("dialect", ["coze", "n8n", "ragflow"])
def test_a_prompt_with_logic_raises_instead_of_being_sent_as_it_is_written(dialect: str) -> None:
    made = written("{% for x in q %}{{ x }}{% endfor %}", dialect, q=Type("array"))
    told = [(note.severity, note.node) for note in made.notes if note.code == "template.logic"]
    assert told == [("stub", "l")]
    back = dsl.read(made.data, dialect)
    (reply,) = [node for node in nodes(back).values() if node.kind in ("llm", "agent")]
    assert "{%" not in str(reply.params["messages"])


@pytest.mark.parametrize("dialect", ["coze", "n8n", "ragflow"])
def test_a_prompt_that_only_names_its_inputs_is_text(dialect: str) -> None:
    made = written("Say {{ q }}!", dialect)
    assert not [note for note in made.notes if note.code.startswith("template.")]
    assert "{{ q }}" not in str(made.data)


@pytest.mark.parametrize("dialect", ["coze", "n8n", "ragflow"])
def test_what_python_would_print_of_a_list_in_a_prompt_is_told(dialect: str) -> None:
    made = written("Say {{ q }}!", dialect, q=Type("array", items=Type("string")))
    (told,) = [note for note in made.notes if note.code == "template.printed"]
    assert (told.severity, told.node) == ("degraded", "l") and "(q)" in told.message


def test_a_prompt_with_logic_over_texts_is_put_together_in_front_on_ragflow() -> None:
    made = written("{% if q %}Say {{ q }}{% endif %}", "ragflow")
    assert not [note for note in made.notes if note.severity == "stub"]
    component = made.document["dsl"]["components"]["l_prompt"]["obj"]
    assert component["params"]["script"] == "{% if {begin@q} %}Say {{ {begin@q} }}{% endif %}"


@pytest.mark.parametrize("dialect", ["coze", "n8n", "ragflow"])
@pytest.mark.parametrize(
    ("template", "told"), [("{{ xs }} {{ q }}", ["xs"]), ("{{ row }}{{ on }}", ["row, on"]), ("{{ xs[0] }}{{ q }}", [])]
)
def test_what_python_would_print_of_a_list_is_told_where_it_looks_different(
    dialect: str, template: str, told: list[str]
) -> None:
    strings = Type("array", items=Type("string"))
    types = {"xs": strings, "row": Type("object"), "on": Type("boolean"), "q": Type("string")}
    page = Node("p", "template", "Page", params={"template": Script("jinja2", template)})
    page.inputs = {name: Ref("s", (name,)) for name in types}
    start = Node("s", "start", "Start", outputs=types)
    made = dsl.write(Flow("T", "dify", graph=line(start, page, Node("e", "end", "End"))), dialect)
    said = [note.message for note in made.notes if note.code == "template.printed"]
    assert [each.partition("(")[2].partition(")")[0] for each in said] == told
