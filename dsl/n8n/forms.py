"""The forms that a workflow of n8n comes in, read and written (n8n.md, sections 4, 7, 8 and 14).

The editor's file, a pasted fragment without name and settings, an array of workflows, the answers of the public API to
GET, a template's wrapper, and `.n8np`: a gzipped tar with manifest.json and workflows/<name>/workflow.json.
"""

import json
from collections.abc import Iterator
from typing import Any

from dsl import DslError, OptionError
from dsl.dump import dump_json
from dsl.load import load_json
from dsl.n8n.source import dig
from dsl.n8n.tables import TRIGGERS, short
from dsl.notes import Note
from dsl.values import pointer

MAX_UNPACKED = 64 * 2**20
MAX_FILES = 2000
_ENDING = "/workflow.json"
SETTINGS = {"executionOrder": "v1"}  # without it agents get empty answers from their tools (n8n.md, section 9)

FORMS = ("ui", "cli", "api")
STARTS = ("webhook", "call", "chat", "manual")  # how a flow of another platform may begin
OWN = " by flowstill"  # behind the form: the file holds nodes that flowstill wrote beside others

# What the public API takes (n8n.md, section 4); it refuses everything else.
_API_TOP = ("name", "nodes", "connections", "settings")
_API_MORE = ("pinData", "staticData", "nodeGroups")
_API_SETTINGS = (
    *("saveExecutionProgress", "saveManualExecutions", "saveDataErrorExecution", "saveDataSuccessExecution"),
    *("executionTimeout", "errorWorkflow", "timezone", "executionOrder", "binaryMode", "callerPolicy", "callerIds"),
    *("timeSavedMode", "timeSavedPerExecution", "redactionPolicy", "availableInMCP", "customTelemetryTags"),
    "credentialResolverId",
)
_API_NODE = (
    *("id", "name", "type", "typeVersion", "position", "parameters", "credentials", "disabled", "notes", "notesInFlow"),
    *("webhookId", "executeOnce", "alwaysOutputData", "retryOnFail", "maxTries", "waitBetweenTries", "continueOnFail"),
    *("onError", "customTelemetryTags"),
)


def is_workflow(document: Any) -> bool:
    """Nodes as n8n has them beside its connections; Coze has nodes with edges."""
    if not isinstance(document, dict) or not isinstance(document.get("nodes"), list):
        return False
    if not isinstance(document.get("connections"), dict) or "edges" in document:
        return False
    nodes = document["nodes"]
    return not nodes or any(isinstance(node, dict) and isinstance(node.get("type"), str) for node in nodes)


def sniff(document: Any) -> bool:
    return find(document) is not None


def find(document: Any) -> tuple[str, str, Any] | None:
    """The form, the pointer of the workflow in the document, and the workflow; the first one of several."""
    if is_workflow(document):
        return "workflow", "", document
    if isinstance(document, list):
        inner = next((i for i, each in enumerate(document) if is_workflow(each)), None)
        return None if inner is None else (f"array:{inner}/{len(document)}", f"/{inner}", document[inner])
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("n8np"), dict):
        files = document["n8np"]
        path = next((name for name in files if _is_workflow_file(name) and is_workflow(files[name])), None)
        return None if path is None else (f"n8np:{path}", pointer("n8np", path), files[path])
    for key, form in (("workflow", "template"), ("data", "answer")):
        if is_workflow(document.get(key)):
            return form, f"/{key}", document[key]
    if isinstance(document.get("data"), list) and (within := find(document["data"])) and within[0].startswith("array:"):
        return "list" + within[0][5:], "/data" + within[1], within[2]
    return None


def _is_workflow_file(name: Any) -> bool:
    return isinstance(name, str) and name.startswith("workflows/") and name.endswith(_ENDING)


def others(document: Any, form: str) -> int:
    """How many more workflows the document holds."""
    if form.startswith(("array:", "list:")):
        return sum(map(is_workflow, document if form.startswith("array:") else document["data"])) - 1
    if form.startswith("n8np:"):
        return sum(_is_workflow_file(name) and is_workflow(each) for name, each in document["n8np"].items()) - 1
    return 0


def wrap(workflow: dict[str, Any], form: str) -> Any:
    """The workflow in the form that it was read from."""
    kind, _, place = form.partition(":")
    if kind in ("array", "list"):
        inner, _, count = place.partition("/")
        many = [workflow if i == int(inner) else None for i in range(int(count))]
        return many if kind == "array" else {"data": many}
    if form in ("template", "answer"):
        return {"workflow" if form == "template" else "data": workflow}
    if form.startswith("n8np:"):
        return {"n8np": {form[5:]: workflow}}
    return workflow


def shaped(workflow: dict[str, Any], form: str) -> dict[str, Any]:
    """A workflow for the editor ("ui"), the command line ("cli": it wants an id) or the public API ("api")."""
    if form == "api":
        return {key: workflow[key] for key in _API_TOP}
    if form == "cli":
        return {"id": _id_of(workflow["name"]), **workflow, "active": False}
    return {**workflow, "active": False, "pinData": {}}


