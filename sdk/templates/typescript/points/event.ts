// Members who have paid an order get a tag.
import * as tags from "heptad:members/tags-write@0.1.0";
import type { EventHandler } from "@heptad/sdk";

/** What `order.paid` holds, as `/v1/event-types` has it. The manifest's filter lets no event through without a customer. */
interface Paid {
    customer: string;
}

export const eventHandler: EventHandler = {
    handle(_point, delivery) {
        const { customer } = JSON.parse(delivery.event.data) as Paid;
        tags.change([{ customer, add: ["has-paid"], remove: [] }]);
    },
};
