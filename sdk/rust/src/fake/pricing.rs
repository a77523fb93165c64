//! What the platform does with operations, for tests: it caps, rounds half away from zero once, and spreads by largest
//! remainder, a tie going to the earlier line.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::money::BASIS_POINTS;
use crate::{Candidate, Cart, Minor, Operation, Strategy, Targets, Value};

/// What is taken off each line of the cart.
type Taken = Vec<i128>;

/// What the operations take off each line, in the order of the lines.
///
/// A candidate with a negative value, more than 10,000 basis points, an unknown line or another currency is dropped;
/// more than is left is capped. Of an exclusivity group the operation that takes off most is given, the earlier one in
/// a tie; each is computed as if no other of its group had been.
///
/// ```
/// use heptad_sdk::fake::{Shop, price};
/// use heptad_sdk::{Candidate, Operation, Targets, Text, Value};
///
/// // A04: 50.00 off 199.00, 99.00 and 59.00.
/// let shop = Shop::new("CNY").sku("A", 19_900, &[]).sku("B", 9_900, &[]).sku("C", 5_900, &[]);
/// let cart = shop.cart().line("A", 1).line("B", 1).line("C", 1).build();
/// let off = Candidate::new(Targets::Order, Value::amount(cart.money(5_000)), Text::new("off"));
/// assert_eq!(price(&cart, &[Operation::one(off)]), [2_787, 1_387, 826]);
/// ```
pub fn price(cart: &Cart, operations: &[Operation]) -> Vec<Minor> {
    let full: Vec<i128> = cart.lines.iter().map(|line| i128::from(line.remaining)).collect();
    let mut left = full.clone();
    let mut holders: BTreeMap<&str, Taken> = BTreeMap::new();
    for operation in operations {
        let Some(group) = operation.exclusivity_group.as_deref() else {
            let off = taken(cart, operation, &left);
            subtract(&mut left, &off);
            continue;
        };
        let held = holders.get(group).cloned().unwrap_or_else(|| vec![0; left.len()]);
        let returned: Vec<i128> = left.iter().zip(&held).map(|(left, held)| left + held).collect();
        let off = taken(cart, operation, &returned);
        if off.iter().sum::<i128>() > held.iter().sum() {
            left = returned;
            subtract(&mut left, &off);
            holders.insert(group, off);
        }
    }
    full.iter().zip(left).map(|(full, left)| Minor::try_from(full - left).unwrap_or(Minor::MAX)).collect()
}

fn subtract(left: &mut [i128], off: &[i128]) {
    left.iter_mut().zip(off).for_each(|(left, off)| *left -= off);
}

fn is_sound(cart: &Cart, candidate: &Candidate) -> bool {
    let value = match &candidate.value {
        Value::Amount(money) => money.amount >= 0 && money.currency == cart.currency,
        Value::BasisPoints(points) => *points <= BASIS_POINTS,
    };
    let targets = match &candidate.targets {
        Targets::Order => true,
        Targets::Lines(lines) => lines.iter().all(|index| cart.lines.iter().any(|line| line.index == *index)),
    };
    value && targets
}

fn taken(cart: &Cart, operation: &Operation, left: &[i128]) -> Taken {
    let none = vec![0; left.len()];
    let mut alone = operation.candidates.iter().map(|candidate| shares(cart, candidate, left));
    match operation.strategy {
        Strategy::All => {
            let mut now = left.to_vec();
            for candidate in &operation.candidates {
                let off = shares(cart, candidate, &now);
                subtract(&mut now, &off);
            }
            left.iter().zip(now).map(|(left, now)| left - now).collect()
        }
        Strategy::First => alone.find(|off| off.iter().sum::<i128>() > 0).unwrap_or(none),
        // `min_by_key` with `Reverse` keeps the earlier of equals, `max_by_key` the later.
        Strategy::Best => alone.min_by_key(|off| Reverse(off.iter().sum::<i128>())).unwrap_or(none),
    }
}

fn shares(cart: &Cart, candidate: &Candidate, left: &[i128]) -> Taken {
    let is_target = |index: u32| match &candidate.targets {
        Targets::Order => true,
        Targets::Lines(lines) => lines.contains(&index),
    };
    let weights: Vec<i128> =
        cart.lines.iter().zip(left).map(|(line, left)| if is_target(line.index) { *left } else { 0 }).collect();
    let sum: i128 = weights.iter().sum();
    if sum <= 0 || !is_sound(cart, candidate) {
        return vec![0; weights.len()];
    }
    let total = match &candidate.value {
        Value::Amount(money) => i128::from(money.amount).min(sum),
        Value::BasisPoints(points) => {
            let whole = i128::from(BASIS_POINTS);
            (sum * i128::from(*points) + whole / 2) / whole
        }
    };
    let mut shares: Vec<i128> = weights.iter().map(|weight| total * weight / sum).collect();
    let rest = usize::try_from(total - shares.iter().sum::<i128>()).unwrap_or_default();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|index| Reverse(total * weights[*index] % sum));
    order.into_iter().take(rest).for_each(|index| shares[index] += 1);
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Text;
    use crate::fake::Shop;

    fn cart() -> Cart {
        Shop::new("CNY").cart().priced_line("A", 1, 4_300).priced_line("B", 1, 1_400).priced_line("C", 1, 2_300).build()
    }

    fn amount(targets: Targets, amount: Minor, currency: &str) -> Candidate {
        Candidate::new(targets, Value::amount(crate::Money::new(amount, currency)), Text::new("x"))
    }

    fn points(points: u32) -> Candidate {
        Candidate::new(Targets::Order, Value::BasisPoints(points), Text::new("x"))
    }

    #[test]
    fn operations_are_capped_spread_and_dropped() {
        let one = |candidate| vec![Operation::one(candidate)];
        let order = |value| amount(Targets::Order, value, "CNY");
        for (operations, expected) in [
            (one(order(299)), [161, 52, 86]),
            (one(order(99_999)), [4_300, 1_400, 2_300]),
            (one(points(10_000)), [4_300, 1_400, 2_300]),
            (one(amount(Targets::Lines(vec![1, 1]), 100, "CNY")), [0, 100, 0]),
            (one(order(-1)), [0, 0, 0]),
            (one(points(10_001)), [0, 0, 0]),
            (one(amount(Targets::Order, 100, "USD")), [0, 0, 0]),
            (one(amount(Targets::Lines(vec![3]), 100, "CNY")), [0, 0, 0]),
            (vec![Operation::new(Strategy::Best, vec![order(299), points(1_000)])], [430, 140, 230]),
            (vec![Operation::new(Strategy::First, vec![order(0), order(299), points(1_000)])], [161, 52, 86]),
            (vec![Operation::new(Strategy::All, vec![points(5_000), points(5_000)])], [3_225, 1_050, 1_725]),
            (
                vec![Operation::one(order(299)).in_group("g"), Operation::one(points(1_000)).in_group("g")],
                [430, 140, 230],
            ),
        ] {
            assert_eq!(price(&cart(), &operations), expected, "{operations:?}");
        }
    }
}
