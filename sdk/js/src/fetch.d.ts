/** The answer of another server, whatever its status. */
export interface Answer {
    status: number;
    /** Whether the status is one of success, 200 to 299. */
    ok: boolean;
    /** By their names in lower case. */
    headers: Record<string, string>;
    /** The body, read as a whole at the first call. */
    bytes(): Uint8Array;
    text(): string;
    json(): unknown;
}

/**
 * Sends a request to a host that the manifest names, and waits for the answer. What keeps it from being sent is thrown as a
 * `PluginError`. Not after the first write of a call.
 */
export function fetch(
    address: string,
    options?: { method?: string; headers?: Record<string, string | string[]>; body?: string | Uint8Array },
): Answer;
