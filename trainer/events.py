"""What the trainer tells its parent: one JSON object a line, on the stdout that libraries cannot reach."""

import os
import sys
from typing import BinaryIO, Protocol

import msgspec


class Say(Protocol):
    """`say("step", step=3, of=75, loss=1.2)` reports one event."""

    def __call__(self, event: str, /, **fields: object) -> None: ...


def claim_stdout() -> BinaryIO:
    """The real stdout, for events alone; whatever Python or C code prints from now on goes to stderr."""
    sys.stdout.flush()
    ours = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return ours


class Events:
    """Writes events to a stream, each line complete and at once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __call__(self, event: str, /, **fields: object) -> None:
        self._stream.write(msgspec.json.encode({"event": event, **fields}) + b"\n")
        self._stream.flush()


class Stopped(SystemExit):
    """Raised wherever the process is when it is told to stop."""


class Event(msgspec.Struct, frozen=True):
    """One line as the parent reads it; `fields` is the whole object."""

    name: str
    fields: dict[str, object]


def parse(line: bytes | str) -> Event:
    """Raises msgspec.DecodeError for a line that is no event."""
    fields = msgspec.json.decode(line, type=dict[str, object])
    return Event(str(fields.get("event", "")), fields)
