"""The contract component in Python. `../README.md` says what it answers; `money-rust` and `money-js` answer alike."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import cart_validation, discount
from wit_world.imports import tiers
from wit_world.imports.heptad_mall_types import Cart, CartLine
from wit_world.imports.heptad_types_types import (
    Argument_Money,
    Argument_Number,
    Argument_Text,
    Money,
    NamedArgument,
    Text,
)


def tier_arguments(cart: Cart) -> list[NamedArgument]:
    """The argument that carries the customer's tier: its code, `none`, or the code of the host's error.

    Guests have none.
    """
    if cart.customer is None:
        return []
    try:
        members = tiers.get([cart.customer])
        tier = (members[0].tier if members else None) or "none"
    except Err as error:
        # A host error is raised as `Err`, whose value is the contract's `error` record.
        tier = error.value.code
    return [NamedArgument("tier", Argument_Text(tier))]


def unit_price(cart: Cart, line: CartLine) -> NamedArgument:
    return NamedArgument("unit-price", Argument_Money(Money(line.unit_price, cart.currency)))


# componentize-py finds the implementations by the names of the exported interfaces.
class Discount(exports.Discount):
    def discounts(self, point: str, cart: Cart) -> list[discount.Operation]:
        tier = tier_arguments(cart)
        return [
            discount.Operation(
                candidates=[
                    discount.Candidate(
                        targets=discount.Targets_Lines([line.index]),
                        value=discount.Value_Amount(Money(line.remaining, cart.currency)),
                        reason=Text(
                            "money",
                            [
                                unit_price(cart, line),
                                NamedArgument("remaining", Argument_Number(line.remaining)),
                                NamedArgument("sku", Argument_Text(line.sku)),
                                *tier,
                            ],
                        ),
                    )
                ],
                strategy=discount.Strategy.ALL,
                exclusivity_group=None,
            )
            for line in cart.lines
        ]


class CartValidation(exports.CartValidation):
    def validate(self, point: str, cart: Cart) -> list[cart_validation.Denial]:
        tier = tier_arguments(cart)
        return [
            cart_validation.Denial(
                reason=Text(
                    "negative-price",
                    [unit_price(cart, line), NamedArgument("sku", Argument_Text(line.sku)), *tier],
                ),
                lines=[line.index],
            )
            for line in cart.lines
            if line.unit_price < 0
        ]
