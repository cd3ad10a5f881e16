"""The seal in SQL: digests of what is committed, made off the hot path. `ops/seal` proves them."""
