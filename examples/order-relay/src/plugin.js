// Paid orders go to a partner's server; a page says how many.
import * as kv from "heptad:platform/kv@0.1.0";
import * as kvWrite from "heptad:platform/kv-write@0.1.0";
import { PluginError } from "@heptad/sdk";
import { fetch } from "@heptad/sdk/fetch";
import { escapeHtml, html, pages } from "@heptad/sdk/http";

const SENT = "sent";

function sent() {
    const entry = kv.get([SENT])[0];
    return entry ? JSON.parse(new TextDecoder().decode(entry.value)) : { orders: 0, last: "" };
}

export const eventHandler = {
    handle(_point, delivery) {
        const { order, total, currency } = JSON.parse(delivery.event.data);
        // The host adds the secret, and an idempotency key: the other side may hear of an order twice.
        const answer = fetch("https://erp.partner.example/orders", {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ order, total, currency }),
        });
        if (!answer.ok) throw new PluginError("unavailable", "erp", `the ERP answered ${answer.status}`);
        console.log("sent", order);
        const { orders } = sent();
        const now = { orders: orders + 1, last: answer.json().number };
        kvWrite.set([{ key: SENT, value: new TextEncoder().encode(JSON.stringify(now)) }]);
    },
};

export const incomingHandler = pages(() => {
    const { orders, last } = sent();
    return html(`<!doctype html><html lang="en"><title>Relay</title><h1>${orders} orders</h1><p>${escapeHtml(last)}</p></html>`);
});
