// Counts its runs.
import "@heptad/sdk";
import * as kv from "heptad:platform/kv@0.1.0";
import * as kvWrite from "heptad:platform/kv-write@0.1.0";
import type { ScheduleHandler } from "@heptad/sdk";

const RUNS = "runs";

export const scheduleHandler: ScheduleHandler = {
    run() {
        const entry = kv.get([RUNS])[0];
        const runs = entry ? Number(new TextDecoder().decode(entry.value)) : 0;
        kvWrite.set([{ key: RUNS, value: new TextEncoder().encode(String(runs + 1)) }]);
    },
};
