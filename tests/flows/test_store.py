"""What every store promises. A backend joins by one line in `tests.doubles.writer.BACKENDS`."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.records import Exchange, Origin, Passage, Record, record_id, sha256
from connectors.teacher import Answer
from flows import FlowError
from flows.pairs import Pair
from flows.store import Key, Store, Version
from tests.doubles.writer import BACKENDS

LOOP = "support"
NIGHT = datetime(2026, 3, 1, 3, tzinfo=UTC)


@pytest.fixture(params=BACKENDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = BACKENDS[request.param](tmp_path)
    yield opened
    opened.close()


def passage(text: str, document: str = "a.md", **more: object) -> Passage:
    origin = Origin(service="files", dataset="docs", document=document)
    return msgspec.structs.replace(Passage(text=text, sha256=sha256(text), origin=origin), **more)


def exchange(question: str, answer: str, rating: int = 0) -> Exchange:
    return Exchange(question, answer, Origin(service="files", dataset="docs", document="faq.csv"), rating)


def pair(record: Record, question: str = "Why?", **more: object) -> Pair:
    made = Pair(question, "Because.", "distilled", record.origin, record=record_id(record))
    return msgspec.structs.replace(made, **more)


def put(store: Store, *records: Record, document: str = "a.md", fingerprint: str = "1") -> list[int]:
    change = store.put_document(LOOP, "docs", document, fingerprint, records)
    return [change.added, change.kept, change.retired]


def texts(store: Store) -> list[str]:
    return [record.text for _, record in store.records(LOOP) if isinstance(record, Passage)]


def questions(store: Store) -> list[str]:
    return sorted(one.question for one in store.pairs(LOOP))


# --- documents and records


def test_a_document_is_known_by_the_fingerprint_it_was_put_with(store: Store) -> None:
    put(store, passage("one"), fingerprint="old")
    put(store, passage("one"), fingerprint="new")
    assert store.documents(LOOP, "docs") == {"a.md": "new"}
    assert store.sources(LOOP) == ["docs"]
    assert store.documents("another loop", "docs") == {}


def test_records_come_by_source_document_and_position(store: Store) -> None:
    put(store, passage("b1", "b.md"), document="b.md")
    put(store, passage("z"), passage("a"))
    store.put_document(LOOP, "blog", "z.md", "1", [passage("blog")])
    assert texts(store) == ["blog", "z", "a", "b1"]


def test_a_record_comes_back_as_it_was_put(store: Store) -> None:
    said = passage("Tee 茶", headings=("Küche", "喝"), offset=7, tokens=3)
    asked = msgspec.structs.replace(exchange("When?", "At 8.", -1), comment="no", passages=(said,))
    put(store, said, asked)
    assert list(store.records(LOOP)) == [(record_id(said), said), (record_id(asked), asked)]


def test_a_changed_document_retires_what_vanished_from_it(store: Store) -> None:
    stays, goes, comes = passage("stays"), passage("goes"), passage("comes")
    put(store, stays, goes)
    store.put_pairs(LOOP, [pair(stays, "stays?"), pair(goes, "goes?")])
    assert put(store, comes, stays) == [1, 1, 1]
    assert texts(store) == ["comes", "stays"]
    assert questions(store) == ["stays?"]


def test_a_record_that_comes_back_is_a_new_one(store: Store) -> None:
    one = passage("one")
    put(store, one)
    store.put_pairs(LOOP, [pair(one)])
    put(store)
    assert put(store, one) == [1, 0, 0]
    assert (texts(store), questions(store)) == (["one"], [])


def test_a_deleted_file_retires_its_records_and_pairs(store: Store) -> None:
    one, other = passage("one"), passage("other", "b.md")
    put(store, one, passage("two"))
    put(store, other, document="b.md")
    store.put_pairs(LOOP, [pair(one, "one?"), pair(other, "other?")])
    assert store.retire_document(LOOP, "docs", "a.md") == 2
    assert store.retire_document(LOOP, "docs", "a.md") == 0
    assert store.documents(LOOP, "docs") == {"b.md": "1"}
    assert (texts(store), questions(store)) == (["other"], ["other?"])


def test_a_passage_that_moves_in_its_document_is_the_same_record(store: Store) -> None:
    put(store, passage("one"), passage("two", offset=4))
    assert put(store, passage("two", offset=0), passage("one", offset=4)) == [0, 2, 0]
    assert texts(store) == ["two", "one"]


def test_the_same_text_twice_in_a_document_is_one_record(store: Store) -> None:
    assert put(store, passage("one"), passage("one", offset=9)) == [1, 0, 0]
    assert texts(store) == ["one"]


def test_a_rating_that_changes_updates_the_record(store: Store) -> None:
    put(store, exchange("When?", "At 8."))
    assert put(store, exchange("When?", "At 8.", rating=-1)) == [0, 1, 0]
    assert [record.rating for _, record in store.records(LOOP) if isinstance(record, Exchange)] == [-1]


def test_a_document_that_cannot_be_stored_whole_changes_nothing(store: Store) -> None:
    put(store, passage("one"))
    with pytest.raises(TypeError):
        put(store, passage("two"), passage("three", offset=object()), fingerprint="2")
    assert (texts(store), store.documents(LOOP, "docs")) == (["one"], {"a.md": "1"})
    assert store.search(LOOP, "two", 5) == []


def test_more_records_and_pairs_than_one_page_come_completely_and_in_order(store: Store) -> None:
    many = [passage(f"text {number}") for number in range(1203)]
    put(store, *many)
    store.put_pairs(LOOP, (pair(one, one.text) for one in many))
    assert [record for _, record in store.records(LOOP)] == many
    found = [one.id for one in store.pairs(LOOP)]
    assert found == sorted(found)
    assert len(set(found)) == 1203


def test_records_may_be_read_while_the_store_is_written(store: Store) -> None:
    put(store, *[passage(f"text {number}") for number in range(1001)])
    for number, (identity, _) in enumerate(store.records(LOOP)):
        store.put_answer(identity, Answer(str(number), 1, 1, 0.0, "m", "stop"))
    assert number == 1000


# --- pairs


def test_a_pair_that_is_put_again_replaces_its_scores(store: Store) -> None:
    one = passage("one")
    put(store, one)
    store.put_pairs(LOOP, [pair(one, scores={"judge": 1.0})])
    store.put_pairs(LOOP, [pair(one, scores={"judge": 4.0})])
    assert [found.scores for found in store.pairs(LOOP)] == [{"judge": 4.0}]


def test_pairs_belong_to_their_loop(store: Store) -> None:
    one = passage("one")
    put(store, one)
    store.put_document("sales", "docs", "a.md", "1", [one])
    store.put_pairs("sales", [pair(one)])
    store.retire_document(LOOP, "docs", "a.md")
    assert questions(store) == []
    assert len(list(store.pairs("sales"))) == 1


# --- search


def test_search_finds_the_passage_that_fits_best_first(store: Store) -> None:
    put(store, passage("The ferry leaves at 08:30."), passage("The office opens at nine."), passage("A ferry, a dog."))
    found = store.search(LOOP, "ferry 08:30?", 2)
    assert [one.text for one, _ in found] == ["The ferry leaves at 08:30.", "A ferry, a dog."]
    assert found[0][1] > found[1][1] > 0


def test_search_finds_other_forms_of_a_word(store: Store) -> None:
    put(store, passage("The barge weighs nine tons."), passage("The ferry leaves at nine."))
    assert [one.text for one, _ in store.search(LOOP, "how much does it weigh", 5)] == ["The barge weighs nine tons."]


def test_search_reads_headings_too(store: Store) -> None:
    put(store, passage("At nine.", headings=("Opening hours",)), passage("At ten.", headings=("Meals",)))
    assert [one.text for one, _ in store.search(LOOP, "opening hours", 5)] == ["At nine."]


@pytest.mark.parametrize("question", ["报销流程是什么？", "怎么报销", "報"])
def test_search_finds_chinese_by_neighbouring_characters(store: Store, question: str) -> None:
    put(store, passage("员工报销需要发票。"), passage("会议室在三楼。"), passage("報 is an old form."))
    wanted = "報 is an old form." if question == "報" else "员工报销需要发票。"
    assert [one.text for one, _ in store.search(LOOP, question, 1)] == [wanted]


def test_search_gives_only_what_is_there_now(store: Store) -> None:
    put(store, passage("red apple"))
    put(store, passage("green apple"))
    store.put_document("sales", "docs", "a.md", "1", [passage("yellow apple")])
    assert [one.text for one, _ in store.search(LOOP, "apple", 5)] == ["green apple"]
    store.retire_document(LOOP, "docs", "a.md")
    assert store.search(LOOP, "apple", 5) == []
    put(store, passage("red apple"))
    assert [one.text for one, _ in store.search(LOOP, "apple", 5)] == ["red apple"]


def test_search_breaks_ties_the_same_way_every_time(store: Store) -> None:
    same = [passage("apple pie", f"{number}.md") for number in range(9)]
    for number in (4, 8, 0, 3, 7, 1, 6, 2, 5):
        put(store, same[number], document=f"{number}.md")
    found = [record_id(one) for one, _ in store.search(LOOP, "apple", 9)]
    assert found == sorted(found)


HOSTILE = ['"', "' OR 1=1 --", "NEAR(a b)", "a AND", "NOT", "*", "col:x", "(", "^a", "-a", "{a b}: c", "🙂", "\x00", ""]


@pytest.mark.parametrize("question", HOSTILE)
def test_search_takes_any_text_as_words(store: Store, question: str) -> None:
    put(store, passage("a b c or and not near x col"))
    assert len(store.search(LOOP, question, 3)) <= 1


@given(st.text())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_search_finds_a_text_by_itself_or_by_nothing_in_it(store: Store, text: str) -> None:
    store.put_document(LOOP, "docs", "any", "1", [passage(text.encode(errors="replace").decode())])
    assert len(store.search(LOOP, text, 3)) <= 1


def test_search_takes_a_whole_book_as_its_question(store: Store) -> None:
    put(store, passage("word77"))
    assert len(store.search(LOOP, " ".join(f"word{number}" for number in range(20_000)), 3)) == 1


# --- answers


def test_an_answer_is_kept_under_its_key(store: Store) -> None:
    paid = Answer('{"a": "é"}', 12, 34, 0.0021, "gpt", "stop")
    assert store.answer("k") is None
    store.put_answer("k", paid)
    assert store.answer("k") == paid


# --- versions


def version(name: str) -> Version:
    return Version(LOOP, name, "run", f"models/{name}.gguf", "abc", scores={"f1": 0.5}, created="2026-03-01T03:00:00Z")


def test_versions_come_newest_first(store: Store) -> None:
    for number in range(1, 12):
        store.put_version(version(f"v{number}"))
    store.put_version(version("v3"))  # again: a promotion that was interrupted
    assert [one.name for one in store.versions(LOOP)] == [f"v{number}" for number in range(11, 0, -1)]
    assert store.versions(LOOP)[0] == version("v11")
    assert store.champion(LOOP) is None


def names(versions: Iterable[Version | None]) -> list[str]:
    return [one.name if one else "" for one in versions]


def test_the_champion_is_what_was_pointed_to_last_and_previous_what_that_replaced(store: Store) -> None:
    for name in ("v1", "v2", "v3"):
        store.put_version(version(name))
    for name in ("v1", "v3", "v3"):
        store.point(LOOP, name)
    assert names([store.champion(LOOP), store.previous(LOOP)]) == ["v3", "v1"]
    assert store.rolled_back(LOOP) == []


def test_going_back_twice_goes_further_back_and_a_new_version_replaces_what_is_there_then(store: Store) -> None:
    for name in ("v1", "v2", "v3", "v4"):
        store.put_version(version(name))
    for name in ("v1", "v2", "v3", "v2"):
        store.point(LOOP, name)
    assert names([store.champion(LOOP), store.previous(LOOP), *store.rolled_back(LOOP)]) == ["v2", "v1", "v3"]
    store.point(LOOP, "v1")
    assert names([store.champion(LOOP), store.previous(LOOP), *store.rolled_back(LOOP)]) == ["v1", "", "v3", "v2"]
    store.point(LOOP, "v4")
    assert names([store.champion(LOOP), store.previous(LOOP)]) == ["v4", "v1"]


def test_a_champion_that_is_withdrawn_is_rolled_back_and_can_come_again(store: Store) -> None:
    for name in ("v1", "v2"):
        store.put_version(version(name))
        store.point(LOOP, name)
    store.withdraw(LOOP)
    assert names([store.champion(LOOP), store.previous(LOOP)]) == ["", "v2"]
    assert sorted(names(store.rolled_back(LOOP))) == ["v1", "v2"]
    store.point(LOOP, "v1")
    assert names([store.champion(LOOP), store.previous(LOOP), *store.rolled_back(LOOP)]) == ["v1", "", "v2"]


def test_the_champion_that_was_withdrawn_last_can_be_put_back_as_if_nothing_had_been(store: Store) -> None:
    for name in ("v1", "v2", "v3"):
        store.put_version(version(name))
    for name in ("v1", "v2", "v3", "v2"):
        store.point(LOOP, name)
    store.withdraw(LOOP)
    assert names([store.previous(LOOP)]) == ["v2"]
    store.point(LOOP, "v2")
    assert names([store.champion(LOOP), store.previous(LOOP), *store.rolled_back(LOOP)]) == ["v2", "v1", "v3"]


def test_a_version_that_is_put_back_is_no_longer_rolled_back(store: Store) -> None:
    for name in ("v1", "v2"):
        store.put_version(version(name))
    for name in ("v1", "v2", "v1", "v2"):
        store.point(LOOP, name)
    assert names([store.champion(LOOP), store.previous(LOOP), *store.rolled_back(LOOP)]) == ["v2", "v1"]


def test_a_version_that_does_not_exist_cannot_be_pointed_to(store: Store) -> None:
    with pytest.raises(FlowError, match="no version 'v9'"):
        store.point(LOOP, "v9")


# --- fire times and leases


def test_a_fire_time_is_claimed_once(store: Store) -> None:
    assert store.claim_fire(LOOP, NIGHT, "one")
    assert not store.claim_fire(LOOP, NIGHT, "two")
    assert store.claim_fire("sales", NIGHT, "two")
    assert store.unfinished_fires(LOOP) == [(NIGHT, "one")]
    store.finish_fire(LOOP, NIGHT, "one")
    assert store.unfinished_fires(LOOP) == []
    assert not store.claim_fire(LOOP, NIGHT, "two")


def test_a_fire_of_a_dead_owner_is_taken_over_once_and_then_not_his_to_finish(store: Store) -> None:
    store.claim_fire(LOOP, NIGHT, "dead")
    assert store.take_over_fire(LOOP, NIGHT, "heir", "dead")
    assert not store.take_over_fire(LOOP, NIGHT, "late", "dead")
    store.finish_fire(LOOP, NIGHT, "dead")
    assert store.unfinished_fires(LOOP) == [(NIGHT, "heir")]


def test_skipped_fires_are_neither_run_nor_forgotten(store: Store) -> None:
    assert store.last_fire(LOOP) is None
    later = NIGHT + timedelta(days=1)
    store.claim_fire(LOOP, NIGHT, "one")
    store.skip_fires(LOOP, [NIGHT, later])
    assert store.last_fire(LOOP) == later
    assert not store.claim_fire(LOOP, later, "one")
    assert store.unfinished_fires(LOOP) == [(NIGHT, "one")]


def test_a_lease_is_held_by_one_until_released(store: Store) -> None:
    assert store.lease("gpu", "one", 60) is None
    holder = store.lease("gpu", "two", 60)
    assert holder
    assert (holder.owner, holder.until - holder.since) == ("one", timedelta(seconds=60))
    store.release("gpu", "two")
    assert store.lease("gpu", "two", 60)
    store.release("gpu", "one")
    assert store.lease("gpu", "two", 60) is None


def test_who_holds_a_lease_can_be_seen_without_taking_it(store: Store) -> None:
    assert store.holder("gpu") is None
    store.lease("gpu", "one", 60)
    holder = store.holder("gpu")
    assert holder and holder.owner == "one"
    store.lease("disk", "one", -1)
    assert store.holder("disk") is None


def test_a_renewed_lease_lasts_longer_and_keeps_its_beginning(store: Store) -> None:
    store.lease("gpu", "one", 60)
    store.lease("gpu", "one", 600)
    holder = store.lease("gpu", "two", 60)
    assert holder
    assert holder.until - holder.since >= timedelta(seconds=600)


def test_a_lease_that_ran_out_or_whose_owner_died_is_free(store: Store) -> None:
    store.lease("gpu", "one", -1)
    assert store.lease("gpu", "two", 60) is None
    assert store.lease("gpu", "three", 60, over="one")
    assert store.lease("gpu", "three", 60, over="two") is None


# --- processes


def writer(backend: str, folder: Path, name: str) -> subprocess.Popen[str]:
    """A process that puts one answer after another and prints each key when it is stored."""
    command = [sys.executable, "-m", "tests.doubles.writer", backend, str(folder), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_processes_that_open_and_write_a_new_store_at_once_lose_nothing(backend: str, tmp_path: Path) -> None:
    writers = [writer(backend, tmp_path, name) for name in "abcd"]
    written = [process.communicate(timeout=120)[0].split() for process in writers]
    assert [process.returncode for process in writers] == [0] * 4
    assert [len(keys) for keys in written] == [300] * 4
    store = BACKENDS[backend](tmp_path)
    assert all(store.answer(key) for keys in written for key in keys)
    store.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_kill_9_loses_nothing_that_was_acknowledged(backend: str, tmp_path: Path) -> None:
    for round_ in range(4):
        process = writer(backend, tmp_path, f"round{round_}-")
        assert process.stdout
        seen = [process.stdout.readline().strip() for _ in range(20 + 37 * round_)]
        process.kill()
        seen += process.stdout.read().split("\n")[:-1]  # a last line without its end was cut off
        process.wait()
        process.stdout.close()
        store = BACKENDS[backend](tmp_path)
        assert all(store.answer(key) for key in seen)
        store.close()


# --- keys


def test_a_key_is_known_by_its_digest_until_it_is_dropped(store: Store) -> None:
    mine, theirs = Key("mine", "d1", NIGHT), Key("theirs", "d2", NIGHT, ("search_knowledge",))
    assert store.put_key(theirs) and store.put_key(mine)
    assert not store.put_key(Key("mine", "d3", NIGHT))
    assert (store.access_keys(), store.key("d2"), store.key("d3")) == ([mine, theirs], theirs, None)
    assert store.drop_key("mine") and not store.drop_key("mine")
    assert (store.access_keys(), store.key("d1")) == ([theirs], None)
