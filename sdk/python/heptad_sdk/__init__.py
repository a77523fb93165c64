"""Write a Heptad plugin in Python."""

from __future__ import annotations

import json
from typing import Any

from componentize_py_types import Err
from wit_world.imports import settings as _settings
from wit_world.imports import heptad_types_types as types

from . import money

__all__ = ["amount", "basis_points", "cart_denial", "line_denial", "money", "percent", "refuse", "settings", "text"]


def settings() -> dict[str, Any]:
    """What the merchant set, valid by the manifest's schema, defaults filled in."""
    return json.loads(_settings.get())


def text(code: str, /, **values: str | int | types.Money) -> types.Text:
    """A sentence of the manifest's by its code, with what stands in the place of its placeholders.

    An underscore in a name stands for a hyphen.
    """
    return types.Text(code, [types.NamedArgument(name.replace("_", "-"), _argument(value)) for name, value in values.items()])


def _argument(value: str | int | types.Money) -> types.Argument:
    if isinstance(value, str):
        return types.Argument_Text(value)
    if isinstance(value, int):
        return types.Argument_Number(money.minor(value))
    return types.Argument_Money(value)


def refuse(kind: str, code: str, message: str) -> Err:
    """An error of the contract, to be raised; `kind` is such as `invalid`."""
    return Err(types.Error(types.ErrorKind[kind.upper().replace("-", "_")], code, message))


def amount(units: int, currency: str) -> Any:
    """A fixed amount off, in minor units."""
    from wit_world.exports.discount import Value_Amount

    return Value_Amount(types.Money(money.minor(units), currency))


def basis_points(points: int) -> Any:
    """Hundredths of a percent off, 0 to 10,000; the host rounds."""
    from wit_world.exports.discount import Value_BasisPoints

    return Value_BasisPoints(points)


def percent(whole: int) -> Any:
    """Percent off, 0 to 100; the host rounds."""
    return basis_points(whole * 100)


def cart_denial(reason: types.Text) -> Any:
    """An objection to the cart as a whole."""
    return line_denial([], reason)


def line_denial(lines: list[int], reason: types.Text) -> Any:
    """An objection to some of its lines, by index."""
    from wit_world.exports.cart_validation import Denial

    return Denial(reason, lines)