def reshaped(
    document: Any, notes: list[Note], *, form: str = "ui", trigger: str = "", path: str = ""
) -> tuple[Any, list[Note]]:
    """A document of n8n in the form that is asked for, with all that it takes of what stands in the document."""
    check("form", form, FORMS)
    check("trigger", trigger, ("", *STARTS))
    found = find(document)
    if found is not None:
        _check_start(found[2], trigger, path)
    if found is None or form == "ui":
        return document, notes
    workflow = found[2]
    if form == "cli":
        return ({"id": _id_of(str(workflow.get("name", ""))), **workflow}, notes)
    made = {"name": "Workflow", "settings": SETTINGS, **_only(workflow, (*_API_TOP, *_API_MORE))}
    made["settings"] = _only(made["settings"] or {}, _API_SETTINGS)
    made["nodes"] = [_only(node, _API_NODE) for node in workflow["nodes"]]
    gone = ", ".join(dict.fromkeys(_gone(workflow)))
    message = f"The public API takes none of these: {gone}."
    return made, [*notes, *([Note("dropped", "leaf.dropped", message)] if gone else [])]


def check(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise OptionError(f"{option} is {value!r}; there are: {', '.join(each for each in known if each)}.")


def _check_start(workflow: dict[str, Any], trigger: str, path: str) -> None:
    """How a workflow of n8n's own begins stays as it is."""
    nodes = [node for node in workflow["nodes"] if isinstance(node, dict)]
    begins = {TRIGGERS.get(short(str(node.get("type")))) for node in nodes}
    if trigger and trigger not in begins:
        raise OptionError(f"The workflow does not begin by {trigger}: put that node into it in n8n.")
    if path and path not in {dig(node, "parameters", "path") for node in nodes}:
        raise OptionError(f"No webhook of the workflow has the path {path!r}: give it one in n8n.")


def _only(given: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key in known}


def _gone(workflow: dict[str, Any]) -> Iterator[str]:
    yield from (key for key in workflow if key not in (*_API_TOP, *_API_MORE))
    yield from (f"settings/{key}" for key in workflow.get("settings") or {} if key not in _API_SETTINGS)
    yield from (f"nodes/{key}" for node in workflow["nodes"] for key in node if key not in _API_NODE)


def _id_of(name: str) -> str:
    """A workflow id as n8n makes them, 16 letters and digits; the same name gets the same."""
    import hashlib

    number = int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:12], "big")
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "".join(letters[number // 62**place % 62] for place in range(16))


# -- .n8np


def unpack(data: bytes) -> Any | None:
    """The files of a `.n8np` by name; None for anything else. DslError: it does harm or is broken."""
    if not data.startswith(b"\x1f\x8b"):
        return None
    files = _files(_inflated(data))
    if "manifest.json" not in files and not any(map(_is_workflow_file, files)):
        return None
    return {"n8np": files}


def _inflated(data: bytes) -> bytes:
    import zlib

    if len(data) > MAX_UNPACKED:
        raise DslError(f"The package is larger than {MAX_UNPACKED >> 20} MB.")
    unzip = zlib.decompressobj(31)
    try:
        result = unzip.decompress(data, MAX_UNPACKED + 1)
    except zlib.error as error:
        raise DslError(f"The package is no gzip file: {error}.") from None
    if len(result) > MAX_UNPACKED:
        raise DslError(f"The package unpacks to more than {MAX_UNPACKED >> 20} MB.")
    if not unzip.eof:
        raise DslError("The package ends too early: it was cut off.")
    return result


def _files(archive: bytes) -> dict[str, Any]:
    import io
    import tarfile

    files: dict[str, Any] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for count, member in enumerate(tar):
                if count >= MAX_FILES:
                    raise DslError(f"The package holds more than {MAX_FILES} files.")
                if member.isdir():
                    continue
                plain = member.isreg() and not member.issparse()  # what is sparse unpacks to any size
                stream = tar.extractfile(member) if plain else None
                if stream is None or member.name in files or _unsafe(member.name):
                    raise DslError(f"The package holds {member.name[:80]!r}, which no package of n8n does.")
                content = stream.read()
                if len(content) < member.size:
                    raise DslError("The package ends too early: it was cut off.")
                files[member.name] = _content(member.name, content)
    except (tarfile.TarError, ValueError, OSError, OverflowError) as error:
        raise DslError(f"The package is no tar file: {str(error)[:200]}.") from None
    return files


def _unsafe(name: str) -> bool:
    parts = name.split("/")
    return not name.isprintable() or not name or name.startswith("/") or ".." in parts or "\\" in name


def _content(name: str, content: bytes) -> Any:
    """JSON as data, other text as text, other bytes as {"base64": text}."""
    try:
        text = content.decode("utf-8-sig" if name.endswith(".json") else "utf-8")
    except UnicodeDecodeError:
        import base64

        return {"base64": base64.b64encode(content).decode()}
    if not name.endswith(".json"):
        return text
    try:
        return load_json(text)
    except DslError as error:
        raise DslError(f"{name} in the package: {error}") from None


def dump(document: Any) -> str | bytes:
    if isinstance(document, dict) and isinstance(document.get("n8np"), dict):
        return _packed(document["n8np"])
    return dump_json(document)


def _packed(files: dict[str, Any]) -> bytes:
    """Always the same bytes for the same files: times are left out."""
    import gzip
    import io
    import tarfile

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            data = _bytes(name, content)
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    return gzip.compress(archive.getvalue(), mtime=0)


def _bytes(name: str, content: Any) -> bytes:
    if name.endswith(".json"):
        return json.dumps(content, ensure_ascii=False, indent=2).encode()
    if isinstance(content, str):
        return content.encode()
    import base64

    return base64.b64decode(content["base64"])
