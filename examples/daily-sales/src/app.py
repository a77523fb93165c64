"""Adds up what was paid each day."""

import json

from heptad_sdk import money
from heptad_sdk.http import Request, Response, escape, html, pages
from wit_world import exports
from wit_world.exports.event_handler import Delivery
from wit_world.exports.schedule_handler import Due
from wit_world.imports import collections, collections_write
from wit_world.imports.collections import Query
from wit_world.imports.collections_write import Draft
from wit_world.imports.heptad_types_types import PageRequest

DAYS = "days"
OPEN = "open"
"""The id of the day that is not closed yet."""


def day() -> dict:
    """The open day."""
    found = collections.get(DAYS, [OPEN])
    return json.loads(found[0].body) if found else {"orders": 0, "total": 0}


def put(key: str, body: dict) -> Draft:
    return Draft(key, json.dumps(body), None)


class EventHandler(exports.EventHandler):
    def handle(self, point: str, delivery: Delivery) -> None:
        today = day()
        paid = json.loads(delivery.event.data)["total"]
        today = {"orders": today["orders"] + 1, "total": money.total([today["total"], paid])}
        collections_write.put(DAYS, [put(OPEN, today)])


class ScheduleHandler(exports.ScheduleHandler):
    def run(self, point: str, due: Due) -> None:
        # The time that the schedule gives names the day: a run that is told again closes the same one.
        collections_write.put(DAYS, [put(f"until-{due.at}", day()), put(OPEN, {"orders": 0, "total": 0})])


def answer(request: Request) -> Response:
    found = collections.find(DAYS, Query([], None), PageRequest(None, 100))
    rows = [(document.id, json.loads(document.body)) for document in found.items]
    lines = "".join(f"<tr><td>{escape(key)}</td><td>{body['orders']}</td><td>{body['total']}</td></tr>" for key, body in rows)
    return html(f"<!doctype html><html lang=\"en\"><title>Sales</title><table>{lines}</table></html>")


IncomingHandler = pages(answer)
