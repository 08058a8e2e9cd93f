"""How flowstill speaks HTTP: time limits, retries, keys, and what a failure is called."""

import base64
import functools
import json
import random
import re
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html.entities import html5
from http.client import HTTPException
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import msgspec

from connectors import ServiceError

if TYPE_CHECKING:
    import requests

TRIES = 3
LONGEST_WAIT = 60.0  # seconds; a server that wants more is asked again after this
LARGEST = 2**24  # bytes of an answer once unpacked: no chat and no list of models comes near
ENCODING = "gzip"  # how an answer may be packed
FEW = 4  # signs at the beginning of a secret without which it is known still
_GZIP = 16 + zlib.MAX_WBITS  # zlib's number for it
_EMPTY = {204, 205}
_RETRIED = {429, 502, 503}
_BLAMED = {401: "key", 403: "key", 404: "url", 405: "url"}


@dataclass(frozen=True)
class Service:
    """Whom a call goes to, in the words of its errors."""

    label: str  # "RAGFlow", "the teacher"
    key: str = field(default="", repr=False)
    setting: str = ""  # where flowstill.yml tells about it, as `services.ragflow`
    own: bool = False  # flowstill runs it itself: no address of it stands anywhere


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """Whatever encoding the server claims: JSON is UTF-8, and a claim may name none that is."""
        return self.body.decode(errors="replace")


class TooLarge(Exception):
    """An answer beyond LARGEST; a small one may unpack to gigabytes."""

    def __init__(self) -> None:
        super().__init__(f"it answers more than {LARGEST >> 20} MiB")


class Body(bytearray):
    """The pieces of an answer so far, unpacked; never more of them than LARGEST and a byte, whatever they unpack to."""

    def __init__(self, encoding: str) -> None:
        self._packed = zlib.decompressobj(_GZIP) if encoding.strip().lower() == ENCODING else None

    def add(self, piece: bytes) -> None:
        """Raises TooLarge, and zlib.error for what is not packed as the server says."""
        self += self._packed.decompress(piece, LARGEST + 1 - len(self)) if self._packed else piece
        if len(self) > LARGEST:
            raise TooLarge


def get_json(url: str, *, service: str, key: str = "", setting: str = "", timeout: float = 30.0) -> Any:
    """The JSON at `url`, decoded; raises ServiceError, which names `service` and `setting`, not the key."""
    return _decoded("GET", url, None, Service(service, key, setting), timeout, TRIES)


def post_json(url: str, body: Any, *, service: str, key: str = "", setting: str = "", timeout: float = 30.0) -> Any:
    """The JSON answer to `body`. Sent once, since twice may not be the same; errors as for `get_json`."""
    return _decoded("POST", url, body, Service(service, key, setting), timeout, 1)


def check_address(service: Service, url: str) -> None:
    """Raises ServiceError for what is no address."""
    if not is_address(url):
        raise ServiceError(
            f"'{url}' is no address of {service.label}; write http:// or https://. {check(service, 'url')}"
        )


