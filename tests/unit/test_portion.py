"""How much goes into one transaction."""

import itertools

from ingest.portion import FIRST_SHARE, Portion


def test_transactions_begin_small_and_double_up_to_the_bound() -> None:
    """Six commits are enough to come from a 64th to the largest."""
    portion = Portion(20_000, 8 << 20)
    sizes = [(portion.rows, portion.size_bytes)]
    for _ in range(8):
        portion.grow()
        sizes.append((portion.rows, portion.size_bytes))

    assert sizes[0] == (20_000 // FIRST_SHARE, (8 << 20) // FIRST_SHARE)
    assert all(later[1] == min(2 * before[1], 8 << 20) for before, later in itertools.pairwise(sizes))
    assert sizes[-1] == (20_000, 8 << 20)


def test_after_a_failure_they_are_small_again() -> None:
    """What may have been too much for the database, or for a short life, is tried in smaller steps."""
    portion = Portion(20_000, 8 << 20)
    first = portion.size_bytes
    portion.grow()
    portion.begin_small()

    assert portion.size_bytes == first


def test_the_smallest_bound_still_moves() -> None:
    """Settings below the share give portions of one row and one byte, not of none."""
    portion = Portion(1, 1)

    assert (portion.rows, portion.size_bytes) == (1, 1)
    assert portion.is_full(1, 0)
    assert portion.is_full(0, 1)
    assert not portion.is_full(0, 0)
