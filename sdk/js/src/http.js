// Answering HTTP requests at the point `http.route`.
import { Fields, OutgoingBody, OutgoingResponse, ResponseOutparam } from "wasi:http/types@0.2.0";
import "./encoding.js";
import { bytesOf, fieldsOf, headersOf, readAll, writeAll } from "./streams.js";

const OWN_NAMES = { get: "GET", head: "HEAD", post: "POST", put: "PUT", delete: "DELETE", options: "OPTIONS", patch: "PATCH" };

function opened(request) {
    const method = request.method();
    const [, path, query = ""] = /^([^?]*)\??(.*)$/s.exec(request.pathWithQuery() ?? "/");
    let body;
    const bytes = () => (body ??= readAll(request.consume()));
    const words = () => new TextDecoder().decode(bytes());
    return {
        method: OWN_NAMES[method.tag] ?? method.val ?? method.tag.toUpperCase(),
        path,
        query,
        headers: headersOf(request.headers()),
        bytes,
        text: words,
        json: () => JSON.parse(words()),
    };
}

/** An `incomingHandler` of a function that gets a request and gives a response. */
export function pages(answer) {
    return {
        handle(request, out) {
            const given = answer(opened(request));
            if (typeof given?.then === "function") throw new TypeError("a page is answered at once: the function may not be async");
            const { status = 200, headers = {}, body } = given;
            const response = new OutgoingResponse(fieldsOf(Fields, headers));
            response.setStatusCode(status);
            const outgoing = response.body();
            ResponseOutparam.set(out, { tag: "ok", val: response });
            writeAll(OutgoingBody, outgoing, bytesOf(body));
        },
    };
}

const answer = (type) => (body, status = 200) => ({ status, headers: { "content-type": type }, body });

/** A page. Escape what is not yours: this does not. */
export const html = answer("text/html; charset=utf-8");
export const plain = answer("text/plain; charset=utf-8");
export const json = (value, status = 200) => answer("application/json")(JSON.stringify(value), status);

/** A text with the characters that HTML reserves escaped. */
export function escapeHtml(text) {
    const names = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
    return String(text).replace(/[&<>"']/g, (character) => names[character]);
}
