"""What a book and its prints say, over a whole tape: the same numbers that a ``View`` carries at one instant."""
