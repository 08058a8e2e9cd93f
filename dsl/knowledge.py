"""Documents go into a knowledge base, and out of one, over HTTP where a platform has no node for that.

The requests are those of Dify's knowledge API: POST /datasets/{id}/document/create-by-file (or -by-text), and DELETE
/datasets/{id}/documents/{id}. Its address, the ids of the bases and the key are to be filled in; code behind a request
reads its answer, and fails when that is none of Dify's.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from dsl.computed import behind, insert
from dsl.ir import Flow, Graph, Json, Node, Ref, Script, Type, Value, Variable
from dsl.kinds import KINDS, outputs
from dsl.notes import Severity
from dsl.values import map_refs, nodes, parts, text, unique, walk

Told = Callable[[Node, Severity, str, str, str], None]  # severity, code, message, suggestion
KNOWLEDGE_KEY = "knowledge API key"  # the credential
URL = "KNOWLEDGE_API_URL"
UNFETCHED = "When the file cannot be fetched the run fails, whatever is to happen when the step itself fails."
GIVEN = {  # by kind and language: what the answer says, in the words of the common form
    ("add_document", "python3"): """import json


def main(body):
    document = json.loads(body)["document"]
    return {"document_id": document["id"], "file_name": document["name"]}
""",
    ("add_document", "javascript"): """function main({ body }) {
  const { document } = JSON.parse(body);
  if (!document?.id) throw new Error("This is no answer of Dify's knowledge API: " + body);
  return { document_id: document.id, file_name: document.name };
}
""",
    ("delete_document", "python3"): "def main(status):\n    return {'is_success': 200 <= status < 300}\n",
    ("delete_document", "javascript"): "function main({ status }) {\n"
    "  return { is_success: status >= 200 && status < 300 };\n}\n",
}
_READ = {"add_document": "body", "delete_document": "status"}
_OF_TEXT = """import json


def main(text):
    if not text:
        raise Exception("No text came from the address of the file.")
    return {{"request": json.dumps({settings!r} | {{"text": text}}, ensure_ascii=False)}}
"""
_TEXTS = (".txt", ".md", ".markdown", ".html", ".htm", ".json", ".xml")  # what Dify fetches as text, and no file


def request(flow: Flow, lang: Literal["python3", "javascript"], told: Told, *, fetch: bool) -> None:
    """Put requests in place of such nodes. `fetch`: a file's address needs a request of its own in front."""
    requests = _Requests(flow, lang, told, fetch)
    for node, graph, _ in list(walk(flow.graph)):
        if node.kind in _READ:
            requests.put(node, graph)
    if requests.moved:
        for node, _, _ in walk(flow.graph):
            node.params, node.inputs = (map_refs(held, requests.now) for held in (node.params, node.inputs))


