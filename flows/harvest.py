"""What the sources hold now, brought into the store: changed documents read, vanished ones retired."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from connectors import ServiceError
from connectors.files import Document, Folder
from connectors.records import Exchange, Record, sha256
from flows.config import Config, Curate, Loop
from flows.privacy import redact
from flows.store import Change, Store

OnDocument = Callable[[int, int, str], None]  # done, of, and which is being read


class Harvest(msgspec.Struct):
    """Counts of one harvest, and what is to be told: each document or row that could not be read, and why."""

    documents: int = 0
    unchanged: int = 0
    added: int = 0  # records
    kept: int = 0  # as they were, those of documents that were not read again among them
    repeated: int = 0  # rows or passages that say what another of their document says
    retired: int = 0
    redacted: int = 0  # records in which personal data was blanked
    redacted_first: str = ""  # where the first of them is
    kinds: set[str] = set()  # of personal data, as `email`
    unreadable: list[str] = []  # documents
    lost: list[str] = []  # rows of documents that were read
    skipped: list[tuple[str, str]] = []  # files that are no documents, and why
    notes: list[str] = []


def harvest(config: Config, name: str, store: Store, on_document: OnDocument = lambda done, of, path: None) -> Harvest:
    """Bring the folders of loop `name` into the store. A broken document never stops the others."""
    found = Harvest()
    loop = config.loop(name)
    taken: dict[str, str] = {}  # where a document lies -> the source it is read from
    sources = [(folder, _own(folder, taken, found)) for folder in folders(config, loop)]
    total = sum(len(documents) for _, documents in sources)
    for folder, documents in sources:
        _sync(name, loop, folder, documents, store, found, lambda path: on_document(found.documents, total, path))
    _retire_sources(name, loop, store, found)
    if found.redacted:
        found.notes.append(
            f"Personal data ({', '.join(sorted(found.kinds))}) was blanked in {found.redacted} of the rows that were "
            f"read, the first of them in {found.redacted_first}. "
            f"What is public stays when loops.{name}.curate.allow names it."
        )
    return found


def folders(config: Config, loop: Loop) -> list[Folder]:
    """What the loop reads, in the order of the file."""
    return [
        Folder(
            config.folder / source.folder,
            name=source.folder,
            max_tokens=source.max_tokens,
            include=source.include,
            exclude=source.exclude,
            apart=_apart(config),
        )
        for source in loop.harvest
    ]


def _apart(config: Config) -> list[Path]:
    """What lies among the documents and is none of them: runs and datasets, settings, held-out questions."""
    asked = [config.folder / loop.evaluate.questions for loop in config.loops.values() if loop.evaluate.questions]
    return [config.state, config.path, *asked]


def _sync(
    name: str,
    loop: Loop,
    folder: Folder,
    documents: list[Document],
    store: Store,
    found: Harvest,
    on_document: Callable[[str], None],
) -> None:
    known = store.documents(name, folder.name)
    found.skipped += folder.skipped()
    found.unreadable += [f"{path}: {why}." for path, why in folder.refused()]
    for document in documents:
        fingerprint = _fingerprint(document, loop.curate)
        before = known.pop(document.path, None)
        if before == fingerprint != "":
            found.unchanged += 1
        else:
            on_document(document.path)
            change = _take(name, loop, folder, document, fingerprint, store, found)
            found.unchanged += before is not None and change is not None and not change.added + change.retired
        found.documents += 1
        on_document("")
    for path in known:
        found.retired += store.retire_document(name, folder.name, path)


def _take(
    name: str, loop: Loop, folder: Folder, document: Document, fingerprint: str, store: Store, found: Harvest
) -> Change | None:
    """Read a document that is new or changed; None if it cannot be."""
    try:
        content = folder.read(document)
    except ServiceError as error:
        found.unreadable.append(str(error))
        return None
    records = [_private(record, loop.curate, found) for record in content.records]
    found.lost += content.lost
    found.notes += filter(None, [content.note])
    complete = "" if content.lost else fingerprint  # else every run reads it, and names what it lost
    change = store.put_document(name, folder.name, document.path, complete, records)
    found.added, found.retired = found.added + change.added, found.retired + change.retired
    found.repeated += len(records) - change.added - change.kept
    return change


def _own(folder: Folder, taken: dict[str, str], found: Harvest) -> list[Document]:
    """The documents that no earlier source holds: read twice, a document would weigh twice and split from itself."""
    documents = folder.documents()
    own = [one for one in documents if taken.setdefault(folder.real(one), folder.name) == folder.name]
    if shared := len(documents) - len(own):
        others = " and ".join(sorted({taken[folder.real(one)] for one in documents} - {folder.name}))
        found.notes.append(f"{shared} of the documents below {folder.name}: read as part of {others} already.")
    return own


def _fingerprint(document: Document, options: Curate) -> str:
    """A document is read again when it changed, and when other data in it counts as personal now."""
    if not document.fingerprint:
        return ""  # it could not be read: it never equals what is known
    return sha256(f"{document.fingerprint} {options.personal_data == 'keep'} {sorted(options.allow)}")


def _private(record: Record, options: Curate, found: Harvest) -> Record:
    """What people typed loses its personal data before it reaches the disk; published documents stay."""
    if not isinstance(record, Exchange) or options.personal_data == "keep":
        return record
    cleaned, kinds = {}, set()
    for field in ("question", "answer", "comment"):
        cleaned[field], seen = redact(getattr(record, field), options.allow)
        kinds |= set(seen)
    if kinds:
        found.redacted += 1
        found.redacted_first = found.redacted_first or f"{record.origin.document}, row {record.origin.chunk}"
    found.kinds |= kinds
    return msgspec.structs.replace(record, **cleaned) if kinds else record


def _retire_sources(name: str, loop: Loop, store: Store, found: Harvest) -> None:
    """A folder taken out of the config takes its records with it."""
    configured = {source.folder for source in loop.harvest}
    for source in store.sources(name):
        if source not in configured:
            for path in store.documents(name, source):
                found.retired += store.retire_document(name, source, path)
