"""Which files of a folder are documents, whether they changed, and which reader takes each."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from connectors import ServiceError
from connectors.files import convert, rows
from connectors.files.split import passages
from connectors.files.text import Text
from connectors.records import Content, Origin

LIMIT = 50 * 2**20  # bytes of one file
READ_AS = 4  # raise it when the same bytes are to be read in another way, so that every document is read again

Reader = Callable[[bytes, str, Origin, int], Content]  # bytes, name for messages, origin, max_tokens


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _told(path: str) -> str:
    """A name as a message can hold it: it may not be UTF-8, or forge a line of its own."""
    name = os.fsencode(path).decode(errors="backslashreplace")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", name)


class Document(msgspec.Struct, frozen=True):
    path: str  # below the folder, its parts joined by /
    fingerprint: str  # sha256 of the bytes and of how they are split; empty where they cannot be read


class Folder:
    """The documents of a folder and of those below it, but no hidden files and no links that leave it."""

    def __init__(
        self,
        path: Path,
        *,
        name: str = "files",
        max_tokens: int = 400,
        include: Sequence[str] = ("**/*",),
        exclude: Sequence[str] = (),
        apart: Sequence[Path] = (),
    ) -> None:
        """`apart` are files and folders that are no documents though they lie here: what flowstill itself keeps."""
        self.name = name
        self._path, self._max_tokens = path, max_tokens
        self._include, self._exclude = list(map(_pattern, include)), list(map(_pattern, exclude))
        self._apart = {os.path.realpath(one) for one in apart}
        self._skipped: list[tuple[str, str]] = []
        self._refused: list[tuple[str, str]] = []

    def documents(self) -> list[Document]:
        """All documents by path; raises ServiceError when there is none: a lost mount must retire nothing."""
        if not self._path.is_dir():
            raise ServiceError(f"{self._path}: no such folder. Check `harvest` in flowstill.yml.")
        self._skipped, self._refused = [], []
        found = [Document(path, self._fingerprint(path)) for path in sorted(self._readable())]
        if not found:
            skipped = "".join(f" {path} {why}." for path, why in [*self.refused(), *self.skipped()][:1])
            kinds = ", ".join(READERS)
            raise ServiceError(
                f"{self._path}: holds no document.{skipped} Check `include` and `exclude`. Kinds read: {kinds}."
            )
        return found

    def skipped(self) -> list[tuple[str, str]]:
        """(path, why) of files that the last `documents()` left out; no hidden or excluded ones."""
        return sorted(self._skipped)

    def refused(self) -> list[tuple[str, str]]:
        """(path, why) of documents that the last `documents()` could not take, for their names or where they lie."""
        return sorted(self._refused)

    def real(self, document: Document) -> str:
        """Where a document lies, whatever folder and links lead to it."""
        return os.path.realpath(self._path / document.path)

    def read(self, document: Document) -> Content:
        """The records of a document in its order; raises ServiceError naming the file and what to do."""
        where = str(self._path / document.path)
        origin = Origin("files", self.name, document.path)
        content = READERS[_kind(document.path)](self._bytes(document.path), where, origin, self._max_tokens)
        if content.records:
            return content
        if not content.lost:
            raise ServiceError(f"{where}: is empty. Fill it, delete it, or exclude it.")
        others = f" No other of its {len(content.lost)} rows can be used either." if len(content.lost) > 1 else ""
        raise ServiceError(content.lost[0] + others)

    def _readable(self) -> Iterator[str]:
        """Paths of the files that have a reader, each file under one path."""
        links, real = [], {}
        for path in self._wanted():
            if why := self._unfit(path):
                self._skipped.append((_told(path), why))
            elif why := self._astray(path):
                self._refused.append((_told(path), why))
            elif os.path.islink(self._path / path):
                links.append(path)
            else:
                real[os.path.realpath(self._path / path)] = path
        for path in sorted(links):
            target = os.path.realpath(self._path / path)
            if real.setdefault(target, path) != path:
                self._skipped.append((path, f"is a link to {real[target]}, which is read"))
        return iter(real.values())

    def _wanted(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self._path, onerror=self._unlisted):
            folders[:] = sorted(name for name in folders if not _hidden(name) and not self._ours(folder, name))
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            for name in [*links, *files]:
                path = Path(folder, name).relative_to(self._path).as_posix()
                included = any(pattern.fullmatch(path) for pattern in self._include)
                excluded = any(pattern.fullmatch(path) for pattern in self._exclude)
                ours = os.path.realpath(os.path.join(folder, name)) in self._apart
                if included and not excluded and not _hidden(name) and not ours:
                    yield path

    def _ours(self, folder: str, name: str) -> bool:
        """What flowstill keeps or has exported: read again, it would bring back what was deleted."""
        full = os.path.join(folder, name)
        return os.path.realpath(full) in self._apart or os.path.isfile(os.path.join(full, "dataset_info.json"))

    def _unlisted(self, error: OSError) -> None:
        raise ServiceError(f"{error.filename}: cannot be listed ({error.strerror}). Check its permissions.")

    def _unfit(self, path: str) -> str:
        """Why a file is none to read; empty if it is one."""
        full = self._path / path
        if os.path.isdir(full):
            return "is a link to a folder; such links are not followed"
        if _kind(path) not in READERS:
            return f"is of a kind that is not read ({_kind(path) or 'no ending'})"
        if os.path.exists(full) and not os.path.isfile(full):
            return "is not a regular file"
        return ""

    def _astray(self, path: str) -> str:
        """Why a document cannot be taken, though it is of a kind that is read; empty if it can."""
        full, root = self._path / path, os.path.realpath(self._path)
        try:
            path.encode()  # else it can be neither printed nor stored as it is
        except UnicodeEncodeError:
            return "has a name that is not UTF-8; rename it"
        if _CONTROL.search(path):
            return "has a control character in its name; rename it"
        if os.path.islink(full) and not Path(os.path.realpath(full)).is_relative_to(root):
            return "is a link that leaves the folder; copy the file here, or exclude it"
        return ""

    def _fingerprint(self, path: str) -> str:
        try:
            data = self._bytes(path)
        except ServiceError:
            return ""  # equals none in the store: read() is called each time, and says what is wrong
        return hashlib.sha256(f"{READ_AS} {self._max_tokens}\n".encode() + data).hexdigest()

    def _bytes(self, path: str) -> bytes:
        full = self._path / path
        try:
            with full.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size > LIMIT:
                    raise ServiceError(
                        f"{full}: is {size >> 20} MiB, more than {LIMIT >> 20}. Split it, or exclude it."
                    )
                return file.read()
        except FileNotFoundError:
            why = "is a link to nothing" if full.is_symlink() else "was deleted or moved meanwhile"
            raise ServiceError(f"{full}: {why}. Restore it, or run again without it.") from None
        except OSError as error:
            raise ServiceError(
                f"{full}: cannot be read ({error.strerror}). Check its permissions, or exclude it."
            ) from None


def _kind(path: str) -> str:
    return Path(path).suffix.lower()


def _hidden(name: str) -> bool:
    return name.startswith((".", "~$"))  # ~$: what Word writes beside an open document


def _pattern(glob: str) -> re.Pattern[str]:
    """`*` and `?` stay within one name, `**` spans folders; without a `/` the name counts, in any folder."""
    if "/" not in glob:
        glob = f"**/{glob}"
    if glob.endswith("/"):
        glob += "**"
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(parts.get(token) or re.escape(token) for token in tokens), re.DOTALL)


def _of_text(converter: Callable[[bytes, str], Text]) -> Reader:
    return lambda data, where, origin, max_tokens: Content(passages(converter(data, where), origin, max_tokens))


READERS: dict[str, Reader] = {
    **dict.fromkeys((".md", ".markdown"), _of_text(convert.markdown)),
    **dict.fromkeys((".txt", ".text"), _of_text(convert.plain)),
    **dict.fromkeys((".html", ".htm", ".xhtml"), _of_text(convert.html)),
    ".pdf": _of_text(convert.pdf),
    ".docx": _of_text(convert.docx),
    **dict.fromkeys((".csv", ".tsv"), rows.csv_content),
    **dict.fromkeys((".jsonl", ".ndjson"), rows.jsonl_content),
}
