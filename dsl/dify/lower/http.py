"""Requests: a key in the query, redirects."""

from typing import Any

from dsl.dify.resources import secret_name
from dsl.dify.work import Recipe, Work
from dsl.ir import Node, Ref, Text, Value


def _http(work: Work, node: Node) -> None:
    auth = node.params.get("auth") or {}
    if auth.get("type") == "query":
        value = auth.get("value") or _key(work, node, auth)
        pairs = [*(node.params.get("query") or []), [auth.get("name") or "key", value]]
        node.params = {**node.params, "query": pairs}
        node.params.pop("auth")
    if node.params.get("follow_redirects") is False:
        work.note(node, "degraded", "http.redirects", "Dify follows redirects.")


def _key(work: Work, node: Node, auth: dict[str, Any]) -> Value:
    return Text((Ref("", (secret_name(work, auth.get("credential"), node),), "env"),))


RECIPES: dict[str, Recipe] = {"http": _http}
