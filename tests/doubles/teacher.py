"""A stub teacher: an OpenAI-compatible endpoint with a fixed latency, faults on demand, and counters.

It finds facts of the form "The <attribute> of unit U00017 is <value>." in the prompt and fills the wanted
JSON schema with them. `python -m tests.doubles.teacher --port 0 --settings JSON` prints its URL.
"""

import argparse
import asyncio
import hashlib
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from tests.doubles.web import Call, Reply, address, listen, serving

Facts = list[dict[str, str]]

FACT = re.compile(r"The (?P<attribute>[\w -]+?) of unit (?P<unit>U\d+) is (?P<value>[^.\n]+)\.")
WANTED = re.compile(r"\b(\d+)\s+(?:\w+\s+){0,2}?(?:questions?|pairs?|items?|phrasings?|ways)\b", re.IGNORECASE)


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """How it behaves. Shares of calls (p...) are drawn by seed, prompt and attempt: a retry draws anew."""

    latency: float = 0.0  # seconds
    seed: int = 0
    p429: float = 0.0
    p500: float = 0.0
    pbad: float = 0.0  # answer cut to two thirds, status 200
    pwrong: float = 0.0  # JSON of another shape
    phang: float = 0.0  # no answer, ever
    pdrop: float = 0.0  # the connection closes
    retry_after: str = "1"  # seconds or an HTTP date
    status: int = 0  # given to every call, as 401
    capacity: int = 0  # more calls at once get 429
    refuses: tuple[str, ...] = ()  # fields of the request that get 400
    usage: bool = True
    key: str = ""  # wanted in the Authorization header
    wrap: str = "{}"  # around each answer, as "Sure!\n```json\n{}\n```"


class Report(msgspec.Struct):
    """What it saw since it was configured."""

    calls: int = 0
    ok: int = 0
    statuses: dict[str, int] = {}
    most_in_flight: int = 0
    prompts: int = 0  # distinct ones
    paid_again: int = 0  # calls with a prompt that was answered well and read before
    units_paid_again: int = 0  # the same for units, whatever the prompt
    first: float | None = None  # seconds since the epoch
    last: float | None = None


