"""Store-fronts to try the apps in, and the frame that every page of ours is set in."""
