"""The fields of a form of Dify give texts: code behind it reads numbers and the like out of them."""

from dataclasses import replace

from dsl.dify.expressions import Call
from dsl.dify.work import Work
from dsl.ir import Node, Ref, Type

_READ = frozenset({"number", "integer", "boolean", "object", "array"})


def enter(work: Work) -> None:
    """Put such code behind the forms of another platform that ask for more than texts."""
    for form in [node for node in work.nodes.values() if node.kind == "ask"]:
        typed = {name: each for name, each in form.outputs.items() if each.name in _READ and not _is_files(each)}
        if typed and not form.params.get("options") and not form.params.get("actions"):
            _read(work, form, typed)


def _is_files(type_: Type) -> bool:
    return type_.items is not None and type_.items.name == "file"


def _read(work: Work, form: Node, fields: dict[str, Type]) -> None:
    code = Node(work.new_id(f"{form.id}_entered"), "code", f"Answers to {form.title or form.id}")

    def moved(ref: Ref) -> Ref:
        asked = ref.node == form.id and ref.scope == "node" and ref.path[:1] != () and ref.path[0] in fields
        return replace(ref, node=code.id) if asked else ref

    work.redirect(moved)
    form.outputs |= {name: replace(each, name="string", items=None, props=None) for name, each in fields.items()}
    types = {name: replace(each, name="number") if each.name == "integer" else each for name, each in fields.items()}
    work.program(code, "entered", {name: Call("entered", (Ref(form.id, (name,)),)) for name in fields}, types)
    work.add(code, form, after=True)
    work.after(form, code)
    told = ", ".join(f"{name} ({each.name})" for name, each in fields.items())
    message = f"Fields of a form are texts here, out of which code reads {told}: it fails where it cannot."
    work.note(form, "degraded", "type.narrowed", message)
