"""Forms for people: their fields, and the buttons that a run goes on by."""

from dsl.dify import names
from dsl.dify.work import Work
from dsl.dify.writers.values import Data, Write, text
from dsl.ir import Node, Type


def _ask(work: Work, node: Node) -> Data:
    options = node.params.get("options") or []
    actions = [{"id": f"{names.OPTION}{i}", "title": text(work, each)[:100]} for i, each in enumerate(options)]
    if options:
        actions.append({"id": f"{names.OPTION}none", "title": "Other"})
    actions += [{"id": each["id"], "title": each["title"]} for each in node.params.get("actions") or []]
    actions = actions or [{"id": names.ONWARD, "title": "OK"}]
    styled = [{**each, "button_style": "default"} for each in actions]
    fields = {} if options else node.outputs
    shown = "".join(f"\n\n{{{{#$output.{name}#}}}}" for name in fields)  # what the text does not name, a form hides
    made: Data = {
        "form_content": text(work, node.params.get("question", "")) + shown,
        "inputs": [_form_field(name, type_) for name, type_ in fields.items()],
        "user_actions": styled,
    }
    seconds = node.params.get("timeout_s")
    if seconds:
        hours = max(1, -(-int(seconds) // 3600))
        day = hours % 24 == 0
        made |= {"timeout": hours // 24 if day else hours, "timeout_unit": "day" if day else "hour"}
    return made


def _form_field(name: str, type_: Type) -> Data:
    if type_.options:
        source = {"type": "constant", "selector": [], "value": list(type_.options)}
        return {"type": "select", "output_variable_name": name, "option_source": source}
    kind = "file" if type_.name == "file" else "paragraph"
    if type_.name == "array" and type_.items and type_.items.name == "file":
        kind = "file-list"
    return {"type": kind, "output_variable_name": name}


WRITERS: dict[str, Write] = {"ask": _ask}
