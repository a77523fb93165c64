/** An answer of the plugin that is an error of the contract. */
export class PluginError extends Error {
    constructor(kind, code, message) {
        super(message);
        this.name = "PluginError";
        // What the toolchain turns into the contract's error.
        this.payload = { kind, code, message };
    }
}

/** What the host refused, of something that was caught; nothing if it is another error. */
export function hostError(error) {
    const payload = error?.payload;
    return typeof payload?.code === "string" && typeof payload?.kind === "string" ? payload : undefined;
}
