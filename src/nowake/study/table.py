"""A finding as a table of text, for a terminal, a page and a document alike."""

from __future__ import annotations

from nowake.core.value import Value


class Table(Value, frozen=True):
    """A title, a row of headings, and rows as long."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """Return it as Markdown."""
        lines = [self.head, tuple("---" for _ in self.head), *self.rows]
        return "\n".join([f"**{self.title}**", "", *(f"| {' | '.join(line)} |" for line in lines)])
