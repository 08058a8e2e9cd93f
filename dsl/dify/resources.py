"""Models, tools and knowledge that a file names, and the plugins that it depends on for them."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dsl.dify.place import Place
from dsl.ir import Json, Node, Resource, Type, Variable

if TYPE_CHECKING:
    from dsl.dify.work import Work

# Before plugins (Dify 1.0) a provider was one word. Where plugin and provider are not called the same:
_PLUGINS = {"google": "gemini"}


def long_provider(provider: str) -> str:
    """A model provider as author/plugin/provider, whatever form the file has."""
    if not provider or "/" in provider:
        return provider
    return f"langgenius/{_PLUGINS.get(provider, provider)}/{provider}"


def plugin_of(provider: str) -> str:
    """author/plugin of author/plugin/provider; "" for what is built in."""
    return "/".join(provider.split("/")[:2]) if provider.count("/") >= 1 else ""


_IDENTIFIERS = {
    "marketplace": "marketplace_plugin_unique_identifier",
    "github": "github_plugin_unique_identifier",
    "package": "plugin_unique_identifier",
}


def dependencies(document: Place) -> dict[str, Json]:
    """The entries of `dependencies` by the plugin, author/name, that they are about."""
    found: dict[str, Json] = {}
    for entry in document.mappings("dependencies"):
        kind = entry.text("type")
        if kind not in _IDENTIFIERS:
            raise entry.at("type").wants("marketplace, github or package")
        identifier = entry.text("value", _IDENTIFIERS[kind])
        found.setdefault(identifier.split(":")[0], entry.value)
    return found


class Names:
    """Names that are given out once: `dsl.values.unique` for as many alike as a file may hold."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._last: dict[str, int] = {}

    def new(self, stem: str, join: str = "_") -> str:
        name = stem
        while name in self._taken:
            self._last[stem] = self._last.get(stem, 1) + 1
            name = f"{stem}{join}{self._last[stem]}"
        self._taken.add(name)
        return name


class Register:
    """The resources of a flow: each is listed once, with an id that its name gives."""

    def __init__(self, plugins: dict[str, Json]) -> None:
        self.plugins = plugins
        self.resources: list[Resource] = []
        self._known: dict[tuple[Any, ...], str] = {}
        self._names = Names()

    def add(self, kind: Any, name: str, provider: str = "", **hint: Json) -> str:
        """The id of the resource; `provider` says whose plugin it needs."""
        hint = {key: value for key, value in hint.items() if value != "" and (key, value) != ("label", name)}
        key = (kind, name, provider, repr(sorted(hint.items())))
        if key not in self._known:
            self._known[key] = self._names.new(f"{kind}:{name or 1}", "-")
            hint = {"provider": provider, **hint} if provider else hint
            if plugin := self.plugins.get(plugin_of(provider)):
                hint = {**hint, "dependency": plugin}
            self.resources.append(Resource(self._known[key], kind, name, hint))
        return self._known[key]

    def tool(self, name: str, provider: str, kind: str, label: str) -> str:
        hint = {"type": kind, "label": label} | ({"server": provider} if kind == "mcp" else {})
        return self.add("subflow" if kind == "workflow" else "tool", name, provider, **hint)


_WORD = re.compile(r"[^A-Za-z0-9]+")


def secret_name(work: "Work", credential: Any, node: Node) -> str:
    """The environment variable that holds a credential: the one it came from, or a new one to be filled in."""
    resource = work.resources.get(credential)
    name = resource.name if resource else f"{node.title} key"
    name = _WORD.sub("_", name).strip("_").upper()[:30].strip("_") or "API_KEY"
    name = name if name[0].isalpha() else f"KEY_{name}"[:30]
    if ("env", name) not in work.types:
        work.types["env", name] = Type("secret")
        work.flow.variables.append(Variable("env", name, Type("secret"), description="To be filled in"))
    if not work.own:
        advice = f"Fill in the environment variable {name}."
        work.note(node, "needs_binding", "resource.credential", f"The credential {name} is not in the file.", advice)
    return name


# -- for writing

