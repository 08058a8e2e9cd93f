import asyncio
import contextlib
import gzip
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from connectors import ServiceError, http
from tests.doubles.memory import memory_below
from tests.doubles.web import Call, Reply, replaying, serving

SECRET = "sk-sesame"
TOO_MANY = Reply(429, b"", {"Retry-After": "0"})


def test_a_get_sends_the_key_and_decodes_the_answer() -> None:
    with replaying([Reply.json({"data": [1]})]) as (url, calls):
        assert http.get_json(f"{url}/v1/models", service="the teacher", key=SECRET) == {"data": [1]}
    assert (calls[0].method, calls[0].path) == ("GET", "/v1/models")
    assert calls[0].headers["authorization"] == f"Bearer {SECRET}"


def test_a_post_sends_json() -> None:
    with replaying([Reply.json({})]) as (url, calls):
        http.post_json(f"{url}/load", {"model": "x"}, service="llama-server")
    assert calls[0].json() == {"model": "x"}
    assert "authorization" not in calls[0].headers


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_get_is_repeated_when_the_server_is_busy(status: int) -> None:
    with replaying([Reply(status, b"", {"Retry-After": "0"}), Reply.json("at last")]) as (url, calls):
        assert http.get_json(url, service="RAGFlow") == "at last"
    assert len(calls) == 2


def test_a_server_that_stays_busy_is_reported_after_three_tries() -> None:
    with replaying([TOO_MANY]) as (url, calls), pytest.raises(ServiceError, match="answered 429 to GET /x"):
        http.get_json(f"{url}/x", service="RAGFlow")
    assert len(calls) == http.TRIES


def test_a_post_is_not_repeated() -> None:
    with replaying([TOO_MANY]) as (url, calls), pytest.raises(ServiceError, match="answered 429"):
        http.post_json(url, {}, service="RAGFlow")
    assert len(calls) == 1


def test_a_refused_key_names_the_setting_and_never_the_key() -> None:
    reply = Reply.json({"error": {"message": f"Incorrect API key provided: {SECRET}"}}, 401)
    with replaying([reply]) as (url, _), pytest.raises(ServiceError) as caught:
        http.get_json(f"{url}/api/v1/datasets", service="RAGFlow", key=SECRET, setting="services.ragflow")
    assert str(caught.value) == (
        f"RAGFlow at {url} answered 401 to GET /api/v1/datasets: Incorrect API key provided: ***. "
        "Check services.ragflow.key."
    )


