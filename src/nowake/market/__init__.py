"""One market as it moves: books, ``run_until``, views, queue estimates, integrity, microstructure.

The names below are loaded on first use, so that nobody pays for kernels that are not run.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_WHERE = {
    "Bins": "nowake.market.microstructure.bins",
    "LiquidityNorms": "nowake.market.norms",
    "Meter": "nowake.market.microstructure.bins",
    "OwnMarket": "nowake.market.own",
    "bins_of": "nowake.market.microstructure.bins",
    "conditions_from_bins": "nowake.market.liquidity",
    "conditions_from_view": "nowake.market.liquidity",
    "norms_of": "nowake.market.norms",
    "lee_ready": "nowake.market.microstructure.trades",
    "prints": "nowake.market.microstructure.trades",
    "quote_rule": "nowake.market.microstructure.trades",
    "realised_variance": "nowake.market.microstructure.volatility",
    "touches": "nowake.market.microstructure.touch",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
