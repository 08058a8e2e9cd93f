"""The dialects by name. Each is a folder, or a module, that offers the same few functions; imported when needed."""

import difflib
import importlib
from typing import Any, Protocol, cast

from dsl import DslError, OptionError
from dsl.ir import Flow
from dsl.merge import merge
from dsl.notes import Note

DIALECTS = {"dify": "dsl.dify", "coze": "dsl.coze", "n8n": "dsl.n8n", "ragflow": "dsl.ragflow", "ir": "dsl.irjson"}


class Dialect(Protocol):
    """What a dialect offers. A document is a whole file as plain data."""

    COSMETIC: frozenset[str]  # keys that only an editor reads
    SETTINGS: tuple[str, ...]  # what a file sets for the workflow as a whole, beside its nodes

    def unpack(self, data: bytes) -> Any | None:
        """The document in an archive of this dialect; None for anything else."""

    def sniff(self, document: Any) -> bool:
        """Whether this is a document of the dialect. Never raises."""

    def read(self, document: Any) -> Flow:
        """With `raw` set to the document. DslError names the place of what is not as it should be."""

    def build(self, flow: Flow, **options: Any) -> tuple[Any, list[Note]]:
        """The flow as a document, whatever dialect it came from, and what does not travel. The flow is not changed.

        Always made anew from the common form, never from `raw`; what that holds beside is left to `dsl.write`.
        """

    # A dialect that has options has `reshaped(document, notes, **options)`, too: a document of its own as they want it.
    # OptionError: what was there before cannot be made what they want. One that has several forms has
    # `like(flow, document)`: the flow as a document in the form of another. Where a form holds one workflow only,
    # `beside(flow, **options)` are the documents of others that `build` makes, by name, and
    # `apart(document, **options)` of those that `reshaped` takes out. Where texts call inputs by names,
    # `as_called(built, document)` is what was built with those that stand in another document. One with archives has
    # `is_unpacked(document)`: whether it is the inside of one, which no text may say of itself.

    def dump(self, document: Any) -> str | bytes:
        """The document as a file."""


def named(name: str) -> Dialect:
    if not isinstance(name, str) or name not in DIALECTS:
        near = difflib.get_close_matches(str(name), DIALECTS, 1)
        hint = f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(DIALECTS)}."
        raise OptionError(f"There is no dialect {name!r}.{hint}")
    return cast(Dialect, importlib.import_module(DIALECTS[name]))


def again(source: Dialect, flow: Flow, document: Any) -> Any:
    """A flow as a document of this dialect; of several forms in that of `document`."""
    like = getattr(source, "like", None)
    return like(flow, document) if like else source.build(flow)[0]


def joined(target: Dialect, mine: Any, before: Any, after: Any) -> Any:
    """A document with the steps that lead from one that was built to another, in the words that it has itself."""
    if as_called := getattr(target, "as_called", None):
        before, after = as_called(before, mine), as_called(after, mine)
    return merge(mine, before, after)


def dialect_of(document: Any, dialect: str | None) -> str:
    fitting = next((name for name in DIALECTS if named(name).sniff(document)), None)
    if dialect and fitting != dialect and not named(dialect).sniff(document):
        what = f"it looks like {fitting}" if fitting else _why_none(document)
        raise DslError(f"This is no {dialect} file: {what}.")
    if fitting is None:
        raise DslError(f"No platform's workflow: {_why_none(document)}.")
    return dialect or fitting


def _why_none(document: Any) -> str:
    if not isinstance(document, dict):
        return f"it holds {'a list' if isinstance(document, list) else 'a single value'} where a mapping is wanted"
    canvas = document.get("dsl", document)
    if isinstance(canvas, dict) and isinstance(canvas.get("components"), dict):
        lacking = " and ".join(f"`{key}`" for key in ("path", "history") if key not in canvas)
        return f"it looks like RAGFlow's, which needs {lacking} (a list, which may be empty)"
    keys = ", ".join(str(key)[:40] for key in list(document)[:8]) or "none"
    return (
        "Dify has `app` and `workflow`, Coze and n8n have `nodes` with edges or connections, RAGFlow has `dsl` or "
        f"`components`; the keys here are {keys}"
    )
