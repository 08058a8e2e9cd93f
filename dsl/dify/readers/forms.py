"""Forms for people: their fields, and the buttons that a run goes on by."""

from dsl.dify import names
from dsl.dify.names import FIELD
from dsl.dify.place import Place
from dsl.dify.readers.source import Fill, Source
from dsl.ir import Node, Type
from dsl.values import parts, text

_SECONDS = {"hour": 3600, "day": 86400}


def _ask(data: Place, node: Node, source: Source) -> None:
    asked = parts(source.text(data.at("form_content"), node))
    shown = [FIELD.sub("", part) if isinstance(part, str) else part for part in asked]
    node.params["question"] = text(shown)  # other platforms show the fields of a form below it
    for each in data.mappings("inputs"):
        node.outputs[each.text("output_variable_name")] = _form_field(each)
    actions = [{"id": each.text("id"), "title": each.text("title")} for each in data.mappings("user_actions")]
    ids = [action["id"] for action in actions]
    source.handles[node.id] = {name: f"action:{name}" for name in ids} | {"__timeout__": "timeout"}
    ours = not node.outputs and all(name.startswith(names.OPTION) for name in ids)
    if ids and ours:
        node.params["options"] = [action["title"] for action in actions if action["id"] != names.OPTION + "none"]
        source.handles[node.id] |= {name: f"option:{i}" for i, name in enumerate(ids)} | {
            names.OPTION + "none": "default"
        }
    elif ids == [names.ONWARD]:
        source.handles[node.id][names.ONWARD] = "out"
    elif actions:
        node.params["actions"] = actions
    if timeout := data.integer("timeout"):
        node.params["timeout_s"] = timeout * _SECONDS.get(data.text("timeout_unit", default="hour"), 3600)


def _form_field(place: Place) -> Type:
    kind = place.text("type")
    if kind == "select":
        source = place.mapping("option_source")
        fixed = source.text("type") != "variable"
        return Type("string", options=tuple(each.text() for each in source.items("value")) if fixed else ())
    return names.type_of(kind) if kind in ("file", "file-list") else Type("string")


READERS: dict[str, Fill] = {"ask": _ask}
