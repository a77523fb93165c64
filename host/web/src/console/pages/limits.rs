//! The operator's limit profiles: named values of what plugins may use, and which shop has which.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use heptad_model::id::TenantId;
use heptad_model::{LimitValue, Limits};
use heptad_platform::PlatformError;
use heptad_platform::limit_profile::{
    DEFAULT, LimitProfile, limit_profile_list, limit_profile_put, tenant_limit_profile_put,
};
use serde_json::{Map, Value, json};

use super::go;
use super::tenants::problem;
use crate::console::desk::Operating;
use crate::console::failure::{ConsoleResult, Failure};
use crate::console::fields::Fields;
use crate::console::i18n::Words;
use crate::console::look;
use crate::console::shell::{Shell, page, page_with};
use crate::state::AppState;

/// A profile in the list.
struct ProfileRow {
    url: String,
    name: String,
    is_default: bool,
    /// The values that differ from the published ones, in words.
    differs: Vec<String>,
    changed: String,
}

#[derive(Template)]
#[template(path = "limit_profiles.html")]
struct ProfilesPage {
    shell: Shell,
    rows: Vec<ProfileRow>,
    name: String,
    problem: Option<String>,
}

/// A value of a profile as a field.
struct ValueField {
    field: &'static str,
    label: String,
    value: String,
    help: String,
    least: u64,
    most: u64,
    required: bool,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "limit_profile.html")]
struct ProfilePage {
    shell: Shell,
    name: String,
    is_default: bool,
    fields: Vec<ValueField>,
    failed: bool,
}

fn field_word(words: Words, field: &str) -> String {
    words.of_code("limit-field", &field.replace(['.', '_'], "-"))
}

fn value_word(words: Words, value: Option<u64>) -> String {
    value.map_or_else(|| words.t("limit-by-point"), look::grouped)
}

/// The profiles that are stored, and the default as it is without one.
async fn profiles(desk: &Operating, state: &AppState) -> Result<Vec<(LimitProfile, bool)>, Failure> {
    let list = async |mut tx| limit_profile_list(&mut tx).await;
    let stored = state.store.platform_read(&desk.origin, list).await?;
    let mut profiles: Vec<(LimitProfile, bool)> = stored.into_iter().map(|profile| (profile, true)).collect();
    if profiles.iter().all(|(profile, _)| profile.name != DEFAULT) {
        let limits = state.runtime.limits().clone();
        profiles.insert(0, (LimitProfile { name: DEFAULT.to_owned(), limits, updated_at: desk.origin.now() }, false));
    }
    Ok(profiles)
}

async fn profiles_page(desk: Operating, state: &AppState) -> Result<ProfilesPage, Failure> {
    let words = desk.shell.words;
    let published = Limits::default().values();
    let row = |(profile, stored): (LimitProfile, bool)| {
        let pairs = profile.limits.values().into_iter().zip(&published);
        let differs = pairs.filter(|(has, published)| has.value != published.value);
        let told = |(has, _): (LimitValue, &LimitValue)| {
            words.t2("limit-differs", "field", field_word(words, has.field), "value", value_word(words, has.value))
        };
        ProfileRow {
            url: format!("{}/limits/{}", desk.shell.base, profile.name),
            is_default: profile.name == DEFAULT,
            differs: differs.map(told).collect(),
            changed: if stored { desk.look.time(profile.updated_at) } else { String::new() },
            name: profile.name,
        }
    };
    let rows = profiles(&desk, state).await?.into_iter().map(row).collect();
    Ok(ProfilesPage { rows, name: String::new(), problem: None, shell: desk.shell })
}

/// `GET /console/operator/limits`.
pub(in crate::console) async fn list(desk: Operating, State(state): State<AppState>) -> ConsoleResult {
    page(&profiles_page(desk, &state).await?)
}

/// `POST /console/operator/limits`: a profile with the default's values, to be changed on its page.
pub(in crate::console) async fn create(
    desk: Operating,
    State(state): State<AppState>,
    fields: Fields,
) -> ConsoleResult {
    let name = fields.text("name").to_owned();
    let known = profiles(&desk, &state).await?;
    let default = known.iter().find(|(profile, _)| profile.name == DEFAULT);
    let limits = default.map_or_else(Limits::default, |(profile, _)| profile.limits.clone());
    let problem = match known.iter().any(|(profile, _)| profile.name == name) {
        true => desk.shell.t("refusal-name-taken"),
        false => {
            let put = async |mut tx| limit_profile_put(&mut tx, &name, &limits).await;
            match state.store.platform_write(&desk.origin, put).await {
                Ok(made) => {
                    state.runtime.refresh().await;
                    return Ok(go(format!("{}/limits/{}?done=limit-profile", desk.shell.base, made.name)));
                }
                Err(error) => match problem(desk.shell.words, &error) {
                    Some(_) => desk.shell.t("rule-slug"),
                    None => return Err(error.into()),
                },
            }
        }
    };
    let shown = ProfilesPage { name, problem: Some(problem), ..profiles_page(desk, &state).await? };
    page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown)
}

/// The profile of the address; the default is there without being stored.
async fn profile(desk: &Operating, state: &AppState) -> Result<LimitProfile, Failure> {
    let name: String = desk.id("profile")?;
    let found = profiles(desk, state).await?.into_iter().map(|(profile, _)| profile).find(|known| known.name == name);
    found.ok_or_else(Failure::nowhere)
}

