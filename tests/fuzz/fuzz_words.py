"""Words that people and accidents type: every option with values that make sense and values that do not."""

from __future__ import annotations

import random
import re

NASTY = (
    "0", "-1", "-0", "nan", "NaN", "inf", "-inf", "1e300", "-1e300", "1e-300", "1e99999999", "9" * 40, "9" * 5000,
    "0x10", "1_000", "１２", "٣", "½", "1,5", "1.2.3", " ", "", "\t", "\n", "\x00", "\x1b[31m", "\ud800", "é", "None",
    "true", "--", "-", "%", "%s%n", "{}", "[]", "[red]", "[/]", "$(x)", "..", "/", "/dev/null", "~", "*",
    "k", "m", "%5",
    "5%%", "bps", "100%", "1000%", "0.0000000001", "1e-9", "1h-1m", "0s", "1ns", "-5m", "1e9h",
    "999999999999h", "9" * 30 + "s",
    "24:00", "25:00", "00:00", "9:30", "9:3", "09:30:60", "open", "close", "open-1h", "close+1ns", "open+",
    "open+99999h",
    "2012-06-21T10:00:00", "2012-06-21T10:00:00Z", "2026-01-05T15:00:00+00:00", "2026-01-05", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z", "2026-03-29T02:30:00+01:00", "2026-01-05T15:00:00+23:59", "1969-12-31T23:59:59Z", "1.5",
)  # fmt: skip
QUANTITIES = ("1", "100", "2000", "10k", "1m", "5m-USD", "200k-USD", "5m-EUR", "0.5", "1.00000001", "9e18", "50000")
SHARES = ("15%", "0.1", "5%", "1", "0.999999", "1e-9", "100%", "0.3")
TIMES = ("15:00", "14:30", "14:31:30", "2026-01-05T14:30:30Z", "2026-01-05T10:00:00-05:00", "2026-01-05T20:59:00Z")
DURATIONS = ("1s", "30s", "1m", "90s", "2m30s", "5m", "1h", "6h30m", "24h", "999ms")
PRICES = ("100", "99.99", "100.005", "90", "1e6", "0.01", "0.001", "410")
STEPS = ("220:5%,225:12%", "1:5%,5000:12%", "30m:12%", "0s:5%,30s:9%", "100=1%,100=2%", "1:5%,1:5%", "5%", ":", "a:b,c")
SYMBOLS = ("SYNTH", "SYNTH@SIM", "synth", "AMZN", "AMZN@XNAS", "BTCUSDT", "BTCUSDT@binance-spot", "XYZ", "@", "A@B@C")

