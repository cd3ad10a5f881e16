"""Claims: what was bought in a store is granted once, with caps, boosters and a queue."""
