"""Finds how a live database differs from the schema its code expects, and mends it."""
