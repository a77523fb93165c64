// So many pieces in an order, and no more.
import { cartDenial, text } from "@heptad/sdk";

/** The most pieces in an order. */
const MOST = 99;

export const cartValidation = {
    validate(_point, cart) {
        const pieces = cart.lines.reduce((sum, line) => sum + line.quantity, 0);
        return pieces <= MOST ? [] : [cartDenial(text("too-many", { most: MOST }))];
    },
};
