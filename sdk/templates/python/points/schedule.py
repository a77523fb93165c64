"""Counts its runs."""

from wit_world import exports
from wit_world.exports.schedule_handler import Due
from wit_world.imports import kv, kv_write

RUNS = "runs"


class ScheduleHandler(exports.ScheduleHandler):
    def run(self, point: str, due: Due) -> None:
        found = kv.get([RUNS])
        runs = int(found[0].value) if found else 0
        kv_write.set([kv.Entry(RUNS, str(runs + 1).encode())])