# Providers by words that other platforms use for them.
_PROVIDERS = {
    "ollama": "langgenius/ollama/ollama",
    "xinference": "langgenius/xinference/xinference",
    "azure": "langgenius/azure_openai/azure_openai",
    "openrouter": "langgenius/openrouter/openrouter",
    "anthropic": "langgenius/anthropic/anthropic",
    "gemini": "langgenius/gemini/google",
    "deepseek": "langgenius/deepseek/deepseek",
    "mistral": "langgenius/mistralai/mistralai",
    "groq": "langgenius/groq/groq",
    "tongyi": "langgenius/tongyi/tongyi",
    "moonshot": "langgenius/moonshot/moonshot",
    "zhipu": "langgenius/zhipuai/zhipuai",
    "siliconflow": "langgenius/siliconflow/siliconflow",
    "volc": "langgenius/volcengine_maas/volcengine_maas",
    "bedrock": "langgenius/bedrock/bedrock",
    "openai": "langgenius/openai/openai",
}
COMPATIBLE = "langgenius/openai_api_compatible/openai_api_compatible"  # any server with the usual chat interface
_VERSIONS = {  # plugins that are known; of others the version is not, and the file says 0.0.1
    "langgenius/openai": "0.3.8@592c8252795b5f75807de2d609a03196ed02596b409f7642b4a07548c7ff57ef",
    "langgenius/openai_api_compatible": f"0.0.63@{'0' * 64}",
    "langgenius/ollama": f"1.0.0@{'0' * 64}",
    "langgenius/xinference": f"0.0.15@{'0' * 64}",
}
NOWHERE = "00000000-0000-0000-0000-000000000000"  # stands for a tool that has to be bound


def _entry(plugin: str) -> dict[str, Json]:
    identifier = f"{plugin}:{_VERSIONS.get(plugin, '0.0.1@' + '0' * 64)}"
    value = {"marketplace_plugin_unique_identifier": identifier, "version": None}
    return {"current_identifier": None, "type": "marketplace", "value": value}


def entries(work: "Work") -> list[Json]:
    """`dependencies`: one entry for each plugin that a model or a tool of the flow needs."""
    found: dict[str, Json] = {}
    for resource in work.resources.values():
        if "dependency" in resource.hint:
            found[plugin_of(str(resource.hint.get("provider", "")))] = resource.hint["dependency"]
    if not work.own:
        for plugin in work.plugins:
            found.setdefault(plugin, _entry(plugin))
    return list(found.values())


def provider(work: "Work", node: Node, resource: Resource | None) -> str:
    """The provider of a model, as far as what is known of the model says."""
    given = str(resource.hint.get("provider", "")) if resource else ""
    if work.own:
        return given
    if given.count("/") == 2:
        found = given
    else:
        words = " ".join(str(value) for value in resource.hint.values()).lower() if resource else ""
        found = next((long for word, long in _PROVIDERS.items() if word in words), COMPATIBLE)
    name = resource.name if resource else "no model"
    message = f"The model {name} is written as one of {found}."
    work.note(
        node, "needs_binding", "resource.model", message, "Install the provider in Dify, or choose another model."
    )
    work.plugins.setdefault(plugin_of(found))
    return found


def datasets(work: "Work", node: Node) -> list[str]:
    """Ids of knowledge bases; one that is not of Dify has none here."""
    ids = []
    for name in node.params.get("knowledge", []):
        resource = work.resources.get(name)
        known = resource.hint.get("dataset_id") if resource else None
        if known:
            ids.append(str(known))
        else:
            shown = resource.name if resource else name
            message = f"The knowledge base {shown} is not bound: nothing is found."
            work.note(node, "needs_binding", "resource.knowledge", message, "Choose it in the node, by hand.")
    return ids


def bound(work: "Work", node: Node, name: Any, *, flow: bool = False) -> dict[str, Json]:
    """What identifies a tool in its node."""
    resource = work.resources.get(name)
    hint = resource.hint if resource else {}
    tool = resource.name if resource else str(name)
    kind = "workflow" if flow else str(hint.get("type", ""))
    kind = kind if kind in _TOOLS else "mcp" if hint.get("server") else "api"
    where = str(hint.get("provider") or hint.get("server") or NOWHERE)
    if not work.own:
        what, code = ("flow", "resource.subflow") if flow else ("tool", "resource.tool")
        where = where if kind == "mcp" or where.count("/") == 2 else NOWHERE
        advice = "Publish it as a tool in Dify and choose it." if flow else "Create the tool in Dify and choose it."
        work.note(node, "needs_binding", code, f"The {what} {tool} is not bound.", advice)
        if kind in ("builtin", "plugin") and plugin_of(where):
            work.plugins.setdefault(plugin_of(where))
    label = str(hint.get("label") or tool)
    return {"provider_type": kind, "provider_id": where, "provider_name": where, "tool_name": tool, "tool_label": label}


_TOOLS = frozenset({"builtin", "api", "workflow", "mcp", "plugin", "app", "dataset-retrieval"})
