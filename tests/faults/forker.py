"""Forks processes that have everything imported and compiled, so that killing two hundred of them takes a minute.

Reads one JSON line per request on standard input and answers with one: ``{"run": NAME, ...}`` starts a child and gives
its ``pid``; ``{"wait": PID}`` waits for it and gives its ``status`` (negative = signal). Ends with its input. Children
write ``out`` when they end by themselves.

NAME ``worker``: the exchange worker of setting file ``setting``, with an optional crash point: ``append:K`` dies right
after the K-th batch is durable, before its effects leave; ``send:K`` right after the K-th create has left, before its
answer; ``unsent:K`` right before the K-th create leaves (it never arrives).
NAME ``sim``: a simulated run in the journal ``journal``, begun or resumed; with ``speed`` it is paced and operated.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from nowake.app import run_journal, wiring
from nowake.app.exchange.setting import WorkerSetting, read_setting
from nowake.app.exchange.worker import work
from nowake.app.operate.desk import Control
from nowake.app.request import OrderRequest
from nowake.core.child import ChildOrder
from nowake.core.errors import NowakeError
from nowake.core.value import from_json, to_json
from nowake.journal.header import code_hash
from nowake.journal.storage import Storage, StoredBatch
from nowake.live.market import fed_market
from nowake.live.venues.base import LiveVenue

CHILD_SECONDS = 180


def die() -> None:
    """End as kill -9 ends a process: nothing runs after this."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


class DyingStorage:
    """A journal's storage that kills its process right after the k-th batch is durable."""

    def __init__(self, inner: Storage, k: int) -> None:
        self._inner, self._left = inner, k

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, batches: Sequence[StoredBatch]) -> None:
        self._inner.write(batches)
        self._left -= 1
        if self._left == 0:
            die()

    def batches(self, from_seq: int = 0) -> Iterator[StoredBatch]:
        return self._inner.batches(from_seq)


class DyingVenue:
    """An adapter that kills its process around the k-th create."""

    def __init__(self, inner: LiveVenue, k: int, *, before: bool) -> None:
        self._inner, self._left, self._before = inner, k, before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def submit(self, child: ChildOrder, now_ns: int) -> None:
        self._left -= 1
        if self._left == 0 and self._before:
            die()
        self._inner.submit(child, now_ns)
        if self._left == 0:
            die()


def run_worker(request: dict[str, Any]) -> str:
    """Work the order of a setting; return the outcome as JSON, or the one sentence of a refusal."""
    where, _, number = str(request.get("crash", "")).partition(":")
    hooks: dict[str, Any] = {}
    if where == "append":
        hooks["wrap_storage"] = lambda inner: DyingStorage(inner, int(number))
    elif where in ("send", "unsent"):
        hooks["wrap_venue"] = lambda inner: DyingVenue(inner, int(number), before=where == "unsent")
    try:
        return to_json(work(read_setting(request["setting"], WorkerSetting), **hooks)).decode()
    except NowakeError as error:
        return json.dumps({"refused": str(error), "kind": type(error).__name__})


def run_sim(request: dict[str, Any]) -> str:
    """Begin or resume a simulated run; return its records and hash."""
    order = from_json(json.dumps(request["order"]), OrderRequest)
    path = Path(request["journal"])
    control = Control(path, request["speed"]) if "speed" in request else None
    if path.exists():
        wiring.resume(path, wiring.reopen(path), control=control)
    else:
        prepared = wiring.prepare(order, wiring.RunOptions(seed=request["seed"]))
        with run_journal.open_journal(prepared, path) as journal:
            wiring.work(prepared, journal, control=control)
    return "{}"


RUNS: dict[str, Callable[[dict[str, Any]], str]] = {"worker": run_worker, "sim": run_sim}


def child(request: dict[str, Any]) -> None:
    """The forked process: never returns."""
    signal.alarm(CHILD_SECONDS)
    status = 1
    try:
        if log := request.get("log"):
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
        answer = RUNS[request["run"]](request)
        if out := request.get("out"):
            Path(out).write_text(answer, encoding="utf-8")
        status = 0
    except BaseException:  # noqa: BLE001 - told, and the process ends
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def warm() -> None:
    """Import, compile and load everything a child will need."""
    request = OrderRequest(side="buy", quantity="300", symbol="SYNTH", over="3m")
    prepared = wiring.prepare(request, wiring.RunOptions(seed=1))
    with run_journal.open_journal(prepared, None) as journal:
        wiring.work(prepared, journal)
    market = fed_market(prepared.tape.meta, prepared.session)
    for _ in range(2):
        market.feed(prepared.tape.head(50))
    market.advance(prepared.tape.t_event[-1])
    market.view(market.now_ns)
    code_hash()


def main() -> None:
    """Serve requests until the input ends."""
    warm()
    sys.stdout.write('{"ready": true}\n')
    sys.stdout.flush()
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, found = os.waitpid(request["wait"], 0)
            answer = {"status": os.waitstatus_to_exitcode(found)}
        else:
            pid = os.fork()
            if pid == 0:
                child(request)
            answer = {"pid": pid}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
