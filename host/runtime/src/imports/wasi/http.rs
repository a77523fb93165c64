//! `wasi:http`: wasmtime's own, counted where it fetches its context, with bounds on what the host holds of headers and
//! bodies. What goes out has its head held back until the call's transaction is committed.

use http::HeaderName;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::add_only_http_to_linker_async;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, HostResponseOutparam as _};
use wasmtime_wasi_http::p2::types::{HostOutgoingResponse, HostResponseOutparam};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use crate::call::Call;
use crate::points::bad;

/// The most bytes of one set of headers, with what the host needs to hold them.
const FIELDS_BYTES: usize = 32 << 10;
/// The most bytes of one write to a body; the host holds two of them.
const CHUNK_BYTES: usize = 64 << 10;
/// The name under which wasmtime links the interface whose function is ours.
const TYPES: &str = "wasi:http/types@0.2.12";

/// Adds `wasi:http` over what is there; shadowing must be allowed.
pub(super) fn add_to_linker(linker: &mut Linker<Call>) -> wasmtime::Result<()> {
    add_only_http_to_linker_async(linker)?;
    linker
        .instance(TYPES)?
        .func_wrap_async("[static]response-outparam.set", |store, arguments| Box::new(response_set(store, arguments)))
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
        Self { context, hooks: Hooks }
    }
}

impl super::Wasi {
    /// What the host itself does with the call's requests and responses.
    pub(crate) fn http(&mut self) -> WasiHttpCtxView<'_> {
        let Http { context, hooks } = &mut self.http;
        WasiHttpCtxView { ctx: context, hooks, table: &mut self.handles }
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

struct Hooks;

type Sent = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    /// Nothing goes out: no plugin may call anybody yet.
    fn send_request(
        &mut self,
        _request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        Box::new(std::future::ready(Err(Error::HttpRequestDenied)))
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }
}