@pytest.mark.parametrize("key", [f"{SECRET}\n", f" {SECRET}", f"{SECRET}é"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ServiceError, match="special character") as caught:
        http.get_json("http://127.0.0.1:9/", service="RAGFlow", key=key)
    assert SECRET not in str(caught.value)


def test_a_service_shows_no_key() -> None:
    assert SECRET not in repr(http.Service("RAGFlow", SECRET))


def test_nobody_listening() -> None:
    with pytest.raises(ServiceError) as caught:
        http.get_json("http://user:pass@127.0.0.1:9/x", service="RAGFlow", setting="services.ragflow")
    assert str(caught.value) == (
        "RAGFlow at http://127.0.0.1:9 cannot be reached: Connection refused. "
        "Is it running? Check services.ragflow.url."
    )


@pytest.mark.parametrize(
    "url", ["ragflow:9380/x", "http://xn--/v1", "http://ragflow..de", "http://☃.net/x", f"http://{'a.' * 150}de"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ServiceError, match=f"'{url}' is no address of RAGFlow"):
        http.get_json(url, service="RAGFlow")


@pytest.mark.parametrize(
    "url", ["http://my_ragflow:9380", "https://münchen.de/x", "http://xn--mnchen-3ya.de", "http://[::1]"]
)
def test_an_address_that_is_one(url: str) -> None:
    assert http.is_address(url)


def test_a_server_that_hangs_up() -> None:
    with replaying([Reply(0)]) as (url, _), pytest.raises(ServiceError, match=r"cannot be reached: .*closed"):
        http.get_json(url, service="RAGFlow")


def test_a_page_where_json_should_be() -> None:
    page = Reply(200, b"<html>Sign in</html>")
    with (
        replaying([page]) as (url, _),
        pytest.raises(ServiceError, match="answered no JSON to GET /x: <html>"),
    ):
        http.get_json(f"{url}/x", service="RAGFlow")


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\xfe{", b'{"error":' * 100_000])
@pytest.mark.parametrize("status", [200, 500])
def test_json_that_no_program_reads_is_told_in_one_line(body: bytes, status: int) -> None:
    odd = Reply(status, body, {"Content-Type": "application/json; charset=idna"})
    with (
        replaying([odd]) as (url, _),
        pytest.raises(ServiceError, match=r"RAGFlow .* answered (no JSON|500) to GET /x"),
    ):
        http.get_json(f"{url}/x", service="RAGFlow")


def test_a_packed_answer_is_unpacked() -> None:
    packed = Reply(200, gzip.compress(b'{"data": [1]}'), {"Content-Encoding": "GZIP"})
    with replaying([packed]) as (url, calls):
        assert http.get_json(url, service="RAGFlow") == {"data": [1]}
    assert calls[0].headers["accept-encoding"] == "gzip"


def test_an_answer_that_is_not_packed_as_it_says_is_told() -> None:
    plain = Reply(200, b'{"data": [1]}', {"Content-Encoding": "gzip"})
    with replaying([plain]) as (url, _), pytest.raises(ServiceError, match="incorrect header"):
        http.get_json(url, service="RAGFlow")


def test_an_answer_that_unpacks_to_more_than_anybody_needs_takes_no_memory(bomb: Reply) -> None:
    with (
        replaying([bomb]) as (url, _),
        memory_below(4 * http.LARGEST),
        pytest.raises(ServiceError, match=r"cannot be used: .* more than 16 MiB\. Check"),
    ):
        http.get_json(url, service="RAGFlow")


def test_a_password_in_the_address_is_not_shown_when_the_server_says_what_it_was_sent() -> None:
    with replaying([Reply(400, b"Basic dTpzZXNhbWUh")]) as (url, _), pytest.raises(ServiceError) as caught:
        http.get_json(url.replace("http://", "http://u:sesame%21@"), service="RAGFlow")
    assert str(caught.value).endswith("answered 400 to GET /: Basic ***.")


def test_a_password_in_the_address_is_sent() -> None:
    with replaying([Reply.json("come in")]) as (url, calls):
        assert http.get_json(url.replace("http://", "http://u:sesame%21@"), service="RAGFlow") == "come in"
    assert calls[0].headers["authorization"] == "Basic dTpzZXNhbWUh"


@pytest.mark.parametrize(
    "spelt",
    [
        r"sk\/1+a\"",
        r"sk\u002F1\u002ba\u0022",
        r"\u0073\u006b\u002f\u0031\u002b\u0061\u0022",
        "sk%2F1%2ba%22",
        "sk&#x2f;1&#43;a&quot;",
        "SK&sol;1&plus;a&#34;",
        "c2svMSthIg==",  # base64
    ],
)
def test_a_key_is_not_shown_however_the_server_spells_it(spelt: str) -> None:
    with replaying([Reply(401, f"no such key: {spelt}".encode())]) as (url, _), pytest.raises(ServiceError) as caught:
        http.get_json(url, service="RAGFlow", key='sk/1+a"')
    assert "no such key: ***. Check" in str(caught.value)


def test_the_beginning_of_a_key_is_not_shown_either() -> None:
    said = b"no such key: sk-0123456789abcde, sk-012"
    with replaying([Reply(401, said)]) as (url, _), pytest.raises(ServiceError, match=r"key: \*\*\*, sk-012\."):
        http.get_json(url, service="RAGFlow", key="sk-0123456789abcdefghijkl")


@pytest.mark.parametrize("first", [0, 1, 4])
def test_a_secret_without_its_first_few_characters_is_not_shown_either(first: int) -> None:
    said = "dTpzZXNhbWUtb3Blbi11cA=="[first:]
    with replaying([Reply(401, f"no such key: {said}".encode())]) as (url, _), pytest.raises(ServiceError) as caught:
        http.get_json(url.replace("http://", "http://u:sesame-open-up@"), service="RAGFlow")
    assert "no such key: ***. Check" in str(caught.value)


def test_an_empty_answer_says_what_to_check() -> None:
    with replaying([Reply(204)]) as (url, _), pytest.raises(ServiceError, match=r"answered 204 .* Check its url"):
        http.get_json(url, service="RAGFlow")


def test_a_redirect_is_not_followed_with_the_key() -> None:
    moved = Reply(301, b"", {"Location": "http://elsewhere.invalid/?k=1"})
    told = r"answered 301 to GET /: it points to http://elsewhere\.invalid/\. Check its url"
    with replaying([moved]) as (url, _), pytest.raises(ServiceError, match=told):
        http.get_json(url, service="RAGFlow", key=SECRET)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("", None), ("soon", None), ("-1", None), ("3600", http.LONGEST_WAIT)],
)
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    assert http.retry_after({"Retry-After": value}) == seconds


def test_retry_after_as_a_date() -> None:
    now = datetime.now(UTC)
    soon = http.retry_after({"Retry-After": format_datetime(now + timedelta(seconds=10), usegmt=True)})
    past = http.retry_after({"Retry-After": format_datetime(now - timedelta(days=1), usegmt=True)})
    assert soon is not None
    assert 8 < soon <= 10
    assert past == 0.0


def test_backoff_grows_and_differs_from_call_to_call() -> None:
    drawn = [[http.backoff(attempt) for _ in range(200)] for attempt in (0, 3, 30)]
    assert [max(waits) <= longest for waits, longest in zip(drawn, (0.5, 4.0, 30.0), strict=True)] == [True] * 3
    assert len({*drawn[1]}) > 100
    assert max(drawn[1]) > 2.0


def test_a_server_that_flowstill_runs_has_no_address_to_check() -> None:
    server = http.Service("the model", setting="services.embedded", own=True)
    told = http.unreachable(server, "http://127.0.0.1:9/v1", OSError("connection refused"), 10.0)
    assert told == (
        "the model at http://127.0.0.1:9 cannot be reached: connection refused. "
        "flowstill runs it itself and starts it anew with the next try; it may have run out of memory."
    )


def test_a_hanging_server_is_left_after_the_time_limit() -> None:
    async def hang(call: Call) -> Reply:
        await asyncio.sleep(60)
        return Reply()

    started = time.monotonic()
    with serving(hang) as url, pytest.raises(ServiceError, match=r"did not answer within 0.2 s"):
        http.get_json(url, service="RAGFlow", timeout=0.2)
    assert time.monotonic() - started < 5


def test_a_key_in_the_path_of_an_address_is_not_shown() -> None:
    key = "sk-SECRETSECRET1234567890abcdef"
    url = f"http://me:pass@127.0.0.1:9/{key}/v1/chat/completions?api_key={key}"
    assert http.shown(url) == "http://127.0.0.1:9/***/v1/chat/completions"
    assert key not in http.refusal(http.Service("it"), "POST", url, http.Reply(500, {}, b"no"))
    assert http.shown("http://h/api/v1/chat-completions-and-more") == "http://h/api/v1/chat-completions-and-more"


@pytest.mark.parametrize("said", [b"\x00\x01 nonsense\r\n\r\n", b"HTTP/1.1 two hundred\r\n\r\n"])
def test_who_answers_but_not_in_http_is_not_asked_whether_it_runs(said: bytes) -> None:
    with replaying([Reply(0, said)]) as (url, _), pytest.raises(ServiceError) as caught:
        http.get_json(url, service="RAGFlow")
    assert "cannot be used: it does not answer as HTTP has it: " in str(caught.value)
    assert "Is it running" not in str(caught.value)


def test_an_account_without_credit_is_not_a_wrong_key() -> None:
    with (
        replaying([Reply(402)]) as (url, _),
        pytest.raises(ServiceError, match=r"402 .*\. Its account has no credit left\."),
    ):
        http.get_json(url, service="RAGFlow")


def test_an_answer_that_drips_is_not_waited_for_longer_than_an_answer_may_take() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(2**16)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        with connection, contextlib.suppress(OSError):
            while True:
                connection.sendall(b" ")
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: drip(server.accept()[0]), daemon=True).start()
        with pytest.raises(ServiceError, match=r"did not answer within 0\.5 s"):
            http.get_json(f"http://127.0.0.1:{server.getsockname()[1]}/", service="RAGFlow", timeout=0.5)
