"""The six forms a canvas is kept in, each as plain data with the canvas inside, and back to bytes.

F1 {nodes, edges}; F2 and F5 {type, source, json: canvas}; F6 {workflowid, schema: canvas, ...}; the inner file of F4
is its own YAML. An archive becomes {"format": "F3"|"F4", ...}: `canvas` or `flow` is what it is about, the rest its
package.
"""

import io
import json
import struct
import zipfile
from typing import Any

from dsl import DslError
from dsl.load import MAX_BYTES, Quoted, dump_json, dump_yaml, load, load_json, load_yaml, text

CLIPBOARD, EXPORT = "coze-workflow-clipboard-data", "coze-workflow-export-data"
_RECORD = struct.Struct("<BHIH")  # kind, length of the name, size, children
_DIRECTORY, _FILE = 1, 2
_MAX_DEPTH, _MAX_FILES = 8, 200


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
_INSIDE = {"F1": "", "F2": "/json", "F5": "/json", "F6": "/schema"}


def inside(document: Any) -> tuple[str, Any, bool]:
    """Pointer of the canvas, the canvas, and whether it is in the YAML form of F4."""
    kind = form(document)
    if kind == "F3":
        return "/canvas", document["canvas"], False
    if kind == "F4":
        return ("/flow", document["flow"], True) if "format" in document else ("", document, True)
    place = _INSIDE[kind]
    return place, document[place[1:]] if place else document, False


# -- archives


def unpack(data: bytes) -> Any | None:
    """The document in a zip of coze.cn; None for anything that is no zip. DslError: it is broken or does harm."""
    if not data.startswith(b"PK\x03\x04"):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {info.filename: _entry(archive, info) for info in _entries(archive)}
    except (
        zipfile.BadZipFile,
        ValueError,
        OSError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        struct.error,
    ) as error:
        raise DslError(f"The archive cannot be read: {error}.") from None
    except Exception as error:  # zlib.error has no public home in zipfile's interface
        if type(error).__module__ == "zlib":
            raise DslError(f"The archive cannot be read: {error}.") from None
        raise
    return _document(entries)


def _entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    found = [info for info in archive.infolist() if not info.is_dir()]
    if len(found) > _MAX_FILES or sum(info.file_size for info in found) > MAX_BYTES:
        raise DslError(f"The archive holds more than {_MAX_FILES} files or {MAX_BYTES >> 20} MB: it is no workflow.")
    if odd := next((info.filename for info in found if ".." in info.filename or info.filename.startswith("/")), None):
        raise DslError(f"The archive holds {odd!r}, which would lie outside of it.")
    return found


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as opened:
        data = opened.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DslError(f"{info.filename} in the archive has more than {MAX_BYTES >> 20} MB.")
    return data


def _document(entries: dict[str, bytes]) -> Any:
    if len(entries) == 1 and next(iter(entries.values())).startswith(b"\x01"):
        return _container(*next(iter(entries.items())))
    manifest = next((name for name in entries if name.rsplit("/", 1)[-1] == "MANIFEST.yml"), None)
    if manifest is None:
        raise DslError("The archive has no MANIFEST.yml and no record container: it is no workflow of Coze.")
    folder = manifest[: -len("MANIFEST.yml")]
    read = {name: load_yaml(text(data)) for name, data in entries.items() if name.endswith((".yaml", ".yml"))}
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
    return document | ({"sub": more} if more else {})


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _container(name: str, data: bytes) -> Any:
    """The records of F3: a folder `workflow` with one canvas, and MANIFEST.yml."""
    root, end = _record(data, 0, 0)
    if end != len(data):
        raise DslError(f"The container in {name} has {len(data) - end} bytes too many.")
    files = dict(_files(root, ""))
    canvas = next((path for path in files if path.endswith(".json")), None)
    manifest = next((path for path in files if path.endswith("MANIFEST.yml")), None)
    if canvas is None or manifest is None or len(files) != 2:
        raise DslError(
            f"The container in {name} holds {', '.join(files) or 'nothing'}; a canvas and MANIFEST.yml are wanted."
        )
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


def _record(data: bytes, start: int, depth: int) -> tuple[dict[str, Any], int]:
    kind, name_length, size, children = _RECORD.unpack_from(data, start)
    place = start + _RECORD.size + name_length
    name = data[start + _RECORD.size : place].decode("utf-8")
    if depth > _MAX_DEPTH or place > len(data):
        raise DslError("The container is cut off, or nested too deep.")
    if kind == _FILE:
        if place + size > len(data):
            raise DslError(f"{name} in the container is cut off.")
        return {"name": name, "data": data[place : place + size]}, place + size
    if kind != _DIRECTORY or children > _MAX_FILES:
        raise DslError(f"The container holds a record of an unknown kind, {kind}.")
    inner = []
    for _ in range(children):
        record, place = _record(data, place, depth + 1)
        inner.append(record)
    return {"name": name, "inner": inner}, place


def _files(record: dict[str, Any], above: str) -> list[tuple[str, bytes]]:
    path = f"{above}/{record['name']}".lstrip("/")
    if "data" in record:
        return [(path, record["data"])]
    return [each for inner in record["inner"] for each in _files(inner, path)]


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
    return {document["folder"] + name: dump_yaml(quoted(each)).encode() for name, each in made.items()}


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
            info = zipfile.ZipInfo(name)
            info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 0, 0
            with archive.open(info, "w") as entry:
                entry.write(data)
    return bytes(out.data)
