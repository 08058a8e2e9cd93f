"""Dataset versions: immutable folders named by the hash of what they hold, and the rows a trainer reads from them."""

import functools
import hashlib
import importlib.metadata
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from connectors.records import Passage, sha256
from flows import FlowError
from flows.curate import Curated, Dropped
from flows.dialogue import Message, messages
from flows.pairs import Pair, decode, encode
from flows.runs import digest
from trainer.evaluate import normalise

SIDES = ("train", "validation", "test", "rejected")
MANIFEST = "manifest.json"
ADVICE = "Move its folder away and run the curate step again."


class Dataset(msgspec.Struct, frozen=True):
    """A version on disk. No time stands in it: the same inputs give the same bytes, and the same sha256."""

    path: Path
    sha256: str
    counts: dict[str, Any]


class Manifest(msgspec.Struct, frozen=True):
    """What manifest.json holds; `sha256` is over everything else in it, and so over every file."""

    sha256: str
    files: dict[str, str]  # name -> sha256
    counts: dict[str, Any]  # by side: pairs, by kind and language; dropped by reason
    made_of: dict[str, Any]  # teachers and prompts with their pairs; passages, documents, tokens, cost
    lineage: dict[str, Any]  # as the caller says: the records and prompts that the run started from
    settings: dict[str, Any]
    settings_sha256: str
    flowstill: str


def write(folder: Path, curated: Curated, lineage: Mapping[str, Any]) -> Dataset:
    """Write a version below `folder`, named by its content; one that stands there already is left as it is."""
    files = _files(curated)
    manifest = _manifest(files, curated, lineage)
    path = folder / manifest.sha256[:12]
    if not path.exists():
        files[MANIFEST] = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"))
        _put(path, files)
    read(path)  # whatever stands there must be whole
    return Dataset(path, manifest.sha256, manifest.counts)


def read(path: Path) -> Curated:
    """The pairs of a version; raises FlowError when a file is missing or differs from what was written."""
    known = manifest(path)
    texts = {name: _checked(path / name, wanted) for name, wanted in known.files.items()}
    pairs = {side: [decode(line) for line in texts[f"{side}.jsonl"].splitlines()] for side in SIDES}
    dropped = [msgspec.json.decode(line, type=Dropped) for line in texts["dropped.jsonl"].splitlines()]
    return Curated(**pairs, dropped=dropped, components=known.counts["components"], settings=known.settings)