def is_address(url: str) -> bool:
    """Whether HTTP libraries can call it: they fail, each in its own way, at a host or a character that is none."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.port != 0
        return known and _is_host(parts.hostname or "") and url.isprintable() and " " not in url
    except ValueError:  # of the port, or of an address in brackets
        return False


def _is_host(name: str) -> bool:
    """Whether it could stand in DNS."""
    if ":" in name:
        return True  # IPv6, which urlsplit has checked
    try:
        if "xn--" in name or not name.isascii():
            import idna  # as the HTTP libraries do, which read it with care only then

            idna.decode(idna.encode(name.lower()))
        return len(name) <= 253 and all(
            0 < len(label.encode("idna")) <= 63 for label in name.removesuffix(".").split(".")
        )
    except UnicodeError:
        return False


def _decoded(method: str, url: str, body: Any, service: Service, timeout: float, tries: int) -> Any:
    check_address(service, url)
    reply = _send(method, url, body, service, timeout)
    for attempt in range(tries - 1):
        if reply.status not in _RETRIED:
            break
        wait = retry_after(reply.headers)
        time.sleep(backoff(attempt) if wait is None else wait)
        reply = _send(method, url, body, service, timeout)
    if not 200 <= reply.status < 300 or reply.status in _EMPTY:
        raise ServiceError(refusal(service, method, url, reply))
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        said = f"answered no JSON to {method} {_path(url)}: {told(reply.text, service, url)}"
        raise ServiceError(f"{_whom(service, url)} {said}") from None


def _send(method: str, url: str, body: Any, service: Service, timeout: float) -> Reply:
    import requests
    from urllib3.exceptions import HTTPError

    until = time.monotonic() + timeout  # requests would give each piece of the answer so long
    with requests.Session() as session:
        session.trust_env = not is_loopback(url)  # a proxy is for the world outside
        session.headers["Accept-Encoding"] = ENCODING
        options: dict[str, Any] = {"auth": _signed(service, url), "allow_redirects": False, "stream": True}
        try:
            with session.request(method, url, json=body, timeout=timeout, **options) as response:
                return Reply(response.status_code, response.headers, _whole(response, until))
        except (requests.RequestException, HTTPError, zlib.error, TooLarge) as error:
            raise ServiceError(unreachable(service, url, error, timeout)) from None


def _whole(response: "requests.Response", until: float) -> bytes:
    import requests

    body = Body(response.headers.get("Content-Encoding", ""))
    while piece := response.raw.read1(2**16, decode_content=False):
        body.add(piece)
        if time.monotonic() > until:
            raise requests.Timeout
    return bytes(body)


def _signed(service: Service, url: str) -> Callable[["requests.PreparedRequest"], "requests.PreparedRequest"]:
    """Adds the key; as `auth`, since requests would otherwise put ~/.netrc in the header's place."""
    basic = _basic(url)
    header = {"Authorization": f"Basic {basic}"} if basic else bearer(service)

    def sign(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        request.headers.update(header)
        return request

    return sign


def bearer(service: Service) -> dict[str, str]:
    """The header with the key, if there is one; raises ServiceError for a key that no header can hold."""
    key = service.key
    if not key.isascii() or not key.isprintable() or key != key.strip():  # a copied line end, most often
        raise ServiceError(f"The key for {service.label} holds a blank or a special character. {check(service, 'key')}")
    return {"Authorization": f"Bearer {key}"} if key else {}


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def retry_after(headers: Mapping[str, str], longest: float = LONGEST_WAIT) -> float | None:
    """Seconds that the server asks to wait (it may send a number or a date), at most `longest`."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return min(float(value), longest)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), longest)


def backoff(attempt: int, first: float = 0.5, longest: float = 30.0) -> float:
    """Seconds to wait after the failed attempt number `attempt`, from 0; full jitter keeps callers apart."""
    return random.uniform(0.0, min(longest, first * 2**attempt))


def refusal(service: Service, method: str, url: str, reply: Reply) -> str:
    """What to tell about an answer that is none."""
    moved = reply.headers.get("Location", "").partition("?")[0] if 300 <= reply.status < 400 else ""
    said = told(f"it points to {moved}" if moved else _detail(reply.text), service, url)
    text = f"{_whom(service, url)} answered {reply.status} to {method} {_path(url)}" + (f": {said}" if said else "")
    blamed = "url" if reply.status in _EMPTY or 300 <= reply.status < 400 else _BLAMED.get(reply.status)
    advice = "Its account has no credit left." if reply.status == 402 else check(service, blamed) if blamed else ""
    return f"{text.rstrip('.')}. {advice}".rstrip()


def unreachable(service: Service, url: str, error: BaseException, timeout: float) -> str:
    """What to tell about a call that got no answer."""
    if "Timeout" in type(error).__name__:
        return f"{_whom(service, url)} did not answer within {timeout:g} s."
    root = _root(error)
    cause = told(_words(root), service, url).rstrip(".")
    if _is_about_what_was_said(root):
        cause = f"it does not answer as HTTP has it: {cause}"
    if isinstance(error, TooLarge) or _is_about_what_was_said(root):
        return f"{_whom(service, url)} cannot be used: {cause}. {check(service, 'url')}"
    running = "" if service.own else "Is it running? "
    return f"{_whom(service, url)} cannot be reached: {cause}. {running}{check(service, 'url')}"


def check(service: Service, what: str) -> str:
    if service.own:
        return "flowstill runs it itself and starts it anew with the next try; it may have run out of memory."
    return f"Check {service.setting}.{what}." if service.setting else f"Check its {what} in flowstill.yml."


def shown(url: str) -> str:
    """An address as a message may hold it: without user and password, and without what looks like a key."""
    return _origin(url) + _path(url)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _whom(service: Service, url: str) -> str:
    return f"{service.label} at {_origin(url)}"


def _path(url: str) -> str:
    """What was asked for, as a message may show it: some gateways take their key as a part of the path."""
    return re.sub(r"(?<=/)(?=[^/]*\d)[\w.~-]{16,}", "***", urlsplit(url).path) or "/"


def _detail(body: str) -> str:
    """The sentence in an error body, in the shapes that servers use."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return body
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    return found if isinstance(found, str) else body


def told(text: str, service: Service, url: str) -> str:
    """What a server said, in a line of 300 characters at most, without a secret that it was sent and says back."""
    text = masked(" ".join(text.split()), service, url)
    return text if len(text) <= 300 else text[:300] + " ..."


def masked(text: str, service: Service, url: str, shortest: int = 1) -> str:
    """The text with stars for what the service is sent and nobody else may see, if it has `shortest` characters."""
    for secret in _secrets(service, url):
        middle, whole = _spelt(secret)
        if len(secret) >= shortest and re.search(middle, text, re.IGNORECASE):  # several times as fast as the whole
            text = re.sub(whole, "***", text, flags=re.IGNORECASE)
    return text


def _secrets(service: Service, url: str) -> list[str]:
    """Its key, and the password in its address."""
    password = urlsplit(url).password or ""
    packed = base64.b64encode(service.key.encode()).decode()
    return [secret for secret in (service.key, packed, _basic(url), password, unquote(password)) if secret]


@functools.cache
def _spelt(secret: str) -> tuple[str, str]:
    """What must stand in a text that tells the secret, and all that may, as JSON, HTML or an address may spell it.

    Of a long one its beginning does, and that without its first few signs, too.
    """
    least = max(len(secret) // 2, 8)
    few = min(least - 8, FEW)
    first = functools.reduce(lambda before, sign: f"(?:{before}{_escapes(sign)})?", secret[:few], "")
    rest = "|".join(map(_escapes, sorted(set(secret[least:]))))
    middle = "".join(map(_escapes, secret[few:least]))
    return middle, first + middle + (f"(?:{rest})*" if rest else "")


def _escapes(sign: str) -> str:
    code, names = ord(sign), "|".join(name for name, said in html5.items() if said == sign and name.endswith(";"))
    named = f"&(?:{names})|" if names else ""
    return rf"(?:\\*{re.escape(sign)}|\\+u{code:04x}|%{code:02x}|&#x0*{code:x};|{named}&#0*{code};)"


def _basic(url: str) -> str:
    """User and password of an address as HTTP sends them."""
    parts = urlsplit(url)
    said = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return base64.b64encode(said.encode()).decode() if said != ":" else ""


def _root(error: BaseException) -> BaseException:
    """The first cause, which HTTP libraries wrap several times."""
    deeper = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error.__cause__ or error.__context__
    return error if deeper is None else _root(deeper)


def _words(error: BaseException) -> str:
    """The operating system's, where it has some."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error) or type(error).__name__


def _is_about_what_was_said(error: BaseException) -> bool:
    """Whether somebody answered, but not in HTTP; who hangs up without a word is an OSError."""
    is_http = isinstance(error, HTTPException | zlib.error | ValueError) or type(error).__module__.startswith("h11.")
    return is_http and not isinstance(error, OSError)
