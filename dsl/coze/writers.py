"""A node of the common form as one of Coze: type, inputs, outputs. The larger kinds have files of their own."""

import json
from collections.abc import Callable
from typing import Any

from dsl.coze import branches, chats, containers, databases, documents, http, intents, models, scripts
from dsl.coze.names import identifier
from dsl.coze.nested import Loop
from dsl.coze.tables import CONVERSATIONS, DATABASES, NAMES
from dsl.coze.writing import Made, Writing, batched, literal, variable, variables
from dsl.ir import Node, OnError, Ref, Type


def written(writing: Writing) -> Made:
    """Type, inputs and outputs of a node, with what happens when it fails."""
    kind, inputs, outs = WRITERS.get(writing.node.kind, scripts.stub)(writing)
    policy = writing.node.on_error
    if kind in ("3", "4", "5", "6", "9", "15", "22", "45", "58", "59", "12", "43"):
        inputs["settingOnError"] = setting(writing, policy)
        if policy.then in ("default", "branch"):
            body = Type("object", props={"errorMessage": Type("string"), "errorCode": Type("string")})
            outs = [
                *outs,
                variable("errorBody", body) | {"readonly": True},
                variable("isSuccess", Type("boolean")) | {"readonly": True},
            ]
    elif policy.then != "stop" or policy.retries:
        writing.note("degraded", "error.policy", "What happens when this step fails cannot be set here.")
    return kind, inputs, outs


def _given_instead(node: Node) -> dict[str, Any]:
    """What the node gives out after an error, by Coze's names."""
    theirs, given = NAMES.get(node.kind, {}), dict(node.on_error.default or {})
    fields = given.pop("structured", None) if node.kind in ("llm", "agent", "extract") else None
    named = {theirs.get(name, name): value for name, value in given.items()}
    return named | (fields if isinstance(fields, dict) else {})


def setting(writing: Writing, policy: OnError) -> dict[str, Any]:
    kind = {"stop": 1, "continue": 2, "default": 2, "branch": 3}[policy.then]
    made: dict[str, Any] = {"processType": kind, "retryTimes": policy.retries, "timeoutMs": policy.timeout_ms or 180000}
    if kind == 2:
        made |= {"switch": True, "dataOnErr": json.dumps(_given_instead(writing.node), ensure_ascii=False)}
    elif kind == 3:
        made["switch"] = True
    if policy.wait_ms:
        writing.note("degraded", "error.wait", "There is no wait between tries here.")
    return made


def start(writing: Writing) -> Made:
    types = dict(writing.node.outputs)
    if writing.canvas.flow.mode == "chat":
        types = chats.TYPES | types
    for name, each in types.items():
        if each.options or each.max_length:
            writing.note("degraded", "type.narrowed", f"The options or the length of {name} cannot be set here.")
    return "1", {}, variables(types)


def end(writing: Writing) -> Made:
    node = writing.node
    given = [
        writing.param(identifier(name, writing.used), value, node.outputs.get(name))
        for name, value in node.inputs.items()
    ]
    made: dict[str, Any] = {"terminatePlan": "returnVariables", "inputParameters": given}
    if node.params.get("message") is not None:
        words, more = writing.template(node.params["message"], node.inputs)
        made |= {
            "terminatePlan": "useAnswerContent",
            "streamingOutput": False,
            "content": literal(words, Type("string")),
        }
        made["inputParameters"] = _once([*given, *more])
    return "2", made, []


