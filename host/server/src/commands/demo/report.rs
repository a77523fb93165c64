//! What the demo prints: where to look, who to be, and a line to paste.

use heptad_model::time::span::DAY;
use heptad_platform::token::TOKEN_MILLIS;
use serde::Serialize;

use super::people::Login;
use super::qinghe::Qinghe;
use super::superstore::Superstore;

/// A cart that both plugins of the shop have something to say about.
const CART: &str = r#"[{"sku":"QH-TEE-WHITE-M","quantity":2},{"sku":"QH-SHEETS-18","quantity":1}]"#;

/// Where to look, who to be, and a line to paste.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    console: String,
    docs: String,
    logins: Vec<Login>,
    token: String,
    curl: String,
    shops: [String; 2],
    cart_of: &'static str,
}

impl Report {
    /// For a server at this address.
    pub(super) fn new(url: &str, logins: Vec<Login>, qinghe: &Qinghe, superstore: &Superstore, token: &str) -> Self {
        let body = format!(r#"{{"customer":"{}","lines":{CART}}}"#, qinghe.customer);
        let curl = format!(
            "curl -s '{url}/v1/quotes?include=trace' -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d '{body}'"
        );
        let shops = [
            format!(
                "{} ({}): plugins member-pricing, quantity-breaks, hello-event and hello-page are on, {} orders",
                qinghe.record.name, qinghe.record.slug, qinghe.orders
            ),
            format!(
                "{} ({}): no plugin yet, {} orders with {} lines",
                superstore.record.name, superstore.record.slug, superstore.report.orders, superstore.report.loaded
            ),
        ];
        Self {
            console: format!("{url}/console"),
            docs: format!("{url}/docs"),
            logins,
            token: token.to_owned(),
            curl,
            shops,
            cart_of: qinghe.customer_name,
        }
    }

    /// For people.
    pub(super) fn human(&self) -> String {
        let width = self.logins.iter().map(|login| login.login.len()).max().unwrap_or_default();
        let login = |login: &Login| {
            format!("  {:<10} {:<width$}  {}  {}\n", login.role, login.login, login.password, login.place)
        };
        let logins: String = self.logins.iter().map(login).collect();
        format!(
            "Heptad's demo is ready: two shops and a catalog of six plugins.\n  {}\n  {}\n\n\
             Console   {}\nAPI       {}\n\n\
             Sign in as\n{logins}  shop       (a storefront's server: the token below, good for {} days)\n\n\
             Price a cart of {} (gold member) with the plugins of the first shop:\n\n{}\n\n\
             Ctrl-C ends the demo.",
            self.shops[0],
            self.shops[1],
            self.console,
            self.docs,
            TOKEN_MILLIS / DAY,
            self.cart_of,
            self.curl,
        )
    }
}
