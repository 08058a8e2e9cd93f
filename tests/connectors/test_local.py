"""The embedded server: shared, found again, and gone when nobody uses it, however its owners end."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import psutil
import pytest

from connectors import ServiceError, embedded, spawn
from connectors.embedded import Running
from connectors.http import get_json, post_json
from connectors.local import LocalModels, serve

pytest.importorskip("xllamacpp")

OWNER = """
import sys
from pathlib import Path
from connectors.local import serve
with serve(Path(sys.argv[1]), alias="smol", state=Path(sys.argv[2]), threads=1) as server:
    print(server.pid, flush=True)
    sys.stdin.read()
"""
Start = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def start(smollm2: Path, tmp_path: Path) -> Iterator[Start]:
    """Another process that serves the model until its stdin is closed; its first line is the server's pid."""
    with ExitStack() as stack:

        def start() -> subprocess.Popen[str]:
            command = [sys.executable, "-c", OWNER, str(smollm2), str(tmp_path)]
            return stack.enter_context(
                subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )

        yield start


def pid_of(owner: subprocess.Popen[str]) -> int:
    assert owner.stdout
    return int(owner.stdout.readline())


def wait_until(true: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def left_behind(state: Path) -> list[str]:
    return sorted(path.name for path in state.iterdir() if path.suffix != ".lock")


def test_a_served_model_answers_under_its_alias_and_is_gone_afterwards(smollm2: Path, tmp_path: Path) -> None:
    with serve(smollm2, alias="smol", state=tmp_path, threads=1, context=512, slots=3) as server:
        models = get_json(f"{server.url}/models", service="it")["data"]
        assert [model["id"] for model in models] == [server.alias] == ["smol"]
        assert models[0]["meta"]["n_ctx"] == 512  # of each slot
        body = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}
        assert post_json(f"{server.url}/chat/completions", body, service="it")["choices"][0]["message"]["content"]
    assert ended(server.pid)
    assert left_behind(tmp_path) == []


def test_the_same_settings_share_one_child_and_others_get_their_own(smollm2: Path, tmp_path: Path) -> None:
    with serve(smollm2, alias="smol", state=tmp_path, threads=1) as first:
        with serve(smollm2, alias="smol", state=tmp_path, threads=1) as second:
            assert second == first
        assert not ended(first.pid)
        with serve(smollm2, alias="smol", state=tmp_path, threads=1, context=512) as other:
            assert other.pid != first.pid


@pytest.mark.parametrize(
    ("quota", "busy", "threads"),
    [
        ("max 100000", 1.0, 8),
        ("max 100000", 25.0, 7),
        ("200000 100000", 1.0, 2),
        ("200000 100000", 25.0, 1),
        ("50000 100000", 1.0, 1),
    ],
)
def test_an_idle_machine_lends_all_cores_that_it_allows_a_busy_one_keeps_one(
    quota: str, busy: float, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "cpu.max"
    limit.write_text(quota)
    monkeypatch.setattr(embedded, "CPU_MAX", limit)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr(psutil, "cpu_count", lambda: 8)
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: busy)
    assert embedded.spare_cores() == threads


def test_what_computes_for_a_moment_only_takes_no_core(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([50.0, 1.0])
    monkeypatch.setattr(embedded, "_cores", lambda: 2)
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: next(looks))
    assert embedded.spare_cores() == 2


