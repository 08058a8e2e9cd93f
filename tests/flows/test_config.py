"""flowstill.yml: what is wrong in it is said once, with file, key and the nearest known key."""

import re
from pathlib import Path

import msgspec
import pytest
import yaml

from connectors.files.split import LEAST
from flows import ConfigError, UsageError
from flows.config import (
    Config,
    EmbeddedService,
    Hub,
    LlamaCppService,
    Loop,
    OpenAIService,
    Section,
    Source,
    load_config,
)
from trainer.recipe import Recipe, ready_made

ROOT = Path(__file__).parents[2]
HARVEST = "loops: {support: {harvest: [{folder: documents}]"
TEACHER_AND_REGISTRY = """\
services:
  teacher: {kind: openai, url: "http://h/v1", model: m}
  production: {kind: llamacpp, url: "http://h", presets: p}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "flowstill.yml"
    path.write_text(text, encoding="utf-8")
    return path


def problem(folder: Path, text: str, **environment: str) -> str:
    """The message that this file gives, without the file's name in front."""
    path = write(folder, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, environment)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


# --- the files that come with flowstill ---


def example(**environment: str) -> Config:
    return load_config(ROOT / "flowstill.example.yml", environment)


def test_the_example_file_shows_the_defaults() -> None:
    shown = example().loop("support")
    kept = {"harvest": shown.harvest, "cron": shown.cron, "timezone": shown.timezone}
    assert shown == Loop(**kept)  # type: ignore[arg-type]
    assert shown.harvest == (Source(folder="documents"),)
    assert example().recipe("patient") == Recipe()
    assert example().service("embedded") == EmbeddedService()
    assert example().hub == Hub()


@pytest.mark.parametrize("kind", [Loop, Recipe, OpenAIService, EmbeddedService, LlamaCppService, Hub])
def test_the_example_file_shows_every_setting(kind: type[msgspec.Struct]) -> None:
    text = (ROOT / "flowstill.example.yml").read_text(encoding="utf-8")
    shown = set(re.findall(r"^[ #-]*(\w+):", text, re.MULTILINE))
    assert all_fields(kind) <= shown


def all_fields(kind: type[msgspec.Struct]) -> set[str]:
    """The names of the fields of a section and of the sections in it."""
    schema = msgspec.json.schema(kind)
    return {name for one in schema["$defs"].values() for name in one.get("properties", {})}


def test_the_keys_in_the_example_file_work_once_they_are_commented_in(tmp_path: Path) -> None:
    text = (ROOT / "flowstill.example.yml").read_text(encoding="utf-8")
    path = write(tmp_path, text.replace("# key:", "key:"))
    config = load_config(path, {"TEACHER_API_KEY": "sesame", "LLAMA_API_KEY": "open", "HF_TOKEN": "hf"})
    teacher = config.service("teacher")
    assert isinstance(teacher, OpenAIService)
    assert teacher.key == "sesame"


def test_the_handbook_example_needs_no_service_and_no_secret() -> None:
    config = load_config(ROOT / "examples/handbook/flowstill.yml", {})
    assert set(config.services) == {"embedded"}
    loop = config.loop("handbook")
    assert (config.folder / loop.harvest[0].folder).is_dir()
    assert (config.folder / loop.evaluate.questions).is_file()


# --- names that do not exist ---


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lops: {}", "unknown key 'lops'. Did you mean 'loops'?"),
        ("zzz: {}", "unknown key 'zzz'. Known: services, loops, recipes, hub, state."),
        (HARVEST + ", distill: {}}}", "loops.support: unknown key 'distill'. Did you mean 'distil'?"),
        (HARVEST + ", gate: {margn: 1}}}", "loops.support: unknown key 'gate.margn'. Did you mean 'margin'?"),
        (
            "loops: {support: {harvest: [{foldr: documents}]}}",
            "loops.support: unknown key 'harvest[0].foldr'. Did you mean 'folder'?",
        ),
        (
            "recipes: {mine: {lr: 0.1}}",
            "recipes.mine: unknown key 'lr'. It is called 'learning_rate' here.",
        ),
        (
            "recipes: {mine: {lora: {lora_alpha: 8}}}",
            "recipes.mine: unknown key 'lora.lora_alpha'. It is called 'alpha' here.",
        ),
        (
            "services: {t: {kind: openai, url: u, model: m, timout: 3}}",
            "services.t: unknown key 'timout'. Did you mean 'timeout'?",
        ),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path, text: str, message: str) -> None:
    assert problem(tmp_path, text) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HARVEST + ", distil: {teacher: embeded}}}",
            "loops.support.distil.teacher: no service 'embeded'. Did you mean 'embedded'?",
        ),
        (
            HARVEST + ", promote: {to: [local, production]}}}",
            "loops.support.promote.to: no service 'production'. Known: local.",
        ),
        (
            f"{TEACHER_AND_REGISTRY}{HARVEST}, distil: {{teacher: techer}}}}}}",
            "loops.support.distil.teacher: no service 'techer'. Did you mean 'teacher'?",
        ),
        (
            f"{TEACHER_AND_REGISTRY}{HARVEST}, promote: {{to: [produktion]}}}}}}",
            "loops.support.promote.to: no service 'produktion'. Did you mean 'production'?",
        ),
        (HARVEST + ", recipe: smolm2-lora}}", "no recipe 'smolm2-lora'. Did you mean 'smollm2-lora'?"),
    ],
)
def test_a_name_that_nothing_bears_is_found_before_anything_runs(tmp_path: Path, text: str, message: str) -> None:
    assert problem(tmp_path, text) == message


