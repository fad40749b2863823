"""Takes secrets out of text. Records hold none of ours; what venues and operators write is not in our hands."""

from __future__ import annotations

import re

HIDDEN = "***"

_NAMED = re.compile(
    r"""(?ix)
    ([\w-]*(?:secret|signature|password|passphrase|passwd|token|api[-_]?key|access[-_]?key|private[-_]?key
      |authorization|cookie|credential)[\w-]*  ["']?  \s* [:=] \s*)
    (?: "[^"]*" | '[^']*' | (?:(?:bearer|basic|hmac)\s+)? [^\s&,;})\]]+ )
    """
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")
_USER = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^/\s@]+@")
_HINTS = ("secret", "sign", "pass", "token", "key", "auth", "cookie", "credential", "bearer", "basic", "://")


def redact(text: str) -> str:
    """Return ``text`` with the values of named secrets, authorization headers and URL users replaced by ``***``.

    >>> redact("POST /order?symbol=A&signature=9f3a&timestamp=1 failed")
    'POST /order?symbol=A&signature=***&timestamp=1 failed'
    """
    small = text.lower()
    if not any(hint in small for hint in _HINTS):
        return text
    text = _NAMED.sub(rf"\g<1>{HIDDEN}", text)
    text = _BEARER.sub(rf"\g<1> {HIDDEN}", text)
    return _USER.sub(rf"\g<1>{HIDDEN}@", text)
