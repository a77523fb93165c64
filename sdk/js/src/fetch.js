// Calling other servers, those that the manifest names.
import { handle } from "wasi:http/outgoing-handler@0.2.0";
import { Fields, OutgoingBody, OutgoingRequest } from "wasi:http/types@0.2.0";
import "./encoding.js";
import { PluginError } from "./errors.js";
import { bytesOf, fieldsOf, headersOf, readAll, writeAll } from "./streams.js";

const KNOWN = ["get", "head", "post", "put", "delete", "options", "patch"];

function method(name) {
    const tag = name.toLowerCase();
    return KNOWN.includes(tag) ? { tag } : { tag: "other", val: name };
}

/** Sends a request and waits for the answer, whatever its status. What keeps it from being sent is thrown. */
export function fetch(address, { method: name = "GET", headers = {}, body } = {}) {
    const parts = /^(https?):\/\/([^/?#]+)([^#]*)/.exec(address);
    if (!parts) throw new PluginError("invalid", "outbound-address", `${address} is no address of http or https`);
    const request = new OutgoingRequest(fieldsOf(Fields, headers));
    request.setMethod(method(name));
    request.setScheme({ tag: parts[1] === "https" ? "HTTPS" : "HTTP" });
    request.setAuthority(parts[2]);
    request.setPathWithQuery(parts[3].startsWith("/") ? parts[3] : `/${parts[3]}`);
    const outgoing = request.body();
    let future;
    try {
        future = handle(request, undefined);
    } catch (error) {
        throw failure(error?.payload ?? error);
    }
    // Where nobody takes the body, the answer says why.
    writeAll(OutgoingBody, outgoing, bytesOf(body));
    const pollable = future.subscribe();
    pollable.block();
    pollable[Symbol.dispose]();
    const response = answered(future.get());
    let read;
    const bytes = () => (read ??= readAll(response.consume()));
    const words = () => new TextDecoder().decode(bytes());
    const status = response.status();
    return { status, ok: status >= 200 && status < 300, headers: headersOf(response.headers()), bytes, text: words, json: () => JSON.parse(words()) };
}

/** What is in the future: `result<result<response, error-code>>`, whose errors the toolchain throws or gives as tags. */
function answered(result) {
    let value = result;
    while (value && typeof value === "object" && "tag" in value) {
        if (value.tag === "err") throw failure(value.val);
        value = value.val;
    }
    return value;
}

function failure(code) {
    const word = code?.tag ?? String(code);
    return new PluginError("unavailable", "outbound", code?.val === undefined ? word : `${word}: ${JSON.stringify(code.val)}`);
}
