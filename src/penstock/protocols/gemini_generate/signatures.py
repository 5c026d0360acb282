"""Signatures of other services on their way through Gemini's words, where they are bytes.

Google's own clients read a signature as base64 and say it back as URL-safe base64, whatever it was.
So one that would not come back as it went is told wrapped, and is itself again when it is read.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error

_MARK = b"penstock:"
_AS_IT_IS = re.compile(r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?")
_BASE64 = re.compile(r"(?:[\w+/-]{4})*(?:[\w+/-]{2}(?:==)?|[\w+/-]{3}=?)?", re.ASCII)


def wrap(signature: str) -> str:
    """A signature as a caller can carry it and say it back."""
    if not signature or (_AS_IT_IS.fullmatch(signature) and unwrap(signature) == signature):
        return signature
    return urlsafe_b64encode(_MARK + signature.encode(errors="surrogatepass")).decode()


def unwrap(signature: str) -> str:
    """The signature that was wrapped; any other as it is."""
    try:
        data = urlsafe_b64decode(signature.encode())
    except (Error, ValueError):
        return signature
    if not data.startswith(_MARK):
        return signature
    return data.removeprefix(_MARK).decode(errors="replace")


def is_base64(signature: str) -> bool:
    """Whether Gemini could have given it."""
    return bool(_BASE64.fullmatch(signature))
