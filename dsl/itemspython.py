"""Python of n8n elsewhere: lines around it give it the items in n8n's own words, and a result of what it returns."""

from dsl.computed import ALL, SPREAD, Fields, named

STYLES = ("items", "item")
HEAD = "def original_main(_input, _items, _item, _json, _node):\n"


def indented(source: str) -> str:
    """n8n's code is the inside of a function."""
    return "\n".join(" " + line if line else line for line in source.split("\n"))


def shown(source: str) -> str:
    """The code as it was before it was indented."""
    return "\n".join(line[1:] if line.startswith(" ") else line for line in source.split("\n"))


def behind(style: str, fields: Fields, head: str, finish: str = "    return result\n") -> str:
    """Lines behind it that call it; `head` begins the function that the platform calls, and `finish` ends it."""
    return head + _ITEMS.format(fields=printed(fields), call=_EACH if style == "item" else _WHOLE, all=ALL) + finish


def of_given(fields: Fields) -> Fields:
    """With the arguments as parts of the mapping `given`."""
    return named(fields, "given.get({!r})".format)


def printed(fields: Fields | list[str] | str) -> str:
    """Fields as a dict of Python."""
    if isinstance(fields, list):
        return f"either({', '.join(fields)})"
    if isinstance(fields, str):
        return fields
    parts = (
        f"**parts({printed(inner)})" if name == SPREAD else f"{name!r}: {printed(inner)}"
        for name, inner in fields.items()
    )
    return "{" + ", ".join(parts) + "}"


_WHOLE = "original_main(incoming, all_of(''), one, one.json, nodes)"
_EACH = "[original_main(incoming, all_of(''), each, each.json, nodes) for each in all_of('')]"
_ITEMS = """    import json

    class Data(dict):
        __getattr__ = dict.get
        __setattr__ = dict.__setitem__

    def item(value):
        value = json.loads(value) if isinstance(value, str) and value[:1] in ("{{", "[") else value
        return Data(json=Data(value) if isinstance(value, dict) else value)

    def parts(value):
        return value if isinstance(value := item(value).json, dict) else {{}}

    def ran(value):
        return any(map(ran, value.values())) if isinstance(value, dict) else value is not None

    def either(*values):
        return next(filter(ran, (item(value).json for value in values)), item(values[0]).json)

    fields = {fields}
    known = {{}}

    def all_of(name):
        if name not in known:
            value = item(fields.get(name, {{}})).json
            value = value if isinstance(value, list) else [value]
            known[name] = [item(each) for one in value for each in (one if isinstance(one, list) else [one])]
        return known[name]

    def first(name):
        return next(iter(all_of(name)), item({{}}))

    nodes = {{name: Data(item=first(name), first=lambda name=name: first(name)) for name in fields}}
    one = first("")
    incoming = Data(item=one, all=lambda: all_of(""), first=lambda: one, last=lambda: [one, *all_of("")][-1])
    made = {call}
    made = [each.get("json", each) for each in (made if isinstance(made, list) else [made or {{}}])]
    result = {{"{all}": made, **(made[0] if made else {{}})}}
"""
