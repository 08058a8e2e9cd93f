"""What every step of a run can see."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from flows import FlowError
from flows.config import Config, Loop
from flows.progress import Progress
from flows.runs import Run, RunFolder
from flows.store import Store


class NotDoneError(FlowError):
    """A step wants what another has not made yet."""


@dataclass
class Work:
    """What every step can see: the settings, the store, the run's folder, and the screen."""

    config: Config
    name: str
    store: Store
    cache: Path
    progress: Progress
    folder: RunFolder

    @property
    def loop(self) -> Loop:
        return self.config.loop(self.name)

    @property
    def run(self) -> Run:
        return self.folder.run

    @property
    def lost(self) -> list[str]:
        """What the run went on without, a line each."""
        return self.run.lost

    def output(self, step: str, key: str) -> str:
        """What an earlier step left; raises NotDoneError when there is nothing of the kind."""
        done = self.run.step(step)
        if done is None or done.status != "done":
            raise NotDoneError(f"loop {self.name}: step '{step}' is not done yet; run it first.")
        return self.folder.output(done, key)

    def path(self, step: str, key: str) -> Path:
        return self.config.state / self.output(step, key)

    def read(self, step: str, key: str) -> bytes:
        """The bytes of an earlier step's file; raises FlowError when they are not what the step wrote."""
        path = self.path(step, key)
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.output(step, "sha256"):
            raise FlowError(f"{path} is not what step '{step}' wrote. Run again: it is made anew.")
        return data

    def relative(self, path: Path) -> str:
        """A path as the run record keeps it: from the state folder, so that the state can move as a whole."""
        return path.relative_to(self.config.state).as_posix()

    def note(self, text: str) -> None:
        """Say it, and keep it for the run's report, as long as what the step came to stands."""
        self.progress.say(text)
        if (step := self.run.at) and text not in step.notes:
            step.notes.append(text)