@dataclass
class _Requests:
    flow: Flow
    lang: Literal["python3", "javascript"]
    told: Told
    fetch: bool
    known: dict[str, dict[str, Type]] = field(init=False)  # of nodes: what they give out
    taken: set[str] = field(init=False)
    bases: dict[str, str] = field(default_factory=dict)  # of knowledge bases: the variable that holds the id
    moved: dict[tuple[str, str], str] = field(default_factory=dict)  # (node, output): the node that gives it out now

    def __post_init__(self) -> None:
        self.known = {name: outputs(node) for name, node in nodes(self.flow).items()}
        self.taken = {*self.known}

    def put(self, node: Node, graph: Graph) -> None:
        kind, given = node.kind, node.params
        base = Ref("", (self._base(node),), "env")
        auth = {"type": "bearer", "name": "", "credential": given.get("credential", "")}
        node.kind, node.params = "http", {"auth": auth, "response": "text", "on_status": "fail"}
        rest: list[str | Ref | Script] = ["/documents/", *parts(given.get("document") or "")]
        method = "DELETE"
        if kind == "add_document":
            method, rest = "POST", [f"/document/create-by-{self._document(node, graph, given)}"]
        node.params |= {"method": method, "url": text([self._url(), "/datasets/", base, *rest])}
        self._answer(node, graph, kind)

    def now(self, ref: Ref) -> Ref:
        made = self.moved.get((ref.node, str(ref.path[0]))) if ref.path and ref.scope == "node" else None
        return replace(ref, node=made) if made else ref

    # -- what is sent

    def _document(self, node: Node, graph: Graph, params: dict[str, Any]) -> str:
        """Whether a file or a text is sent; the body of the request."""
        file, settings = params.get("file"), _settings(params.get("chunks"))
        message = "It is read, cut and indexed as the knowledge API does it, and after the request has come back."
        self.told(node, "degraded", "document.parsing", message, "Look at the chunks of a document.")
        if self._is_address(file):
            message = "The file is fetched from its address; one that Coze made for an upload expires."
            advice = "Put the file where it stays, under a name that ends in its kind, and write that address."
            self.told(node, "needs_binding", "document.address", message, advice)
            if self.fetch and node.on_error.then != "stop":
                self.told(node, "degraded", "error.policy", UNFETCHED, "")
            if self.fetch and (name := _name(file)).lower().endswith(_TEXTS):
                self._text(node, graph, file, settings | {"name": name})
                return "text"
            if self.fetch:
                message = "Dify makes up a name for what it fetches: the document is called by that."
                self.told(node, "degraded", "document.name", message, "")
                file = Ref(self._fetched(node, graph, file).id, ("files",))
        fields = [
            {"name": "file", "type": "file", "value": file},
            {"name": "data", "type": "text", "value": json.dumps(settings, ensure_ascii=False)},
        ]
        node.params["body"] = {"type": "form", "fields": fields}
        return "file"

    def _text(self, node: Node, graph: Graph, address: Value, settings: dict[str, Any]) -> None:
        params = {"lang": "python3", "style": "kwargs", "source": _OF_TEXT.format(settings=settings)}
        said = Node(self._id(node, "text"), "code", f"{node.title or node.id} text", params=params)
        said.outputs = {"request": Type("string")}
        insert(graph, said, node)
        said.inputs = {"text": Ref(self._fetched(said, graph, address).id, ("body",))}
        node.params["body"] = {"type": "json", "text": Ref(said.id, ("request",))}

    def _fetched(self, node: Node, graph: Graph, address: Value) -> Node:
        params = {"method": "GET", "url": address, "headers": [], "query": [], "on_status": "fail"}
        found = Node(self._id(node, "file"), "http", f"{node.title or node.id} file", params=params)
        insert(graph, found, node)
        return found

    def _is_address(self, file: Value) -> bool:
        """A text is one; what may be a file is none."""
        if not isinstance(file, Ref):
            return True
        given = self.known.get(file.node, {}) if file.scope == "node" and len(file.path) == 1 else {}
        return given.get(str(file.path[0]), Type()).name == "string" if given else False

    # -- what is to be filled in

    def _base(self, node: Node) -> str:
        """The variable that holds the base's id."""
        id_ = str(node.params.get("knowledge", ""))
        name = next((each.name for each in self.flow.resources if each.id == id_), "")
        if id_ not in self.bases:
            wanted = re.sub(r"\W+", "_", f"KNOWLEDGE_{name}", flags=re.ASCII).strip("_").upper()[:30]
            self.bases[id_] = unique(wanted, set(self.bases.values()), longest=30)
        variable = self._variable(self.bases[id_], f"The id of the knowledge base that was {name}")
        message = f"Documents of the knowledge base {name} go through Dify's knowledge API, whose address is not known."
        advice = f"Fill in the variables {URL} and {variable} of the environment."
        self.told(node, "needs_binding", "resource.knowledge", message, advice)
        return variable

    def _url(self) -> Ref:
        about = "Where the service API of Dify is, such as https://api.dify.ai/v1"
        return Ref("", (self._variable(URL, about),), "env")

    def _variable(self, name: str, description: str) -> str:
        if ("env", name) not in {(each.scope, each.name) for each in self.flow.variables}:
            self.flow.variables.append(Variable("env", name, Type("string"), description=description))
        return name

    def _id(self, node: Node, role: str) -> str:
        return unique(f"{node.id}_{role}", self.taken)

    # -- what comes back

    def _answer(self, node: Node, graph: Graph, kind: str) -> None:
        read = _READ[kind]
        params = {"lang": self.lang, "style": "kwargs", "source": GIVEN[kind, self.lang]}
        made = Node(self._id(node, "answer"), "code", f"{node.title or node.id} answer", params=params)
        made.inputs = {read: Ref(node.id, (read,))}
        made.outputs = {name: type_ for name, type_ in KINDS[kind].outputs.items() if name != "file_url"}
        behind(graph, node, made)
        self.moved |= {(node.id, name): made.id for name in made.outputs}
        if node.on_error.default is not None:
            node.on_error = replace(node.on_error, default={read: _answered(kind, node.on_error.default)})


def _answered(kind: str, given: dict[str, Json]) -> Json:
    """What the API would have answered for this to be given out."""
    if kind == "delete_document":
        return 204 if given.get("is_success") else 500
    return json.dumps({"document": {"id": given.get("document_id"), "name": given.get("file_name")}})


def _settings(chunks: Any) -> dict[str, Json]:
    """How the text is cut; the technique is that of the base, and this one where it has none yet."""
    return {"indexing_technique": "high_quality", "process_rule": _rule(chunks or {})}


def _rule(chunks: dict[str, Any]) -> dict[str, Json]:
    size, overlap = chunks.get("max_tokens"), chunks.get("overlap", 0)
    if not isinstance(size, int):
        return {"mode": "automatic"}
    share = (overlap if overlap < 1 else overlap / 100) if isinstance(overlap, int | float) else 0
    segmentation = {
        "separator": chunks.get("separator", "\n"),
        "max_tokens": size,
        "chunk_overlap": int(size * share),
    }
    cleaning = [{"id": name, "enabled": False} for name in ("remove_extra_spaces", "remove_urls_emails")]
    return {"mode": "custom", "rules": {"pre_processing_rules": cleaning, "segmentation": segmentation}}


def _name(address: Value) -> str:
    """What the file is called, as far as its address says."""
    try:
        url = urlsplit("".join(part for part in parts(address) if isinstance(part, str)))
    except ValueError:
        return ""
    named = parse_qs(url.query).get("x-wf-file_name")  # of an upload to Coze
    return named[0] if named else unquote(url.path.rpartition("/")[2])
