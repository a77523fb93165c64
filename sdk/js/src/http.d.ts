/** A request to one of the manifest's routes. */
export interface Request {
    method: string;
    /** Percent-encoded as it came. */
    path: string;
    /** What stands behind the question mark. */
    query: string;
    /** By their names in lower case. Credentials of the platform are not among them. */
    headers: Record<string, string>;
    /** The body, read as a whole at the first call. */
    bytes(): Uint8Array;
    text(): string;
    json(): unknown;
}

/** A response. What the plugin wrote is committed before it goes out. */
export interface Response {
    /** 200 where there is none. */
    status?: number;
    headers?: Record<string, string | string[]>;
    body?: string | Uint8Array;
}

/** The export `incomingHandler`. */
export interface IncomingHandler {
    handle(request: unknown, out: unknown): void;
}

/** An `incomingHandler` of a function that gets a request and gives a response. */
export function pages(answer: (request: Request) => Response): IncomingHandler;
/** A page. Escape what is not yours: this does not. */
export function html(body: string, status?: number): Response;
export function plain(body: string, status?: number): Response;
export function json(value: unknown, status?: number): Response;
/** A text with the characters that HTML reserves escaped. */
export function escapeHtml(text: string): string;
