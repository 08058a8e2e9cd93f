"""Files of people, read and written whole or not at all."""

import os
import re
import secrets
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path

from flows import FlowError, UsageError

LARGEST = 64 * 2**20  # bytes; of what is in the file, dsl.load takes less
HALF_WRITTEN = re.compile(r"\..+\.\d+")  # what a kill -9 leaves of `write_atomically`


def read(file: str) -> bytes:
    """What a file holds; - is stdin. FlowError: there is more of it than of any workflow."""
    if file == "-" and sys.stdin is None:
        raise UsageError("stdin is closed: name a file, or pipe one in.")
    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise told(file, error) from None
    if len(data) > LARGEST:
        raise FlowError(f"{'stdin' if file == '-' else file} holds more than {LARGEST >> 20} MB: it is no workflow.")
    return data


def exists(file: str | Path) -> bool:
    """FlowError: nothing could ever stand there."""
    try:
        os.stat(file)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise told(file, error) from None
    return True


def save(file: str | Path, data: bytes) -> None:
    """A half-written file never stands in the place of a good one, nor a file in that of a device or pipe.

    Links are followed, and a file keeps its mode. (click's atomic files take the place of the good one when the disk
    is full, too.)
    """
    try:
        if os.path.exists(file) and not os.path.isfile(file):
            Path(file).write_bytes(data)
        else:
            write_atomically(Path(os.path.realpath(file)), data)
    except (OSError, ValueError) as error:
        raise told(file, error) from None


def write_atomically(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name[:60]}.{secrets.randbits(64)}")  # two at once write two parts
    try:
        with part.open("xb") as file:  # never a file or link that somebody laid there
            file.write(data)
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    except BaseException:  # also Ctrl-C: whatever it is, it is raised again once nothing half-written is left
        part.unlink(missing_ok=True)
        raise


def distinct(**files: str | Path | None) -> None:
    """UsageError when two of these are one file: what is written first would be gone."""
    seen: dict[str, str] = {}
    for use, file in files.items():
        real = "" if file is None or str(file) == "-" else os.path.realpath(file)
        if real and (other := seen.setdefault(real, use)) != use:
            raise UsageError(f"{file} is named as {other} and as {use}: one would overwrite the other.")


def told(file: str | Path, error: Exception) -> FlowError:
    """The error in words: of wrong usage where the name is at fault."""
    misnamed = isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError, ValueError))
    words = getattr(error, "strerror", None) or str(error)
    return (UsageError if misnamed else FlowError)(f"{str(file) or 'The name of a file'}: {words}.")
