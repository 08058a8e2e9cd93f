"""What every step of a run can see."""

from dataclasses import dataclass, field
from pathlib import Path

from flows import FlowError
from flows.config import Config, Loop
from flows.progress import Progress
from flows.runs import Run, RunFolder
from flows.store import Store


@dataclass
class Work:
    """What every step can see: the settings, the store, the run's folder, and the screen."""

    config: Config
    name: str
    store: Store
    cache: Path
    progress: Progress
    folder: RunFolder
    lost: list[str] = field(default_factory=list)  # what this run could not read or make, a line each

    @property
    def loop(self) -> Loop:
        return self.config.loop(self.name)

    @property
    def run(self) -> Run:
        return self.folder.run

    def output(self, step: str, key: str) -> str:
        """What an earlier step left; raises FlowError when it has not been done."""
        done = self.run.step(step)
        if done is None or done.status != "done":
            raise FlowError(f"run {self.run.id}: step '{step}' is not done yet; run it first.")
        return done.outputs[key]

    def path(self, step: str, key: str) -> Path:
        return self.config.state / self.output(step, key)

    def relative(self, path: Path) -> str:
        """A path as the run record keeps it: from the state folder, so that the state can move as a whole."""
        return path.relative_to(self.config.state).as_posix()

    def note(self, text: str) -> None:
        """Say it, and keep it for the run's report."""
        self.progress.say(text)
        if text not in self.run.notes:
            self.run.notes.append(text)
