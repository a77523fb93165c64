//! `heptad user create`: a person who signs in.

use std::io::{BufRead as _, IsTerminal as _};

use heptad_platform::Role;
use heptad_platform::user::{HeldRole, UserIn, user_create};
use serde::Serialize;

use super::place::{Place, scope};
use crate::base::{Base, platform};
use crate::error::{CliError, Explain as _, Kind, Result};
use crate::output::Output;

/// What can be done with people.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum UserCommand {
    /// Make a person who signs in; the password is asked for, or read as a line of standard input
    Create {
        /// What the person signs in with
        login: String,
        /// The name that people see; the login when absent
        #[arg(long)]
        name: Option<String>,
        /// operator, publisher, owner or staff
        #[arg(long)]
        role: Role,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Serialize)]
struct MadeUser {
    id: String,
    login: String,
}

/// Runs the command.
pub(crate) async fn run(base: &Base, command: UserCommand) -> Result {
    let UserCommand::Create { login, name, role, place, output } = command;
    let (store, origin) = (base.store().await?, base.origin("user-create"));
    let held = HeldRole { role, scope: scope(&store, &origin, &place).await? };
    let input = UserIn { name: name.unwrap_or_else(|| login.clone()), login, password: password()? };
    let user = user_create(&store, &origin, &input, &[held]).await.map_err(platform)?;
    let made = MadeUser { id: user.id.to_string(), login: user.login };
    output.print(&made, |made| format!("made the user {} ({})", made.login, made.id))
}

/// Asks a person without showing what is typed, or reads a line.
fn password() -> Result<String> {
    let what = || "cannot read the password".to_owned();
    if std::io::stdin().is_terminal() {
        let terminal = console::Term::stderr();
        eprint!("password: ");
        let first = terminal.read_secure_line().during(what)?;
        eprint!("again: ");
        let second = terminal.read_secure_line().during(what)?;
        if first != second {
            return Err(CliError::new(Kind::Input, "the two are not the same"));
        }
        return Ok(first);
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).during(what)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