/// A page with the values as `typed` gives them, and the problem of the field that was refused.
fn profile_page(desk: Operating, profile: &LimitProfile, typed: Option<&Fields>, refused: Option<&str>) -> ProfilePage {
    let words = desk.shell.words;
    let field = |(has, published): (LimitValue, LimitValue)| {
        let stored = has.value.map(|value| value.to_string()).unwrap_or_default();
        let bounds =
            [("least", has.least), ("most", has.most)].map(|(name, bound)| (name, look::grouped(bound).into()));
        ValueField {
            field: has.field,
            label: field_word(words, has.field),
            value: typed.map_or(stored, |fields| fields.text(has.field).to_owned()),
            help: words.t1("limit-published", "value", value_word(words, published.value)),
            least: has.least,
            most: has.most,
            required: published.value.is_some(),
            problem: (refused == Some(has.field)).then(|| words.with("rule-integer", bounds)),
        }
    };
    let pairs = profile.limits.values().into_iter().zip(Limits::default().values());
    ProfilePage {
        name: profile.name.clone(),
        is_default: profile.name == DEFAULT,
        fields: pairs.map(field).collect(),
        failed: refused.is_some(),
        shell: desk.shell,
    }
}

/// `GET /console/operator/limits/{profile}`.
pub(in crate::console) async fn show(desk: Operating, State(state): State<AppState>) -> ConsoleResult {
    let profile = profile(&desk, &state).await?;
    page(&profile_page(desk, &profile, None, None))
}

/// `POST /console/operator/limits/{profile}`.
pub(in crate::console) async fn change(
    desk: Operating,
    State(state): State<AppState>,
    fields: Fields,
) -> ConsoleResult {
    let profile = profile(&desk, &state).await?;
    let refused = match read(&fields) {
        Err(field) => field,
        Ok(limits) => {
            let put = async |mut tx| limit_profile_put(&mut tx, &profile.name, &limits).await;
            match state.store.platform_write(&desk.origin, put).await {
                Ok(_) => {
                    state.runtime.refresh().await;
                    return Ok(go(format!("{}/limits?done=limits", desk.shell.base)));
                }
                Err(PlatformError::Field { field, .. }) => field.to_owned(),
                Err(error) => return Err(error.into()),
            }
        }
    };
    page_with(StatusCode::UNPROCESSABLE_ENTITY, &profile_page(desk, &profile, Some(&fields), Some(&refused)))
}

/// The values of a form; the field that is no number of its kind.
fn read(fields: &Fields) -> Result<Limits, String> {
    let mut given = Map::new();
    for LimitValue { field, value: published, least, most } in Limits::default().values() {
        let text = fields.text(field).replace(',', "");
        if text.is_empty() && published.is_none() {
            continue;
        }
        let number = text.parse::<u64>().ok().filter(|number| (least..=most).contains(number));
        let number = number.ok_or_else(|| field.to_owned())?;
        match field.split_once('.') {
            None => given.insert(field.to_owned(), json!(number)),
            Some((group, part)) => {
                let group = given.entry(group).or_insert_with(|| json!({}));
                group.as_object_mut().and_then(|group| group.insert(part.to_owned(), json!(number)))
            }
        };
    }
    serde_json::from_value(Value::Object(given)).map_err(|error| error.to_string())
}

/// `POST /console/operator/tenants/{tenant}/limits`.
pub(in crate::console) async fn tenant_post(
    desk: Operating,
    State(state): State<AppState>,
    fields: Fields,
) -> ConsoleResult {
    let tenant: TenantId = desk.id("tenant")?;
    let profile = fields.opt("profile").filter(|name| name != DEFAULT);
    let put = async |mut tx| tenant_limit_profile_put(&mut tx, tenant, profile.as_deref()).await;
    state.store.platform_write(&desk.origin, put).await?;
    state.runtime.refresh().await;
    Ok(go(format!("{}/tenants?done=tenant-limits", desk.shell.base)))
}

/// The names that a shop may have, for a choice.
pub(super) async fn names(desk: &Operating, state: &AppState) -> Result<Vec<String>, Failure> {
    Ok(profiles(desk, state).await?.into_iter().map(|(profile, _)| profile.name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(changes: &[(&str, &str)]) -> Fields {
        let value = |value: &LimitValue| {
            let changed = changes.iter().find(|(field, _)| *field == value.field).map(|(_, text)| (*text).to_owned());
            changed.unwrap_or_else(|| value.value.map(|value| value.to_string()).unwrap_or_default())
        };
        Fields(Limits::default().values().iter().map(|known| (known.field.to_owned(), value(known))).collect())
    }

    #[test]
    fn a_form_holds_every_value() {
        assert_eq!(read(&typed(&[])), Ok(Limits::default()));
        let limits = read(&typed(&[("fuel.base", "70,000,000"), ("wall_ms", "30"), ("waiting", "0")])).unwrap();
        assert_eq!((limits.fuel.base, limits.wall_ms, limits.waiting), (70_000_000, Some(30), 0));
    }

    #[test]
    fn what_is_no_number_within_bounds_is_told_by_its_field() {
        for (field, text) in [("memory_mib", "65"), ("fuel.base", ""), ("output.per_line", "-1"), ("kv_bytes", "x")] {
            assert_eq!(read(&typed(&[(field, text)])), Err(field.to_owned()));
        }
    }
}
