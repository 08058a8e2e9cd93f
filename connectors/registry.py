"""What the model registries share: names, and the smoke question."""

import difflib
import re
from collections.abc import Collection

from connectors import ServiceError
from connectors.http import Service, post_json

LOADING = 120.0  # seconds that a chat may take: the first one loads the model


def checked(name: str) -> str:
    """The name, if it can be a file's and a model's name everywhere."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ServiceError(f"'{name}' is no model name: letters, digits, dot, dash and underscore only.")
    return name


def unknown(name: str, known: Collection[str], where: str) -> ServiceError:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(sorted(known)) or 'none'}."
    return ServiceError(f"{where} has no model '{name}'. {hint}")


def chat(url: str, name: str, messages: list[dict[str, str]], max_tokens: int, service: Service) -> str:
    """The answer of model `name` at `url` (up to and including /v1), the likeliest one: temperature 0."""
    body = {"model": name, "messages": messages, "max_tokens": max_tokens, "temperature": 0}
    whom = {"service": service.label, "key": service.key, "setting": service.setting}
    answer = post_json(f"{url}/chat/completions", body, timeout=LOADING, **whom)
    try:
        return str(answer["choices"][0]["message"]["content"])
    except (KeyError, IndexError, TypeError):
        raise ServiceError(f"{service.label} at {url} gave model '{name}' no answer: {str(answer)[:200]}") from None
