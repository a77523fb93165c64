//! Bodies: they stream both ways within bounds, and where they go beyond, they end clearly.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use futures_util::stream;
use heptad_store::both_databases;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::site::Site;

const MIB: usize = 1 << 20;

/// A body of so many bytes in pieces, whose length nobody is told.
fn pieces(bytes: usize) -> Body {
    let piece = Bytes::from(vec![b'x'; 32 << 10]);
    let count = bytes.div_ceil(piece.len());
    let last = bytes - (count - 1) * piece.len();
    Body::from_stream(stream::iter(
        (1..=count)
            .map(move |number| Ok::<_, Infallible>(if number == count { piece.slice(..last) } else { piece.clone() })),
    ))
}

both_databases! {
    async fn large_bodies_go_in_and_out(database: TestDatabase) {
        let site = Site::start(database).await;
        let answer = site.host.send_to_app(site.request("POST", "/size", &[], pieces(8 * MIB))).await;
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "8388608"));
        let answer = site.get(&format!("/large?bytes={}", 16 * MIB)).await;
        assert_eq!((answer.status.as_u16(), answer.bytes.len()), (200, 16 * MIB));
        // The plugin reads while it writes.
        let answer = site.host.send_to_app(site.request("POST", "/echo", &[("content-type", "a/b")], pieces(3 * MIB))).await;
        assert_eq!((answer.bytes.len(), answer.header("content-type")), (3 * MIB, "a/b"));
        let usage = site.usage().await.to_string();
        assert!(usage.contains("http.route") && usage.contains("pages"), "{usage}");
    }

    async fn a_body_beyond_its_limit_is_refused_whether_it_tells_its_length_or_not(database: TestDatabase) {
        let site = Site::start(database).await;
        let (most, webhook) = (8 * MIB, MIB);
        for (path, body) in [
            ("/size", Body::from(vec![b'x'; most + 1])),
            ("/size", pieces(most + 1)),
            ("/hook", Body::from(vec![b'x'; webhook + 1])),
        ] {
            let answer = site.host.send_to_app(site.request("POST", path, &[], body)).await;
            assert_eq!(answer.problem(413), "body-too-large", "{path}");
        }
        // That says nothing about the plugin.
        assert_eq!(site.get("/").await.status.as_u16(), 200);
    }

    async fn a_response_beyond_its_limit_and_one_that_is_not_finished_break_off(database: TestDatabase) {
        let site = Site::start(database).await;
        for path in ["/bad/trap-after", "/bad/short", "/bad/forever"] {
            let request = site.request("GET", path, &[], Body::empty());
            let response = site.host.apps.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), 200, "{path}");
            let mut body = response.into_body();
            let mut read = 0;
            let error = loop {
                match body.frame().await {
                    Some(Ok(frame)) => read += frame.into_data().map_or(0, |bytes| bytes.len()),
                    Some(Err(error)) => break error,
                    None => panic!("{path} ended as if it were whole"),
                }
            };
            assert!(read <= 16 * MIB, "{path}: {read} {error}");
        }
    }

    async fn a_head_has_no_body_and_the_call_ends_well(database: TestDatabase) {
        let site = Site::start(database).await;
        let answer = site.ask("HEAD", "/", &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.bytes.len()), (200, 0));
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    }
}
