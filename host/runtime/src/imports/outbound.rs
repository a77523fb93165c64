//! `heptad:platform/outbound`: leaving requests to other servers.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::platform::outbound::{Host, Request};
use heptad_model::Permission;
use heptad_platform::enqueued::{EnqueuedRequest, enqueued_put};
use heptad_store::Tx;

use crate::call::{Call, HostError, bounded};

/// The most requests of a call, headers of a request, and bytes of its body and key.
const MAX_REQUESTS: usize = 100;
const MAX_HEADERS: usize = 50;
const MAX_BODY: usize = 128 << 10;
const MAX_KEY: usize = 64;

impl Call {
    /// The request, if it may be left.
    fn left(&self, request: &Request) -> Result<(EnqueuedRequest, Option<String>), HostError> {
        bounded(&request.headers, MAX_HEADERS, "headers")?;
        if request.body.len() > MAX_BODY {
            return Err(HostError::invalid("outbound-too-large", format!("a body has at most {MAX_BODY} bytes")));
        }
        if request.key.as_ref().is_some_and(|key| key.is_empty() || key.len() > MAX_KEY) {
            return Err(HostError::invalid("outbound-key", format!("a key has 1 to {MAX_KEY} bytes")));
        }
        let headers = request.headers.iter().map(|header| (header.name.to_lowercase(), header.value.clone())).collect();
        let (method, url, body) = (request.method.clone(), request.url.clone(), request.body.clone());
        let left = EnqueuedRequest { method, url, headers, body };
        self.may_leave(&left)?;
        Ok((left, request.key.clone()))
    }
}

impl Host for Call {
    async fn enqueue(&mut self, requests: Vec<Request>) -> Result<Vec<String>, Failure> {
        let left = bounded(&requests, MAX_REQUESTS, "requests")
            .and_then(|()| requests.iter().map(|request| self.left(request)).collect::<Result<Vec<_>, _>>());
        let install = self.installed.serving.install;
        let write = async |mut tx: Tx| {
            let ids = enqueued_put(&mut tx, install, &left?).await?;
            Ok(ids.iter().map(ToString::to_string).collect())
        };
        let function = "heptad:platform/outbound#enqueue";
        self.write(Permission::PlatformOutboundEnqueue, function, &requests, write).await
    }
}
