"""The ways to a purchase that are measured against each other, one file each."""