@pytest.mark.parametrize(
    ("loop", "message"),
    [
        (
            "promote: {to: [teacher]}",
            "promote.to: 'teacher' is no model registry (kind: llamacpp is one). Known: local, production.",
        ),
        (
            "distil: {teacher: production}",
            "distil.teacher: 'production' is a model registry, it answers no questions. Known: embedded, teacher.",
        ),
        (
            "evaluate: {judge: production}",
            "evaluate.judge: 'production' is a model registry, it answers no questions. Known: embedded, teacher.",
        ),
        (
            "distil: {teacher: teacher, max_cost: 1}",
            "distil.max_cost: cannot be kept without prices. Set services.teacher.prices.",
        ),
        (
            "distil: {max_cost: 1}, curate: {judge: teacher}",
            "distil.max_cost: cannot be kept without prices. Set services.teacher.prices.",
        ),
    ],
)
def test_a_service_that_cannot_do_what_it_is_named_for_is_found_before_anything_runs(
    tmp_path: Path, loop: str, message: str
) -> None:
    assert problem(tmp_path, f"{TEACHER_AND_REGISTRY}{HARVEST}, {loop}}}}}") == f"loops.support.{message}"


def test_asking_for_a_loop_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, HARVEST + "}}"), {})
    with pytest.raises(UsageError, match=r"no loop 'suport'\. Did you mean 'support'\?"):
        config.loop("suport")


def test_a_loop_names_a_folder_so_its_name_stays_plain(tmp_path: Path) -> None:
    said = problem(tmp_path, "loops: {../up: {harvest: [{folder: documents}]}}")
    assert said == "loops.../up: use letters, digits, - and _ only (a folder is named so)."


# --- values of the wrong kind ---


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HARVEST + ", gate: {margin: much}}}",
            "loops.support: gate.margin: expected a number from -1 to 1, got 'much'",
        ),
        (
            HARVEST + ", gate: {metric: bleu}}}",
            "loops.support: gate.metric: expected one of auto, exact, f1, judge, key, got 'bleu'.",
        ),
        (
            HARVEST + ", distil: {questions: 2.5}}}",
            "loops.support: distil.questions: expected a whole number from 0 to 100, got 2.5",
        ),
        ("loops: {support: {}}", "loops.support: the key 'harvest' is missing."),
        (
            "services: {t: {kind: openia, url: u, model: m}}",
            "services.t: kind: expected one of openai, embedded, llamacpp, got 'openia'. Did you mean 'openai'?",
        ),
        ("state: 3", "state: expected a text, got a number: in quotes it is a text"),
        ("loops: [support]", "loops: expected a mapping, got a list"),
        ("loops: {support: [harvest]}", "loops.support: expected a mapping, got a list"),
        ("hub: 0", "hub: expected a mapping, got a number"),
        ("- loops", "expected a mapping, got a list"),
        ("on: {}", "expected a text as key, got true: in quotes it is a text"),
        ("loops: {3: {}}", "loops: expected a text as key, got 3: in quotes it is a text"),
        ("loops: {support: {harvest: {}}}", "loops.support: harvest: expected a list, got a mapping"),
        (HARVEST + ", system: 3}}", "loops.support: system: expected a text, got 3: in quotes it is a text"),
        (
            HARVEST + ", system: 2024-01-01}}",
            "loops.support: system: expected a text, got 2024-01-01: in quotes it is a text",
        ),
        (HARVEST + ", system: [x]}}", "loops.support: system: expected a text, got a list"),
        (
            HARVEST + ", promote: {to: local}}}",
            "loops.support: promote.to: expected a list, got 'local': in brackets it is a list",
        ),
        (
            HARVEST + ", distil: {follow_ups: 1}}}",
            "loops.support: distil.follow_ups: expected true or false, got 1",
        ),
        (
            HARVEST + ", curate: {personal_data: off}}}",
            "loops.support: curate.personal_data: expected one of drop, keep, redact, got false.",
        ),
        (HARVEST + ", curate: {k: [3]}}}", "loops.support: curate.k: expected a whole number of 1 or more, got a list"),
    ],
)
def test_a_wrong_type_names_key_and_value(tmp_path: Path, text: str, message: str) -> None:
    assert problem(tmp_path, text) == message


