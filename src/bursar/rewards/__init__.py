"""Rewards: a collector pays a creator and owns the reward."""
