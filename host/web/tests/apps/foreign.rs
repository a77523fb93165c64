//! A component that nobody here wrote, made by another toolchain, runs with its code unchanged.

use axum::body::Body;
use heptad_store::both_databases;
use heptad_web::testing::options;

use crate::site::Site;

both_databases! {
    async fn the_example_of_componentize_py_serves_as_it_is(database: TestDatabase) {
        let options = options(&database);
        let site = Site::start_with(database, options, "http-py").await;
        let text = "’Twas brillig, and the slithy toves\n".repeat(2_000);
        let headers = [("content-type", "text/plain")];
        let answer = site.host.send_to_app(site.request("POST", "/echo", &headers, Body::from(text.clone()))).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/plain"), "{}", answer.text());
        assert_eq!(answer.text(), text);
        assert_eq!(site.get("/elsewhere").await.status.as_u16(), 400, "its own answer to what it does not know");
    }
}