@pytest.mark.parametrize("key", ["cron", "distil", "recipe"])
def test_a_key_without_a_value_is_told_as_such(tmp_path: Path, key: str) -> None:
    said = problem(tmp_path, f"{HARVEST}, {key}: }}}}")
    assert said.startswith(f"loops.support: {key}: expected a ")
    assert said.endswith(", got nothing: give it a value or remove the key")


@pytest.mark.parametrize("text", ["", "# loops:\n"])
def test_an_empty_file_says_what_to_start_from(tmp_path: Path, text: str) -> None:
    assert problem(tmp_path, text) == "the file is empty. flowstill.example.yml is a start."


def test_sections_without_entries_may_stand_there(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "services:\nloops:\nrecipes: {mine: }\nhub:\n"), {}).hub == Hub()


def test_broken_yaml_says_where(tmp_path: Path) -> None:
    said = problem(tmp_path, "loops:\n  support: [\n")
    assert said.startswith("not readable as YAML: ")
    assert "line 3" in said


def test_a_file_of_another_encoding_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "flowstill.yml"
    path.write_bytes("loops: {}\nstate: stíll".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"line 2 is not UTF-8\. Save the file in that encoding\."):
        load_config(path, {})


def test_a_missing_file_says_what_to_start_from(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file\. flowstill\.example\.yml is a start"):
        load_config(tmp_path / "flowstill.yml", {})


# --- numbers that cannot be meant ---


def setting(key: str, value: object) -> str:
    """A flowstill.yml that sets one key of a loop, service or recipe: `curate.k`, `openai.timeout`, `recipe.batch`."""
    section, _, name = key.partition(".")
    loop: dict[str, object] = {"harvest": [{"folder": "documents"}]}
    teacher: dict[str, object] = {"kind": "openai", "url": "http://h/v1", "model": "m"}
    services: dict[str, dict[str, object]] = {"openai": teacher, "embedded": {"kind": "embedded"}}
    mine: dict[str, object] = {}
    if section == "recipe":
        mine = {"lora": {name[5:]: value}} if name.startswith("lora.") else {name: value}
    elif section == "prices":
        teacher["prices"] = {"input": 1.0, "output": 1.0} | {name: value}
    elif section in services:
        services[section][name] = value
    elif section == "harvest" and name:
        loop["harvest"] = [{"folder": "documents", name: value}]
    else:
        loop[section] = {name: value} if name else value
    return yaml.safe_dump({"services": services, "loops": {"support": loop}, "recipes": {"mine": mine}})


NAN, INF = float("nan"), float("inf")

REFUSED: dict[str, list[object]] = {
    "openai.in_flight": [0, -1, 513, 10**30],
    "openai.timeout": [0, -1, INF, NAN],
    "prices.input": [-0.1, INF, NAN],
    "prices.output": [-0.1, INF, NAN],
    "embedded.in_flight": [0, 257],
    "embedded.context": [0, -1, 2**21],
    "embedded.threads": [-1, 513],
    "embedded.timeout": [0, -1, INF, NAN],
    "harvest.max_tokens": [LEAST - 1, 0, -1, 10**30],
    "harvest.include": [[]],
    "harvest": [[]],
    "distil.questions": [-1, 101],
    "distil.phrasings": [0, -1, 101],
    "distil.paraphrases": [-1, 101],
    "distil.refusals": [-0.1, 1, NAN],
    "distil.temperature": [-1, 2.1, INF, NAN],
    "distil.answer_tokens": [0, -1, 10**30],
    "distil.max_tokens": [0, -1, 10**30],
    "distil.max_cost": [0, -1, INF, NAN],
    "curate.near_duplicate": [0, -0.1, 80, NAN],
    "curate.groundedness": [-0.1, 50, NAN],
    "curate.judge_min": [0, 9],
    "curate.min_answer": [-1],
    "curate.max_answer": [0, -1],
    "curate.k": [0, -1, 10**30],
    "curate.validation": [-0.1, 1, NAN],
    "curate.test": [-0.1, 1, NAN],
    "curate.open_book": [-0.1, 1.1, NAN],
    "curate.seed": [-1, 2**32],
    "export.fidelity": [-0.1, 80, NAN],
    "export.fidelity_prompts": [-1, 10**30],
    "evaluate.modes": [[]],
    "evaluate.passages": [0, -1, 101],
    "evaluate.answer_tokens": [0, -1, 10**30],
    "evaluate.limit": [0, -1, 10**30],
    "gate.margin": [-1.1, 1.1, 5, INF, NAN],
    "gate.confidence": [0.05, 1, 95, NAN],
    "gate.min_questions": [0, -1],
    "gate.unfinished": [-0.1, 1.1, NAN],
    "promote.keep": [-1, 10**30],
    "recipe.lora.r": [0, -1, 10**30],
    "recipe.lora.alpha": [0, -1, 10**30],
    "recipe.lora.dropout": [-0.1, 1, NAN],
    "recipe.lora.targets": [[]],
    "recipe.epochs": [0, -1, 1001, INF, NAN],
    "recipe.steps": [-1, 10**30],
    "recipe.batch": [0, -1, 10**30],
    "recipe.accumulate": [0, -1, 10**30],
    "recipe.learning_rate": [0, -0.1, INF, NAN],
    "recipe.warmup_steps": [-1, 10**30],
    "recipe.weight_decay": [-0.1, 1.1, INF, NAN],
    "recipe.max_length": [0, -1, 10**30],
    "recipe.checkpoints": [0, -1, 10**30],
    "recipe.max_dropped": [-0.1, 1.1, NAN],
    "recipe.seed": [-1, 2**32],
}

ACCEPTED: dict[str, list[object]] = {
    "embedded.threads": [0, 64],
    "harvest.max_tokens": [LEAST],
    "distil.questions": [0, 100],
    "distil.paraphrases": [0],
    "distil.temperature": [0, 2],
    "distil.max_tokens": [None, 10**10],
    "distil.max_cost": [None, 0.01],
    "curate.near_duplicate": [1],
    "curate.groundedness": [0, 1],
    "curate.open_book": [0, 1],
    "export.fidelity": [0, 1],
    "export.fidelity_prompts": [0],
    "gate.margin": [-1, 1],
    "gate.unfinished": [0, 1],
    "promote.keep": [0],
    "prices.input": [0, 2_000_000],
    "recipe.lora.dropout": [0],
    "recipe.max_dropped": [1],
}


def cases(table: dict[str, list[object]]) -> list[tuple[str, object]]:
    return [(key, value) for key, values in table.items() for value in values]


@pytest.mark.parametrize(("key", "value"), cases(REFUSED))
def test_a_setting_that_cannot_be_meant_is_refused_with_key_and_value(tmp_path: Path, key: str, value: object) -> None:
    said = problem(tmp_path, setting(key, value))
    assert key.partition(".")[2] in said and "expected " in said
    assert said.endswith((f", got {value!r}", "at least one entry, got none")) or f", got {value!r}: " in said


@pytest.mark.parametrize(("key", "value"), cases(ACCEPTED))
def test_a_setting_at_the_edge_of_its_range_is_taken(tmp_path: Path, key: str, value: object) -> None:
    load_config(write(tmp_path, setting(key, value)), {})


def test_no_number_is_without_a_range() -> None:
    """A number that is infinite or does not fit into 64 bits breaks what is written to disk long after it was read."""
    for kind in (Loop, Recipe, OpenAIService, EmbeddedService, LlamaCppService, Hub):
        for section in msgspec.json.schema(kind)["$defs"].values():
            for name, field in section.get("properties", {}).items():
                for one in field.get("anyOf", [field]):
                    if one.get("type") in ("integer", "number"):
                        assert {"minimum", "exclusiveMinimum"} & one.keys(), name
                        assert {"maximum", "exclusiveMaximum"} & one.keys(), name


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("curate.near_duplicate", 80, "expected a number above 0, at most 1, got 80: 80 % is 0.8"),
        ("curate.groundedness", 50, "expected a number from 0 to 1, got 50: 50 % is 0.5"),
        ("curate.groundedness", "50 %", "expected a number from 0 to 1, got '50 %': 50 % is 0.5"),
        ("gate.confidence", 95, "expected a number from 0.5 to below 1, got 95: 95 % is 0.95"),
        ("gate.confidence", 0.05, "expected a number from 0.5 to below 1, got 0.05"),
        ("gate.margin", NAN, "expected a number from -1 to 1, got nan"),
        ("curate.judge_min", 9, "expected a whole number from 1 to 5, got 9"),
        ("curate.k", 0, "expected a whole number of 1 or more, got 0"),
        ("curate.k", 10**10, "expected a whole number of at most 1,000,000,000, got 10000000000"),
        ("curate.open_book", 1.1, "expected a number from 0 to 1, got 1.1"),
        ("curate.open_book", 10**30, f"expected a number from 0 to 1, got {10**30}"),
        ("distil.temperature", 80, "expected a number from 0 to 2, got 80"),
        ("distil.max_cost", -1, "expected a number above 0, got -1"),
        ("distil.max_cost", INF, "expected a finite number above 0, got inf"),
        ("evaluate.modes", [], "expected at least one entry, got none"),
        ("harvest", [], "expected at least one entry, got none"),
    ],
)
def test_a_range_is_told_in_plain_words(tmp_path: Path, key: str, value: object, message: str) -> None:
    assert problem(tmp_path, setting(key, value)) == f"loops.support: {key}: {message}"