def _once(params: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({each["name"]: each for each in params}.values())


def answer(writing: Writing) -> Made:
    words, given = writing.template(writing.node.params.get("text", ""))
    stream = bool(writing.node.params.get("stream", True))
    return "13", {"content": literal(words, Type("string")), "streamingOutput": stream, "inputParameters": given}, []


def aggregate(writing: Writing) -> Made:
    params = writing.node.params
    groups: list[dict[str, Any]] = [
        {
            "name": identifier(each.get("name") or "output", writing.used),
            "variables": [writing.block(value) for value in each.get("values", [])],
        }
        for each in params.get("groups", [])
    ]
    if params.get("skip") in ("missing", "falsy"):
        what = "null counts as no value" if params["skip"] == "missing" else "empty values count"
        writing.note("degraded", "aggregate.null", f"The first value that is not null is taken here: {what}.")
    types = {
        group["name"]: each.get("type") or Type("string")
        for group, each in zip(groups, params.get("groups", []), strict=True)
    }
    return (
        "32",
        {"mergeGroups": groups},
        [variable(name, each if each.name != "any" else Type("string")) for name, each in types.items()],
    )


def assign(writing: Writing) -> Made:
    items = writing.node.params.get("items", [])
    if any(each["target"].scope == "loop" for each in items if isinstance(each.get("target"), Ref)):
        pairs = [{"left": writing.block(each["target"]), "right": writing.block(each.get("value"))} for each in items]
        return "20", {"inputParameters": pairs}, []
    given: list[dict[str, Any]] = []
    for each in items:
        target = each.get("target")
        name = str(target.path[0]) if isinstance(target, Ref) and target.path else "value"
        given.append(
            {
                "name": identifier(name, writing.used),
                "left": writing.block(target),
                "input": writing.block(each.get("value")),
            }
        )
    mapping = {
        each["name"]: each["left"]["value"]["content"].get("source", "global_variable_app")
        for each in given
        if isinstance(each["left"]["value"]["content"], dict)
    }
    return "40", {"inputParameters": given, "variableTypeMap": mapping}, [variable("isSuccess", Type("boolean"))]


def _batch(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    assert node.body is not None
    inner = node.body.nodes[0]
    writing.canvas.notes.stand_for(inner, node)
    kind, inputs, _ = written(Writing(inner, writing.canvas, writing.helpers))
    lists = [
        {"name": identifier(name, writing.used), "input": writing.block(value)} for name, value in node.inputs.items()
    ]
    size, limit = params.get("parallel") or 1, params.get("limit", 100)
    inputs["batch"] = {"batchEnable": True, "batchSize": limit, "concurrentSize": size, "inputLists": lists}
    return kind, inputs, variables(node.outputs)


def _iterate(writing: Writing) -> Made:
    return _batch(writing) if batched(writing.node) else containers.iterate(writing)


def tool(writing: Writing) -> Made:
    node = writing.node
    known = {each.id: each for each in writing.canvas.flow.resources}
    resource = known.get(node.params.get("tool", ""))
    hint = resource.hint if resource is not None and writing.canvas.flow.dialect == "coze" else {}
    name = resource.name if resource else node.title
    if hint.get("type") == "coze" and hint.get("node") in CONVERSATIONS:
        return str(hint["node"]), {"inputParameters": writing.params(node.inputs)}, variables(node.outputs)
    if hint.get("type") == "coze" and hint.get("node") in DATABASES:
        return databases.write(writing, str(hint["node"]))
    if not hint:
        writing.note(
            "needs_binding",
            "resource.tool",
            f"The tool {name} has to be a plugin of this space.",
            "Add it, and choose it here.",
        )
    keys = ("apiID", "apiName", "pluginID", "pluginName", "pluginVersion", "tips", "outDocLink")
    about = {key: str(hint.get(key, "")) for key in keys} | ({} if hint else {"apiName": name})
    params = [{"name": key, "input": literal(value, Type("string"))} for key, value in about.items()]
    given = writing.params(node.inputs)
    return (
        "4",
        {"apiParam": params, "inputParameters": given},
        variables(node.outputs) or [variable("output", Type("string"))],
    )


def subflow(writing: Writing) -> Made:
    node = writing.node
    if (loop := writing.canvas.loops.get(node.id)) is not None:
        return "9", _call(loop) | {"inputParameters": writing.params(node.inputs)}, variables(node.outputs)
    known = {each.id: each for each in writing.canvas.flow.resources}
    resource = known.get(node.params.get("flow", ""))
    hint = resource.hint if resource is not None and writing.canvas.flow.dialect == "coze" else {}
    if not hint:
        writing.note(
            "needs_binding",
            "resource.subflow",
            f"The workflow {resource.name if resource else ''} has another id here.",
            "Choose it again.",
        )
    made: dict[str, Any] = {key: str(hint.get(key, "")) for key in ("workflowId", "workflowVersion", "spaceId")}
    made |= {"type": 0, "inputDefs": [], "inputParameters": writing.params(node.inputs)}
    return "9", made, variables(node.outputs)


def _call(loop: Loop) -> dict[str, Any]:
    start, *_ = loop.flow.graph.nodes
    about = {"workflowId": loop.id, "workflowVersion": "", "spaceId": ""}
    return about | {"type": 0, "inputDefs": variables(start.outputs)}


def ask(writing: Writing) -> Made:
    node, params = writing.node, writing.node.params
    options = params.get("options") or []
    if not options and not params.get("question"):
        schema = json.dumps(variables(node.outputs), ensure_ascii=False)
        return "30", {"outputSchema": schema, "inputParameters": []}, variables(node.outputs)
    _ask_told(writing, bool(options))
    words, given = writing.template(params.get("question", ""))
    said = []
    for each in options:
        more_words, more = writing.template(each)
        said.append({"name": more_words})
        given += more
    model = {
        "modelType": 0,
        "modelName": "",
        "systemPrompt": "",
        "temperature": 1,
        "topP": 0.7,
        "maxTokens": 1024,
        "responseFormat": 2,
        "generationDiversity": "default_val",
    }
    made: dict[str, Any] = {
        "question": words,
        "answer_type": "option" if options else "text",
        "option_type": "static",
        "options": said or [{"name": ""}, {"name": ""}],
        "extra_output": bool(node.outputs) and not options,
        "limit": 3,
        "llmParam": model,
        "inputParameters": given,
    }
    outs = (
        {"optionId": Type("string"), "optionContent": Type("string")}
        if options
        else {"USER_RESPONSE": Type("string", required=True)}
    )
    return "18", made, variables(outs | node.outputs)


def _ask_told(writing: Writing, chosen: bool) -> None:
    """A question takes one text here, and a model reads the fields out of it."""
    fields = writing.node.outputs
    if writing.canvas.flow.dialect == "coze" or chosen or not fields:
        return
    if listed := [f"{name} ({', '.join(each.options)})" for name, each in fields.items() if each.options]:
        message = f"What can be chosen of {'; '.join(listed)} is not offered here."
        writing.note("degraded", "type.narrowed", message, "Name the choices in the question.")
    message = f"One text is asked for here; a model reads {', '.join(fields)} out of it, and may miss them."
    writing.note("degraded", "ask.fields", message, "Ask for each in a question of its own where it matters.")
    writing.note("needs_binding", "resource.model", "A model reads the answer here, and none is chosen.", "Choose one.")


def note(writing: Writing) -> Made:
    lines = str(writing.node.params.get("text", "")).split("\n")
    slate = [{"type": "paragraph", "children": [{"text": line, "type": "text"}]} for line in lines]
    return "31", {"note": json.dumps(slate, ensure_ascii=False), "schemaType": "slate"}, []


WRITERS: dict[str, Callable[[Writing], Made]] = {
    "start": start,
    "end": end,
    "answer": answer,
    "llm": models.llm,
    "agent": models.llm,
    "extract": models.extract,
    "code": scripts.code,
    "template": scripts.template,
    "split": scripts.split,
    "if": branches.write,
    "classify": intents.write,
    "http": http.write,
    "aggregate": aggregate,
    "assign": assign,
    "json_parse": scripts.json_parse,
    "json_dump": scripts.json_dump,
    "iterate": _iterate,
    "loop": containers.loop,
    "break": containers.leave,
    "continue": containers.leave,
    "retrieve": documents.retrieve,
    "add_document": documents.add,
    "delete_document": documents.delete,
    "tool": tool,
    "subflow": subflow,
    "ask": ask,
    "note": note,
    "set": scripts.steps,
    "list": scripts.steps,
    "pass": scripts.steps,
    "stop": scripts.steps,
}
