"""The channel beside a journal: who may connect, what survives a kill, long paths, clients that misbehave."""

from __future__ import annotations

import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nowake.app.operate import channel as channels
from nowake.app.operate.channel import Channel, ask_owner, socket_path
from nowake.app.operate.messages import Answer, CommandAsk, StatusAsk, encode
from nowake.core.errors import JournalError
from nowake.core.inputs import OperatorAction

PAUSE = CommandAsk(action=OperatorAction.PAUSE, actor="ann", key="k")
BYE = Answer(accepted=False, text="ended")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


@pytest.fixture
def serve() -> Iterator[Callable[[Channel], None]]:
    """Answer everything on a channel from a thread until the test ends."""
    over, threads = threading.Event(), []

    def start(channel: Channel) -> None:
        def loop() -> None:
            while not over.is_set():
                channel.wait(0.01)
                for request in channel.requests():
                    request.answer(Answer(accepted=True, text=type(request.ask).__name__))
            channel.close(BYE)

        threads.append(threading.Thread(target=loop, daemon=True))
        threads[-1].start()

    yield start
    over.set()
    for one in threads:
        one.join(10)


def test_a_question_is_answered(journal: Path, serve: Callable[[Channel], None]) -> None:
    serve(Channel(journal))
    assert ask_owner(journal, StatusAsk()) == Answer(accepted=True, text="StatusAsk")
    assert ask_owner(journal, PAUSE) == Answer(accepted=True, text="CommandAsk")


def test_only_its_user_may_connect(journal: Path) -> None:
    channel = Channel(journal)
    assert stat.S_IMODE(channel.path.stat().st_mode) == 0o600
    assert channel.path.parent == journal.parent
    channel.close(BYE)
    assert not channel.path.exists()


def test_nobody_listens(journal: Path) -> None:
    assert ask_owner(journal, StatusAsk()) is None


def test_the_socket_of_a_killed_owner_is_stale_and_is_replaced(journal: Path, serve: Callable[[Channel], None]) -> None:
    code = (
        "import sys, time, pathlib; from nowake.app.operate.channel import Channel\n"
        "c = Channel(pathlib.Path(sys.argv[1])); print('up', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(journal)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner:
        assert owner.stdout.readline() == "up\n"
        owner.send_signal(signal.SIGKILL)
    assert socket_path(journal).exists()
    assert ask_owner(journal, StatusAsk()) is None
    serve(Channel(journal))
    assert ask_owner(journal, StatusAsk()) is not None


def test_a_path_longer_than_a_socket_name_may_be(tmp_path: Path, serve: Callable[[Channel], None]) -> None:
    folder = tmp_path / ("a" * 120) / ("b" * 120)
    folder.mkdir(parents=True)
    for name in ("run.db", "c" * 200 + ".db"):
        journal = folder / name
        serve(Channel(journal))
        assert ask_owner(journal, StatusAsk()) is not None
        assert socket_path(journal).parent == folder


def test_a_relative_path_and_a_link_lead_to_the_same_owner(
    journal: Path, serve: Callable[[Channel], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.touch()
    link = journal.with_name("link.db")
    link.symlink_to(journal)
    serve(Channel(journal))
    monkeypatch.chdir(journal.parent)
    assert ask_owner(Path("run.db"), StatusAsk()) is not None
    assert ask_owner(Path("link.db"), StatusAsk()) is not None


@pytest.mark.parametrize(
    "said",
    [b"", b"\n", b"not json\n", b'{"ask":"command","action":"fly","actor":"a","key":"k"}\n', b"x" * 200_000, b'{"ask"'],
    ids=["nothing", "a blank line", "no JSON", "another action", "too long", "half a line"],
)
def test_a_client_that_misbehaves_hurts_nobody(
    journal: Path, serve: Callable[[Channel], None], said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "IDLE_S", 0.2)
    serve(Channel(journal))
    with socket.socket(socket.AF_UNIX) as rude:
        rude.connect(str(socket_path(journal)))
        rude.settimeout(10)
        try:
            rude.sendall(said)
            answer = rude.recv(1 << 16)
        except OSError:
            answer = b""
    assert answer == b"" or b'"accepted":false' in answer
    assert ask_owner(journal, StatusAsk()) is not None


def test_many_clients_that_say_nothing_do_not_shut_others_out_for_good(
    journal: Path, serve: Callable[[Channel], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "IDLE_S", 0.2)
    serve(Channel(journal))
    idle = [socket.socket(socket.AF_UNIX) for _ in range(channels.CLIENTS_MAX)]
    for one in idle:
        one.connect(str(socket_path(journal)))
    for one in idle:
        one.settimeout(10)
        assert one.recv(1) == b""
        one.close()
    assert ask_owner(journal, StatusAsk()) is not None


def test_an_owner_that_ends_says_so_and_one_that_hangs_is_told_from_it(journal: Path) -> None:
    channel = Channel(journal)
    with pytest.raises(JournalError, match=r"did not answer within 0\.1 s; whether it was carried out is not known"):
        ask_owner(journal, PAUSE, patience_s=0.1)
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(str(channel.path))
        waiting.sendall(encode(PAUSE))
        channel.wait(1)
        channel.close(BYE)
        assert b"ended" in waiting.recv(1 << 16)
    channel.close(BYE)


def test_an_owner_that_dies_leaves_the_client_in_doubt(journal: Path) -> None:
    channel = Channel(journal)

    def die() -> None:
        channel.wait(10)
        for request in channel.requests():
            request._connection.close()

    thread = threading.Thread(target=die)
    thread.start()
    with pytest.raises(JournalError, match=r"went away before it answered; .* with the same --key"):
        ask_owner(journal, PAUSE)
    thread.join(10)
    channel.close(BYE)