def test_a_number_too_long_to_be_written_out_is_cut(tmp_path: Path) -> None:
    said = problem(tmp_path, HARVEST + f", curate: {{k: 0x{'f' * 5000}}}}}}}")
    assert said.endswith("expected a whole number of at most 1,000,000,000, got 0x" + "f" * 78 + "...")


def test_a_range_is_told_for_the_kind_of_service_it_belongs_to(tmp_path: Path) -> None:
    said = problem(tmp_path, setting("embedded.in_flight", 300))
    assert said == "services.embedded: in_flight: expected a whole number from 1 to 256, got 300"
    said = problem(tmp_path, setting("prices.input", -1))
    assert said == "services.openai: prices.input: expected a number of 0 or more, got -1"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "curate: {min_answer: 20, max_answer: 10}",
            "curate.min_answer: 20 is more than max_answer, which is 10: every answer would be dropped.",
        ),
        (
            "curate: {validation: 0.5, test: 0.5}",
            "curate.validation: 0.5 and test 0.5 leave nothing to train on: together they must stay below 1.",
        ),
        (
            "evaluate: {limit: 10}, gate: {min_questions: 20}",
            "gate.min_questions: 20 is more than evaluate.limit, which is 10: no model could ever be promoted.",
        ),
        (
            "evaluate: {modes: [closed_book, closed_book]}",
            "evaluate.modes: closed_book stands there twice. Keep one of them.",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(tmp_path: Path, settings: str, message: str) -> None:
    assert problem(tmp_path, f"{HARVEST}, {settings}}}}}") == f"loops.support.{message}"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            'cron: "0 25 * * *"',
            "cron: '0 25 * * *' is no time: Error validating expression '25': "
            "the last value (25) is higher than the maximum value (23). Five fields, as '0 3 * * *' for 3 at night.",
        ),
        ('cron: "0 3 31 2 *"', "cron: '0 3 31 2 *' names a day that no calendar has."),
        (
            'cron: "0 3 * * *", timezone: Europe/Wein',
            "timezone: there is no 'Europe/Wein'. Write a timezone as Europe/Berlin.",
        ),
        ("timezone: Europe/Wein", "timezone: there is no 'Europe/Wein'. Write a timezone as Europe/Berlin."),
    ],
)
def test_a_time_that_never_comes_is_found_when_the_file_is_read(tmp_path: Path, settings: str, message: str) -> None:
    assert problem(tmp_path, f"{HARVEST}, {settings}}}}}") == f"loops.support.{message}"


