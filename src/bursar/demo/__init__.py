"""Store-fronts to try the apps in, with their visitors, and what just happened beside them."""
