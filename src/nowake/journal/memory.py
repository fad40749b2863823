"""A journal that lives as long as the process: for tests, benchmarks and runs nobody asked to keep."""

from __future__ import annotations

from nowake.core.profile import Profile
from nowake.journal.header import Header, code_hash
from nowake.journal.journal import Journal
from nowake.journal.storage import MemoryStorage, Storage


class MemoryJournal(Journal):
    """A journal in memory; the chain is the one a file would have.

    Args:
        header: Its header; None = one for tests.
        storage: Memory, or a test's wrapper of it.
    """

    def __init__(self, header: Header | None = None, storage: Storage | None = None) -> None:
        made = header or Header(journal_id="memory", account="test", profile=Profile.SIM, code_hash=code_hash())
        super().__init__(made, storage or MemoryStorage())
