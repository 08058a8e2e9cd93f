"""What makes a training run resumable: whose it is, who may write to it, which checkpoint is whole."""

import fcntl
import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from trainer import TrainError
from trainer.jobs import TrainJob

COMPLETE = "complete.json"  # written last into a checkpoint: one without it is half-written


class Mark(msgspec.Struct, frozen=True):
    """What a checkpoint says of the run so far, over all processes that worked on it."""

    seconds: float = 0.0
    peak_memory_bytes: int = 0


def fingerprint(job: TrainJob) -> str:
    """Hash of all that shapes the result: recipe, backend, base model, rows. sha256, hexadecimal."""
    base = Path(job.base)
    weights = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(base.iterdir())]
    rows = [_sha256(Path(path)) for path in (job.train, job.validation) if path]
    shaped_by = [job.recipe, job.backend, job.keep_order, weights, rows]
    return hashlib.sha256(msgspec.json.encode(shaped_by)).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def claim(out: Path, identity: str) -> bool:
    """Make `out` the folder of this run; True when another run's work had to be removed from it."""
    owner = out / "fingerprint"
    if owner.is_file() and owner.read_text() == identity:
        return False
    others = [out / name for name in ("checkpoints", "adapter", "model")]
    found = [path for path in others if path.exists()]
    (out / "metrics.json").unlink(missing_ok=True)
    for path in found:
        shutil.rmtree(path)
    owner.write_text(identity)
    return bool(found)


@contextmanager
def exclusive(out: Path, patience: float = 60.0) -> Iterator[None]:
    """Hold `out` for this process; waits `patience` seconds for one that still saves its last checkpoint."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "lock").open("w") as lock:
        until = time.monotonic() + patience
        while not _locked(lock.fileno()):
            if time.monotonic() > until:
                raise TrainError(f"{out}: another process is training there. Wait for it, or stop it.")
            time.sleep(0.2)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def newest(folder: Path) -> tuple[Path | None, Mark]:
    """The newest whole checkpoint; half-written ones are removed, since the library would take them."""
    for path in sorted(folder.glob("checkpoint-*"), key=_step, reverse=True):
        if (path / COMPLETE).is_file():
            return path, msgspec.json.decode((path / COMPLETE).read_bytes(), type=Mark)
        shutil.rmtree(path)
    return None, Mark()


def complete(checkpoint: Path, mark: Mark) -> None:
    temporary = checkpoint / f"{COMPLETE}.tmp"
    temporary.write_bytes(msgspec.json.encode(mark))
    temporary.rename(checkpoint / COMPLETE)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.partition("-")[2])
