"""One call of an OpenAI-compatible /chat/completions: what is sent, and what is made of the answer."""

import asyncio
import functools
import json
import re
import sys
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from connectors import ServiceError, http, shape
from connectors.http import Service

if TYPE_CHECKING:
    import httpx

CONNECT = 10.0  # seconds until a connection stands
KEY = 12  # characters; what is shorter ("ollama", where a server wants any key) may be a word of an answer
_FINISHES = ("stop", "length", "content_filter", "tool_calls")  # a server that says another thing says nothing
_AGAIN = {408, 425, 429}  # and every 5xx
_AWAY = {429, 502, 503}  # a limit by the minute, a server that starts
_TOO_LONG = re.compile(r"exceed\w*.{0,30}context|context.{0,10}(?:length|window|size)|maximum context", re.IGNORECASE)
_UNUSABLE = {401, 402, 403, 404, 405}
# Fields that some servers refuse, and how they say so; the request is then put without.
_REFUSABLE = {
    "response_format": r"response_format|json_schema|structured.outputs?|grammar",
    "max_tokens": r"max_completion_tokens",
    "temperature": r"temperature",
    "seed": r"\bseed\b",
}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to ask."""

    messages: list[dict[str, str]]
    prompt_hash: str = ""  # of the prompt file the messages were made with
    shape: type[msgspec.Struct] | None = None  # then the answer's text is JSON that decodes to it
    max_tokens: int = 700
    temperature: float = 0.3
    seed: int = 0


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came back, and what it took."""

    text: str
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float = 0.0  # in the currency of the prices
    model: str = ""
    finish_reason: str = ""  # `length`: cut off at max_tokens
    partial: bool = False  # less than was asked for: what was whole in a broken answer that no repair mended


class Unanswered(ServiceError):
    """This one request gets no answer; others may."""


class Again(Exception):
    """The call failed in a way that may pass; `wait` is what the server asked for, in seconds.

    `away`: it is about the server, which may be back in a minute, and not about the request. `paid`: what it took.
    """

    def __init__(
        self,
        reason: str,
        wait: float | None = None,
        *,
        too_fast: bool = False,
        away: bool = False,
        paid: Answer | None = None,
    ) -> None:
        super().__init__(reason)
        self.wait = wait
        self.too_fast = too_fast
        self.away = away
        self.paid = paid


class _Part(msgspec.Struct):
    text: str = ""


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None

    @property
    def text(self) -> str:
        """Some servers send it in parts, as they take it."""
        return "".join(part.text for part in self.content) if isinstance(self.content, list) else self.content or ""


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: object = None  # as the server counts; it is not always what it should be


