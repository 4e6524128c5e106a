"""How long to wait before the next try. Pure: randomness is an argument."""

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 15.0


def delay_seconds(attempt: int, fraction: float) -> float:
    """Exponential back-off with full jitter.

    Args:
        attempt: failures so far, from 1.
        fraction: a random number in [0, 1): many daemons that lost one server must not come back in step.

    Returns:
        Seconds between half of the capped exponential value and all of it.
    """
    ceiling = min(LONGEST_SECONDS, FIRST_SECONDS * float(1 << min(attempt - 1, 16)))
    return ceiling * (0.5 + fraction / 2)