def test_a_file_replaced_under_the_same_name_is_served_anew(smollm2: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    os.link(smollm2, model) if smollm2.stat().st_dev == tmp_path.stat().st_dev else model.symlink_to(smollm2)
    with serve(model, alias="smol", state=tmp_path / "state", threads=1) as old:
        model.unlink()
        model.write_bytes(smollm2.read_bytes())
        with serve(model, alias="smol", state=tmp_path / "state", threads=1) as new:
            assert new.pid != old.pid


def test_threads_that_ask_at_once_get_one_child(smollm2: Path, tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def ask() -> int:
        with serve(smollm2, alias="smol", state=tmp_path, threads=1) as server:
            together.wait(60)
            return server.pid

    with ThreadPoolExecutor(4) as pool:
        pids = {future.result() for future in [pool.submit(ask) for _ in range(4)]}
    assert len(pids) == 1 and ended(pids.pop())
    assert left_behind(tmp_path) == []


def test_the_child_outlives_the_process_that_started_it_as_long_as_another_uses_it(
    start: Start, smollm2: Path, tmp_path: Path
) -> None:
    starter = start()
    pid = pid_of(starter)
    with serve(smollm2, alias="smol", state=tmp_path, threads=1) as server:
        assert server.pid == pid
        starter.kill()
        starter.wait()
        time.sleep(3 * embedded.POLL)
        assert get_json(f"{server.url}/models", service="it")["data"]
    assert ended(pid) and left_behind(tmp_path) == []


def test_kill_9_of_the_only_owner_leaves_no_orphan_and_no_state(start: Start, tmp_path: Path) -> None:
    owner = start()
    pid = pid_of(owner)
    owner.kill()
    wait_until(lambda: ended(pid))
    assert left_behind(tmp_path) == []


def test_kill_9_while_the_model_loads_leaves_no_orphan(start: Start, tmp_path: Path) -> None:
    owner = start()
    wait_until(lambda: bool(list(tmp_path.glob("*.json"))))
    state = embedded.read(next(iter(tmp_path.glob("*.json"))))
    owner.kill()
    assert state and state.port == 0
    wait_until(lambda: ended(state.child.pid))


def test_what_a_kill_9_left_behind_goes_with_the_next_server_of_any_model(smollm2: Path, tmp_path: Path) -> None:
    with serve(smollm2, alias="smol", state=tmp_path, threads=1):
        path = next(iter(tmp_path.glob("*.json")))
        state = embedded.read(path)
    assert state
    gone = Running(2**22 - 1, created=1.0)
    stale = tmp_path / "stale.json"
    embedded.write(stale, msgspec.structs.replace(state, child=gone, owners={"x": gone}))
    stale.with_suffix(".log").write_text("x")
    with serve(smollm2, alias="other", state=tmp_path, threads=1):
        assert not stale.exists() and not stale.with_suffix(".log").exists()


def test_a_child_that_was_killed_is_replaced(smollm2: Path, tmp_path: Path) -> None:
    with serve(smollm2, alias="smol", state=tmp_path, threads=1) as first:
        os.kill(first.pid, signal.SIGKILL)
        with serve(smollm2, alias="smol", state=tmp_path, threads=1) as second:
            assert second.pid != first.pid
            assert get_json(f"{second.url}/models", service="it")["data"]
    assert ended(second.pid) and left_behind(tmp_path) == []


def test_a_stale_state_file_whose_pid_another_process_got_harms_nobody(smollm2: Path, tmp_path: Path) -> None:
    with serve(smollm2, alias="smol", state=tmp_path, threads=1):
        path = next(iter(tmp_path.glob("*.json")))
        state = embedded.read(path)
    assert state
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        stale = msgspec.structs.replace(state, child=Running(bystander.pid, created=1.0))
        embedded.write(path, stale)
        with serve(smollm2, alias="smol", state=tmp_path, threads=1) as server:
            assert server.pid != bystander.pid
        assert bystander.poll() is None
        bystander.kill()


def test_an_unreadable_state_file_counts_as_none(smollm2: Path, tmp_path: Path) -> None:
    with serve(smollm2, alias="smol", state=tmp_path, threads=1):
        path = next(iter(tmp_path.glob("*.json")))
    path.write_text('{"half')
    with serve(smollm2, alias="smol", state=tmp_path, threads=1) as server:
        assert json.loads(path.read_text())["child"]["pid"] == server.pid


def test_a_broken_model_ends_in_the_engines_own_words(tmp_path: Path, smollm2: Path) -> None:
    with smollm2.open("rb") as file:
        (tmp_path / "torn.gguf").write_bytes(file.read(1_000_000))
    with (
        pytest.raises(ServiceError, match=r"torn\.gguf ended while starting \(exit code 1\): .*failed to load"),
        serve(tmp_path / "torn.gguf", alias="torn", state=tmp_path / "state", threads=1),
    ):
        pass
    assert [Path(name).suffix for name in left_behind(tmp_path / "state")] == [".log"], "which the message names"


def test_a_state_folder_that_cannot_be_made_is_named(smollm2: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with (
        pytest.raises(ServiceError, match=r"state/\w+\.json cannot be written"),
        serve(smollm2, alias="smol", state=tmp_path / "state"),
    ):
        pass


def test_a_missing_model_is_told_before_anything_starts(tmp_path: Path) -> None:
    with (
        pytest.raises(ServiceError, match=r"gone\.gguf: no such model file"),
        serve(tmp_path / "gone.gguf", alias="gone", state=tmp_path / "state"),
    ):
        pass
    assert not (tmp_path / "state").exists()


def test_a_fixed_port_that_is_taken_is_named(smollm2: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ServiceError, match=rf"Port {port} is taken"),
            serve(smollm2, alias="smol", state=tmp_path, threads=1, port=port),
        ):
            pass


def test_a_model_that_does_not_load_in_time_is_given_up(smollm2: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(ServiceError, match=r"not loaded within 0\.05 s"),
        serve(smollm2, alias="smol", state=tmp_path, threads=1, timeout=0.05),
    ):
        pass
    assert not list(tmp_path.glob("*.json"))


def test_without_the_engine_the_extra_is_named(smollm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with (
        pytest.raises(ServiceError, match=r"flowstill\[serve\]"),
        serve(smollm2, alias="smol", state=tmp_path),
    ):
        pass


def test_a_server_still_loading_is_waited_for() -> None:
    answers = [503, 503, 200]

    class Loading(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers.pop(0))
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Loading) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        state = embedded.State("model", "alias", Running.of(os.getpid()), {}, server.server_port)
        assert spawn.answers(state, timeout=10)
        server.shutdown()
    assert answers == []
    assert not spawn.answers(state, timeout=0.1)  # nobody listens any more


def test_an_idle_server_uses_next_to_no_cpu(smollm2: Path, tmp_path: Path) -> None:
    with serve(smollm2, alias="smol", state=tmp_path, threads=1) as server:
        child = psutil.Process(server.pid)
        before = sum(child.cpu_times()[:2])
        time.sleep(2)
        assert sum(child.cpu_times()[:2]) - before < 0.1


def test_a_registered_model_shares_its_disk_space(smollm2: Path, tmp_path: Path) -> None:
    models = LocalModels(tmp_path / "models", state=tmp_path / "servers")
    (tmp_path / "run.gguf").write_bytes(b"weights")
    registered = models.register("v1", tmp_path / "run.gguf")
    assert registered.samefile(tmp_path / "run.gguf")
    models.register("v1", registered)
    (tmp_path / "run.gguf").unlink()  # a run's folder may go
    assert registered.read_bytes() == b"weights"
    assert sorted(path.name for path in registered.parent.iterdir()) == ["v1.gguf"]


def test_where_links_are_impossible_the_model_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "run.gguf").write_bytes(b"weights")
    registered = LocalModels(tmp_path / "models", state=tmp_path).register("v1", tmp_path / "run.gguf")
    assert registered.read_bytes() == b"weights" and not registered.samefile(tmp_path / "run.gguf")


def test_an_opened_alias_serves_under_the_models_own_name(smollm2: Path, tmp_path: Path) -> None:
    models = LocalModels(tmp_path / "models", state=tmp_path / "servers")
    models.register("v1", smollm2)
    models.point("support", "v1")
    with models.open("support") as server, models.open("v1") as same:
        assert server == same and server.alias == "v1"
