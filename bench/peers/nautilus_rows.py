"""NautilusTrader on rows from ``bench/peer_engine.py``, delta by delta with its own TWAP; an interpreter of its own.

Prints one JSON document: seconds of the engine's run (the data objects are made before it) and what was filled.
"""

import gc
import json
import sys
import time
from decimal import Decimal
from importlib.metadata import version

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.examples.algorithms.twap import TWAPExecAlgorithm
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BookOrder, OrderBookDelta, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, BookAction, BookType, OmsType, OrderSide
from nautilus_trader.model.identifiers import ExecAlgorithmId, InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy


class Parent(Strategy):
    """Sends one TWAP at its time."""

    def __init__(self, instrument, rows):
        super().__init__(StrategyConfig(strategy_id="PARENT-001"))
        self.instrument, self.rows = instrument, rows

    def on_start(self):
        """Follow the rows, and send the order at its time."""
        self.subscribe_order_book_deltas(self.instrument.id, BookType.L2_MBP)
        self.subscribe_trade_ticks(self.instrument.id)
        at = int(self.rows["order_start_ns"])
        self.clock.set_time_alert_ns("send", at, self.send)

    def send(self, _):
        """Send the order to the TWAP algorithm."""
        order = self.order_factory.market(
            instrument_id=self.instrument.id,
            order_side=OrderSide.BUY,
            quantity=Quantity.from_int(int(self.rows["order_qty"])),
            exec_algorithm_id=ExecAlgorithmId("TWAP"),
            exec_algorithm_params={
                "horizon_secs": float(self.rows["horizon_s"]),
                "interval_secs": float(self.rows["interval_s"]),
            },
        )
        self.submit_order(order)


def objects(rows, instrument):
    """Return the rows as deltas and ticks."""
    made = []
    flag_last = 128
    columns = (rows["t_event"], rows["code"], rows["price"], rows["qty"])
    for i, (t, code, price, qty) in enumerate(zip(*(one.tolist() for one in columns), strict=True)):
        at = Price(price / 100, 2)
        if code & 0x0F:
            if qty > 0:
                side = AggressorSide.BUYER if (code >> 4) & 3 == 1 else AggressorSide.SELLER
                made.append(TradeTick(instrument.id, at, Quantity.from_int(qty), side, TradeId(str(i)), t, t))
            continue
        side = OrderSide.BUY if (code >> 4) & 3 == 1 else OrderSide.SELL
        action = BookAction.UPDATE if qty else BookAction.DELETE
        flags = flag_last if code & 0x100 else 0
        order = BookOrder(side, at, Quantity.from_int(qty), price)
        made.append(OrderBookDelta(instrument.id, action, order, flags, i, t, t))
    return made


def main():
    rows = dict(np.load(sys.argv[1]))
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    venue = Venue("SIM")
    engine.add_venue(
        venue, OmsType.NETTING, AccountType.CASH, [Money(10**10, USD)], base_currency=USD, book_type=BookType.L2_MBP
    )
    instrument = Equity(
        instrument_id=InstrumentId(Symbol("ROWS"), venue), raw_symbol=Symbol("ROWS"), currency=USD, price_precision=2,
        price_increment=Price.from_str("0.01"), lot_size=Quantity.from_int(1), ts_event=0, ts_init=0,
    )  # fmt: skip
    engine.add_instrument(instrument)
    since = time.process_time()
    data = objects(rows, instrument)
    made = time.process_time() - since
    engine.add_data(data)
    gc.collect()
    gc.freeze()  # millions of objects that stay are not looked through again and again
    engine.add_exec_algorithm(TWAPExecAlgorithm())
    engine.add_strategy(Parent(instrument, rows))
    cpu, wall = time.process_time(), time.perf_counter()
    engine.run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    orders = engine.cache.orders()
    document = {
        "cpu_s": cpu,
        "wall_s": wall,
        "objects_s": made,
        "orders": len(orders),
        "filled": int(sum((one.filled_qty.as_decimal() for one in orders), Decimal(0))),
        "versions": {name: version(name) for name in ("nautilus_trader", "numpy")},
    }
    print(json.dumps(document))


main()
