"""flowstill.yml: what is wrong in it is said once, with file, key and the nearest known key."""

import re
from pathlib import Path

import msgspec
import pytest

from flows import ConfigError
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
        ("zzz: {}", "unknown key 'zzz'. Known: hub, loops, recipes, services, state."),
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
            "loops.support.promote.to: no service 'production'. Known: embedded.",
        ),
        (HARVEST + ", recipe: smolm2-lora}}", "no recipe 'smolm2-lora'. Did you mean 'smollm2-lora'?"),
    ],
)
def test_a_name_that_nothing_bears_is_found_before_anything_runs(tmp_path: Path, text: str, message: str) -> None:
    assert problem(tmp_path, text) == message


def test_asking_for_a_loop_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, HARVEST + "}}"), {})
    with pytest.raises(ConfigError, match=r"no loop 'suport'\. Did you mean 'support'\?"):
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
            "loops.support: gate.margin: expected `float`, got `str` 'much'",
        ),
        (
            HARVEST + ", gate: {metric: bleu}}}",
            "loops.support: gate.metric: invalid enum value 'bleu'. Choices: exact, f1, judge, key.",
        ),
        (
            HARVEST + ", distil: {questions: 2.5}}}",
            "loops.support: distil.questions: expected `int`, got `float` 2.5",
        ),
        ("loops: {support: {}}", "loops.support: the key 'harvest' is missing."),
        (
            "services: {t: {kind: openia, url: u, model: m}}",
            "services.t: kind: invalid value 'openia'. Choices: openai, embedded, llamacpp.",
        ),
        ("state: 3", "state: expected a text, got 3."),
        ("loops: [support]", "loops: expected a mapping of names, got list."),
        ("- loops", "expected a mapping with services, loops, recipes, hub, state, got list."),
        ("", "expected a mapping with services, loops, recipes, hub, state, got NoneType."),
    ],
)
def test_a_wrong_type_names_key_and_value(tmp_path: Path, text: str, message: str) -> None:
    assert problem(tmp_path, text) == message


def test_broken_yaml_says_where(tmp_path: Path) -> None:
    said = problem(tmp_path, "loops:\n  support: [\n")
    assert said.startswith("not readable as YAML: ")
    assert "line 3" in said


def test_a_file_of_another_encoding_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "flowstill.yml"
    path.write_bytes("state: stíll".encode("latin-1"))
    with pytest.raises(ConfigError, match="not readable as YAML"):
        load_config(path, {})


def test_a_missing_file_says_what_to_start_from(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file\. flowstill\.example\.yml is a start"):
        load_config(tmp_path / "flowstill.yml", {})


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
