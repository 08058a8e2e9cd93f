"""Every loop at its times: exactly one run for each, also with two schedulers, a kill -9 and downtime.

APScheduler is only the clock. Its job store loses a job that is killed half way and fires twice with two
schedulers, so the truth is a row for each loop and fire time in the store: whoever writes it runs it.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows import FlowError
from flows.cli import ROWS_LOST
from flows.config import Config
from flows.cron import Times, read_cron
from flows.leases import holding, in_words, is_going_on, myself
from flows.progress import duration
from flows.runs import Run, all_runs
from flows.store import Store

Do = Callable[[str, datetime], bool]  # loop, fire time -> it came to its end, well or badly; else it goes on later

LOOK_BACK = timedelta(days=32)  # how old a missed fire may be and still be made up for
EVERY = 30.0  # seconds between two looks for runs whose process died


def utc_now() -> datetime:
    return datetime.now(UTC)


class Schedule:
    """Loops, their clocks, and what runs now. `start` returns; `stop` waits for the runs that are going on."""

    def __init__(
        self, store: Store, run: Do, say: Callable[[str], None], now: Callable[[], datetime] = utc_now
    ) -> None:
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        self.store, self.run, self.say, self.now = store, run, say, now
        self.me = myself()
        self.times: dict[str, Times] = {}
        self.clock = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(32)},
            # A look beside one that runs the loop ends at once; a tick that comes late is as good as any.
            job_defaults={"max_instances": 3, "coalesce": True, "misfire_grace_time": None},
        )

    def add(self, loop: str, times: Times) -> None:
        """From its first `add` on, the loop's times are remembered in the store, also while nothing runs."""
        self.times[loop] = times
        if self.store.last_fire(loop) is None:
            self.store.skip_fires(loop, [self.now()])
        self.clock.add_job(self.look, times.trigger, [loop])
        self.clock.add_job(self.look, "interval", [loop], seconds=EVERY, next_run_time=datetime.now(UTC))
        self._say_next(loop)

    def start(self) -> None:
        self.clock.start()

    def stop(self) -> None:
        self.clock.shutdown(wait=True)

    def look(self, loop: str) -> None:
        """Do what is to be done for a loop now; nothing while someone else is at it."""
        try:
            with holding(self.store, f"schedule:{loop}") as holder:
                if not holder and self._go_on(loop):
                    while (fire := self._claim(loop)) and self._do(loop, fire):
                        pass
        except FlowError as error:
            self.say(f"{loop}: {error}")

    def _go_on(self, loop: str) -> bool:
        """Runs that were begun and not ended: their process died, or it would hold the lease. False: stopped."""
        for fire, dead in self.store.unfinished_fires(loop):
            self.say(f"{loop}: going on with the run of {fire:%Y-%m-%d %H:%M:%S} UTC")
            if self.store.take_over_fire(loop, fire, self.me, dead) and not self._do(loop, fire):
                return False
        return True

    def _claim(self, loop: str) -> datetime | None:
        """The latest time that is due and not taken; the earlier ones are skipped for it."""
        if not (due := self._due(loop)):
            return None
        self.store.skip_fires(loop, due[:-1])
        if not self.store.claim_fire(loop, due[-1], self.me):
            return None
        self.say(f"{loop}: run of {due[-1]:%Y-%m-%d %H:%M:%S} UTC")
        return due[-1]

    def _due(self, loop: str) -> list[datetime]:
        last = self.store.last_fire(loop) or self.now()
        if last > self.now():  # the clock was set back since: what is due now was not due then
            last = self.now() - 4 * timedelta(seconds=EVERY)
        return list(self.times[loop].between(max(last, self.now() - LOOK_BACK), self.now()))

    def _do(self, loop: str, fire: datetime) -> bool:
        if not self.run(loop, fire):
            return False
        self.store.finish_fire(loop, fire, self.me)
        self._say_next(loop)
        return True

    def _say_next(self, loop: str) -> None:
        if not self._due(loop):  # else that run comes first, and says so when it begins
            self.say(f"{loop}: next run at {self.times[loop].next(self.now()):%Y-%m-%d %H:%M} UTC")


