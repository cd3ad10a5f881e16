"""The marketplace: carts of exclusive items, for credits or by card."""
