//! The discount as a `wasi:http/proxy` component, for `wasmtime serve`.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::StreamError;

/// Bytes asked for at once.
const CHUNK: u64 = 64 << 10;

struct Handler;

wasip2::http::proxy::export!(Handler);

impl Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let answer =
            body_of(&request).and_then(|cart| bench_peer_discount::answer(&cart).map_err(|error| error.to_string()));
        match answer {
            Ok(answer) => respond(out, &answer),
            Err(error) => ResponseOutparam::set(out, Err(ErrorCode::InternalError(Some(error)))),
        }
    }
}

fn body_of(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let body = request.consume().map_err(|()| "the body was taken already")?;
    let stream = body.stream().map_err(|()| "the body is read already")?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(CHUNK) {
            Ok(more) => bytes.extend(more),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
        }
    }
}

fn respond(out: ResponseOutparam, answer: &[u8]) {
    let headers = Fields::new();
    let _ = headers.append("content-type", b"application/json");
    let response = OutgoingResponse::new(headers);
    let Ok(body) = response.body() else { return };
    ResponseOutparam::set(out, Ok(response));
    // At most 4,096 bytes go at once, and an answer has fewer. Who went away meanwhile needs no answer.
    if let Ok(stream) = body.write() {
        let _ = stream.blocking_write_and_flush(answer);
    }
    let _ = OutgoingBody::finish(body, None);
}
