//! Other servers, made of answers that a test prepared.

use super::Shop;
use super::host::error;
use crate::outbound::split;
use crate::{Enqueued, ErrorKind, HostError, OutboundRequest, OutboundResponse};

impl Shop {
    pub(super) fn fetch_now(&self, request: &OutboundRequest) -> Result<OutboundResponse, HostError> {
        let Some((_, host, _)) = split(&request.url) else {
            let message = format!("`{}` has no scheme or no host", request.url);
            return Err(error(ErrorKind::Invalid, "outbound-request", message));
        };
        if !self.writable {
            let message = "no server is called while a shopper waits".to_owned();
            return Err(error(ErrorKind::Denied, "outbound-denied", message));
        }
        if self.has_written.get() {
            let message = "the call has written already: call out first, and write then".to_owned();
            return Err(error(ErrorKind::Conflict, "conflict", message));
        }
        self.names(host, "outbound-denied")?;
        self.fetched.borrow_mut().push(request.clone());
        let answer = self.servers.iter().find(|(address, _)| request.url.starts_with(address.as_str()));
        let unknown = || error(ErrorKind::Unavailable, "outbound-connect", format!("nobody is at `{}`", request.url));
        answer.map(|(_, answer)| answer.clone()).ok_or_else(unknown)
    }

    pub(super) fn enqueue_now(&self, requests: &[Enqueued]) -> Result<Vec<String>, HostError> {
        for request in requests {
            let Some((_, host, _)) = split(&request.url) else {
                let message = format!("`{}` has no scheme or no host", request.url);
                return Err(error(ErrorKind::Invalid, "outbound-request", message));
            };
            self.names(host, "host-not-asked")?;
        }
        let mut enqueued = self.enqueued.borrow_mut();
        let first = enqueued.len();
        enqueued.extend_from_slice(requests);
        Ok((first..enqueued.len()).map(|number| format!("obr_{number}")).collect())
    }

    fn names(&self, host: &str, code: &str) -> Result<(), HostError> {
        if self.manifest.as_ref().is_some_and(|manifest| !manifest.hosts.contains(host)) {
            let message = format!("plugin.toml does not name the host `{host}`");
            return Err(error(ErrorKind::Denied, code, message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Host as _};

    const TOML: &str = r#"
[[permissions]]
name = "platform.kv.write"

[[hosts]]
name = "a.example"
"#;

    #[test]
    fn other_servers_answer_what_a_test_prepared() {
        let shop = Shop::new("CNY")
            .writable()
            .manifest(TOML)
            .server("https://a.example/", OutboundResponse::new(200, "all"))
            .server("https://a.example/one", OutboundResponse::new(404, "one"));
        let fetch = |url: &str| shop.fetch(&OutboundRequest::get(url)).map_err(|error| error.code);
        assert_eq!(fetch("https://a.example/one").unwrap().status, 404);
        assert_eq!(fetch("https://a.example/two").unwrap().body, b"all");
        assert_eq!(fetch("http://a.example/two"), Err("outbound-connect".to_owned()));
        assert_eq!(fetch("https://b.example/"), Err("outbound-denied".to_owned()));
        assert_eq!(fetch("a.example"), Err("outbound-request".to_owned()));
        assert_eq!(shop.fetched().len(), 3);
        shop.kv_set(&[Entry { key: "k".to_owned(), value: b"v".to_vec() }]).unwrap();
        assert_eq!(fetch("https://a.example/one"), Err("conflict".to_owned()));
    }

    #[test]
    fn nobody_is_called_where_a_plugin_only_calculates() {
        let error = Shop::new("CNY").fetch(&OutboundRequest::get("https://a.example/")).unwrap_err();
        assert_eq!(error.code, "outbound-denied");
    }
}
