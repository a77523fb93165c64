//! `wasi:http`: wasmtime's own, counted where it fetches its context, with bounds on what the host holds of headers and
//! bodies. What goes out in answer has its head held back until the call's transaction is committed; what goes to other
//! servers passes `crate::egress`.

use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderName;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::add_only_http_to_linker_async;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host as _;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Host as _, HostResponseOutparam as _};
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostOutgoingRequest, HostOutgoingResponse, HostResponseOutparam,
};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use crate::call::Call;
use crate::egress::{Refusal, Sender};
use crate::points::bad;

/// The most bytes of one set of headers, with what the host needs to hold them.
const FIELDS_BYTES: usize = 32 << 10;
/// The most bytes of one write to a body; the host holds two of them.
const CHUNK_BYTES: usize = 64 << 10;
/// The names under which wasmtime links the interfaces of which a function is ours.
const TYPES: &str = "wasi:http/types@0.2.12";
const OUTGOING: &str = "wasi:http/outgoing-handler@0.2.12";

/// Adds `wasi:http` over what is there; shadowing must be allowed.
pub(super) fn add_to_linker(linker: &mut Linker<Call>) -> wasmtime::Result<()> {
    add_only_http_to_linker_async(linker)?;
    linker.instance(TYPES)?.func_wrap_async("[static]response-outparam.set", |store, arguments| {
        Box::new(response_set(store, arguments))
    })?;
    linker.instance(OUTGOING)?.func_wrap("handle", handle)
}

type Request = (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>);
type Handled = Result<Resource<HostFutureIncomingResponse>, ErrorCode>;

/// Sends a request to another server, if the call may send any now.
fn handle(mut store: StoreContextMut<'_, Call>, (request, options): Request) -> wasmtime::Result<(Handled,)> {
    let call = store.data_mut();
    call.pass()?;
    call.wasi.http.hooks.sender = Some(call.sender());
    let mut http = call.wasi.http();
    match http.handle(request, options) {
        Ok(response) => Ok((Ok(response),)),
        Err(error) => http.convert_error_code(error).map(|code| (Err(code),)),
    }
}

type Answered = Result<Resource<HostOutgoingResponse>, ErrorCode>;

/// Sends the head of the response: after the commit of what the call wrote, and never without it.
async fn response_set(
    mut store: StoreContextMut<'_, Call>,
    (outparam, response): (Resource<HostResponseOutparam>, Answered),
) -> wasmtime::Result<()> {
    let call = store.data_mut();
    if let Ok(response) = &response {
        let status = call.wasi.http().table.get(response)?.status.as_u16();
        if !(200..600).contains(&status) {
            return Err(bad(format!("a response has a status of 200 to 599, not {status}")));
        }
    }
    call.before_head(response.is_ok()).await?;
    call.wasi.http().set(outparam, response)
}

/// What a call has of `wasi:http` beside its handles.
pub(super) struct Http {
    context: WasiHttpCtx,
    hooks: Hooks,
}

impl Default for Http {
    fn default() -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(FIELDS_BYTES);
        Self { context, hooks: Hooks::default() }
    }
}

impl super::Wasi {
    /// What the host itself does with the call's requests and responses.
    pub(crate) fn http(&mut self) -> WasiHttpCtxView<'_> {
        let Http { context, hooks } = &mut self.http;
        WasiHttpCtxView { ctx: context, hooks, table: &mut self.handles }
    }
}

impl super::Wasi {
    /// Why requests to other servers were not sent, in words.
    pub(crate) fn take_refusals(&mut self) -> Vec<String> {
        std::mem::take(&mut *self.http.hooks.refusals.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Every function of wasmtime's own fetches this once, as it does the rest of WASI.
impl WasiHttpView for Call {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        if self.pass_late().is_err() {
            self.wasi.forget_handles();
        }
        self.wasi.http()
    }
}

/// What happens to the next request of a guest: the function that sends it says so just before.
#[derive(Default)]
struct Hooks {
    sender: Option<Result<Sender, Refusal>>,
    /// Why requests were not sent, in words for the call's log.
    refusals: Refusals,
}

type Refusals = Arc<Mutex<Vec<String>>>;

fn put_down(refusals: &Refusals, refusal: &Refusal) {
    refusals.lock().unwrap_or_else(PoisonError::into_inner).push(format!("outbound: {refusal}"));
}

type Sent = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (sender, refusals) = (self.sender.take().unwrap_or(Err(Refusal::Calculating)), self.refusals.clone());
        Box::new(async move {
            let sent = match sender {
                Ok(sender) => sender.send(request, options).await,
                Err(refusal) => Err(refusal),
            };
            match sent {
                Ok(answer) => Ok((answer, Box::new(std::future::ready(Ok(()))) as Box<_>)),
                Err(refusal) => {
                    put_down(&refusals, &refusal);
                    Err(refusal.error())
                }
            }
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }
}
