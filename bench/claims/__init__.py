"""What a claim of an in-app purchase costs, beside the purchase of a reward."""
