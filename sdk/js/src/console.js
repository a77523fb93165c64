// `console` goes to the plugin's log.
import * as log from "heptad:platform/log@0.1.0";

function shown(value) {
    if (typeof value === "string") return value;
    if (value instanceof Error) return value.stack ? `${value.message}\n${value.stack}` : value.message;
    if (typeof value !== "object" || value === null) return String(value);
    try {
        return JSON.stringify(value) ?? String(value);
    } catch {
        // A cycle, or a bigint inside.
        return String(value);
    }
}

const writer = (level) => (...values) => log.write(level, values.map(shown).join(" "));

globalThis.console = {
    debug: writer("debug"),
    log: writer("info"),
    info: writer("info"),
    warn: writer("warn"),
    error: writer("error"),
};
