"""``python -m nowake`` is the command ``nowake``."""

from nowake.app.cli import main

if __name__ == "__main__":
    main()
