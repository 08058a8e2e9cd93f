"""Nodes that ask a model: its prompt, the classes it chooses from, the fields it finds."""

from dsl.dify import names
from dsl.dify.place import Place
from dsl.dify.readers.source import Fill, Source, named_inputs
from dsl.dify.readers.types import typed
from dsl.dify.resources import long_provider
from dsl.ir import Node, Ref, Script, Value
from dsl.kinds import role


def _llm(data: Place, node: Node, source: Source) -> None:
    chosen_model(data, node, source)
    node.params["mode"] = data.mapping("model").choice("mode", "chat", "completion")
    node.params["messages"] = _messages(data, node, source)
    if data.flag("context", "enabled") and (ref := source.ref(data.at("context", "variable_selector"), node)):
        node.params["context"] = ref
    if data.flag("structured_output_enabled") or data.flag("structured_output_switch_on"):
        node.params["schema"] = data.mapping("structured_output", "schema").value
    if data.has("reasoning_format"):
        node.params["reasoning"] = data.choice("reasoning_format", "tagged", "separated")
    node.inputs |= named_inputs(data.mapping("prompt_config").mappings("jinja2_variables"), node, source)


def _messages(data: Place, node: Node, source: Source) -> list[Value]:
    """The prompt. With memory, Dify adds the question of the user to it in the end: it is a message like others."""
    template = data.at("prompt_template")
    many = isinstance(template.value, list)
    messages = [_message(each, node, source) for each in (template.mappings() if many else [template.mapping()])]
    if not many and not template.value:
        messages = []
    if many and data.has("memory"):
        query = source.text(data.at("memory", "query_prompt_template"), node)
        messages.append({"role": "user", "text": query or source.refs.text("{{#sys.query#}}", node.id)})
    return messages


def _message(place: Place, node: Node, source: Source) -> Value:
    jinja = place.text("edition_type") == "jinja2"
    text = Script("jinja2", place.text("jinja2_text")) if jinja else source.text(place.at("text"), node)
    return {"role": role(place.text("role")), "text": text}


def _classify(data: Place, node: Node, source: Source) -> None:
    chosen_model(data, node, source)
    node.params["query"] = source.ref(data.at("query_variable_selector"), node)
    node.params["instruction"] = source.text(data.at("instruction"), node) or source.text(data.at("instructions"), node)
    classes = data.mappings("classes")
    ids = [each.text("id", default=str(i + 1)) for i, each in enumerate(classes)]
    source.handles[node.id] = {name: f"class:{i}" for i, name in enumerate(ids)}
    if ids and ids[-1] == names.OTHER_CLASS:
        del classes[-1]
        source.handles[node.id][names.OTHER_CLASS] = "default"
    node.params["classes"] = [
        {"name": each.text("name"), "description": "", "examples": []}
        | ({} if ids[i] == str(i + 1) else {"id": ids[i]})
        for i, each in enumerate(classes)
    ]


def _extract(data: Place, node: Node, source: Source) -> None:
    chosen_model(data, node, source)
    node.params["query"] = source.ref(data.at("query"), node)
    node.params["instruction"] = source.text(data.at("instruction"), node)
    node.params["method"] = data.choice("reasoning_mode", "function_call", "prompt")
    for each in data.mappings("parameters"):
        node.outputs[each.text("name")] = typed(
            names.type_of(each.text("type")),
            required=each.flag("required"),
            description=each.text("description"),
            options=tuple(option.text() for option in each.items("options")),
        )


def chosen_model(data: Place, node: Node, source: Source) -> None:
    if data.has("model"):
        model_of(data.mapping("model"), "name", node, source)
    memory(data, node)
    if data.flag("vision", "enabled"):
        chosen = source.ref(data.mapping("vision", "configs").at("variable_selector"), node)
        node.params["vision"] = chosen or Ref("", ("files",), "system")


def model_of(model: Place, key: str, node: Node, source: Source) -> None:
    provider = long_provider(model.text("provider"))
    node.params["model"] = source.register.add("model", model.text(key), provider)
    node.params["parameters"] = {name: place.value for name, place in model.entries("completion_params")}


def memory(data: Place, node: Node) -> None:
    if data.has("memory"):
        window = data.mapping("memory", "window")
        node.params["memory"] = {"window": window.integer("size") if window.flag("enabled") else None}


READERS: dict[str, Fill] = {"llm": _llm, "classify": _classify, "extract": _extract}
