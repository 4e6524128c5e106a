"""Speed, as ratios to a reference measured in the same run: `make bench`. Not tests: nothing passes or fails here."""
