"""A full disk, said in one sentence: libraries report it as anything from OSError to a Rust panic's text."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer import TrainError

FULL = 32_000_000  # bytes free below which a failed write means a full disk; a file's last block may not fit


@contextmanager
def told_when_full(folder: Path) -> Iterator[None]:
    """Raises TrainError when something inside fails while the disk of `folder` is full."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        free = shutil.disk_usage(folder).free
        if free > FULL:
            raise
        raise TrainError(
            f"{folder}: the disk is full ({free / 1e6:.0f} MB left). Free some space and start again; "
            "what was saved before stays."
        ) from error


def require(folder: Path, needed: int, what: str) -> None:
    """Raises TrainError when `folder` has no room for `needed` bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise TrainError(f"{folder}: {what} needs {needed / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free.")
