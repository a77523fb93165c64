//! The check of a permission: what the gate decides before each host function.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use heptad_model::{Permission, PermissionSet};

use super::Scale;
use crate::allocations::allocations;
use crate::report::{Row, Sheet};
use crate::series::{median, nanos};

/// Checks for each of the scale's calls: one takes about a nanosecond.
const CHECKS: usize = 100;

/// The gate's decision: granted, not granted, or not even asked for.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Allowed,
    NotGranted,
    NotAsked,
}

fn decide(allowed: PermissionSet, wished: PermissionSet, permission: Permission) -> Decision {
    match (allowed.contains(permission), wished.contains(permission)) {
        (true, _) => Decision::Allowed,
        (false, true) => Decision::NotGranted,
        (false, false) => Decision::NotAsked,
    }
}

/// Nanoseconds of a check, and allocations of all.
pub(super) fn measure(scale: &Scale) -> Result<Sheet> {
    let wished: PermissionSet = Permission::ALL.iter().copied().step_by(2).collect();
    let granted: PermissionSet = Permission::ALL.iter().copied().step_by(4).collect();
    let checks = scale.calls * CHECKS;
    let (mut times, mut allocated) = (Vec::new(), 0);
    for _ in 0..scale.rounds {
        let (allowed, before, begun) = (wished.both(granted), allocations(), Instant::now());
        for permission in Permission::ALL.iter().copied().cycle().take(checks) {
            black_box(decide(black_box(allowed), black_box(wished), black_box(permission)));
        }
        let (took, after) = (nanos(begun), allocations());
        times.push(took as f64 / checks as f64);
        allocated += after - before;
    }
    let (time, allocated) = (median(&times), allocated as f64);
    let mut sheet =
        Sheet::new("permissions", format!("median of {} rounds of {checks} checks", scale.rounds), ["Heptad"]);
    sheet.row(Row::new("a check", "ns", [Some(time)]).at_most("ns", time, 500.0));
    sheet.row(Row::new("allocations of all checks", "", [Some(allocated)]).at_most("allocations", allocated, 0.0));
    Ok(sheet)
}
