"""Who calls: the key of a request, and whether it is good."""

from typing import Protocol

from flask import Request


class MayCall(Protocol):
    """Whether a key is good: for a tool, if one is named."""

    def __call__(self, key: str, tool: str = "") -> bool: ...


def key_of(request: Request) -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