class Runs:
    """Runs as processes of their own: their memory comes back, and they can be told to stop."""

    def __init__(self, config: Path, runs: Path, say: Callable[[str], None]) -> None:
        self.config, self.runs, self.say = config, runs, say
        self.children: set[subprocess.Popen[bytes]] = set()
        self.stopping = False
        self.lock = threading.Lock()

    def run(self, loop: str, fire: datetime) -> bool:
        """True when the run came to its end, well or badly; False when it was stopped and should go on later."""
        before, started = self._newest(loop), time.monotonic()
        code = self._run(loop, fire)
        if code < 0 and not self.stopping:
            self.say(f"{loop}: the run was killed by signal {-code} (out of memory?); it goes on once more")
            code = self._run(loop, fire)
        if code and self.stopping:
            return False
        outcome = _outcome(code, before, self._newest(loop))
        self.say(f"{loop}: {outcome} (took {duration(time.monotonic() - started)})")
        return True

    def stop(self) -> None:
        with self.lock:
            self.stopping = True
            going_on = "; the run that is going on is taken up when the schedule starts again" if self.children else ""
            self.say(f"stopping{going_on}")
            for child in self.children:
                child.terminate()

    def _newest(self, loop: str) -> Run | None:
        try:
            return next((folder.run for folder in all_runs(self.runs, loop)), None)
        except FlowError:  # a broken record: the run itself says so
            return None

    def _run(self, loop: str, fire: datetime) -> int:
        """The exit code; negative when a signal ended it."""
        command = [sys.executable, "-m", "flows", "--config", str(self.config), "run", loop, "--fire", fire.isoformat()]
        with self.lock:
            if self.stopping:
                return -signal.SIGTERM
            # In its own session: Ctrl-C in the terminal reaches it through `stop` alone.
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
            self.children.add(child)
        code = child.wait()
        with self.lock:
            self.children.discard(child)
        return code


def _outcome(code: int, before: Run | None, after: Run | None) -> str:
    """What a run came to, by its record; one that repeats an earlier run leaves none."""
    if code not in (0, ROWS_LOST):
        if after and after.status == "failed" and after != before:
            return f"run {after.id} failed: {after.why}"
        return f"the run failed with exit code {code}, for the reason above"
    lost = "; what was lost is named above" if code == ROWS_LOST else ""
    if after is None or (before and before.id == after.id and before.status == "finished"):
        return f"nothing is new{f' since run {after.id}' if after else ''}{lost}"
    return f"run {after.id} finished: {after.verdict}, {after.why.rstrip('.')}{lost}"


def run_scheduled(config: Config, store: Store, say: Callable[[str], None]) -> None:
    """Run every loop that has a cron, until SIGTERM or Ctrl-C; the run that is going on then ends in good order."""
    runs = Runs(config.path, config.state / "runs", say)
    schedule = Schedule(store, runs.run, say)
    for name, loop in config.loops.items():
        if loop.cron:
            times = read_cron(loop.cron, loop.timezone, f"{config.path}: loops.{name}")
            schedule.add(name, times)
    if not schedule.times:
        raise FlowError(f"{config.path}: no loop has a cron, there is nothing to schedule.")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # By way of a thread: the handler may interrupt `wait` just where it holds the event's lock.
        signal.signal(number, lambda *_: threading.Thread(target=stopped.set).start())
    with holding(store, "scheduler") as other:
        if other:
            say(f"another scheduler is at work, {in_words(other)}: either does what is due first, never both")
        schedule.start()
        stopped.wait()
        runs.stop()
        schedule.stop()
        for name in schedule.times:
            if is_going_on(store, f"loop:{name}"):  # of a schedule that was killed, or started by hand
                say(f"{name}: a run goes on in a process that is not this schedule's; `flowstill runs` shows it")
