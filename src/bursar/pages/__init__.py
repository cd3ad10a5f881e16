"""What every page shares: the frame, the style sheet, how amounts and times are written."""
