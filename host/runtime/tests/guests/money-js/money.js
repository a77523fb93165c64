// The contract component in JavaScript. `../README.md` says what it answers; `money-rust` and `money-py` answer alike.

import tiers from "heptad:members/tiers@0.1.0";

/** The argument that carries the customer's tier: its code, `none`, or the code of the host's error; none for guests. */
function tierArguments(cart) {
    if (cart.customer === null || cart.customer === undefined) return [];
    let tier;
    try {
        tier = tiers.get([cart.customer])[0]?.tier ?? "none";
    } catch (error) {
        // A host error is thrown as an Error whose payload is the contract's `error` record; other errors are faults.
        if (error.payload?.code === undefined) throw error;
        tier = error.payload.code;
    }
    return [{ name: "tier", value: { tag: "text", val: tier } }];
}

function money(amount, currency) {
    return { tag: "money", val: { amount, currency } };
}

export const discount = {
    discounts(point, cart) {
        const tier = tierArguments(cart);
        return cart.lines.map((line) => ({
            candidates: [{
                targets: { tag: "lines", val: [line.index] },
                value: { tag: "amount", val: { amount: line.remaining, currency: cart.currency } },
                reason: {
                    code: "money",
                    arguments: [
                        { name: "unit-price", value: money(line.unitPrice, cart.currency) },
                        { name: "remaining", value: { tag: "number", val: line.remaining } },
                        { name: "sku", value: { tag: "text", val: line.sku } },
                        ...tier,
                    ],
                },
            }],
            strategy: "all",
            exclusivityGroup: null,
        }));
    },
};

export const cartValidation = {
    validate(point, cart) {
        const tier = tierArguments(cart);
        return cart.lines
            .filter((line) => line.unitPrice < 0)
            .map((line) => ({
                reason: {
                    code: "negative-price",
                    arguments: [
                        { name: "unit-price", value: money(line.unitPrice, cart.currency) },
                        { name: "sku", value: { tag: "text", val: line.sku } },
                        ...tier,
                    ],
                },
                lines: [line.index],
            }));
    },
};