class Endpoint:
    """A URL and a model; knows what the server there refuses. An async context manager."""

    def __init__(
        self,
        service: Service,
        url: str,
        model: str,
        *,
        timeout: float,
        prices: tuple[float, float] | None,
        json_schema: bool,
        note: Callable[[str], None],
        revive: Callable[[], str] | None,
    ) -> None:
        http.check_address(service, url)
        self.model = model
        self.calls = 0
        self._service = service
        self._url = _completions(url)
        self._timeout = timeout
        self._answered = False  # it has, at least once: who never did is most likely another than was meant
        self._idle: list[httpx.AsyncClient] = []  # the last used on top, its connection most likely alive
        self._prices = prices or (0.0, 0.0)
        self._refused = set() if json_schema else {"response_format"}
        self._note = note
        self._revive = revive

    async def open(self) -> None:
        """Get ready; httpx comes in here, since commands that ask nothing should start without it."""
        # httpx does without its own command line, which would bring rich and pygments: most of the import.
        sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
        import httpx

        # Made once: it takes longer than a call. Plain http has no certificate to verify, so none are read for it.
        self._tls = httpx.create_ssl_context(verify=not self._url.startswith("http:"))

    async def close(self) -> None:
        for client in self._idle:
            await client.aclose()

    def _client(self) -> "httpx.AsyncClient":
        """A client of one connection: httpx's pool looks at all its connections several times a call."""
        import httpx

        return httpx.AsyncClient(
            headers={"Content-Type": "application/json", "Accept-Encoding": http.ENCODING} | http.bearer(self._service),
            timeout=httpx.Timeout(self._timeout, connect=min(CONNECT, self._timeout)),
            verify=self._tls,
            trust_env=not http.is_loopback(self._url),  # a proxy is for the world outside
        )

    async def complete(self, request: Request) -> Answer:
        """The answer as the model wrote it; raises Again, Unanswered, or ServiceError if none can succeed."""
        body = self._body(request)
        reply = await self._post(body)
        if reply.status == 200:
            return self._answer(request, reply)
        if reply.status in (400, 422) and self._refuses(body, reply.text):
            return await self.complete(request)
        raise self._error(reply)

    def _body(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": request.messages,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "seed": request.seed,
        }
        if request.shape:
            body["response_format"] = _response_format(request.shape)
        if "response_format" in body and "response_format" in self._refused:
            body["messages"] = _asked_for_json(request)
        if "max_tokens" in self._refused:  # its newer name
            body["max_completion_tokens"] = request.max_tokens
        return {name: value for name, value in body.items() if name not in self._refused}

    async def _post(self, body: dict[str, Any]) -> http.Reply:
        import httpx

        self.calls += 1
        client = self._idle.pop() if self._idle else self._client()
        try:
            async with asyncio.timeout(self._timeout):  # httpx would give each piece of the answer so long
                async with client.stream("POST", self._url, content=msgspec.json.encode(body)) as response:
                    return http.Reply(response.status_code, response.headers, await _whole(response))
        except (httpx.RequestError, TimeoutError, zlib.error, http.TooLarge) as error:
            seconds = CONNECT if isinstance(error, httpx.ConnectTimeout) else self._timeout
            away = self._answered and isinstance(error, httpx.NetworkError)
            reason = http.unreachable(self._service, self._url, error, seconds)
            if self._revive:  # all calls under way are to the same server: they have nothing else to do than wait
                self._url = _completions(self._revive())
            raise Again(reason, away=away) from None
        finally:
            self._idle.append(client)

    def _answer(self, request: Request, reply: http.Reply) -> Answer:
        try:
            found = msgspec.json.decode(reply.body.decode("utf-8-sig"), type=_Completion)
            choice = found.choices[0]
        except (msgspec.MsgspecError, UnicodeDecodeError, IndexError, RecursionError) as error:
            reason = f"{http.refusal(self._service, 'POST', self._url, reply)} That is no chat completion"
            raise Again(f"{reason}: {_wrong(error, reply)}.", paid=self._counts(_usage(reply))) from None
        self._answered = True
        text = http.masked(choice.message.text, self._service, self._url, KEY)
        asked = "".join(message["content"] for message in request.messages)
        took = self._counts(found.usage, _tokens(asked), _tokens(text))
        finish = choice.finish_reason if choice.finish_reason in _FINISHES else ""
        return msgspec.structs.replace(took, text=text, finish_reason=finish)

    def _counts(self, usage: object, prompt: int = 0, answer: int = 0) -> Answer:
        """An answer with what it took as `usage` counts it, or else these numbers, and what that costs."""
        prompt = _counted(usage, "prompt_tokens") or prompt
        answer = _counted(usage, "completion_tokens") or answer
        cost = (prompt * self._prices[0] + answer * self._prices[1]) / 1e6
        return Answer("", prompt, answer, cost, self.model)

    def _refuses(self, body: dict[str, Any], said: str) -> bool:
        """Learn from a complaint about a field of `body`; True if the request is worth putting without it."""
        for name, words in _REFUSABLE.items():
            if name in body and re.search(words, said, re.IGNORECASE):
                if name not in self._refused:
                    self._refused.add(name)
                    self._note(f"{self.model} takes no {name}: asked without it from now on")
                return True
        return False

    def _error(self, reply: http.Reply) -> Exception:
        reason = http.refusal(self._service, "POST", self._url, reply)
        if reply.status in _AGAIN or reply.status >= 500:
            wait, away = http.retry_after(reply.headers), reply.status in _AWAY
            return Again(reason, wait, too_fast=reply.status == 429, away=away)
        if reply.status == 404:
            return ServiceError(f"{reason} {http.check(self._service, 'model')[:-1]}, too: it is '{self.model}'.")
        if reply.status in _UNUSABLE or reply.status < 400:
            return ServiceError(reason)
        if _TOO_LONG.search(reply.text):
            reason += (
                " That is more than the model reads at once. Shorter passages help (max_tokens under harvest), or a "
                f"longer context: {self._service.setting}.context where flowstill serves the model itself."
            )
        return Unanswered(reason)


def _completions(url: str) -> str:
    return url.rstrip("/") + "/chat/completions"


async def _whole(response: "httpx.Response") -> bytes:
    body = http.Body(response.headers.get("Content-Encoding", ""))
    async for piece in response.aiter_raw():
        body.add(piece)
    return bytes(body)


def _wrong(error: Exception, reply: http.Reply) -> str:
    """What is wrong with a reply, and where: its beginning, which is shown, may look sound."""
    if isinstance(error, IndexError):
        return "`choices` is empty"
    truncated = str(error) == "Input data was truncated"
    return f"it is cut off after {len(reply.body)} bytes" if truncated else str(error)


def _usage(reply: http.Reply) -> object:
    """What stands in a reply that is no completion, and perhaps no JSON for whoever takes it strictly: NaN is none."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return found.get("usage") if isinstance(found, dict) else None


def _counted(usage: object, name: str) -> int:
    """What the server says it counted; 0 for what is no count, so that it cannot lift a budget."""
    count = usage.get(name) if isinstance(usage, dict) else None
    return int(count) if isinstance(count, (int, float)) and 0 < count < 1e12 else 0


def _tokens(text: str) -> int:
    """A guess for servers that do not count: four letters, or one Chinese character and a bit, a token."""
    return -(-len(text.encode()) // 4)


@functools.cache
def _response_format(wanted: shape.Shape) -> dict[str, Any]:
    described = {"name": wanted.__name__.strip("_"), "strict": True, "schema": shape.schema(wanted)}
    return {"type": "json_schema", "json_schema": described}


def _asked_for_json(request: Request) -> list[dict[str, str]]:
    """The messages with the schema in words, for a server that cannot be told otherwise."""
    *before, last = request.messages
    return [*before, last | {"content": f"{last['content']}\n\n{in_words(request)}"}]


def in_words(request: Request) -> str:
    """The instruction to answer in the request's shape."""
    wanted = shape.schema(request.shape) if request.shape else {}
    return f"Answer with JSON only, of this schema:\n{msgspec.json.encode(wanted).decode()}"
