"""Work orders: ``decide`` and ``apply`` over values, the schedule, tactics, gate and reconciliation. Pure."""
