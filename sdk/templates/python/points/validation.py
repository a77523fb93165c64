"""So many pieces in an order, and no more."""

from heptad_sdk import cart_denial, text
from wit_world import exports
from wit_world.exports.cart_validation import Denial
from wit_world.imports.heptad_mall_types import Cart

MOST = 99
"""The most pieces in an order."""


class CartValidation(exports.CartValidation):
    def validate(self, point: str, cart: Cart) -> list[Denial]:
        pieces = sum(line.quantity for line in cart.lines)
        return [cart_denial(text("too-many", most=MOST))] if pieces > MOST else []
