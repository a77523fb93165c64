//! The bucket that all processes share: a folder that all machines see, or S3 and what speaks like it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use object_store::aws::AmazonS3Builder;
use object_store::client::{
    HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody, HttpService,
};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt as _, RetryConfig};

use crate::limits::UPLOAD_BYTES;

/// How long one request may take, and how long its connection.
const REQUEST: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// How often a request is tried again, and how long in all.
const RETRIES: usize = 3;
const PATIENCE: Duration = Duration::from_secs(20);
/// The most files that are listed.
const LISTED: usize = 1_000_000;

/// Where the bucket is, and who we are there.
#[derive(Debug, Clone, Default)]
pub struct BucketOptions {
    /// `s3://BUCKET/PREFIX`, or `file:///FOLDER`.
    pub url: String,
    /// The server, where it is not Amazon's: `https://HOST:PORT`.
    pub endpoint: String,
    /// The region.
    pub region: String,
    /// Who we are; empty: what the machine's surroundings say (its role in a cloud).
    pub access_key_id: String,
    /// What proves it.
    pub secret_access_key: String,
}

/// Why a bucket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The options are no way to a bucket.
    #[error("the bucket `{url}` cannot be used: {reason}")]
    Options {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It does not answer, or refuses.
    #[error("the bucket does not give what is asked for: {0}")]
    Store(#[source] object_store::Error),
    /// It does not answer in time.
    #[error("the bucket does not answer within {} s", PATIENCE.as_secs())]
    Slow,
    /// What it holds is larger than any component.
    #[error("the bucket holds {0} bytes there, more than a component has")]
    TooLarge(u64),
}

/// A place that all processes share.
#[derive(Debug, Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Bucket {
    /// Asks nobody yet.
    pub fn open(options: &BucketOptions) -> Result<Self, BucketError> {
        let failed = |reason: String| BucketError::Options { url: options.url.clone(), reason };
        if let Some(folder) = options.url.strip_prefix("file://") {
            std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
            let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| failed(error.to_string()))?;
            return Ok(Self { store: Arc::new(store.with_fsync(true)), prefix: Path::default() });
        }
        let rest = options.url.strip_prefix("s3://").ok_or_else(|| failed("neither s3:// nor file://".to_owned()))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let backoff = BackoffConfig { max_backoff: Duration::from_secs(2), ..BackoffConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(&options.region)
            .with_http_connector(Https)
            .with_retry(RetryConfig { backoff, max_retries: RETRIES, retry_timeout: PATIENCE });
        if !options.endpoint.is_empty() {
            builder = builder.with_endpoint(&options.endpoint).with_allow_http(true);
        }
        if !options.access_key_id.is_empty() {
            builder =
                builder.with_access_key_id(&options.access_key_id).with_secret_access_key(&options.secret_access_key);
        }
        let store = builder.build().map_err(|error| failed(error.to_string()))?;
        let prefix = Path::parse(prefix).map_err(|error| failed(error.to_string()))?;
        Ok(Self { store: Arc::new(store), prefix })
    }

    pub(super) async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), BucketError> {
        let put = async {
            self.store.put(&self.path(name), bytes.to_vec().into()).await.map_err(BucketError::Store).map(drop)
        };
        in_time(put).await
    }

    pub(super) async fn get(&self, name: &str) -> Result<Vec<u8>, BucketError> {
        let get = async {
            let got = self.store.get(&self.path(name)).await.map_err(BucketError::Store)?;
            if got.meta.size > UPLOAD_BYTES as u64 {
                return Err(BucketError::TooLarge(got.meta.size));
            }
            Ok(got.bytes().await.map_err(BucketError::Store)?.to_vec())
        };
        in_time(get).await
    }

    /// The names of all files.
    pub(super) async fn list(&self) -> Result<Vec<String>, BucketError> {
        let mut listed = self.store.list(Some(&self.prefix)).take(LISTED);
        let mut names = Vec::new();
        while let Some(found) = in_time(async { Ok(listed.next().await) }).await? {
            let found = found.map_err(BucketError::Store)?;
            names.extend(found.location.filename().map(str::to_owned));
        }
        Ok(names)
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, BucketError>>) -> Result<T, BucketError> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(BucketError::Slow))
}

/// How requests go out: by the hyper that the server is built on.
#[derive(Debug)]
struct Https;

impl object_store::client::HttpConnector for Https {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        connector.enforce_http(false);
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(connector);
        Ok(HttpClient::new(Sender(Client::builder(TokioExecutor::new()).build(connector))))
    }
}

#[derive(Debug)]
struct Sender(Client<HttpsConnector<HttpConnector>, HttpRequestBody>);

#[async_trait]
impl HttpService for Sender {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = tokio::time::timeout(REQUEST, self.0.request(request)).await;
        let answer = answer.map_err(|error| HttpError::new(HttpErrorKind::Timeout, error))?;
        let answer = answer.map_err(|error| {
            let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Request };
            HttpError::new(kind, error)
        })?;
        let failed = |error| HttpError::new(HttpErrorKind::Interrupted, error);
        Ok(answer.map(|body| HttpResponseBody::new(body.map_err(failed))))
    }
}
