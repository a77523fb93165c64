import { minor } from "./money.js";

function argument(value) {
    if (typeof value === "string") return { tag: "text", val: value };
    if (typeof value === "number") return { tag: "number", val: minor(value) };
    return { tag: "money", val: { amount: minor(value.amount), currency: value.currency } };
}

/** A sentence of the manifest's by its code, with what stands in the place of its placeholders. */
export function text(code, values = {}) {
    return { code, arguments: Object.entries(values).map(([name, value]) => ({ name, value: argument(value) })) };
}

/** A fixed amount off, in minor units. */
export function amount(units, currency) {
    return { tag: "amount", val: { amount: minor(units), currency } };
}

/** Hundredths of a percent off; the host rounds. */
export function basisPoints(points) {
    return { tag: "basis-points", val: minor(points) };
}

/** Percent off; the host rounds. */
export function percent(whole) {
    return basisPoints(minor(whole * 100));
}

/** An objection to the cart as a whole. */
export function cartDenial(reason) {
    return { reason, lines: [] };
}

/** An objection to some of its lines, by index. */
export function lineDenial(lines, reason) {
    return { reason, lines };
}
