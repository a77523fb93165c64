//! Where a person works: extractors that prove a role in a shop, at a publisher or on the platform.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use heptad_model::id::PublisherId;
use heptad_model::{Ctx, Locale, Origin};
use heptad_platform::notice::{notice_unread, platform_notice_unread};
use heptad_platform::publisher::Publisher;
use heptad_platform::tenant::{TenantRecord, tenant_of_publisher};
use heptad_platform::{Role, Scope};
use heptad_store::PlatformTx;

use super::failure::Failure;
use super::i18n::Words;
use super::look::Look;
use super::shell::Shell;
use super::visit::{self, Person, Place, Visit};
use crate::state::AppState;

/// The parts of the address.
struct Params(HashMap<String, String>);

impl Params {
    fn id<T: FromStr>(&self, name: &str) -> Result<T, Failure> {
        self.0.get(name).and_then(|text| text.parse().ok()).ok_or_else(Failure::nowhere)
    }
}

/// What every desk shares.
async fn arrive(parts: &mut Parts, state: &AppState) -> Result<(Visit, Arc<Person>, Params), Failure> {
    let visit = visit::of_parts(parts)?;
    let next = if visit.reads { visit.path.as_str() } else { "/console" };
    let person = visit.person.clone().ok_or_else(|| Failure::SignIn(next.to_owned()))?;
    let Path(params) =
        Path::<HashMap<String, String>>::from_request_parts(parts, state).await.map_err(|_| Failure::nowhere())?;
    Ok((visit, person, Params(params)))
}

/// The unread notices of a publisher, or of the operators for `None`.
async fn platform_unread(state: &AppState, origin: &Origin, publisher: Option<PublisherId>) -> Result<i64, Failure> {
    let read = async |mut tx| platform_notice_unread(&mut tx, publisher).await;
    Ok(state.store.platform_read(origin, read).await?)
}

/// A page of a shop, seen by its owner or staff; or, among the pages that both have, of a publisher. For anybody else it is
/// not there.
pub(super) struct Shop {
    /// The frame.
    pub(super) shell: Shell,
    /// The person, bound to the tenant.
    pub(super) ctx: Ctx,
    /// The tenant: the shop, or the publisher's own.
    pub(super) record: TenantRecord,
    /// How amounts and moments look.
    pub(super) look: Look,
    /// Whether the person decides about plugins.
    pub(super) is_owner: bool,
    params: Params,
}

impl Shop {
    /// A part of the address; 404 where it is not of its kind.
    pub(super) fn id<T: FromStr>(&self, name: &str) -> Result<T, Failure> {
        self.params.id(name)
    }

    /// 403 for staff.
    pub(super) fn owner(&self) -> Result<(), Failure> {
        if self.is_owner { Ok(()) } else { Err(Failure::forbidden()) }
    }

    /// Whether this is a publisher's page.
    pub(super) fn is_publisher(&self) -> bool {
        self.record.tenant.publisher.is_some()
    }

    /// Where the person's role is held.
    pub(super) fn scope(&self) -> Scope {
        let tenant = &self.record.tenant;
        tenant.publisher.map_or(Scope::Tenant(tenant.id), Scope::Publisher)
    }

    /// An address of this place.
    pub(super) fn url(&self, end: impl std::fmt::Display) -> String {
        format!("{}{end}", self.shell.base)
    }

    /// The sentences.
    pub(super) fn words(&self) -> Words {
        self.shell.words
    }

    /// The reader's language.
    pub(super) fn locale(&self) -> Locale {
        self.shell.words.locale()
    }

    /// An amount in the shop's currency.
    pub(super) fn money(&self, amount: heptad_model::Minor) -> String {
        self.look.money(self.record.tenant.currency, amount)
    }
}

impl FromRequestParts<AppState> for Shop {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let (visit, person, params) = arrive(parts, state).await?;
        let place = match params.0.get("publisher") {
            Some(slug) => person.publisher(slug),
            None => person.shop(&params.id::<String>("shop")?),
        };
        let (place, record, unread) = match place.ok_or_else(Failure::nowhere)? {
            place @ Place::Shop(record, _) => {
                let ctx = visit.origin.clone().for_tenant(record.tenant.clone());
                let unread = state.store.read(&ctx, async |mut tx| notice_unread(&mut tx).await).await?;
                (place, record.clone(), unread)
            }
            place @ Place::Publisher(publisher) => {
                let read = async |mut tx: PlatformTx| tenant_of_publisher(&mut tx, publisher.id).await;
                let record = state.store.platform_read(&visit.origin, read).await?;
                (place, record, platform_unread(state, &visit.origin, Some(publisher.id)).await?)
            }
            Place::Platform => return Err(Failure::nowhere()),
        };
        let locale = if visit.language_known { visit.origin.locale } else { record.tenant.locale };
        let origin = Origin { locale, ..visit.origin.clone() };
        Ok(Self {
            shell: Shell::new(&visit, locale, Some(place)).with_unread(unread),
            ctx: origin.for_tenant(record.tenant.clone()),
            look: Look::new(locale, &record.tenant.time_zone),
            is_owner: matches!(place, Place::Shop(_, Role::Owner)),
            record,
            params,
        })
    }
}

/// A page of a publisher.
pub(super) struct Publishing {
    /// The frame.
    pub(super) shell: Shell,
    /// The person.
    pub(super) origin: Origin,
    /// The publisher.
    pub(super) publisher: Publisher,
    /// How moments look: in UTC.
    pub(super) look: Look,
    params: Params,
}

impl Publishing {
    /// A part of the address; 404 where it is not of its kind.
    pub(super) fn id<T: FromStr>(&self, name: &str) -> Result<T, Failure> {
        self.params.id(name)
    }
}

impl FromRequestParts<AppState> for Publishing {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let (visit, person, params) = arrive(parts, state).await?;
        let slug: String = params.id("publisher")?;
        let Some(place @ Place::Publisher(publisher)) = person.publisher(&slug) else { return Err(Failure::nowhere()) };
        let unread = platform_unread(state, &visit.origin, Some(publisher.id)).await?;
        Ok(Self {
            shell: Shell::new(&visit, visit.origin.locale, Some(place)).with_unread(unread),
            look: Look::new(visit.origin.locale, "UTC"),
            publisher: publisher.clone(),
            origin: visit.origin,
            params,
        })
    }
}

/// A page of the operator.
pub(super) struct Operating {
    /// The frame.
    pub(super) shell: Shell,
    /// The person.
    pub(super) origin: Origin,
    /// How moments look: in UTC.
    pub(super) look: Look,
    params: Params,
}

impl Operating {
    /// A part of the address; 404 where it is not of its kind.
    pub(super) fn id<T: FromStr>(&self, name: &str) -> Result<T, Failure> {
        self.params.id(name)
    }
}

impl FromRequestParts<AppState> for Operating {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let (visit, person, params) = arrive(parts, state).await?;
        let place = person.places.iter().find(|place| matches!(place, Place::Platform)).ok_or_else(Failure::nowhere)?;
        let unread = platform_unread(state, &visit.origin, None).await?;
        Ok(Self {
            shell: Shell::new(&visit, visit.origin.locale, Some(place)).with_unread(unread),
            look: Look::new(visit.origin.locale, "UTC"),
            origin: visit.origin,
            params,
        })
    }
}

/// A request that needs nobody to be signed in.
impl FromRequestParts<AppState> for Visit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &AppState) -> Result<Self, Failure> {
        visit::of_parts(parts)
    }
}
