"""A synthetic station's year with planted truths, and an independent recount of every figure. See `answers`."""
