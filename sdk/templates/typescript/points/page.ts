// A page for the shop's people.
import { html, pages } from "@heptad/sdk/http";

// Who may come where stands in the manifest: nobody but the shop's people gets this far.
export const incomingHandler = pages((request) =>
    html(`<!doctype html><html lang="en"><title>Hello</title><h1>Hello</h1><p>${request.method}</p></html>`),
);
