//! How long things are kept: for everybody, and for operators what was removed.

use heptad_platform::retention::retention_runs_put;
use heptad_store::{StoreError, both_databases};
use heptad_web::testing::TestHost;

both_databases! {
    async fn everybody_reads_how_long_and_operators_what_was_removed(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let shop = host.shop("tea", "CNY").await;
        let put = async |mut tx| retention_runs_put(&mut tx, &[("events", 40), ("quotes", 0)]).await;
        for _ in 0..2 {
            let written: Result<(), StoreError> = host.state.store.platform_write(&host.origin(), put).await;
            written.unwrap();
        }
        let of = |answer: serde_json::Value, name: &str| {
            answer.as_array().unwrap().iter().find(|row| row["name"] == name).cloned().unwrap()
        };
        let staff = host.get(&shop.staff, "/v1/retention").await.expect(200);
        assert_eq!(of(staff.clone(), "events")["seconds"], 2_592_000);
        assert_eq!(of(staff.clone(), "deliveries")["seconds"], 604_800);
        assert!(of(staff, "events")["removed"].is_null());
        let operator = host.get(&host.operator, "/v1/retention").await.expect(200);
        let removed = &of(operator.clone(), "events")["removed"];
        assert_eq!((&removed["rows"], &removed["rows_in_all"]), (&40.into(), &80.into()));
        assert!(of(operator, "deliveries")["removed"].is_null());
    }
}
