"""What we believe of a market: one file per form, each belief a read-only value that says what it assumed."""
