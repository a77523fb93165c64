//! The console and the pages of plugins on two servers of this machine, and a real browser that knows them.

use std::net::SocketAddr;

use axum::Router;
use heptad_platform::principal::Role;
use heptad_store::dialect::Dialect;
use heptad_store::testing::TestDatabase;
use heptad_web::WebOptions;
use heptad_web::testing::{PASSWORD, options};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::chromium::{Chromium, Tab};
use crate::site::Site;

/// Two servers on this machine and a browser that knows them.
pub(crate) struct World {
    pub(crate) site: Site,
    /// The same plugin in another shop.
    pub(crate) other: String,
    /// The address of the console's server.
    pub(crate) console: String,
    pub(crate) browser: Chromium,
    login: String,
    servers: [JoinHandle<()>; 2],
}

impl Drop for World {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn serve(listener: TcpListener, app: Router) -> JoinHandle<()> {
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() })
}

impl World {
    /// `apps` is where plugins are reached, with `PORT` in the place of the port.
    pub(crate) async fn start(apps: &str) -> Self {
        let database = TestDatabase::create(Dialect::Sqlite).await;
        let ((main, at), (pages, pages_at)) = (bind().await, bind().await);
        let console = format!("http://127.0.0.1:{}", at.port());
        let apps = apps.replace("PORT", &pages_at.port().to_string()).parse().unwrap();
        let options = WebOptions { public_url: console.clone(), apps: Some(apps), ..options(&database) };
        let site = Site::start_with(database, options, "pages").await;
        let shop = site.host.shop("other", "CNY").await;
        let other = Site::install(&site.host, &shop, "pages").await;
        let servers = [serve(main, site.host.app.clone()), serve(pages, site.host.apps.clone())];
        let login = site.person(Role::Owner).await.login;
        Self { site, other, console, browser: Chromium::start(), login, servers }
    }

    pub(crate) fn address(&self, install: &str, path: &str) -> String {
        self.site.host.state.options.apps.as_ref().unwrap().address(install.parse().unwrap(), path)
    }

    /// Signs in to the console as a person does; its tab.
    pub(crate) async fn sign_in(&mut self) -> Tab {
        let tab = self.browser.open(&format!("{}/console/sign-in", self.console)).await;
        let fill = format!(
            "document.querySelector('[name=login]').value = '{}'; \
             document.querySelector('[name=password]').value = '{PASSWORD}'; \
             document.querySelector('[name=password]').form.requestSubmit(); true",
            self.login
        );
        self.browser.run(&tab, &fill).await;
        self.browser.until(&tab, "location.pathname.startsWith('/console/shops/')").await;
        tab
    }

    /// A script in a page of the plugin's; it returns text.
    pub(crate) async fn attempt(&mut self, tab: &Tab, script: &str) -> String {
        let script = script
            .replace("CONSOLE", &self.console)
            .replace("OTHER", &self.address(&self.other, ""))
            .replace("OWN", &self.address(&self.site.install, ""));
        let wrapped =
            format!("(async () => {{ try {{ {script} }} catch (error) {{ return 'refused: ' + error.name }} }})()");
        self.browser.run(tab, &wrapped).await.as_str().unwrap_or_default().to_owned()
    }

    /// What the owner's session could have been made to do.
    pub(crate) async fn harm(&self) -> (Value, Value) {
        let (host, shop) = (&self.site.host, &self.site.shop);
        let products = host.get(&shop.owner, "/v1/products").await.expect(200);
        let install = host.get(&shop.owner, &format!("/v1/installs/{}", self.site.install)).await.expect(200);
        (products["items"].clone(), install["state"].clone())
    }
}
