"""What an operator asks the owner of a journal, and what the owner answers. One line of JSON each way."""

from __future__ import annotations

from typing import Any

import msgspec

from nowake.core.amendment import Amendment
from nowake.core.errors import DataError
from nowake.core.inputs import OperatorAction
from nowake.core.plan import Notice
from nowake.core.value import Value, require, to_json


class Ask(Value, frozen=True, tag_field="ask"):
    """Base of the questions."""


class StatusAsk(Ask, frozen=True, tag="status"):
    """Who are you, and where do you stand?"""


class CommandAsk(Ask, frozen=True, tag="command"):
    """Do this.

    Attributes:
        actor: Who asks.
        key: Makes it safe to ask again.
        parent_id: Of the order; empty = the only one.
        amendment: For amend: what is to change.
        parts: The same of an order over several venues, by listing.
    """

    action: OperatorAction
    actor: str
    key: str
    parent_id: str = ""
    amendment: Amendment | None = None
    parts: tuple[tuple[str, Amendment], ...] = ()

    def __post_init__(self) -> None:
        for name in ("actor", "key"):
            value = getattr(self, name)
            require(0 < len(value) <= 100, name, value, "1 to 100 characters")


class Answer(Value, frozen=True):
    """What came of it.

    Attributes:
        accepted: Whether it was, or had been, carried out.
        text: What was done, or why not.
        remedy: What to do instead, a phrase; may be empty.
        repeated: Whether the key had been used for the same before.
        notices: What is to be said of the plan that was made for it.
        status: Of the order afterwards.
        t_ns: Market time that the owner has reached.
        process: The owner's.
        speed: Seconds of market time per second; 0 = as fast as it goes.
    """

    accepted: bool
    text: str
    remedy: str = ""
    repeated: bool = False
    notices: tuple[Notice, ...] = ()
    status: str = ""
    t_ns: int = 0
    process: int = 0
    speed: float = 0.0


_ASKS = msgspec.json.Decoder(StatusAsk | CommandAsk)
_ANSWERS = msgspec.json.Decoder(Answer)


def encode(message: Ask | Answer) -> bytes:
    """Return a message as one line."""
    return to_json(message) + b"\n"


def decode_ask(line: bytes) -> StatusAsk | CommandAsk:
    """Return the question in a line.

    Raises:
        DataError: There is none.
    """
    return _decoded(_ASKS, line)  # type: ignore[no-any-return]


def decode_answer(line: bytes) -> Answer:
    """Return the answer in a line; raises as ``decode_ask``."""
    return _decoded(_ANSWERS, line)  # type: ignore[no-any-return]


def _decoded(decoder: msgspec.json.Decoder[Any], line: bytes) -> Any:
    try:
        return decoder.decode(line)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        text = f"{len(line)} bytes are no message of this nowake ({error})"
        raise DataError("channel", text, remedy="use the same version on both sides") from error
