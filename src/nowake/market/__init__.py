"""One market as it moves: books, ``run_until``, views, queue estimates, integrity, microstructure."""
