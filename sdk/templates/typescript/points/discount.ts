// Some percent off, from a number of pieces on.
import { percent, settings, text } from "@heptad/sdk";
import type { Discount } from "@heptad/sdk";

/** What the merchant set. */
interface Settings {
    percent: number;
    pieces: number;
}

export const discount: Discount = {
    discounts(_point, cart) {
        const { percent: off, pieces } = settings<Settings>();
        const inCart = cart.lines.reduce((sum, line) => sum + line.quantity, 0);
        if (inCart < pieces) return [];
        const reason = text("pieces-off", { percent: off, pieces });
        return [{ candidates: [{ targets: { tag: "order" }, value: percent(off), reason }], strategy: "all" }];
    },
};
