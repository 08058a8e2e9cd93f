"""stdout and stderr as a shell may leave them: on a full disk, closed, or closed half way."""

import io
import os
import sys
from typing import TextIO

from flows import FlowError


def secure() -> None:
    """From now on nothing fails for what stderr does not take; what stdout does not take is one clear error."""
    for number in range(3):
        _occupy(number)
    sys.stdout, sys.stderr = _opened(_Results(1, "w"), sys.stdout), _opened(_Progress(2, "w"), sys.stderr)


def _occupy(number: int) -> None:
    """A stream that is closed stays of no use, but the next file that is opened must not get its number."""
    try:
        os.fstat(number)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_RDONLY), number)


def _opened(raw: io.FileIO, before: TextIO | None) -> TextIO:
    encoding, errors = (before.encoding, before.errors) if before else ("utf-8", "backslashreplace")
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, line_buffering=True)


class _Progress(io.FileIO):
    def write(self, data: bytes) -> int:  # type: ignore[override]
        try:
            return super().write(data)
        except OSError:
            return len(data)


class _Results(io.FileIO):
    failed = False

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if self.failed:
            return len(data)  # it is tried once more at the end of the process
        try:
            return super().write(data)
        except BrokenPipeError:  # whoever reads has seen enough
            raise
        except OSError as error:
            self.failed = True
            why = error.strerror or error
            raise FlowError(f"the result cannot be written to stdout: {why}. What was done is kept.") from None
