"""Requests: a key in the query or in a header that is named by a reference, redirects."""

from typing import Any

from dsl.dify.resources import secret_name
from dsl.dify.work import Recipe, Work
from dsl.ir import Node, Ref, Text, Value


def _http(work: Work, node: Node) -> None:
    auth = node.params.get("auth") or {}
    kind, name = auth.get("type"), auth.get("name") or "key"
    if kind == "query" or (kind == "header" and not isinstance(name, str)):
        value = auth.get("value") or _key(work, node, auth)
        among = "query" if kind == "query" else "headers"
        node.params = {**node.params, among: [*(node.params.get(among) or []), [name, value]]}
        node.params.pop("auth")
    if node.params.get("follow_redirects") is False:
        work.note(node, "degraded", "http.redirects", "Dify follows redirects.")


def _key(work: Work, node: Node, auth: dict[str, Any]) -> Value:
    return Text((Ref("", (secret_name(work, auth.get("credential"), node),), "env"),))


RECIPES: dict[str, Recipe] = {"http": _http}
