"""The operator's console: whether money is safe, why a balance is what it is, and what to do."""
