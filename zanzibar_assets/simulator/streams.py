"""Random streams keyed by what they are for: a session's draws depend on nothing drawn before."""

from __future__ import annotations

import hashlib

import numpy as np


def stream_key(*parts: object) -> int:
    """128-bit integer of the key's parts (seed, purpose, instrument, session ...)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def stream(*parts: object) -> np.random.Generator:
    """Generator of the key's own stream."""
    return np.random.Generator(np.random.PCG64(stream_key(*parts)))
