"""The six forms a canvas is kept in, each as plain data with the canvas inside, and back to bytes.

F1 {nodes, edges}; F2 and F5 {type, source, json: canvas}; F6 {workflowid, schema: canvas, ...}; the inner file of F4
is its own YAML. An archive becomes {"format": "F3"|"F4", ...}: `canvas` or `flow` is what it is about, the rest its
package; `beside` has the files of F4 that are no workflows, by their names in the archive.
"""

import base64
import io
import json
import struct
import zipfile
import zlib
from typing import Any

from dsl import DslError
from dsl.dump import Quoted, dump_json, dump_yaml
from dsl.load import MAX_BYTES, MAX_VALUES, load, load_json, load_yaml, text
from dsl.values import leaves, pointer

CLIPBOARD, EXPORT = "coze-workflow-clipboard-data", "coze-workflow-export-data"
_RECORD = struct.Struct("<BHIH")  # kind, length of the name, size, children
_DIRECTORY, _FILE = 1, 2
_MAX_DEPTH, _MAX_FILES = 8, 200
_LONGEST = 1000  # bytes of a name
_NO_TIME = (1980, 0, 0, 0, 0, 0)  # date and time fields of zero
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, ValueError, OSError, EOFError, NotImplementedError, RuntimeError
)  # fmt: skip


def sniff(document: Any) -> bool:
    return form(document) != ""


def form(document: Any) -> str:
    """F1 to F6; "" for anything else."""
    if not isinstance(document, dict):
        return ""
    if document.get("format") in ("F3", "F4") and isinstance(document.get("manifest"), (str, dict)):
        return str(document["format"])
    if document.get("type") in (CLIPBOARD, EXPORT):
        return "F2" if document["type"] == CLIPBOARD else "F5"
    if "workflowid" in document and isinstance(document.get("schema"), dict):
        return "F6"
    if "schema_version" in document and isinstance(document.get("nodes"), list):
        return "F4"
    return "F1" if _is_canvas(document) else ""


def _is_canvas(document: dict[str, Any]) -> bool:
    nodes, edges = document.get("nodes"), document.get("edges")
    if not isinstance(nodes, list) or not isinstance(edges, (list, type(None))):
        return False
    kinds = [node.get("type") for node in nodes if isinstance(node, dict) and "data" in node]
    numbers = [kind for kind in kinds if isinstance(kind, str) and kind.isdigit()]
    return bool(numbers) and len(numbers) == len(kinds)


# where the canvas (or the YAML flow) stands in each form
_INSIDE = {"F1": "", "F2": "/json", "F3": "/canvas", "F5": "/json", "F6": "/schema"}


def inside(document: Any) -> tuple[str, Any, bool]:
    """Pointer of the canvas, the canvas, and whether it is in the YAML form of F4."""
    kind = form(document)
    if kind == "F4":
        place, is_yaml = "/flow" if "format" in document else "", True
    else:
        place, is_yaml = _INSIDE[kind], False
    held = document.get(place[1:]) if place else document
    if not isinstance(held, dict):
        raise DslError(f"{place}: a mapping with the workflow's nodes is wanted here.")
    return place, held, is_yaml


def is_unpacked(document: Any) -> bool:
    """Whether this is what stands in an archive, which `unpack` alone makes."""
    return form(document) in ("F3", "F4") and "format" in document


def check_package(document: dict[str, Any]) -> None:
    """DslError: an archive that this is the inside of could not be written, or would write elsewhere."""
    kind = form(document)
    for key in _PACKAGE[kind]:
        if not isinstance(document.get(key), str):
            raise DslError(f"/{key}: a text is wanted here.")
    for key in ("sub", "beside") if kind == "F4" else ():
        if not isinstance(document.get(key, {}), dict):
            raise DslError(f"/{key}: a mapping of files by their names is wanted here.")
    for name, each in document.get("beside", {}).items() if kind == "F4" else ():
        if not isinstance(each, str) and not _is_base64(each):
            raise DslError(f"{pointer('beside', name)}: text, or bytes in base64, is wanted here.")
    for name in _names(document):
        _check_name(name, "archive")


_PACKAGE = {"F3": ("name", "file", "manifest", "manifest_file", "source"), "F4": ("folder", "file")}


def _is_base64(held: Any) -> bool:
    try:
        base64.b64decode(held["base64"], validate=True)
    except (TypeError, LookupError, ValueError):
        return False
    return True


def _names(document: dict[str, Any]) -> list[Any]:
    if document["format"] == "F3":
        return [document["name"], document["file"], document["manifest_file"]]
    within = [document["folder"] + str(name) for name in (document["file"], *document.get("sub", {}))]
    return [*within, *document.get("beside", {})]


