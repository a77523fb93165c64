// Members who have paid an order get a tag.
import * as tags from "heptad:members/tags-write@0.1.0";

export const eventHandler = {
    handle(_point, delivery) {
        // The manifest's filter lets no event through without a customer.
        const { customer } = JSON.parse(delivery.event.data);
        tags.change([{ customer, add: ["has-paid"], remove: [] }]);
    },
};
