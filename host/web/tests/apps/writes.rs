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
        // The writing connection is free again.
        assert_eq!(site.ask("POST", "/write?two", &[], "").await.status.as_u16(), 200);
    }
}
