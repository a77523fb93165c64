import * as host from "heptad:platform/settings@0.1.0";

/** What the merchant set, valid by the manifest's schema, defaults filled in. */
export function settings() {
    return JSON.parse(host.get());
}
