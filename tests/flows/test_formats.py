"""Exports load unchanged in `datasets`, train in TRL, and are described for LLaMA-Factory."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows import FlowError, dataset
from flows.config import Curate
from flows.curate import curate
from flows.formats import FORMATS, export
from flows.pairs import Turn
from tests.doubles.pairs import fleet, human, pair

RATED = [
    human("How old is the Margit, please?", "The Margit was built in 1963.", rating=1),
    human("How old is the Margit please", "Nobody knows that.", row=2, rating=-1),
    human("Which colour has the quay?", "Grey, I think.", row=3, rating=-1),
]
TALK = pair(
    "And by whom?",
    "By the yard of Holm.",
    kind="follow_up",
    history=(Turn("When was the Margit built?", "In 1963."),),
    document="margit.md",
)


@pytest.fixture
def version(tmp_path: Path) -> Path:
    found = curate([*fleet(), TALK, *RATED], [], Curate(test=0.2, validation=0.0, seed=0))
    assert found.test and len(found.rejected) == 2
    return dataset.write(tmp_path / "datasets", found, {}).path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def exported(version: Path, form: str) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    """Rows by file, and dataset_info.json."""
    paths = export(version, form, version.parent.parent / form)
    info = json.loads(paths[-1].read_text())
    return {path.stem: lines(path) for path in paths[:-1]}, info


def as_llama_factory_reads(row: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    """(messages, answers, label) of a row by its description alone, with the documented defaults."""
    columns, tags = info.get("columns", {}), info.get("tags", {})
    if info.get("formatting", "alpaca") == "sharegpt":
        role, content = tags.get("role_tag", "from"), tags.get("content_tag", "value")
        names = {tags.get("user_tag", "human"): "user", tags.get("assistant_tag", "gpt"): "assistant"}
        said = [{"role": names[one[role]], "content": one[content]} for one in row[columns["messages"]]]
        assert [one["role"] for one in said] == ["user", "assistant"] * (len(said) // 2)
        return {"prompt": said[:-1], "answers": [said[-1]["content"]]}
    said = []
    for question, answer in row.get(columns.get("history", ""), []):
        said += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    asked = [row[columns[name]] for name in ("prompt", "query") if row.get(columns.get(name, ""))]
    said.append({"role": "user", "content": "\n".join(asked)})
    answers = [row[columns[name]] for name in ("chosen", "rejected", "response") if name in columns]
    assert all(isinstance(answer, str) for answer in answers)
    label = {"label": row[columns["kto_tag"]]} if "kto_tag" in columns else {}
    return {"prompt": said, "answers": answers, **label}


@pytest.mark.parametrize("form", ["messages", "alpaca", "sharegpt", "prompt-completion"])
def test_llama_factory_reads_every_pair_by_the_description(version: Path, form: str) -> None:
    files, info = exported(version, form)
    kept = dataset.read(version)
    assert set(files) == {"train", "test"}
    for side, rows in files.items():
        described = info[f"flowstill_{side}"]
        assert described["file_name"] == f"{side}.jsonl"
        for row, wanted in zip(rows, getattr(kept, side), strict=True):
            found = as_llama_factory_reads(row, described)
            turns = [text for turn in wanted.history for text in (turn.question, turn.answer)]
            assert [one["content"] for one in found["prompt"]] == [*turns, wanted.question]
            assert found["answers"] == [wanted.answer]


@pytest.mark.parametrize("form", list(FORMATS))
def test_every_row_says_which_pair_it_is_and_columns_have_one_type(version: Path, form: str) -> None:
    files, _ = exported(version, form)
    known = dataset.read(version)
    ids = {one.id for side in (known.train, known.test, known.rejected) for one in side}
    for rows in files.values():
        assert {row["id"] for row in rows} <= ids
        assert len({tuple((name, type(value)) for name, value in row.items()) for row in rows}) == 1


def test_dpo_sets_a_rejected_answer_against_a_better_one_to_the_same_question(version: Path) -> None:
    files, info = exported(version, "dpo")
    (row,) = files["train"]
    assert row["prompt"] == [{"role": "user", "content": "How old is the Margit please"}]
    assert row["chosen"] == [{"role": "assistant", "content": "The Margit was built in 1963."}]
    assert row["rejected"] == [{"role": "assistant", "content": "Nobody knows that."}]
    assert info["flowstill_train"]["ranking"] is True
    found = as_llama_factory_reads(row, info["flowstill_train"])
    assert found["answers"] == ["The Margit was built in 1963.", "Nobody knows that."]


def test_kto_labels_each_rated_answer(version: Path) -> None:
    files, info = exported(version, "kto")
    found = [as_llama_factory_reads(row, info["flowstill_train"]) for row in files["train"]]
    assert sorted((one["answers"][0], one["label"]) for one in found) == [
        ("Grey, I think.", False),
        ("Nobody knows that.", False),
        ("The Margit was built in 1963.", True),
    ]


def test_text_holds_the_whole_conversation(version: Path) -> None:
    files, info = exported(version, "text")
    texts = [row["text"] for rows in files.values() for row in rows]
    assert "When was the Margit built?\nIn 1963.\n\nAnd by whom?\nBy the yard of Holm." in texts
    assert info["flowstill_train"]["columns"] == {"prompt": "text"}


@pytest.mark.parametrize("form", ["dpo", "kto"])
def test_without_ratings_a_preference_format_says_what_is_missing(tmp_path: Path, form: str) -> None:
    version = dataset.write(tmp_path, curate(fleet(), [], Curate()), {}).path
    with pytest.raises(FlowError, match="`rating` column"):
        export(version, form, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_when_the_better_answer_was_left_out_dpo_says_by_what(tmp_path: Path) -> None:
    options = Curate(select="longest", k=1, test=0.0, validation=0.0)
    long = pair("What else?", "The quay is made of granite and lies in the north of the harbour.", document="quay.md")
    for name, pairs, told in [
        (
            "cut",
            [long, *RATED],
            r"2 thumbs-down answers.*no better answer.*curate\.select left out \(1\): raise curate\.k",
        ),
        ("lone", [long, *RATED[1:]], r"2 thumbs-down answers.*no better answer.*Harvest better answers"),
    ]:
        version = dataset.write(tmp_path, curate(pairs, [], options), {}).path
        with pytest.raises(FlowError, match=told):
            export(version, "dpo", tmp_path / name)


def test_an_unknown_format_names_the_nearest_one(version: Path, tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="Did you mean 'alpaca'"):
        export(version, "alpacca", tmp_path / "out")


def test_an_export_that_cannot_be_written_says_so(version: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(FlowError, match="could not be written"):
        export(version, "text", tmp_path / "taken")


def test_an_export_overwrites_nothing_of_others_and_may_follow_an_earlier_one(version: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "test.jsonl").write_text("my own")
    with pytest.raises(FlowError, match="holds other files"):
        export(version, "alpaca", mine)
    assert [path.name for path in mine.iterdir()] == ["test.jsonl"]
    assert (mine / "test.jsonl").read_text() == "my own"
    export(version, "alpaca", tmp_path / "new")
    export(version, "text", tmp_path / "new")


TRAIN = """
import json, sys
from pathlib import Path
from datasets import load_dataset
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from peft import LoraConfig
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

