"""One decorator for every compiled kernel.

Numba's own cache does not notice when a function that a kernel calls is edited in another file, so the cache folder
is named by a hash of all kernel sources, this Numba and this Python: an edited source compiles afresh, an unchanged
tree starts warm. Where the package folder is read-only, or always when ``NOWAKE_CACHE_DIR`` is set, the cache lives
in the user's cache folder.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast, overload

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE = Path(__file__).resolve().parent.parent


def _sources_hash() -> str:
    """Return a hash of every source in the package that defines a kernel, with its path."""
    state = hashlib.blake2b(digest_size=8)
    for path in sorted(_PACKAGE.rglob("*.py")):
        text = path.read_bytes()
        if b"@kernel" in text or path.name == "jit.py":
            state.update(str(path.relative_to(_PACKAGE)).encode() + b"\0" + text)
    return state.hexdigest()


def user_cache() -> Path:
    """Return the folder of what can be made again: ``NOWAKE_CACHE_DIR``, else below the user's cache."""
    chosen = os.environ.get("NOWAKE_CACHE_DIR")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nowake"


def cache_dir() -> Path:
    """Return the folder that holds the compiled kernels of exactly these sources."""
    return user_cache() / "kernels" / f"py{sys.version_info[0]}{sys.version_info[1]}-{_sources_hash()}"


def _configure() -> None:
    """Point Numba at our folder, before its first import reads the environment."""
    import numba

    setattr(numba.config, "CACHE_DIR", str(cache_dir()))  # noqa: B010 - numba's stub lacks the name
    _without_linear_algebra()


def _without_linear_algebra() -> None:
    """Load Numba's array functions without SciPy's linear algebra: a tenth of a second of every start.

    Numba imports it only to see whether it is there. What uses it later, such as ``np.dot`` in somebody's own kernel,
    imports it then.
    """
    name = "scipy.linalg.cython_blas"
    if name in sys.modules:
        return
    sys.modules[name] = ModuleType(name)
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        del sys.modules[name]


_configured = False


@overload
def kernel(function: F) -> F: ...
@overload
def kernel(*, inline: bool = False, counted: bool = True) -> Callable[[F], F]: ...
def kernel(function: F | None = None, *, inline: bool = False, counted: bool = True) -> F | Callable[[F], F]:
    """Compile a function with Numba on first call: no Python objects, cached on disk, no fastmath.

    Args:
        function: What to compile; as a plain decorator.
        inline: Merge it into every kernel that calls it: for the small functions of an inner loop, because a call
            hands over seven words for each array.
        counted: False leaves out Numba's counting of array references, several atomic operations a call. Such a
            kernel must not make arrays, nor return them; views of its arguments that it keeps to itself are fine.
    """
    if function is None:
        return partial(kernel, inline=inline, counted=counted)
    global _configured  # noqa: PLW0603 - set once per process, before the first kernel is made
    if not _configured:
        _configure()
        _configured = True
    import numba

    options: dict[str, Any] = {"forceinline": inline, "_nrt": counted}
    return cast(F, numba.njit(cache=True, nogil=True, boundscheck=False, **options)(function))


def kernels_are_cached() -> bool:
    """Return whether compiled kernels of these sources exist, so that a caller can announce a first compilation."""
    folder = cache_dir()
    return folder.is_dir() and any(folder.rglob("*.nbi"))
