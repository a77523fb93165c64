// The more an order costs, the more percent come off.
import * as tiers from "heptad:members/tiers@0.1.0";
import { percent, settings, sum, text } from "@heptad/sdk";
import type { Cart, Discount } from "@heptad/sdk";

/** A step, as the merchant set it; for everybody where the tier is empty. */
interface Step {
    tier: string;
    /** Minor units. */
    from: number;
    percent: number;
}

/** The customer's tier; empty for a guest and for a member without one. */
function tierOf(cart: Cart): string {
    return cart.customer ? (tiers.get([cart.customer])[0]?.tier ?? "") : "";
}

/** The highest step that the order reaches, of the tier's own steps where it has some. */
function reached(steps: Step[], tier: string, spent: number): Step | undefined {
    const own = steps.filter((step) => step.tier === tier);
    const open = own.length > 0 ? own : steps.filter((step) => step.tier === "");
    return open.filter((step) => step.from <= spent).sort((one, other) => other.from - one.from)[0];
}

export const discount: Discount = {
    discounts(_point, cart) {
        const { steps } = settings<{ steps: Step[] }>();
        // Only where somebody has steps of its own does the tier matter.
        const tier = steps.some((step) => step.tier !== "") ? tierOf(cart) : "";
        const step = reached(steps, tier, sum(cart.lines.map((line) => line.remaining)));
        if (!step) return [];
        const from = { amount: step.from, currency: cart.currency };
        const reason = text("spent", { from, percent: step.percent });
        return [{ candidates: [{ targets: { tag: "order" }, value: percent(step.percent), reason }], strategy: "all" }];
    },
};
