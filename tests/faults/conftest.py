"""A venue process, processes to be killed, and the judgement by the venue's own book."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nowake.app.exchange.setting import VenueSetting, WorkerSetting
from nowake.app.outlets import Outlets
from nowake.core.order import Parameters, ParentOrder, Side
from nowake.core.value import to_json
from nowake.core.wire import Truth
from nowake.engine.env import Timing
from nowake.live.clock import ClockSetting
from nowake.live.venues.simulated import ask_truth
from nowake.sim.service import WireDelays

FORKER = Path(__file__).with_name("forker.py")
S = 1_000_000_000
TAPE_NS = 1_767_623_400 * S
HEAD_NS = 1200 * S
KILLED = -signal.SIGKILL
ENVIRONMENT = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


class Forker:
    """Starts and reaps the processes that are killed; only those."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(FORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        try:
            assert self._answer() == {"ready": True}
        except BaseException:
            self.close()
            raise

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the forker did not start: see its standard error"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def start(self, **request: Any) -> int:
        return int(self.ask(**request)["pid"])

    def wait(self, pid: int) -> int:
        """Return the exit code of a child, negative for a signal."""
        return int(self.ask(wait=pid)["status"])

    def kill_after(self, pid: int, seconds: float) -> int:
        """Kill a child after a while; return how it ended: by that, or by itself before."""
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)  # not reaped yet, so the id is still its own
        return self.wait(pid)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=200)
        self._process.stdout.close()


class Field:
    """One order at one venue process, with the files of both.

    Args:
        folder: For settings, journal, outcomes.
        forker: Starts workers.
        seed: Of the market.
        qty: Of the order.
        minutes: Of its window, venue time.
        speed: Of the venue's clock.
        snapshot_every: Of the worker.
        jitter_s, horizon_s: Most a command may be late by, and what the venue promises of that.
        outlets: Keep a log of everything, and metrics.
        parameters: Of the order.
    """

    def __init__(
        self,
        folder: Path,
        forker: Forker,
        seed: int,
        *,
        qty: int = 3000,
        minutes: float = 8.0,
        speed: float = 60.0,
        snapshot_every: int = 60,
        jitter_s: float = 1.2,
        horizon_s: float = 2.0,
        side: Side = Side.BUY,
        outlets: bool = False,
        **parameters: Any,
    ) -> None:
        self.folder, self.forker, self.seed = folder, forker, seed
        self.journal = folder / "run.db"
        start_ns = TAPE_NS + HEAD_NS + 5 * S
        self.order = ParentOrder(
            parent_id=f"crash-{seed}",
            listing="SYNTH@SIM",
            side=side,
            qty_units=qty,
            decided_ns=start_ns,
            start_ns=start_ns,
            end_ns=start_ns + round(minutes * 60 * S),
            parameters=Parameters(**{"slices": max(1, round(6 * minutes)), **parameters}),
        )
        self.wall_seconds = minutes * 60 / speed + 30
        self.speed = speed
        self.delays = WireDelays(entry_ns=3 * S // 10, jitter_ns=round(jitter_s * S), response_ns=S // 2)
        # A venue that first had to compile, or found the machine busy, is late for its own clock: again, later.
        for allowance_s in (2.0, 6.0, 20.0):
            self._serve(minutes, allowance_s)
            if time.time_ns() < self.clock.wall_ns + S:
                break
            self.close()
        else:
            raise AssertionError("the venue process takes too long to start")
        self.worker = WorkerSetting(
            address=self.address,
            clock=self.clock,
            journal=str(self.journal),
            order=self.order,
            # Answers take wall time, and the clock runs fast meanwhile.
            timing=Timing(answer_ns=round((horizon_s + 6) * S), horizon_ns=round(horizon_s * S)),
            snapshot_every=snapshot_every,
            wall_seconds=self.wall_seconds,
            outlets=Outlets(log=str(folder / "run.log"), metrics=str(folder / "prom"), level="debug")
            if outlets
            else Outlets(),
        )
        self._setting = folder / "worker.json"
        self._setting.write_bytes(to_json(self.worker))

    def _serve(self, minutes: float, allowance_s: float) -> None:
        wall_ns = time.time_ns() + int(allowance_s * S)
        self.clock = ClockSetting(wall_ns=wall_ns, t_ns=TAPE_NS + HEAD_NS, speed=self.speed)
        venue = VenueSetting(
            clock=self.clock,
            start_ns=TAPE_NS,
            duration_ns=HEAD_NS + round((minutes + 60) * 60 * S),
            seed=self.seed,
            delays=self.delays,
            wall_seconds=self.wall_seconds + 60,
        )
        path = self.folder / "venue.json"
        path.write_bytes(to_json(venue))
        command = [sys.executable, "-m", "nowake.app.exchange.server", str(path)]
        with (self.folder / "venue.txt").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=ENVIRONMENT)
        assert self._process.stdout is not None
        self.address: str = json.loads(self._process.stdout.readline())["address"]

    def start(self, crash: str = "", out: str = "out.json") -> int:
        """Start a worker; it dies by itself at the crash point, if one is given."""
        return self.forker.start(
            run="worker",
            setting=str(self._setting),
            crash=crash,
            out=str(self.folder / out),
            log=str(self.folder / "stderr.txt"),
        )

    def outcome(self, out: str = "out.json") -> dict[str, Any]:
        """Return what a worker that ended by itself wrote."""
        found: dict[str, Any] = json.loads((self.folder / out).read_text(encoding="utf-8"))
        return found

    def errors(self) -> str:
        """Return what venue and workers wrote on standard error, and whether the venue still runs."""
        paths = [self.folder / name for name in ("venue.txt", "stderr.txt")]
        texts = [path.read_text(encoding="utf-8") for path in paths if path.exists()]
        return "\n".join([f"venue: {self._process.poll()}", *texts])

    def truth(self) -> Truth:
        """Return the venue's own record."""
        return ask_truth(self.address)

    def kill_at_random(self, kills: int, rng: random.Random, longest: float = 0.4) -> int:
        """Kill ``kills`` workers in a row at random moments; return how many were killed before the order ended."""
        for done in range(kills):
            status = self.forker.kill_after(self.start(), longest * rng.random())
            if self._ended(status):
                return done
        return kills

    def _ended(self, status: int) -> bool:
        """Return whether a worker ended its order, False when it was killed; any other end fails the test."""
        if status == KILLED:
            return False
        assert status == 0, f"seed {self.seed}: a worker ended with {status}: {self.errors()}"
        assert "refused" not in self.outcome(), f"seed {self.seed}: {self.outcome()} {self.errors()}"
        return True

    def kill_at_points(self, points: Iterable[str], most: int) -> int:
        """Let workers die at one point after the other until the order has ended; return how many died."""
        for done, point in enumerate(points):
            status = self.forker.wait(self.start(crash=point))
            if self._ended(status):
                return done
            assert done < most, f"seed {self.seed}: not ended after {most} kills"
        raise AssertionError("out of points")

    def finish(self) -> dict[str, Any]:
        """Let a last worker end by itself; return its outcome."""
        status = self.forker.wait(self.start())
        assert self._ended(status), f"seed {self.seed}: the last worker was killed by somebody else"
        return self.outcome()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    """One process to fork from."""
    made = Forker()
    yield made
    made.close()


@pytest.fixture
def field(tmp_path: Path, forker: Forker) -> Iterator[Callable[..., Field]]:
    """Return a maker of venue processes, which end with the test."""
    made: list[Field] = []

    def make(seed: int, **options: Any) -> Field:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Field(folder, forker, seed, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
