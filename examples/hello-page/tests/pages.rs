//! The plugin's logic, natively.

use hello_page::HelloPage;
use heptad_sdk::fake::Shop;
use heptad_sdk::prelude::*;

#[test]
fn visits_are_counted_and_told_at_the_desk() -> Result<(), Error> {
    let shop = Shop::new("CNY").manifest(include_str!("../plugin.toml")).writable();
    for (path, text) in [("/", "You are number 1"), ("/", "You are number 2"), ("/desk", "2 came")] {
        let response = HelloPage::handle(&shop, Request::new("GET", path, ""))?;
        let (status, _, body) = response.into_parts().map_err(|error| Error::new("body", error.to_string()))?;
        assert_eq!(status, 200);
        assert!(String::from_utf8_lossy(&body).contains(text), "{path}");
    }
    Ok(())
}