@pytest.mark.parametrize("language", ["english", "EN", "xx", ""])
def test_a_language_that_is_not_known_is_refused(tmp_path: Path, language: str) -> None:
    said = problem(tmp_path, f"{HARVEST}, curate: {{languages: [en, '{language}']}}}}}}")
    known = "Write codes of ISO 639-1 in lower case, as en or zh."
    assert said == f"loops.support.curate.languages: '{language}' is not known. {known}"


def test_languages_may_name_their_region(tmp_path: Path) -> None:
    load_config(write(tmp_path, f"{HARVEST}, curate: {{languages: [de, pt-BR, zh-TW, ru]}}}}}}"), {})


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h",
        "ftp://h/v1",
        "http://",
        "http:///v1",
        "http://h:99999/v1",
        "http://h:0",
        "http://h:x",
        "http://a b",
        "//h",
        "http://h/v1?api_key=x",
        "https://api..example.com",
        "http://h\u00a0/v1",
        f"http://{'a' * 64}.com",
        "http://[zz]/",
    ],
)
def test_what_is_no_address_is_refused_and_not_shown(tmp_path: Path, url: str) -> None:
    form = "expected an address: http:// or https://, a host, perhaps a port from 1 to 65535, no ? and no #: "
    form += "a key goes into `key`."
    service = f"{{kind: openai, url: '{url}', model: m}}"
    assert problem(tmp_path, f"services: {{t: {service}}}") == f"services.t.url: {form}"
    if url:
        assert problem(tmp_path, f"hub: {{endpoint: '{url}'}}") == f"hub.endpoint: {form}"


def test_a_folder_harvested_twice_is_refused_since_the_second_would_retire_what_the_first_read(tmp_path: Path) -> None:
    twice = "loops: {support: {harvest: [{folder: a, include: ['*.md']}, {folder: b}, {folder: a}]}}"
    said = problem(tmp_path, twice)
    assert said == "loops.support.harvest[2].folder: 'a' stands above already: put both lists of `include` in one."