# -- archives


def unpack(data: bytes) -> Any | None:
    """The document in a zip of coze.cn; None for anything that is no zip. DslError: it is broken or does harm."""
    if not data.startswith(b"PK\x03\x04"):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {info.filename: _entry(archive, info) for info in _entries(archive)}
    except _BROKEN as error:
        raise DslError(f"The archive cannot be read: {error}.") from None
    return _document(entries)


def _entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    found = [info for info in archive.infolist() if not info.is_dir()]
    if len(found) > _MAX_FILES or sum(info.file_size for info in found) > MAX_BYTES:
        raise DslError(f"The archive holds more than {_MAX_FILES} files or {MAX_BYTES >> 20} MB: it is no workflow.")
    for info in found:
        _check_name(info.filename, "archive")
        # zipfile gives way to a bomb in any other method: it unpacks those without a limit
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DslError(f"{info.filename} in the archive is packed in another way than deflate.")
    if len({info.filename for info in found}) < len(found):
        raise DslError("The archive holds two files of the same name: one of the two would be lost.")
    return found


def _check_name(name: Any, where: str) -> None:
    parts = str(name).replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or ":" in parts[0]:
        raise DslError(f"The {where} holds {name!r}, which would lie outside of it.")
    if not isinstance(name, str) or "\0" in name or not parts[-1] or len(name.encode()) > _LONGEST:
        raise DslError(f"The {where} holds {str(name)[:40]!r}, which is no name of a file.")


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """No more of it than the archive says that there is, whatever it unpacks to."""
    with archive.open(info) as opened:
        data = opened.read(info.file_size)
    if len(data) != info.file_size:
        raise DslError(f"{info.filename} in the archive is shorter than it says: {len(data)} bytes.")
    return data


def _document(entries: dict[str, bytes]) -> Any:
    if len(entries) == 1 and next(iter(entries.values())).startswith(b"\x01"):
        return _container(*next(iter(entries.items())))
    manifest = next((name for name in entries if name.rsplit("/", 1)[-1] == "MANIFEST.yml"), None)
    if manifest is None:
        raise DslError("The archive has no MANIFEST.yml and no record container: it is no workflow of Coze.")
    folder = manifest[: -len("MANIFEST.yml")]
    read = _yaml_files({name: data for name, data in entries.items() if name.endswith((".yaml", ".yml"))})
    known = _mapping(read[manifest])
    flows = [name for name in read if name != manifest]
    main = str(_mapping(known.get("main")).get("name", ""))
    first = next((name for name in flows if main and f"/{main}-" in f"/{name}"), flows[0] if flows else None)
    if first is None:
        raise DslError("The archive holds no workflow/*.yaml.")
    document = {
        "format": "F4",
        "folder": folder,
        "file": first.removeprefix(folder),
        "manifest": known,
        "flow": read[first],
    }
    more = {name.removeprefix(folder): read[name] for name in flows if name != first}
    beside = {name: _as_plain(data) for name, data in entries.items() if name not in read}
    return document | ({"sub": more} if more else {}) | ({"beside": beside} if beside else {})


