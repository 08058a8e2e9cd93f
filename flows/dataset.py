"""Dataset versions: immutable folders named by their content, and the rows that training reads out of them."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from connectors.records import Passage, sha256
from flows import FlowError
from flows.curate import Curated, Dropped
from flows.dialogue import messages
from flows.pairs import Pair, decode, encode

SPLITS = ("train", "validation", "test")
DISTRACTORS = 0.5  # share of open-book rows that show a second passage, which does not answer (RAFT, arXiv 2403.10131)


class Dataset(msgspec.Struct, frozen=True):
    """One version: its folder, the sha256 over its files, and how many rows there are of what."""

    path: Path
    sha256: str
    counts: dict[str, Any]


def write(folder: Path, curated: Curated, lineage: Mapping[str, Any]) -> Dataset:
    """Write a version below `folder`, or find it there; the same content always gives the same name and bytes."""
    files = {f"{split}.jsonl": _lines(encode(pair) for pair in getattr(curated, split)) for split in SPLITS}
    files["dropped.jsonl"] = _lines(msgspec.json.encode(one) for one in curated.dropped)
    content = _digest(files)
    counts = _counts(curated)
    manifest = {
        "sha256": content,
        "counts": counts,
        "lineage": lineage,
        "files": {n: _hash(d) for n, d in files.items()},
    }
    target = folder / content[:12]
    if not target.exists():
        files["manifest.json"] = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic")) + b"\n"
        _move_in(folder, target, files)
    return Dataset(target, content, counts)


def read(path: Path) -> Curated:
    """A version's rows; raises FlowError when a file is not what it was when it was written."""
    files = {}
    for name in [*(f"{split}.jsonl" for split in SPLITS), "dropped.jsonl"]:
        try:
            files[name] = (path / name).read_bytes()
        except OSError as error:
            raise FlowError(f"{path / name}: {error.strerror}. The dataset version is not complete.") from None
    if _digest(files)[:12] != path.name:
        raise FlowError(f"{path}: a file was changed since this version was written. Delete the folder and run again.")
    train, validation, test = ([decode(line) for line in files[f"{split}.jsonl"].splitlines()] for split in SPLITS)
    dropped = [msgspec.json.decode(line, type=Dropped) for line in files["dropped.jsonl"].splitlines()]
    return Curated(train, validation, test, dropped)


def training_rows(pairs: Sequence[Pair], *, system: str, open_book: float, seed: int) -> Iterator[dict[str, Any]]:
    """Prompt/completion rows in chat form, one a pair, and for a share of the pairs one more that shows the passage.

    Chosen by hash of the pair: adding a document does not turn the others' rows around.
    """
    for number, pair in enumerate(pairs):
        yield _row(pair, messages(pair.question, system=system, history=pair.history))
        if pair.passages and _draw(pair.id, seed, "open book") < open_book:
            shown = _shown(pair, pairs[(number * 7 + 3) % len(pairs)], seed)
            said = messages(pair.question, system=system, passages=shown, history=pair.history, language=pair.language)
            yield _row(pair, said)


def _row(pair: Pair, prompt: list[dict[str, str]]) -> dict[str, Any]:
    return {"prompt": prompt, "completion": [{"role": "assistant", "content": pair.answer}]}


def _shown(pair: Pair, other: Pair, seed: int) -> list[Passage]:
    """The pair's own passages, for some rows with one of another pair before or after them."""
    distracting = [p for p in other.passages if p.sha256 not in {own.sha256 for own in pair.passages}][:1]
    draw = _draw(pair.id, seed, "distractor")
    if draw >= DISTRACTORS:
        return list(pair.passages)
    return [*distracting, *pair.passages] if draw < DISTRACTORS / 2 else [*pair.passages, *distracting]


def _draw(identity: str, seed: int, purpose: str) -> float:
    """A number in [0, 1) that depends on nothing but these."""
    return int(sha256(f"{seed} {purpose} {identity}")[:8], 16) / 16**8


def _counts(curated: Curated) -> dict[str, Any]:
    pairs = [pair for split in SPLITS for pair in getattr(curated, split)]
    return {
        **{split: len(getattr(curated, split)) for split in SPLITS},
        "dropped": _tally(one.reason for one in curated.dropped),
        "kinds": _tally(pair.kind for pair in pairs),
        "languages": _tally(pair.language for pair in pairs),
        "teachers": _tally(pair.teacher for pair in pairs if pair.teacher),
        "tokens": sum(pair.tokens for pair in pairs),
        "cost": sum(pair.cost for pair in pairs),
    }


def _tally(values: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for value in sorted(values):
        found[value] = found.get(value, 0) + 1
    return found


def _lines(rows: Iterable[bytes]) -> bytes:
    return b"".join(row + b"\n" for row in rows)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest(files: Mapping[str, bytes]) -> str:
    return sha256("".join(f"{name} {_hash(files[name])}\n" for name in sorted(files)))


def _move_in(folder: Path, target: Path, files: Mapping[str, bytes]) -> None:
    """All files or none: a version is there as a whole or not at all, also with two runs at once."""
    temporary = folder / f".{target.name}.{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name, data in files.items():
        (temporary / name).write_bytes(data)
    try:
        temporary.rename(target)
    except OSError:
        shutil.rmtree(temporary)
        if not target.exists():
            raise