# --- what YAML would do without a word ---


def test_a_section_that_stands_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    text = """\
loops:
  support:
    harvest: [{folder: documents}]
    distil: {questions: 1}
    gate: {margin: 0.1}
    distil: {phrasings: 1}
"""
    said = problem(tmp_path, text)
    assert said == "loops.support.distil stands twice, in lines 4 and 6: only the last would count. Keep one of them."


def test_a_loop_or_a_key_that_stands_twice_is_named_wherever_it_is(tmp_path: Path) -> None:
    twice = "loops:\n  a: {harvest: [{folder: x}]}\n  a: {harvest: [{folder: y}]}\n"
    assert "loops.a stands twice, in lines 2 and 3" in problem(tmp_path, twice)
    in_a_list = "loops:\n  a: {harvest: [{folder: x},\n    {folder: y, folder: z}]}\n"
    assert "loops.a.harvest[1].folder stands twice, both in line 3" in problem(tmp_path, in_a_list)


def test_a_key_that_stands_twice_in_a_recipe_file_is_an_error_of_that_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("epochs: 7\nbatch: 4\nepochs: 3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.yml: epochs stands twice, in lines 1 and 3"):
        load_config(write(tmp_path, HARVEST + ", recipe: mine.yml}}"), {})


def test_anchors_and_merge_keys_still_share_settings(tmp_path: Path) -> None:
    text = """\
loops:
  one: &one
    harvest: &documents [{folder: documents}]
    distil: &few {questions: 1, phrasings: 1}
  two:
    <<: *one
    distil: {<<: *few, questions: 5}
  three:
    harvest: *documents
"""
    config = load_config(write(tmp_path, text), {})
    assert config.loop("two").distil == msgspec.structs.replace(config.loop("one").distil, questions=5)
    assert config.loop("three").harvest == config.loop("one").harvest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: &a0 [x, x]\n" + "".join(f"k{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)),
            "too large: more than 1,000,000 characters once its aliases (*) are written out.",
        ),
        (
            f"a: &a {'x' * 100_000}\nloops: [{', '.join(['*a'] * 100)}]",
            "too large: more than 1,000,000 characters once its aliases (*) are written out.",
        ),
        (f"a: {'x' * 1_000_001}", "too large: more than 1,000,000 characters once its aliases (*) are written out."),
        ("loops: &a {support: *a}", "nested deeper than 50 levels. Does an alias (*) stand below its own anchor (&)?"),
        ("[" * 5000, "nested deeper than 50 levels. Does an alias (*) stand below its own anchor (&)?"),
    ],
    ids=["laughs", "long text", "long file", "itself", "brackets"],
)
def test_a_file_that_grows_without_end_is_one_error(tmp_path: Path, text: str, message: str) -> None:
    assert problem(tmp_path, text) == message


@pytest.mark.parametrize("text", ["[" * 52 + "@", "- " * 52 + "@"], ids=["brackets", "indents"])
def test_what_is_nested_too_deep_is_refused_before_it_is_read(tmp_path: Path, text: str) -> None:
    assert problem(tmp_path, text).startswith("nested deeper than 50 levels.")


def test_fifty_levels_are_not_too_deep(tmp_path: Path) -> None:
    assert "nested" not in problem(tmp_path, "[" * 51 + "]" * 51)


def test_a_sign_that_no_text_file_holds_is_told_in_one_line(tmp_path: Path) -> None:
    said = problem(tmp_path, "state: \x00")
    assert said.startswith("not readable as YAML: unacceptable character") and "\n" not in said


@pytest.mark.parametrize("sign", ["\\0", "\\ud800"])
def test_a_sign_that_no_file_name_holds_is_told_with_its_place(tmp_path: Path, sign: str) -> None:
    said = problem(tmp_path, f'services: {{}}\nstate: "a{sign}b"')
    assert re.fullmatch(r"state: '\\(x00|ud800)' in line 2 is no character\.", said)


def test_a_name_longer_than_names_may_be_is_no_recipe(tmp_path: Path) -> None:
    assert "no recipe 'aaa" in problem(tmp_path, f"{HARVEST}, recipe: {'a' * 5000}}}}}")


@pytest.mark.parametrize(
    "setting",
    [
        'cron: "a\\nb"',
        'cron: "0 3 31 2 *\\n"',
        'cron: "0 3 * * *", timezone: "a\\nb"',
        'distil: {teacher: "a\\nb"}',
        'curate: {judge: "a\\nb"}',
        'evaluate: {judge: "a\\nb"}',
        'recipe: "a\\nb"',
        'promote: {to: ["a\\nb"]}',
    ],
)
def test_a_line_end_in_a_value_breaks_no_message(tmp_path: Path, setting: str) -> None:
    said = problem(tmp_path, f"{HARVEST}, {setting}}}}}")
    assert "\\n" in said and "\n" not in said


