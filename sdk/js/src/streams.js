// Bodies of HTTP messages, read and written as a whole.

/** The most bytes that are read or written at once. */
const PIECE = 64 * 1024;
/** The most that a stream takes in one blocking write, by WASI. */
const WRITE = 4096;

/** All bytes of a body, which is closed after that. */
export function readAll(body) {
    const stream = body.stream();
    const pieces = [];
    try {
        for (;;) pieces.push(stream.blockingRead(PIECE));
    } catch (error) {
        if (error?.payload?.tag !== "closed") throw error;
    } finally {
        stream[Symbol.dispose]();
        body[Symbol.dispose]();
    }
    const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
        bytes.set(piece, at);
        at += piece.length;
    }
    return bytes;
}

/** Writes all bytes to a body, and ends it. */
export function writeAll(outgoingBody, body, bytes) {
    const stream = body.write();
    for (let at = 0; at < bytes.length; at += WRITE) stream.blockingWriteAndFlush(bytes.subarray(at, at + WRITE));
    stream[Symbol.dispose]();
    outgoingBody.finish(body, undefined);
}

/** A text or bytes as bytes. */
export function bytesOf(body) {
    if (body === undefined || body === null) return new Uint8Array();
    return typeof body === "string" ? new TextEncoder().encode(body) : body;
}

/** Headers by their names in lower case; several of one name are joined by commas. */
export function headersOf(fields) {
    const headers = {};
    for (const [name, value] of fields.entries()) {
        const [key, text] = [name.toLowerCase(), new TextDecoder().decode(value)];
        headers[key] = key in headers ? `${headers[key]}, ${text}` : text;
    }
    return headers;
}

/** The same as resources. */
export function fieldsOf(Fields, headers = {}) {
    const entries = Object.entries(headers).flatMap(([name, value]) =>
        [value].flat().map((one) => [name.toLowerCase(), new TextEncoder().encode(String(one))]),
    );
    return Fields.fromList(entries);
}
