"""Trade size without leaving a wake."""
