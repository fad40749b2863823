"""Which way to trade: candidate plans, their costs, the choice between them."""

from nowake.route.router import SmartRouter, get_smart_router

__all__ = ["SmartRouter", "get_smart_router"]
