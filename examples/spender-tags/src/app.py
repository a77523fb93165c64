"""Members get a tag when what they have paid reaches an amount."""

import json

from heptad_sdk import money, settings
from wit_world import exports
from wit_world.exports.event_handler import Delivery
from wit_world.imports import kv, kv_write, tags_write
from wit_world.imports.tags_write import TagChange


class EventHandler(exports.EventHandler):
    def handle(self, point: str, delivery: Delivery) -> None:
        paid = json.loads(delivery.event.data)
        key = f"paid:{paid['customer']}"
        found = kv.get([key])
        before = int(found[0].value) if found else 0
        now = money.total([before, paid["total"]])
        # What is written and the mark that the event was dealt with are one transaction: no order counts twice.
        kv_write.set([kv.Entry(key, str(now).encode())])
        reached = [rule["tag"] for rule in settings()["rules"] if before < rule["from"] <= now]
        if reached:
            tags_write.change([TagChange(paid["customer"], add=reached, remove=[])])
