"""Spread work over processes of this machine (joblib) or over a Dask cluster; the numbers are the same."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

from nowake.core.errors import InputError, NowakeError, Refused

T = TypeVar("T")
R = TypeVar("R")

BACKENDS = ("processes", "dask")
RETRIES = 10
"""A chunk whose worker died is given to another this often; one that raises is not tried again."""
IDLE_S = 5
"""A process without work for so long ends: those of a study that was killed must not stay."""


def spread(
    work: Callable[[T], R], chunks: Sequence[T], *, jobs: int = 1, backend: str = "processes", scheduler: str = ""
) -> Iterator[R]:
    """Yield ``work(chunk)`` of every chunk as it is done, in any order.

    Args:
        work: A function of a module, without effects but its result: it may be run again where a worker died.
        chunks: What it is given.
        jobs: Processes, each of one thread; 1 with ``processes`` is this process.
        backend: ``processes``, or ``dask``.
        scheduler: Address of a Dask scheduler, ``tcp://host:8786``; empty = a cluster of ``jobs`` on this machine.

    Raises:
        InputError: No such backend.
        Refused: Dask is not installed, or nobody answers at the address.
        NowakeError: A process was killed, a chunk's workers died again and again, or the scheduler went away.
    """
    if backend not in BACKENDS:
        raise InputError("backend", backend, " or ".join(BACKENDS))
    if scheduler and backend != "dask":
        raise InputError("scheduler", scheduler, "left out without --backend dask")
    if backend == "dask":
        yield from _on_dask(work, chunks, jobs, scheduler)
    elif jobs == 1 or len(chunks) <= 1:
        yield from map(work, chunks)
    else:
        yield from _on_processes(work, chunks, min(jobs, len(chunks)))


def _on_processes(work: Callable[[T], R], chunks: Sequence[T], jobs: int) -> Iterator[R]:
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        with parallel_config(backend="loky", inner_max_num_threads=1, idle_worker_timeout=IDLE_S):
            pool = Parallel(n_jobs=jobs, return_as="generator_unordered")
            yield from pool(delayed(work)(chunk) for chunk in chunks)
    except TerminatedWorkerError as error:
        why = "a process of the study was killed, perhaps for want of memory"
        raise NowakeError(
            why, "give the same command again, it goes on where it stopped; fewer jobs need less"
        ) from error


def _on_dask(work: Callable[[T], R], chunks: Sequence[T], jobs: int, scheduler: str) -> Iterator[R]:
    """Run on a cluster: a chunk whose worker dies goes to another, whatever its scheduler allows."""
    with _client(jobs, scheduler) as client:
        distributed = import_module("distributed")
        tried = {client.submit(work, chunk, retries=0, pure=False): (chunk, 0) for chunk in chunks}
        waiting = distributed.as_completed(list(tried))
        for future in waiting:
            chunk, deaths = tried.pop(future)
            try:
                yield future.result()
                future.release()
            except distributed.KilledWorker as error:
                if deaths == RETRIES:
                    why = f"{RETRIES + 1} workers died at the same part of the study, perhaps for want of memory"
                    raise NowakeError(why, "give the same command again with more memory to a worker") from error
                again = client.submit(work, chunk, retries=0, pure=False)
                tried[again] = (chunk, deaths + 1)
                waiting.add(again)
            except distributed.client.FutureCancelledError as error:
                why = "the Dask scheduler went away"
                raise NowakeError(
                    why, "start it and give the same command again, it goes on where it stopped"
                ) from error


@contextmanager
def _client(jobs: int, scheduler: str) -> Iterator[Any]:
    """Give a client of the scheduler at an address, or of a cluster of our own on the loopback interface."""
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise Refused("--backend dask needs Dask", 'install it: pip install "nowake[cluster]"') from error
    if scheduler:
        try:
            client = distributed.Client(scheduler, timeout=10)
        except (OSError, ValueError, TimeoutError) as error:
            raise Refused(f"no Dask scheduler answers at {scheduler}", "start one: dask scheduler") from error
        with client:
            yield client
        return
    # What becomes of a worker is ours to say, and an interrupt is not worth the traces of all that it stops.
    with _interrupts_ignored():
        cluster = distributed.LocalCluster(
            n_workers=jobs, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None,
            silence_logs=logging.CRITICAL,
        )  # fmt: skip
    with cluster, distributed.Client(cluster) as client:
        yield client


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C while processes are started, and for good in them.

    A terminal sends it to all of them, and a worker would print a traceback. Only the main thread may say so;
    elsewhere nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
