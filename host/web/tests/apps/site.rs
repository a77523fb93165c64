//! A shop with the plugin `pages` switched on.

use axum::body::Body;
use axum::http::{Method, Request, header};
use heptad_platform::principal::{Role, Scope};
use heptad_platform::user::{HeldRole, User};
use heptad_store::testing::TestDatabase;
use heptad_web::WebOptions;
use heptad_web::testing::{Answer, TestHost, TestShop, options};
use serde_json::{Value, json};

/// A shop, its install, and a shopper.
pub(crate) struct Site {
    pub(crate) host: TestHost,
    pub(crate) shop: TestShop,
    pub(crate) install: String,
    pub(crate) customer: String,
    pub(crate) shopper: String,
}

/// Installs a plugin in a shop and switches it on.
pub(crate) async fn installed(host: &TestHost, shop: &TestShop, plugin: &str) -> String {
    host.approved(&[plugin]).await;
    Site::install(host, shop, plugin).await
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned()
}

impl Site {
    pub(crate) async fn start(database: TestDatabase) -> Self {
        let options = options(&database);
        Self::start_with(database, options, "pages").await
    }

    pub(crate) async fn start_with(database: TestDatabase, options: WebOptions, plugin: &str) -> Self {
        let host = TestHost::start_with(database, options).await;
        host.approved(&[plugin]).await;
        let shop = host.shop("flowers", "CNY").await;
        let install = Self::install(&host, &shop, plugin).await;
        let customer = id(&host.post(&shop.shop, "/v1/customers", &json!({"name": "Li Lei"})).await.expect(201));
        let minted = host.post(&shop.shop, "/v1/customer-tokens", &json!({"customer": customer})).await.expect(201);
        let shopper = minted["secret"].as_str().unwrap().to_owned();
        Self { host, shop, install, customer, shopper }
    }

    pub(crate) async fn install(host: &TestHost, shop: &TestShop, plugin: &str) -> String {
        let page = host.get(&shop.owner, &format!("/v1/plugins/{plugin}")).await.expect(200);
        let granted: Vec<&Value> = page["permissions"].as_array().unwrap().iter().map(|wish| &wish["name"]).collect();
        let body = json!({"plugin": plugin, "granted": granted});
        let install = id(&host.post(&shop.owner, "/v1/installs", &body).await.expect(201));
        host.post(&shop.owner, &format!("/v1/installs/{install}/enable"), &Value::Null).await.expect(200);
        install
    }

    /// The name of an install in a host's name or a path.
    pub(crate) fn label(install: &str) -> String {
        install.replace('_', "-")
    }

    /// A request to the install's own host.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::HOST, format!("{}.apps.test", Self::label(&self.install)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body).unwrap()
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.host.send_to_app(self.request(method, path, headers, Body::from(body.to_owned()))).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    /// What the plugin keeps at a key of its store.
    pub(crate) async fn kept(&self, key: &str) -> Option<String> {
        let (ctx, install) = (self.host.ctx(&self.shop), self.install.parse().unwrap());
        let keys = [key.to_owned()];
        let read = async |mut tx| heptad_platform::kv::kv_get(&mut tx, install, &keys).await;
        let found = self.host.state.store.read(&ctx, read).await.unwrap();
        found.first().map(|entry| String::from_utf8_lossy(&entry.value).into_owned())
    }

    /// A person of this shop.
    pub(crate) async fn person(&self, role: Role) -> User {
        self.host.person(&[HeldRole { role, scope: Scope::Tenant(self.shop.record.tenant.id) }]).await
    }

    /// A person's way from the console to the plugin's page: the cookie that it ends with.
    pub(crate) async fn visit(&self, user: &User) -> String {
        let answer = self.send_to_entry(&self.pass(user).await).await;
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.text());
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    /// The address that the console leads a person to.
    pub(crate) async fn pass(&self, user: &User) -> String {
        let session = self.host.session(user).await;
        let path = format!("/console/shops/flowers/plugins/{}/open?to=/admin/", self.install);
        let cookie = format!("heptad-session={}", session.secret.reveal());
        let request = Request::builder().method(Method::GET).uri(path).header(header::COOKIE, cookie);
        let answer = self.host.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.text());
        answer.header("location").to_owned()
    }

    /// Follows such an address.
    pub(crate) async fn send_to_entry(&self, address: &str) -> Answer {
        let path = address.split_once(".apps.test").unwrap().1;
        self.get(path).await
    }

    /// The outcomes of the plugin's calls at its routes, by number, as its usage tells.
    pub(crate) async fn usage(&self) -> Value {
        self.host.state.runtime.flush().await;
        self.host.get(&self.shop.owner, "/v1/usage").await.expect(200)
    }
}
