"""Members who have paid an order get a tag."""

import json

from wit_world import exports
from wit_world.exports.event_handler import Delivery
from wit_world.imports import tags_write
from wit_world.imports.tags_write import TagChange


class EventHandler(exports.EventHandler):
    def handle(self, point: str, delivery: Delivery) -> None:
        # What `order.paid` holds is in `/v1/event-types`. The manifest's filter lets no event through without a customer.
        customer = json.loads(delivery.event.data)["customer"]
        tags_write.change([TagChange(customer, add=["has-paid"], remove=[])])