def test_a_ratio_or_a_time_is_not_read_as_a_number_counted_in_sixties(tmp_path: Path) -> None:
    said = problem(tmp_path, f"{HARVEST}, distil: {{questions: 1:30}}}}}}")
    assert said == "loops.support: distil.questions: expected a whole number from 0 to 100, got '1:30'"


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("state: {}", "state"),
        ("loops: {{support: {{harvest: [{{folder: docs}}, {{folder: {}}}]}}}}", "loops.support.harvest[1].folder"),
        (
            "loops: {{support: {{harvest: [{{folder: d}}], evaluate: {{questions: {}}}}}}}",
            "loops.support.evaluate.questions",
        ),
    ],
)
@pytest.mark.parametrize("path", ["a" * 300, "a/" * 3000])
def test_a_path_that_is_too_long_is_told_by_its_key(tmp_path: Path, written: str, key: str, path: str) -> None:
    assert problem(tmp_path, written.format(path)) == f"{key}: is longer than a path or a name in it may be."


def test_prices_that_are_no_mapping_are_told_in_words(tmp_path: Path) -> None:
    said = problem(tmp_path, setting("openai.prices", 3))
    assert said == "services.openai: prices: expected a mapping, got 3"


def test_a_number_longer_than_numbers_are_read_is_told_with_its_line(tmp_path: Path) -> None:
    said = problem(tmp_path, f"{HARVEST}, curate: {{k: {'1' * 5000}}}}}}}")
    assert said == "not readable as YAML: a number of 5,000 digits in line 1"


@pytest.mark.parametrize("state", ["flowstill.yml", "flowstill.yml/below/it"])
def test_a_state_folder_that_is_a_file_or_below_one_is_told(tmp_path: Path, state: str) -> None:
    assert problem(tmp_path, f"state: {state}").endswith(
        "flowstill.yml is a file. Name a folder; it is made if it is not there."
    )


def test_an_empty_state_is_no_folder(tmp_path: Path) -> None:
    assert problem(tmp_path, 'state: ""') == "state: is empty. Name a folder, or leave it out: it is `still` then."


@pytest.mark.parametrize(("written", "meant"), [("010", 10), ("08", 8), ("0x10", 16)])
def test_a_number_that_begins_with_a_nought_is_not_counted_in_eights(tmp_path: Path, written: str, meant: int) -> None:
    (tmp_path / "flowstill.yml").write_text(f"{HARVEST}, distil: {{questions: {written}}}}}}}")
    assert load_config(tmp_path / "flowstill.yml", {}).loop("support").distil.questions == meant


@pytest.mark.parametrize(
    ("services", "said"),
    [
        (r'{t: {kind: embedded, model: "a\nb"}}', r"services.t.model: expected a model's name, got 'a\nb', with"),
        (r'{"t\n": {kind: embedded}}', r"services: 't\n' is no name: it holds a line end"),
    ],
)
def test_a_name_that_would_break_the_lines_it_stands_in_is_refused(tmp_path: Path, services: str, said: str) -> None:
    assert problem(tmp_path, f"services: {services}").startswith(said)


def test_a_date_that_does_not_exist_is_one_error(tmp_path: Path) -> None:
    assert problem(tmp_path, "state: 2024-13-45").startswith("not readable as YAML: ")


# --- secrets ---

TEACHER = 'services: {t: {kind: openai, url: "https://${HOST}/v1", model: m, key: "${TEACHER_KEY}"}}'


def test_a_missing_variable_names_itself_and_the_key_that_wants_it(tmp_path: Path) -> None:
    said = problem(tmp_path, TEACHER, HOST="h")
    assert said.startswith("services.t.key wants the environment variable TEACHER_KEY, which is not set.")


def test_a_variable_nearly_named_so_is_suggested_but_its_value_is_not_shown(tmp_path: Path) -> None:
    said = problem(tmp_path, TEACHER, HOST="h", TEACHER_KEYS="sesame")
    assert said.endswith("which is not set. Did you mean 'TEACHER_KEYS'?")


def test_unrelated_variables_are_not_listed(tmp_path: Path) -> None:
    assert "ZZZZ" not in problem(tmp_path, TEACHER, HOST="h", ZZZZ="1")


def test_a_variable_s_value_is_text_and_cannot_change_the_file_s_structure(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, TEACHER), {"HOST": "h", "TEACHER_KEY": 'x"}, evil: {kind: embedded'})
    assert set(config.services) == {"embedded", "t"}


