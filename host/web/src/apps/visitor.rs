//! Who asks at a plugin's route, and whether the route is for them.

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use heptad_model::id::InstallId;
use heptad_model::{Actor, Audience, Ctx};
use heptad_platform::apps::{AppVisit, app_visit_get};
use heptad_platform::principal::Role;
use heptad_runtime::Visitor;
use heptad_store::StoreError;

use super::headers::platform_token;
use super::{Place, cookie, visit_cookie};
use crate::error::{ApiError, ApiResult};
use crate::extract::peer;
use crate::state::AppState;

/// A request on its way to a route.
pub(super) struct Knock<'a> {
    pub(super) state: &'a AppState,
    pub(super) ctx: &'a Ctx,
    pub(super) parts: &'a Parts,
    pub(super) place: &'a Place,
    pub(super) install: InstallId,
    /// The origin of the plugin's own pages.
    pub(super) origin: &'a str,
}

/// What is known of whoever asks.
struct Known {
    role: Role,
    user: String,
    actor: Actor,
}

impl Knock<'_> {
    /// The visitor, if the route is for it: 401 for nobody known, 403 for somebody else. Everybody is counted.
    pub(super) async fn admit(&self, audience: Audience, route: &str) -> ApiResult<Visitor> {
        // At routes for programs elsewhere the platform knows nobody: their credentials are the plugin's business.
        let known = if audience == Audience::Webhook { None } else { self.known().await? };
        match &known {
            Some(known) => self.state.rates.caller(&known.actor)?,
            None => self.state.rates.peer(peer(self.parts, self.state.options.trust_forwarded_for))?,
        }
        let is_for = |role: Role| match audience {
            Audience::Public | Audience::Webhook => true,
            Audience::Customer => role == Role::Customer,
            Audience::Staff => matches!(role, Role::Owner | Role::Staff),
        };
        let (role, user) = match known {
            Some(known) if is_for(known.role) => (known.role.name(), Some(known.user)),
            Some(known) => {
                return Err(ApiError::forbidden(format!("a caller of role `{}` may not do this", known.role)));
            }
            None if matches!(audience, Audience::Public | Audience::Webhook) => ("anonymous", None),
            None => return Err(nobody(audience)),
        };
        Ok(Visitor { route: route.to_owned(), audience, role, user })
    }

    async fn known(&self) -> ApiResult<Option<Known>> {
        let token = self.parts.headers.get(header::AUTHORIZATION).and_then(platform_token);
        if let Some(token) = token {
            let address = peer(self.parts, self.state.options.trust_forwarded_for);
            let found = self.state.bearers.bearer(&self.state.store, self.ctx.origin(), token).await;
            let principal = match found {
                Ok(principal) => principal,
                Err(error) => {
                    self.state.rates.peer(address)?;
                    return Err(error.into());
                }
            };
            if principal.tenant() != Some(self.ctx.tenant().id) {
                return Err(ApiError::forbidden("the token is not one of this shop"));
            }
            // The storefront's server is nobody to a plugin.
            let is_person = matches!(principal.role, Role::Customer | Role::Owner | Role::Staff);
            return Ok(is_person.then(|| {
                let user = match &principal.actor {
                    Actor::Customer(id) => id.to_string(),
                    Actor::Token(id) => id.to_string(),
                    actor => actor.to_string(),
                };
                Known { role: principal.role, user, actor: principal.actor }
            }));
        }
        let visit = self.visit().await?;
        Ok(visit.map(|visit| Known { role: visit.role, user: visit.user.to_string(), actor: Actor::User(visit.user) }))
    }

    /// The visit of the cookie, where the request comes from the plugin's own pages, or from a person who follows a link.
    async fn visit(&self) -> Result<Option<AppVisit>, StoreError> {
        let headers = &self.parts.headers;
        if !is_own(headers, self.parts.method.is_safe(), self.origin) {
            return Ok(None);
        }
        let name = visit_cookie(self.place);
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let Some(secret) = cookies.filter_map(|value| cookie::find(value, name)).next() else { return Ok(None) };
        let read = async |mut tx| app_visit_get(&mut tx, self.install, secret).await;
        let visit = self.state.store.platform_read(self.ctx.origin(), read).await?;
        Ok(visit.filter(|visit| visit.tenant == self.ctx.tenant().id))
    }
}

/// Whether the cookie that came along was meant to: plugins of one domain are one site to browsers, so that `SameSite` does
/// not keep the pages of one from asking another in a person's name.
fn is_own(headers: &HeaderMap, is_safe: bool, own: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => true,
        Some(_) => is_safe && text("sec-fetch-mode") == Some("navigate") && text("sec-fetch-dest") == Some("document"),
        // Over plain HTTP, and of old, browsers do not say; the origin they do.
        None => match text("origin") {
            Some(origin) => origin == own,
            None => is_safe,
        },
    }
}

fn nobody(audience: Audience) -> ApiError {
    match audience {
        Audience::Staff => {
            ApiError::new(StatusCode::UNAUTHORIZED, "staff-only", "this page is for the shop's own people")
                .with_hint("open it from the plugin's page in the console")
        }
        _ => ApiError::new(StatusCode::UNAUTHORIZED, "unauthenticated", "this is for the shop's customers")
            .with_hint("send the customer's token in the header `Authorization: Bearer hpt_…`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_counts_only_where_the_person_meant_to_send_it() {
        let own = "https://ins-1.apps.example";
        for (site, mode, dest, origin, is_safe, counts) in [
            ("same-origin", "cors", "empty", own, false, true),
            ("none", "navigate", "document", "", true, true),
            ("cross-site", "navigate", "document", "", true, true),
            ("same-site", "navigate", "document", "", true, true),
            ("same-site", "navigate", "document", "https://ins-2.apps.example", false, false),
            ("same-site", "navigate", "iframe", "", true, false),
            ("same-site", "no-cors", "image", "", true, false),
            ("same-site", "cors", "empty", "https://ins-2.apps.example", true, false),
            ("cross-site", "cors", "empty", "null", true, false),
            ("", "", "", "", true, true),
            ("", "", "", "", false, false),
            ("", "", "", own, false, true),
            ("", "", "", "null", true, false),
            ("", "", "", "https://ins-2.apps.example", false, false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in
                [("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest), ("origin", origin)]
            {
                if !value.is_empty() {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            assert_eq!(is_own(&headers, is_safe, own), counts, "{site} {mode} {dest} {origin} {is_safe}");
        }
    }
}
