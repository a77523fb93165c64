//! Writes: committed before the response's head, refused after it, undone where there is none.

use heptad_store::both_databases;

use crate::site::Site;

both_databases! {
    async fn what_is_written_before_the_head_stays_and_a_later_write_is_a_conflict(database: TestDatabase) {
        let site = Site::start(database).await;
        let answer = site.ask("POST", "/write?one", &[], "").await;
        assert_eq!(answer.status.as_u16(), 200);
        assert!(answer.text().contains("Ok(1)") && answer.text().contains("Conflict response-sent"), "{}", answer.text());
        assert_eq!((site.kept("before").await.as_deref(), site.kept("after").await), (Some("one"), None));
    }

    async fn what_a_call_wrote_that_gives_no_response_is_undone(database: TestDatabase) {
        let site = Site::start(database).await;
        for (how, status, code) in [("error", 502, "plugin-failed"), ("write-and-spin", 502, "plugin-failed")] {
            assert_eq!(site.get(&format!("/bad/{how}")).await.problem(status), code, "{how}");
            assert_eq!(site.kept("before").await, None, "{how}");
        }
        // The writing connection is free again. On a busy machine a write may take longer than a call may, now and then.
        let mut last = String::new();
        for _ in 0..20 {
            let answer = site.ask("POST", "/write?two", &[], "").await;
            if answer.status.as_u16() == 200 {
                return;
            }
            last = answer.text();
        }
        panic!("{last}");
    }

    async fn a_plugin_that_keeps_transactions_open_waits_and_others_do_not(database: TestDatabase) {
        let site = Site::start(database).await;
        let other = site.host.shop("other", "CNY").await;
        // Each keeps its transaction open for as long as it may, and fails; its breaker is not what is looked at.
        let mut usage = String::new();
        for _ in 0..200 {
            let answer = site.get("/bad/write-and-spin").await;
            if answer.status.as_u16() == 503 {
                assert_eq!(answer.problem(503), "plugin-busy");
                usage = site.usage().await.to_string();
                if usage.contains("write-share") {
                    break;
                }
                let wait: i64 = answer.header("retry-after").parse().unwrap();
                site.host.state.env.advance(wait * 1_000);
            }
        }
        assert!(usage.contains("write-share"), "{usage}");
        let elsewhere = Site { install: Site::install(&site.host, &other, "pages").await, ..site };
        assert_eq!(elsewhere.ask("POST", "/write?one", &[], "").await.status.as_u16(), 200);
    }
}