folder, out = Path(sys.argv[1]), sys.argv[2]
loaded = {}
for path in folder.iterdir():
    loaded[path.name] = load_dataset("json", data_files=str(path / "train.jsonl"), split="train")
for form, rows in loaded.items():
    raw = [json.loads(line) for line in (folder / form / "train.jsonl").read_text().splitlines()]
    assert len(rows) == len(raw), form
    assert rows[0]["id"] == raw[0]["id"], form

words = Tokenizer(models.BPE(unk_token="<unk>"))
words.pre_tokenizer = pre_tokenizers.ByteLevel()
special = ["<unk>", "<pad>", "<|im_start|>", "<|im_end|>"]
trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special)
words.train_from_iterator([str(row) for row in loaded["text"]], trainer)
names = dict(pad_token="<pad>", eos_token="<|im_end|>", unk_token="<unk>")
tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, **names)
tokenizer.chat_template = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\\n{{ m.content }}<|im_end|>\\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\\n{% endif %}"
)
shape = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2)
common = dict(
    output_dir=out, max_steps=1, per_device_train_batch_size=2, use_cpu=True, bf16=False, report_to="none",
    gradient_checkpointing=False, disable_tqdm=True, save_strategy="no", logging_steps=1, max_length=128,
)
kinds = {
    "messages": (SFTTrainer, SFTConfig), "prompt-completion": (SFTTrainer, SFTConfig), "text": (SFTTrainer, SFTConfig),
    "dpo": (DPOTrainer, DPOConfig), "kto": (KTOTrainer, KTOConfig),
}
found = {}
for form, (trainer, config) in kinds.items():
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), pad_token_id=1, **shape))
    lora = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    job = trainer(
        model=model, args=config(**common), train_dataset=loaded[form], processing_class=tokenizer, peft_config=lora
    )
    batch = next(iter(job.get_train_dataloader()))
    job.train()
    entry = {"loss": next(one["loss"] for one in job.state.log_history if "loss" in one)}
    if form == "prompt-completion":
        entry["learnt"] = tokenizer.decode([t for t in batch["labels"][0].tolist() if t != -100])
    found[form] = entry
print(json.dumps(found))
"""


@pytest.mark.slow
def test_each_format_loads_in_datasets_and_trains_in_trl(version: Path, tmp_path: Path) -> None:
    for form in FORMATS:
        export(version, form, tmp_path / "formats" / form)
    script = tmp_path / "train.py"
    script.write_text(TRAIN)
    offline = {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "HF_DATASETS_CACHE": str(tmp_path / "hf" / "data"),
    }
    command = [sys.executable, str(script), str(tmp_path / "formats"), str(tmp_path / "out")]
    done = subprocess.run(command, env=os.environ | offline, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["dpo"]["loss"] == pytest.approx(0.6931, abs=1e-3)  # ln 2: nothing is learnt before the first step
    assert all(0 < one["loss"] < 20 for one in found.values())
    answers = {" ".join(one.answer.split()) for one in dataset.read(version).train}
    learnt = found["prompt-completion"]["learnt"].replace("Ġ", "").replace("<|im_end|>", "")
    assert any("".join(answer.split()) in "".join(learnt.split()) for answer in answers)