class StubTeacher:
    """The behaviour; `answer` is what a server calls."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.configure(settings or Settings())

    def configure(self, settings: Settings) -> None:
        """Start anew with these settings, counters at zero."""
        self.settings = settings
        self._calls: list[str] = []  # the status of each
        self._attempts: Counter[str] = Counter()
        self._answered: set[str] = set()
        self._units: set[str] = set()
        self._in_flight = self._most = self._again = self._units_again = 0
        self._first: float | None = None
        self._last: float | None = None

    def report(self) -> Report:
        statuses = Counter(self._calls)
        return Report(
            calls=sum(self._attempts.values()),
            ok=statuses["ok"],
            statuses=dict(statuses),
            most_in_flight=self._most,
            prompts=len(self._attempts),
            paid_again=self._again,
            units_paid_again=self._units_again,
            first=self._first,
            last=self._last,
        )

    async def answer(self, call: Call) -> Reply:
        match (call.method, call.path):
            case ("POST", "/v1/chat/completions"):
                return await self._complete(call)
            case ("GET", "/v1/models"):
                return Reply.json({"object": "list", "data": [{"id": "stub", "object": "model"}]})
            case ("POST", "/stub"):
                self.configure(msgspec.json.decode(call.body, type=Settings))
                return Reply.json({})
            case ("GET", "/stub"):
                return Reply.json(self.report())
        return _error(404, f"no route {call.path}")

    async def _complete(self, call: Call) -> Reply:
        self._first = self._first or time.time()
        self._last = time.time()
        self._in_flight += 1
        self._most = max(self._most, self._in_flight)
        try:
            status, reply = await self._outcome(call)
            self._calls.append(status)
            return reply
        finally:
            self._in_flight -= 1

    async def _outcome(self, call: Call) -> tuple[str, Reply]:
        body = call.json()
        prompt = hashlib.sha256(msgspec.json.encode(body["messages"])).hexdigest()
        unit = next(iter(re.findall(r"\bU\d{3,}\b", body["messages"][-1]["content"])), "")
        attempt = self._attempts[prompt]
        self._attempts[prompt] += 1
        self._again += prompt in self._answered
        self._units_again += unit in self._units
        if refusal := self._refusal(call, body):
            return str(refusal.status), refusal
        await asyncio.sleep(self.settings.latency)
        fault = self._fault(prompt, attempt)
        if fault in ("429", "500"):
            headers = {"Retry-After": self.settings.retry_after} if fault == "429" else {}
            return fault, _error(int(fault), "not now", **headers)
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "drop":
            return fault, Reply(0)
        if call.gone():
            return "unread", Reply(0)
        if not fault:
            self._answered.add(prompt)
            self._units |= {unit} - {""}
        return fault or "ok", self._said(body, fault)

    def _refusal(self, call: Call, body: dict[str, Any]) -> Reply | None:
        settings = self.settings
        if settings.key and call.headers.get("authorization") != f"Bearer {settings.key}":
            said = call.headers.get("authorization", "").removeprefix("Bearer ")
            return _error(401, f"Incorrect API key provided: {said}")  # as some servers do
        if settings.status:
            return _error(settings.status, "refused on demand", **{"Retry-After": settings.retry_after})
        if settings.capacity and self._in_flight > settings.capacity:
            return _error(429, "too many requests", **{"Retry-After": settings.retry_after})
        for name in settings.refuses:
            if name in body:
                return _error(400, f"Unrecognized request argument supplied: {name}")
        return None

    def _fault(self, prompt: str, attempt: int) -> str:
        draw = random.Random(f"{self.settings.seed}:{prompt}:{attempt}").random()
        for fault in ("429", "500", "bad", "wrong", "hang", "drop"):
            draw -= getattr(self.settings, f"p{fault}")
            if draw < 0:
                return fault
        return ""

    def _said(self, body: dict[str, Any], fault: str) -> Reply:
        prompt = "\n".join(message["content"] for message in body["messages"])
        text = self.settings.wrap.replace("{}", _text(prompt, body))
        if fault == "wrong":
            text = '{"something": ["else"]}'
        if fault == "bad":
            text = text[: len(text) * 2 // 3]
        message = {"role": "assistant", "content": text}
        answer: dict[str, Any] = {
            "object": "chat.completion",
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }
        if self.settings.usage:
            answer["usage"] = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(text) // 4}
        return Reply.json(answer)


def _text(prompt: str, body: dict[str, Any]) -> str:
    facts = [match.groupdict() | {"sentence": match.group()} for match in FACT.finditer(prompt)]
    if "NOT answer" in prompt:  # questions beyond the passage are asked for
        facts = [fact | {"attribute": "inventor"} for fact in facts]
    wanted = int(found.group(1)) if (found := WANTED.search(prompt)) else 2
    if schema := _schema(prompt, body):
        return json.dumps(_fill(schema, "", facts, 0, wanted))
    if facts:
        return "```json\n" + json.dumps([_pair(facts, n) for n in range(wanted)]) + "\n```"
    return "It is so."


def _schema(prompt: str, body: dict[str, Any]) -> dict[str, Any] | None:
    if "response_format" in body:
        found: dict[str, Any] = body["response_format"]["json_schema"]["schema"]
        return found
    start = prompt.rfind('{"', 0, prompt.find('"properties"'))  # a schema in words
    return json.JSONDecoder().raw_decode(prompt, start)[0] if start >= 0 else None


def _pair(facts: Facts, number: int) -> dict[str, str]:
    fact = facts[number % len(facts)]
    return {"question": _string("question", facts, number, 0), "answer": fact["sentence"]}


def _fill(schema: dict[str, Any], name: str, facts: Facts, number: int, wanted: int) -> Any:
    """A value of the schema; `number` is the fact it is about, `name` the property it goes to."""
    if options := [one for one in schema.get("anyOf", []) if one.get("type") != "null"]:
        return _fill(options[0], name, facts, number, wanted)
    if "enum" in schema:
        return schema["enum"][number % len(schema["enum"])]
    match schema.get("type"):
        case "object":
            number += len(facts) // 2 if name else 0  # a follow-up is about something else
            return {k: _fill(v, k, facts, number, wanted) for k, v in schema.get("properties", {}).items()}
        case "array":
            return _items(schema, name, facts, number, wanted)
        case "string":
            return _string(name, facts, number, 0)
        case "boolean":
            return True
        case "integer" | "number":
            return schema.get("maximum", schema.get("minimum", 5))
    return None


def _items(schema: dict[str, Any], name: str, facts: Facts, number: int, wanted: int) -> list[Any]:
    """Objects are about one fact each; strings are several ways to say the same."""
    count = min(max(wanted, schema.get("minItems", 0)), schema.get("maxItems", wanted))
    if schema["items"].get("type") == "string":
        return [_string(name, facts, number, variant) for variant in range(count)]
    return [_fill(schema["items"], "", facts, n, wanted) for n in range(count)]


def _string(name: str, facts: Facts, number: int, variant: int) -> str:
    fact = facts[number % len(facts)] if facts else {"attribute": "colour", "unit": "U00000", "value": "blue"}
    if "question" in name or "paraphrase" in name or "phrasing" in name:
        start = ["What is", "Could you tell me", "I would like to know", "Please state"][variant % 4]
        return f"{start} the {fact['attribute']} of unit {fact['unit']}?"
    known = {"language": "en", "difficulty": "easy", "level": "easy"}
    return known.get(name) or fact.get("sentence") or f"It is {fact['value']}."


def _error(status: int, message: str, **headers: str) -> Reply:
    return Reply.json({"error": {"message": message, "type": "stub", "code": status}}, status, **headers)


@contextmanager
def stub_teacher(**settings: Any) -> Iterator[tuple[str, StubTeacher]]:
    """A stub in a thread of this process, and its base URL up to /v1."""
    stub = StubTeacher(Settings(**settings))
    with serving(stub.answer) as url:
        yield f"{url}/v1", stub


async def main(port: int, settings: Settings) -> None:
    server = await listen(StubTeacher(settings).answer, port)
    sys.stdout.write(f"{address(server)}/v1\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--settings", default="{}")
    given = parser.parse_args()
    asyncio.run(main(given.port, msgspec.json.decode(given.settings, type=Settings)))
