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

/** Writes all bytes to a body, and ends it; whether somebody took them all. */
export function writeAll(outgoingBody, body, bytes) {
    const stream = body.write();
    let isTaken = true;
    try {
        for (let at = 0; at < bytes.length; at += WRITE) stream.blockingWriteAndFlush(bytes.subarray(at, at + WRITE));
    } catch (error) {
        if (error?.payload?.tag !== "closed") throw error;
        isTaken = false;
    } finally {
        stream[Symbol.dispose]();
    }
    if (isTaken) outgoingBody.finish(body, undefined);
    return isTaken;
}

/** A text or bytes as bytes. */
export function bytesOf(body) {
    if (body === undefined || body === null) return new Uint8Array();
    if (typeof body === "string") return new TextEncoder().encode(body);
    if (body instanceof ArrayBuffer) return new Uint8Array(body);
    if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
    throw new TypeError("a body is a text or bytes: use JSON.stringify");
}

/** Headers by their names in lower case; several of one name are joined by commas. */
export function headersOf(fields) {
    const headers = Object.create(null);
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
