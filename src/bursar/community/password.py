"""Passwords: hashed with scrypt, at a cost that is the same for whoever asks, and bounded.

A hash is text: `scrypt$<log2 of N>$<r>$<p>$<salt>$<digest>`, the last two in base64.
"""

import binascii
import hashlib
import hmac
import os
import unicodedata
from base64 import b64decode, b64encode

# OWASP's parameters with the least memory but one: 16 MiB, five times over.
LOG_N, R, P = 14, 8, 5
# Whatever stands in the table, a sign-in takes no more than this.
LOG_N_MAX, R_MAX, P_MAX, MEMORY_MAX = 16, 16, 16, 64 * 1024 * 1024
LENGTH_MIN, LENGTH_MAX = 8, 200
_SALT_BYTES, _DIGEST_BYTES = 16, 32


def hash_password(password: str) -> str:
    """Return the hash of a password, with a salt of its own.

    Raises `ValueError` for one of fewer than 8 or more than 200 characters.
    """
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise ValueError(f"A password has {LENGTH_MIN} to {LENGTH_MAX} characters.")
    salt = os.urandom(_SALT_BYTES)
    digest = _scrypt(password, salt, LOG_N, R, P)
    told = (LOG_N, R, P, b64encode(salt).decode(), b64encode(digest).decode())
    return "$".join(("scrypt", *map(str, told)))


def is_password(password: str, stored: str | None) -> bool:
    """Say whether a password is the one that was hashed.

    Where there is no hash, or one that cannot be read, the answer is no after as much work, so that
    nobody learns by the time it takes who has a password here.
    """
    read = _read(stored or "")
    if read is None:
        _scrypt(password, bytes(_SALT_BYTES), LOG_N, R, P)
        return False
    salt, digest, log_n, r, p = read
    return hmac.compare_digest(_scrypt(password, salt, log_n, r, p), digest)


def _read(stored: str) -> tuple[bytes, bytes, int, int, int] | None:
    parts = stored.split("$")
    if len(parts) != 6 or parts[0] != "scrypt":
        return None
    try:
        log_n, r, p = (int(part) for part in parts[1:4])
        salt, digest = (b64decode(part, validate=True) for part in parts[4:])
    except (ValueError, binascii.Error):
        return None
    bounded = 1 <= log_n <= LOG_N_MAX and 1 <= r <= R_MAX and 1 <= p <= P_MAX
    if not bounded or len(digest) != _DIGEST_BYTES or 128 * r * 2**log_n > MEMORY_MAX:
        return None
    return salt, digest, log_n, r, p


def _scrypt(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    # The same letters are the same password, however a keyboard composes them.
    typed = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(
        typed, salt=salt, n=2**log_n, r=r, p=p, maxmem=2 * MEMORY_MAX, dklen=_DIGEST_BYTES
    )