def _as_plain(data: bytes) -> str | dict[str, str]:
    """A file that is no workflow, of a plugin or a picture: its text, or its bytes where it is none."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _as_bytes(held: str | dict[str, str]) -> bytes:
    return held.encode() if isinstance(held, str) else base64.b64decode(held["base64"])


def _yaml_files(files: dict[str, bytes]) -> dict[str, Any]:
    """Together no more values than one file may have: aliases make many of few bytes, in each file anew."""
    read: dict[str, Any] = {}
    values = 0
    for name, data in files.items():
        try:
            read[name] = load_yaml(text(data))
        except DslError as error:
            raise DslError(f"{name} in the archive: {error}") from None
        values += sum(1 for _ in leaves(read[name]))
        if values > MAX_VALUES:
            raise DslError(f"The archive holds more than {MAX_VALUES:,} values: it is no workflow.")
    return read


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _container(name: str, data: bytes) -> Any:
    """The records of F3: a folder `workflow` with one canvas, and MANIFEST.yml."""
    found = _Records(data).files()
    files = dict(found)
    canvas = next((path for path in files if path.endswith(".json")), None)
    manifest = next((path for path in files if path.endswith("MANIFEST.yml")), None)
    if canvas is None or manifest is None or len(found) != 2:
        held = ", ".join(path for path, _ in found) or "nothing"
        raise DslError(f"The container in {name} holds {held}; a canvas and MANIFEST.yml are wanted.")
    source = text(files[canvas])
    return {
        "format": "F3",
        "name": name,
        "file": canvas,
        "manifest": text(files[manifest]),
        "manifest_file": manifest,
        "source": source,
        "canvas": load_json(source),
    }


class _Records:
    """The files in a record container, by path. DslError: a length or a count leads out of it, or not to its end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place, self.count = data, 0, 0

    def files(self) -> list[tuple[str, bytes]]:
        found = self._record("", 0)
        if self.place != len(self.data):
            raise DslError(f"The container has {len(self.data) - self.place} bytes more than its records.")
        return found

    def _record(self, above: str, depth: int) -> list[tuple[str, bytes]]:
        self.count += 1
        if depth > _MAX_DEPTH or self.count > _MAX_FILES:
            raise DslError("The container holds too many records, or nests them too deep: it is no workflow.")
        kind, name_length, size, children = _RECORD.unpack(self._take(_RECORD.size))
        path = f"{above}/{self._name(name_length)}".lstrip("/")
        if kind == _FILE and not children:
            return [(path, self._take(size))]
        if kind == _DIRECTORY and not size:
            return [each for _ in range(children) for each in self._record(path, depth + 1)]
        raise DslError(f"The container holds a record that is no file and no folder, at byte {self.place}.")

    def _name(self, length: int) -> str:
        try:
            name = self._take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise DslError(f"The container holds a name that is no text, before byte {self.place}.") from None
        if name:  # that of the root is empty
            _check_name(name, "container")
        return name

    def _take(self, size: int) -> bytes:
        taken = self.data[self.place : self.place + size]
        if len(taken) < size:
            raise DslError(f"The container is cut off: {size - len(taken)} bytes are missing.")
        self.place += size
        return taken


# -- back to bytes


def dump(document: Any) -> str | bytes:
    """The document as the file that its form is kept in."""
    kind = form(document)
    if kind == "F3":
        return _packed({document["name"]: _records(document)})
    if kind == "F4" and "format" in document:
        return _packed(_files_of(document))
    if kind == "F4" or kind == "F6":
        return dump_yaml(quoted(document))
    return dump_json(document, indent=None if kind == "F1" else 2)


def _files_of(document: dict[str, Any]) -> dict[str, bytes]:
    flows = {document["file"]: document["flow"]} | document.get("sub", {})
    made = {"MANIFEST.yml": document["manifest"]} | flows
    files = {name: dump_yaml(quoted(each)).encode() for name, each in made.items()}
    beside = {name: _as_bytes(each) for name, each in document.get("beside", {}).items()}
    return {document["folder"] + name: data for name, data in files.items()} | beside


def quoted(value: Any, key: str = "") -> Any:
    """Ids in quotes: a reader must not take them for numbers."""
    if isinstance(value, dict):
        return {("y" if name == "y" else name): quoted(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [quoted(inner, key) for inner in value]
    ids = (
        "id",
        "ref_node",
        "source_node",
        "target_node",
        "workflowid",
        "sourceNodeID",
        "targetNodeID",
        "blockID",
        "version",
    )
    return Quoted(value) if isinstance(value, str) and key in ids else value


def _records(document: dict[str, Any]) -> bytes:
    source = document["source"]
    if load(source) != document["canvas"]:
        source = json.dumps(document["canvas"], ensure_ascii=False, separators=(",", ":"))
    folder, _, name = document["file"].rpartition("/")
    canvas = _bytes(_FILE, name, source.encode())
    manifest = _bytes(_FILE, document["manifest_file"], document["manifest"].encode())
    inner = _bytes(_DIRECTORY, folder, canvas, 1) if folder else canvas
    return _bytes(_DIRECTORY, "", inner + manifest, 2)


def _bytes(kind: int, name: str, data: bytes, children: int = 0) -> bytes:
    raw = name.encode()
    return _RECORD.pack(kind, len(raw), len(data) if kind == _FILE else 0, children) + raw + data


class _Streamed(io.RawIOBase):
    """A file that cannot seek: zipfile then writes data descriptors, as coze.cn's own archives have them."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.data += data
        return len(data)


def _packed(files: dict[str, bytes]) -> bytes:
    """A zip as coze.cn makes it: deflated, with data descriptors, time stamps of zero, made by system 0."""
    out = _Streamed()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, _NO_TIME)
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 0
            with archive.open(info, "w") as entry:
                entry.write(data)
            info.external_attr = 0  # set by open; where it stands is written at the end
    return bytes(out.data)
