"""The benchmark: what a purchase costs here, beside the ways in which it is usually written."""