def test_a_secret_is_in_no_repr(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, TEACHER), {"HOST": "h", "TEACHER_KEY": "sesame"})
    assert "sesame" not in repr(config)


@pytest.mark.parametrize(
    "text",
    [
        "services:\n  t: {kind: openai, key: sesame: 1}",
        "services:\n  t: {kind: openai, key: *sesame}",
        "services:\n  t: {kind: openai, key: !sesame}",
        "services: {t: {kind: openai, url: u, model: m, key: [sesame]}}",
        "services: {t: {kind: openai, url: u, model: {key: sesame}}}",
        "services: {t: [{key: sesame}]}",
        "services: [{key: sesame}]",
        "services: {t: {kind: openai, url: u, model: m, key: sesame, key: sesame}}",
        "state: {key: sesame}",
        'hub: {offline: "${SECRET}"}',
        'services: {t: {kind: "${SECRET}"}}',
        'services: {t: {kind: openai, url: u, model: m, timeout: "${SECRET}"}}',
        HARVEST + ', curate: {order: "${SECRET}"}}}',
    ],
)
def test_a_secret_is_in_no_message(tmp_path: Path, text: str) -> None:
    assert "sesame" not in problem(tmp_path, text, SECRET="sesame")


def test_a_variable_in_the_wrong_place_is_shown_by_its_name(tmp_path: Path) -> None:
    said = problem(tmp_path, 'services: {t: {kind: openai, url: u, model: m, timeout: "${SECRET}"}}', SECRET="sesame")
    assert said == (
        "services.t: timeout: expected a number above 0, at most 86,400, got '${SECRET}': "
        "the value of a variable is a text"
    )
    said = problem(tmp_path, HARVEST + ', curate: {order: "${SECRET}"}}}', SECRET="sesame")
    assert said.endswith("curate.order: expected one of easy_to_hard, shuffled, got '${SECRET}'.")


def test_a_variable_in_a_list_is_named_with_its_place(tmp_path: Path) -> None:
    said = problem(tmp_path, 'loops: {support: {harvest: [{folder: "${HOME_OF_DOCUMENTS}"}]}}')
    assert said.startswith("loops.support.harvest[0].folder wants the environment variable HOME_OF_DOCUMENTS")


# --- what the paths and names stand for ---


def test_the_state_lies_beside_the_file(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "{}"), {}).state == tmp_path / "still"
    assert load_config(write(tmp_path, "state: kept/here"), {}).state == tmp_path / "kept/here"


def test_a_recipe_may_stand_in_the_file_beside_it_or_come_with_flowstill(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("epochs: 7", encoding="utf-8")
    config = load_config(write(tmp_path, "recipes: {here: {epochs: 5}}"), {})
    assert config.recipe("here").epochs == 5
    assert config.recipe("mine.yml").epochs == 7
    assert all(isinstance(config.recipe(name), Recipe) for name in ready_made())


def test_the_embedded_service_is_there_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "{}"), {}).service("embedded") == EmbeddedService()
    changed = load_config(write(tmp_path, "services: {embedded: {kind: embedded, threads: 2}}"), {})
    assert changed.service("embedded") == EmbeddedService(threads=2)


def test_sections_are_immutable() -> None:
    assert issubclass(Source, Section)
    with pytest.raises(AttributeError):
        Source(folder="a").folder = "b"  # type: ignore[misc]


@pytest.mark.parametrize(("state", "folder"), [(".", "./"), ("documents", "documents"), ("kept/..", ".")])
def test_documents_and_what_flowstill_keeps_have_two_folders(tmp_path: Path, state: str, folder: str) -> None:
    said = problem(tmp_path, f"state: {state}\nloops: {{support: {{harvest: [{{folder: {folder}}}]}}}}")
    assert "is `state` too" in said


@pytest.mark.parametrize(
    ("state", "folder"), [("still", "still/datasets/support"), ("still", "still/runs"), (".", "a/../models")]
)
def test_what_flowstill_keeps_is_no_folder_of_documents(tmp_path: Path, state: str, folder: str) -> None:
    said = problem(tmp_path, f"state: {state}\nloops: {{support: {{harvest: [{{folder: {folder}}}]}}}}")
    assert f"{folder} lies in `state`" in said
    assert "where flowstill keeps its own datasets, models, runs, servers. Name a folder of documents elsewhere" in said


@pytest.mark.parametrize(("state", "folder"), [(".", "documents"), ("still", "."), ("still", "still/documents")])
def test_documents_may_lie_beside_what_flowstill_keeps(tmp_path: Path, state: str, folder: str) -> None:
    settings = tmp_path / "flowstill.yml"
    settings.write_text(f"state: {state}\nloops: {{support: {{harvest: [{{folder: {folder}}}]}}}}")
    assert load_config(settings, {}).loop("support").harvest[0].folder == folder
