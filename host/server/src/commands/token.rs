//! `heptad token create`: an API token.

use heptad_model::id::CustomerId;
use heptad_model::time::span::DAY;
use heptad_platform::token::{TokenIn, token_create};
use heptad_platform::{Principal, Role};
use heptad_store::PlatformTx;
use serde::Serialize;

use super::place::{Place, scope};
use crate::base::{Base, platform};
use crate::error::Result;
use crate::output::Output;

/// What can be done with API tokens.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token for a program; it is shown once
    Create {
        /// operator, publisher, owner, staff, shop or customer
        #[arg(long)]
        role: Role,
        #[command(flatten)]
        place: Place,
        /// What people call it
        #[arg(long, default_value = "made on the command line")]
        name: String,
        /// The customer's id, for the role customer
        #[arg(long, value_name = "ID")]
        customer: Option<CustomerId>,
        /// How many days it lasts; 90 when absent, at most 366
        #[arg(long)]
        days: Option<u16>,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Serialize)]
struct MadeToken {
    id: String,
    token: String,
    expires_at: String,
}

/// Runs the command.
pub(crate) async fn run(base: &Base, command: TokenCommand) -> Result {
    let TokenCommand::Create { role, place, name, customer, days, output } = command;
    let (store, origin) = (base.store().await?, base.origin("token-create"));
    let scope = scope(&store, &origin, &place).await?;
    let lifetime_millis = days.map(|days| i64::from(days) * DAY);
    let input = TokenIn { name, role, scope, customer, lifetime_millis };
    let by = Principal::system("token-create");
    let write = async |mut tx: PlatformTx| token_create(&mut tx, &by, &input).await;
    let (token, secret) = store.platform_write(&origin, write).await.map_err(platform)?;
    let made = MadeToken {
        id: token.id.to_string(),
        token: secret.reveal().to_owned(),
        expires_at: token.expires_at.rfc3339(),
    };
    output.print(&made, |made| format!("{}\n(shown once; expires {})", made.token, made.expires_at))
}