def manifest(path: Path) -> Manifest:
    """What a version is made of; raises FlowError when there is none or it was edited."""
    try:
        found = msgspec.json.decode((path / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, ValueError, RecursionError) as error:
        raise FlowError(f"{path / MANIFEST}: not a dataset version: {error}. {ADVICE}") from None
    if _hash(found) != found.sha256:
        raise _edited(path / MANIFEST)
    return found


def training_rows(
    pairs: Sequence[Pair], *, system: str, open_book: float, seed: int
) -> Iterator[dict[str, list[Message]]]:
    """A closed-book prompt/completion row for each pair, as TRL reads them, followed for some by an open-book one.

    A share of `open_book` of the pairs, drawn by hash, is shown once more below its own passages, half of these
    beside a passage that does not hold the answer (RAFT, https://arxiv.org/abs/2403.10131).
    """
    pool = {passage.sha256: (pair, passage) for pair in pairs for passage in pair.passages}
    others = [pool[key] for key in sorted(pool)]
    for pair in pairs:
        said = functools.partial(messages, pair.question, system=system, history=pair.history)
        completion = [{"role": "assistant", "content": pair.answer}]
        yield {"prompt": said(), "completion": completion}
        if pair.passages and _draw(seed, "open-book", pair.id) < open_book:
            prompt = said(passages=_shown(pair, others, seed), language=pair.language or "en")
            yield {"prompt": prompt, "completion": completion}


def _shown(pair: Pair, others: Sequence[tuple[Pair, Passage]], seed: int) -> tuple[Passage, ...]:
    """The pair's passages, perhaps with a distractor before or after them."""
    if pair.kind == "refusal" or _draw(seed, "distractor", pair.id) < 0.5:
        return pair.passages  # beside another passage an unanswerable question might have its answer
    start = int(_draw(seed, "which", pair.id) * len(others))
    for owner, passage in [*others[start:], *others[:start]]:
        if owner.language == pair.language and _distracts(passage, pair):
            first = _draw(seed, "order", pair.id) < 0.5
            return (passage, *pair.passages) if first else (*pair.passages, passage)
    return pair.passages


def _distracts(passage: Passage, pair: Pair) -> bool:
    own = {shown.sha256 for shown in pair.passages}
    return passage.sha256 not in own and normalise(pair.answer) not in normalise(passage.text)


def _draw(seed: int, what: str, identity: str) -> float:
    """0 to 1, by hash."""
    return int(sha256(f"{seed}\x1f{what}\x1f{identity}")[:13], 16) / 16**13


def _files(curated: Curated) -> dict[str, bytes]:
    found = {f"{side}.jsonl": _lines(map(encode, getattr(curated, side))) for side in SIDES}
    dropped = (msgspec.json.encode(one, order="deterministic") for one in curated.dropped)
    return found | {"dropped.jsonl": _lines(dropped)}


def _lines(rows: Iterable[bytes]) -> bytes:
    return b"".join(row + b"\n" for row in rows)


def _manifest(files: Mapping[str, bytes], curated: Curated, lineage: Mapping[str, Any]) -> Manifest:
    plain = Manifest(
        sha256="",
        files={name: _bytes_hash(data) for name, data in files.items()},
        counts=counts(curated),
        made_of=_made_of([*curated.train, *curated.validation, *curated.test, *curated.rejected]),
        lineage=dict(lineage),
        settings=curated.settings,
        settings_sha256=digest(curated.settings),
        flowstill=importlib.metadata.version("flowstill"),
    )
    return msgspec.structs.replace(plain, sha256=_hash(plain))


def counts(curated: Curated) -> dict[str, Any]:
    """How many pairs went where. One component means one document: there is nothing to test on then."""
    sides = {
        side: {
            "pairs": len(pairs),
            "kinds": dict(Counter(pair.kind for pair in pairs)),
            "languages": dict(Counter(pair.language or "unknown" for pair in pairs)),
        }
        for side in SIDES
        for pairs in [cast(list[Pair], getattr(curated, side))]
    }
    reasons = dict(Counter(one.reason for one in curated.dropped))
    return {**sides, "dropped": reasons, "components": curated.components}


def _made_of(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The totals of what each row says of itself."""
    return {
        "teachers": dict(Counter(pair.teacher for pair in pairs if pair.teacher)),
        "prompts": dict(Counter(pair.prompt_hash for pair in pairs if pair.prompt_hash)),
        "passages": len({passage.sha256 for pair in pairs for passage in pair.passages}),
        "documents": len({(pair.origin.service, pair.origin.dataset, pair.origin.document) for pair in pairs}),
        "tokens": sum(pair.tokens for pair in pairs),
        "cost": sum(sorted(pair.cost for pair in pairs)),
    }


def _put(path: Path, files: Mapping[str, bytes]) -> None:
    """All files or none: a folder beside the place is filled and moved there in one step."""
    growing = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        shutil.rmtree(growing, ignore_errors=True)
        growing.mkdir(parents=True)
        for name, data in files.items():
            (growing / name).write_bytes(data)
        if not path.exists():
            growing.rename(path)
    except OSError as error:
        raise FlowError(f"{path}: the dataset could not be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(growing, ignore_errors=True)


def _checked(path: Path, wanted: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FlowError(f"{path}: a file of the dataset cannot be read: {error.strerror}.") from None
    if _bytes_hash(data) != wanted:
        raise _edited(path)
    return data


def _edited(path: Path) -> FlowError:
    return FlowError(f"{path} is not what was written: a dataset version is never edited. {ADVICE}")


def _hash(found: Manifest) -> str:
    return digest(msgspec.structs.replace(found, sha256=""))


def _bytes_hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
