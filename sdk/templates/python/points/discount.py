"""Some percent off, from a number of pieces on."""

from heptad_sdk import percent, settings, text
from wit_world import exports
from wit_world.exports.discount import Candidate, Operation, Strategy, Targets_Order
from wit_world.imports.heptad_mall_types import Cart


class Discount(exports.Discount):
    def discounts(self, point: str, cart: Cart) -> list[Operation]:
        wanted = settings()
        if sum(line.quantity for line in cart.lines) < wanted["pieces"]:
            return []
        off = wanted["percent"]
        reason = text("pieces-off", percent=off, pieces=wanted["pieces"])
        return [Operation([Candidate(Targets_Order(), percent(off), reason)], Strategy.ALL, None)]
