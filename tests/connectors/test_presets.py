"""The presets file belongs to its users: flowstill touches its own lines alone."""

from connectors.presets import drop, put

FILE = """\
version = 1

; for all models
[*]
c = 1024

[embed] ; not ours
model = /m/e.gguf
embeddings = true

; the one in production
[support]
; cooler than the default
temp = 0.2
model = /m/1.gguf"""


def test_a_new_section_comes_last_and_the_rest_stays() -> None:
    assert put(FILE, "v2", {"model": "/m/2.gguf"}) == FILE + "\n\n[v2]\nmodel = /m/2.gguf\n"


def test_a_known_section_keeps_its_other_options_and_comments() -> None:
    changed = put(FILE, "support", {"model": "/m/2.gguf", "tags": "x"})
    lines = ["[support]", "model = /m/2.gguf", "tags = x", "; cooler than the default", "temp = 0.2", ""]
    assert changed == FILE[: FILE.index("[support]")] + "\n".join(lines)
    assert put(changed, "support", {"model": "/m/2.gguf", "tags": "x"}) == changed


def test_a_dropped_section_leaves_its_neighbours_comment() -> None:
    assert (
        drop(FILE, "embed") == FILE.replace("[embed] ; not ours\nmodel = /m/e.gguf\nembeddings = true\n\n", "") + "\n"
    )
    assert drop(FILE, "unknown") == FILE


def test_an_empty_file_gets_its_version_line() -> None:
    assert put("", "v1", {"model": "/m/1.gguf"}) == "version = 1\n\n[v1]\nmodel = /m/1.gguf\n"


def test_a_section_is_found_by_its_whole_name() -> None:
    assert drop("[support-v1]\na = 1\n[support]\nb = 2\n", "support") == "[support-v1]\na = 1\n"
