"""Money in whole minor units of its currency (fen, cents): checked, rounded by one rule, half away from zero."""

from __future__ import annotations

from collections.abc import Iterable

MAX_SAFE = 2**53 - 1
"""The largest amount of the contract, which every guest language holds exactly."""

BASIS_POINTS = 10_000
"""Basis points in a whole."""


def minor(amount: int) -> int:
    """The amount, if it is a whole number within the contract's range."""
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise TypeError(f"the amount is {amount!r}: a whole number is wanted")
    if not -MAX_SAFE <= amount <= MAX_SAFE:
        raise OverflowError(f"{amount} is beyond ±{MAX_SAFE} minor units")
    return amount


def total(amounts: Iterable[int]) -> int:
    """The sum of amounts."""
    return minor(sum(minor(amount) for amount in amounts))


def divide(numerator: int, denominator: int) -> int:
    """A quotient of whole numbers, rounded half away from zero."""
    if denominator == 0:
        raise ZeroDivisionError("a division by zero")
    size = (2 * abs(numerator) + abs(denominator)) // (2 * abs(denominator))
    return minor(-size if (numerator < 0) != (denominator < 0) else size)


def basis_points_of(amount: int, points: int) -> int:
    """So many hundredths of a percent of an amount, rounded half away from zero."""
    return divide(minor(amount) * points, BASIS_POINTS)
