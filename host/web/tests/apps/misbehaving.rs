//! Plugins that misbehave, and people who go away: each is ended, and nobody else notices.

use std::time::{Duration, Instant};

use axum::body::Body;
use heptad_store::both_databases;
use tower::ServiceExt as _;

use crate::site::Site;

both_databases! {
    async fn each_ends_within_its_time_and_says_nothing_of_why(database: TestDatabase) {
        let site = Site::start(database).await;
        for (how, status, code) in [
            ("trap", 502, "plugin-failed"),
            ("huge-headers", 502, "plugin-failed"),
            ("informational", 502, "plugin-failed"),
            ("spin", 502, "plugin-failed"),
        ] {
            let answer = site.get(&format!("/bad/{how}")).await;
            assert_eq!(answer.problem(status), code, "{how}");
            assert!(!answer.text().contains("tore") && !answer.text().contains("fuel"), "{how}: {}", answer.text());
        }
        assert_eq!(site.get("/").await.status.as_u16(), 200);
    }

    async fn a_plugin_that_never_answers_is_ended_after_five_seconds(database: TestDatabase) {
        let site = Site::start(database).await;
        let begun = Instant::now();
        assert_eq!(site.get("/bad/sleep").await.problem(504), "plugin-timeout");
        let took = begun.elapsed();
        assert!(took >= Duration::from_secs(5) && took < Duration::from_secs(8), "{took:?}");
    }

    async fn when_whoever_asked_goes_away_the_call_ends(database: TestDatabase) {
        let site = Site::start(database).await;
        // More than may run at once: only if each ends when it is let go does the last one get its turn in time.
        for _ in 0..20 {
            let request = site.request("GET", "/bad/sleep", &[], Body::empty());
            let asked = tokio::time::timeout(Duration::from_millis(50), site.host.apps.clone().oneshot(request));
            assert!(asked.await.is_err(), "it answered");
        }
        let begun = Instant::now();
        assert_eq!(site.get("/").await.status.as_u16(), 200);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        // And where it goes away half-way through the body.
        for _ in 0..20 {
            let request = site.request("GET", "/large?bytes=16000000", &[], Body::empty());
            let response = site.host.apps.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), 200);
            drop(response);
        }
        assert_eq!(site.get("/").await.status.as_u16(), 200);
    }

    async fn one_plugins_slow_readers_take_its_own_places_alone(database: TestDatabase) {
        let site = Site::start(database).await;
        let other = site.host.shop("other", "CNY").await;
        let mut held = Vec::new();
        for _ in 0..8 {
            let request = site.request("GET", "/large?bytes=16000000", &[], Body::empty());
            held.push(site.host.apps.clone().oneshot(request).await.unwrap());
        }
        assert_eq!(site.get("/").await.problem(503), "plugin-busy");
        let elsewhere = Site { install: Site::install(&site.host, &other, "pages").await, ..site };
        assert_eq!(elsewhere.get("/").await.status.as_u16(), 200);
        drop(held);
    }
}
