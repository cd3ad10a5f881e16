"""Carts of leads, bought in one call, beside the loop of statements that it replaces."""
