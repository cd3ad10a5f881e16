"""The way to PostgreSQL: connections and their limits, and an embedded server where none is."""
