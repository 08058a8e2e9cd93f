"""The top of the house: the loop from knowledge base to served model, and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.runs import RunFolder


class FlowError(Exception):
    """A run that cannot go on; the message says what failed, where, and what to do next."""


class ConfigError(FlowError):
    """A setting in flowstill.yml that is wrong; the message names file, key and the nearest known key."""


class UsageError(FlowError):
    """A loop, step, run, version or format named on the command line that does not exist; the CLI exits 2."""


class RowsLostError(FlowError):
    """A run ended with rows it could not make; the CLI exits 4. The run goes on when it is started again."""

    def __init__(self, message: str, run: RunFolder) -> None:
        super().__init__(message)
        self.run = run  # all else was done: what came of it is still what people look for
