"""A community: posts, permanent reactions, scores, and credits for them, so many a day."""
