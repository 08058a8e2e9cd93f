"""What the model registries share: names, and the smoke question."""

import difflib
import re
from collections.abc import Collection
from typing import Any

import requests

from connectors import ServiceError

TIMEOUT = (5.0, 120.0)  # seconds to connect and to answer: a first chat loads the model


def checked(name: str) -> str:
    """The name, if it can be a file's and a model's name everywhere."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ServiceError(f"'{name}' is no model name: letters, digits, dot, dash and underscore only.")
    return name


def unknown(name: str, known: Collection[str], where: str) -> ServiceError:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(sorted(known)) or 'none'}."
    return ServiceError(f"{where} has no model '{name}'. {hint}")


def chat(url: str, name: str, messages: list[dict[str, str]], max_tokens: int, key: str = "") -> str:
    """The answer of model `name` at `url` (up to and including /v1), as likely as it gets: temperature 0."""
    body = {"model": name, "messages": messages, "max_tokens": max_tokens, "temperature": 0}
    answer = call("POST", f"{url}/chat/completions", key, body)
    try:
        return str(answer["choices"][0]["message"]["content"])
    except (KeyError, IndexError, TypeError):
        raise ServiceError(f"{url} gave no chat answer for model '{name}': {str(answer)[:200]}") from None


def call(method: str, url: str, key: str = "", body: dict[str, Any] | None = None) -> Any:
    """The JSON answer; ServiceError with the server's own message for anything else."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with requests.Session() as session:
        session.trust_env = "//127.0.0.1" not in url and "//localhost" not in url  # no proxy leads there
        try:
            response = session.request(method, url, json=body, headers=headers, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise ServiceError(
                f"{method} {url} failed: {_cause(error)}. Is the server running there?"
            ) from error
    try:
        answer = response.json()
    except requests.JSONDecodeError:
        answer = {"error": {"message": response.text[:200]}}
    if response.ok and not (isinstance(answer, dict) and "error" in answer):
        return answer
    hint = " Check its key." if response.status_code in (401, 403) else ""
    raise ServiceError(f"{method} {url} answered {response.status_code}: {_message(answer)}.{hint}")


def _cause(error: requests.RequestException) -> str:
    return {
        requests.ConnectionError: "no connection",
        requests.ConnectTimeout: "no connection in time",
        requests.ReadTimeout: "no answer in time",
    }.get(type(error), str(error))


def _message(answer: Any) -> str:
    error = answer.get("error", answer) if isinstance(answer, dict) else answer
    return str(error.get("message", error) if isinstance(error, dict) else error).rstrip(".")