OPTIONS: dict[str, tuple[str, ...]] = {
    "start": TIMES,
    "end": TIMES,
    "over": DURATIONS,
    "strategy": ("twap", "vwap", "pov", "TWAP", "is"),
    "end-behaviour": ("finish", "cancel", "run-on", "stop"),
    "max-participation": SHARES,
    "urgency": ("0", "0.5", "1", "1.0001", "nan", "high"),
    "limit": PRICES,
    "slices": ("0", "1", "2", "7", "-1", "100001", "1e3"),
    "tz": ("UTC", "America/New_York", "Europe/Berlin", "Mars/Base", "../etc/passwd", "EST"),
    "participation": SHARES,
    "min-participation": SHARES,
    "participation-by-price": STEPS,
    "participation-by-size": STEPS,
    "participation-by-time": STEPS,
    "limit-offset": ("10", "-5", "0", "10bps", "1e9", "-10000"),
    "i-would": PRICES,
    "i-would-part": SHARES,
    "display": QUANTITIES,
    "display-randomise": SHARES,
    "display-refresh": DURATIONS,
    "min-fill": QUANTITIES,
    "randomise-time": SHARES,
    "randomise-size": SHARES,
    "discretion": ("0", "0.01", "0.02", "1", "1e6", "-0.01"),
    "fees": ("10", "-0.2/0.3", "a/b", "1/2/3", "1e300", "-5"),
    "impact": ("off", "ledger", "full", "huge"),
    "latency": ("0", "5ms", "1h", "-1ms", "0ms", "1us"),
    "seed": ("0", "1", "-1", str(2**63), str(2**64), "x"),
    "allow": ("gaps", "crossed", "everything", ""),
    "price": PRICES,
    "adv": ("22m", "9b-USD", "1", "5-EUR", "1e18"),
    "vol": ("1.6%", "160bps", "0.016", "2", "100%"),
    "spread": ("0.7bps", "0.03-USD", "0.01%", "1-EUR", "9999"),
    "depth": QUANTITIES,
    "history": ("note.txt", "nodir", ".", "lake"),
    "tape": ("note.txt", "nodir", ".", "lake"),
    "map": ("time=ts,price=px,qty=size", "time", "time=", "a=b", "time=t,time=t", "x.json",
    "time=t,price=p,qty=q,zone=Q"),
    "listing": ("MSFT@XNAS", "XYZ@VENUE,tick=0.01,lot=1", "XYZ", "XYZ@V,tick=0", "XYZ@V,tick=a,lot=b", "x.json", "@@"),
}  # fmt: skip
FLAGS = ("must-complete", "never-take", "json", "full")
NOT_FACADE = {"tape", "allow", "map", "listing", "history", "seed", "impact", "fees", "latency"}
BELIEFS = {"price": "price", "adv": "adv", "vol": "daily_vol", "spread": "spread", "depth": "depth"}


def word(rng: random.Random, good: tuple[str, ...], nasty: float = 0.25) -> str:
    """Return a value: one that may make sense, a nasty one, or a sensible one with an accident in it."""
    dice = rng.random()
    if dice < nasty / 2:
        return rng.choice(NASTY)
    text = rng.choice(good)
    return scratched(rng, text) if dice < nasty else text


def scratched(rng: random.Random, text: str) -> str:
    """Return a text with a character cut out, doubled, put in or replaced."""
    at = rng.randrange(len(text) + 1)
    put = rng.choice(
        ["", "", "-", ".", ",", "e", "%", ":", "0", "9", "@", "=", "\x00", "é", " ", text[at : at + 1] * 2]
    )
    return text[:at] + put + text[at + rng.randrange(2) :]


def options(rng: random.Random, most: int = 5) -> dict[str, str]:
    """Return a few options with values; a window nearly always."""
    chosen = rng.sample(sorted(OPTIONS), rng.randrange(most + 1))
    found = {name: word(rng, OPTIONS[name], 0.2) for name in chosen}
    if "end" not in found and rng.random() < 0.9:
        found.setdefault("over", word(rng, DURATIONS, 0.05))
    return found


def stated(rng: random.Random) -> dict[str, str]:
    """Return beliefs that are enough to plan without a tape, now and then with a nasty one."""
    good = {"price": "410", "adv": "22m", "vol": "1.6%", "spread": "0.7bps"}
    return {name: word(rng, (value,), 0.1) for name, value in good.items()}


def order_line(rng: random.Random, command: str) -> list[str]:
    """Return the words of an order for ``plan`` or ``work``."""
    symbol = "SYNTH" if rng.random() < 0.5 else word(rng, SYMBOLS)
    words = [command, word(rng, ("buy", "sell", "B", "SS", "5", "hold"), 0.05), word(rng, QUANTITIES), symbol]
    found = options(rng)
    if rng.random() < 0.5:
        found = {**stated(rng), **found}
        words[3] = rng.choice(("MSFT@XNAS", "AMZN", "BTCUSDT@binance-spot", symbol))
    for name, value in found.items():
        words += [f"--{name}", value]
    words += [f"--{flag}" for flag in FLAGS if rng.random() < 0.15]
    if rng.random() < 0.05:
        rng.shuffle(words)
    return [safe(one) for one in words]


def safe(text: str) -> str:
    """Return a text that a shell could hand over: no NUL (it ends an argument)."""
    return text.replace("\x00", "")


SENTENCE = re.compile(r"\A[^\n]+\Z")
