"""Keys of those who may call tools: the store has their digests, and nobody the keys themselves."""

import hashlib
import secrets
from datetime import UTC, datetime

from flows import UsageError
from flows.store import Key, Store

PREFIX = "fs_"  # so that people, and what looks for leaked keys, know one when they see it


def create(store: Store, name: str, tools: tuple[str, ...] = ()) -> str:
    """The new key, which cannot be shown again. UsageError: one of this name is there."""
    key = PREFIX + secrets.token_urlsafe(32)
    if not store.put_key(Key(name, digest(key), datetime.now(UTC), tools)):
        raise UsageError(f"There is a key {name!r}: revoke it first, or give this one another name.")
    return key


def revoke(store: Store, name: str) -> None:
    """From now on nobody gets in with it. UsageError: there is none of this name."""
    if not store.drop_key(name):
        raise UsageError(
            f"There is no key {name!r}. There are: {', '.join(k.name for k in store.access_keys()) or 'none'}."
        )


def may_call(store: Store, key: str, tool: str = "") -> bool:
    """Whether the key is good, and for this tool if one is named."""
    found = store.key(digest(key)) if key.startswith(PREFIX) else None
    return found is not None and (not tool or not found.tools or tool in found.tools)


def digest(key: str) -> str:
    """SHA-256: a key has 256 random bits, which no table and no guessing finds; what is compared is not the key."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
