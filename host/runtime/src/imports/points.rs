//! `heptad:members/points` and `points-write`: what members have, and giving and taking.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::members::points::{Balance, Host};
use heptad_bindings::host::heptad::members::points_write::{self, Hold, Movement, Reversal};
use heptad_capabilities::members::points;
use heptad_model::{Millis, Permission};

use super::customers_within;
use crate::call::Call;

impl Host for Call {
    async fn balances(&mut self, customers: Vec<String>) -> Result<Vec<Balance>, Failure> {
        let read = async |mut tx| {
            customers_within(&customers)?;
            let found = points::points_balances(&mut tx, &customers).await?;
            Ok(found
                .into_iter()
                .map(|points::Balance { customer, available, frozen }| Balance {
                    customer: customer.to_string(),
                    available,
                    frozen,
                })
                .collect())
        };
        self.read(Permission::MembersPointsRead, "heptad:members/points#balances", &customers, read).await
    }
}

fn movements(given: &[Movement]) -> Vec<points::Movement> {
    let movement = |Movement { request, customer, amount, reason }: &Movement| points::Movement {
        request: request.clone(),
        customer: customer.clone(),
        amount: *amount,
        reason: reason.clone(),
    };
    given.iter().map(movement).collect()
}

const WRITE: Permission = Permission::MembersPointsWrite;

impl points_write::Host for Call {
    async fn earn(&mut self, given: Vec<Movement>) -> Result<(), Failure> {
        let write = async |mut tx| Ok(points::points_earn(&mut tx, &movements(&given)).await?);
        self.write(WRITE, "heptad:members/points-write#earn", &given, write).await
    }

    async fn spend(&mut self, given: Vec<Movement>) -> Result<(), Failure> {
        let write = async |mut tx| Ok(points::points_spend(&mut tx, &movements(&given)).await?);
        self.write(WRITE, "heptad:members/points-write#spend", &given, write).await
    }

    async fn freeze(&mut self, given: Vec<Hold>) -> Result<(), Failure> {
        let hold = |Hold { request, customer, amount, reason, until }: &Hold| points::Hold {
            movement: points::Movement {
                request: request.clone(),
                customer: customer.clone(),
                amount: *amount,
                reason: reason.clone(),
            },
            until: Millis::new(*until),
        };
        let holds: Vec<points::Hold> = given.iter().map(hold).collect();
        let write = async |mut tx| Ok(points::points_freeze(&mut tx, &holds).await?);
        self.write(WRITE, "heptad:members/points-write#freeze", &given, write).await
    }

    async fn confirm(&mut self, requests: Vec<String>) -> Result<(), Failure> {
        let write = async |mut tx| Ok(points::points_confirm(&mut tx, &requests).await?);
        self.write(WRITE, "heptad:members/points-write#confirm", &requests, write).await
    }

    async fn unfreeze(&mut self, requests: Vec<String>) -> Result<(), Failure> {
        let write = async |mut tx| Ok(points::points_unfreeze(&mut tx, &requests).await?);
        self.write(WRITE, "heptad:members/points-write#unfreeze", &requests, write).await
    }

    async fn refund(&mut self, given: Vec<Reversal>) -> Result<(), Failure> {
        let reversal = |Reversal { request, of, amount }: &Reversal| points::Reversal {
            request: request.clone(),
            of: of.clone(),
            amount: *amount,
        };
        let reversals: Vec<points::Reversal> = given.iter().map(reversal).collect();
        let write = async |mut tx| Ok(points::points_refund(&mut tx, &reversals).await?);
        self.write(WRITE, "heptad:members/points-write#refund", &given, write).await
    }
}
