"""Seals: digests of what is committed, in a chain, and the search for what was changed since."""

from bursar.ops.seal.make import Sealed, seal_ledger
from bursar.ops.seal.report import SealReport
from bursar.ops.seal.verify import verify_seals

__all__ = ["SealReport", "Sealed", "seal_ledger", "verify_seals"]
