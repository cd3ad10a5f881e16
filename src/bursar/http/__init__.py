"""The HTTP doors: who asks is verified, verbs are called, and refusals are put into words."""
