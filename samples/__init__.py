"""The sample logs: a made-up day of one station, what makes it, and an independent count of what is in it."""
