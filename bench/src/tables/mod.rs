//! The tables, one in each file. To add one: its file, a variant here, a section in the README.

pub(crate) mod calls;
mod cold;
mod events;
mod fairness;
mod growth;
mod http;
pub(crate) mod installs;
mod permissions;
mod processes;
mod quotes;
mod retention;
mod runaway;

use anyhow::Result;
use clap::ValueEnum;

use crate::report::Report;

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Table {
    /// Fresh calls beside bare wasmtime and Extism
    Calls,
    /// The check of a permission
    Permissions,
    /// The first call of a tenant
    Cold,
    /// 10,000 installs in memory
    Installs,
    /// Guests that do not come back
    Runaway,
    /// `POST /v1/quotes` with 0, 1 and 3 plugins
    Quotes,
    /// The discount over HTTP, beside other servers
    Http,
    /// A tenant beside another that floods
    Fairness,
    /// Events end to end, on SQLite and on PostgreSQL
    Events,
    /// Quotes of one, two and three processes
    Processes,
    /// What tenants, their plugins, and the events that they keep cost
    Growth,
    /// Quotes while expired events are removed
    Retention,
}

/// How much is measured.
pub(crate) struct Scale {
    /// Rounds, of which the median counts.
    pub(crate) rounds: usize,
    /// Calls of a round.
    pub(crate) calls: usize,
    /// Seconds of a round over HTTP.
    pub(crate) seconds: f64,
    /// Cold starts, and calls of each kind of runaway.
    pub(crate) samples: usize,
    /// Tenants with 10 installs each; the most tenants of the growth.
    pub(crate) tenants: usize,
    /// Events of a backlog.
    pub(crate) events: usize,
}

impl Scale {
    /// For results.
    pub(crate) const FULL: Self =
        Self { rounds: 5, calls: 20_000, seconds: 4.0, samples: 200, tenants: 1_000, events: 10_000 };
    /// For development.
    pub(crate) const QUICK: Self =
        Self { rounds: 1, calls: 2_000, seconds: 0.5, samples: 10, tenants: 50, events: 200 };
}

impl Table {
    /// All, in the order of the report.
    pub(crate) const ALL: [Self; 12] = [
        Self::Calls,
        Self::Permissions,
        Self::Cold,
        Self::Installs,
        Self::Runaway,
        Self::Quotes,
        Self::Http,
        Self::Fairness,
        Self::Events,
        Self::Processes,
        Self::Growth,
        Self::Retention,
    ];

    /// Measures it and adds it to the report.
    pub(crate) async fn measure(self, scale: &Scale, report: &mut Report) -> Result<()> {
        let sheets = match self {
            Self::Calls => vec![calls::measure(scale).await?],
            Self::Permissions => vec![permissions::measure(scale)?],
            Self::Cold => vec![cold::measure(scale).await?],
            Self::Installs => vec![installs::measure(scale).await?],
            Self::Runaway => vec![runaway::measure(scale).await?],
            Self::Quotes => vec![quotes::measure(scale).await?],
            Self::Http => vec![http::measure(scale).await?],
            Self::Fairness => vec![fairness::measure(scale).await?],
            Self::Events => vec![events::measure(scale).await?],
            Self::Processes => vec![processes::measure(scale).await?],
            Self::Growth => growth::measure(scale).await?.into(),
            Self::Retention => vec![retention::measure(scale).await?],
        };
        for sheet in sheets {
            report.add(sheet);
        }
        Ok(())
    }
}
