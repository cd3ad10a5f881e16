"""Metered generation: a job's credit is held, then captured or given back, once."""
