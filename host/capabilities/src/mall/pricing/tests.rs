//! The rules by tables, and what holds for every cart by properties.

use std::collections::BTreeMap;

use heptad_model::{Currency, Minor, Text};
use proptest::prelude::*;

use super::{MAX_CANDIDATES, Pricing};
use crate::extensions::{Candidate, Operation, Strategy as Choice, Targets, Value};
use crate::mall::trace::{Note, OperationTrace, Reason};

fn cny() -> Currency {
    Currency::parse("CNY").unwrap()
}

/// A cart of single items at these prices.
fn cart(prices: &[i64]) -> Pricing {
    Pricing::new(cny(), prices.iter().map(|price| (Minor::new(*price).unwrap(), 1))).unwrap()
}

fn render(text: &Text) -> Reason {
    Reason { code: text.code.clone(), arguments: Vec::new(), sentences: BTreeMap::new() }
}

fn amount(amount: i64) -> Value {
    Value::Amount { amount, currency: "CNY".to_owned() }
}

fn candidate(targets: Targets, value: Value) -> Candidate {
    Candidate { targets, value, reason: Text { code: "why".to_owned(), arguments: Vec::new() } }
}

fn operation(strategy: Choice, candidates: Vec<Candidate>) -> Operation {
    Operation { candidates, strategy, exclusivity_group: None }
}

fn on_order(value: Value) -> Operation {
    operation(Choice::All, vec![candidate(Targets::Order, value)])
}

fn grouped(group: &str, operation: Operation) -> Operation {
    Operation { exclusivity_group: Some(group.to_owned()), ..operation }
}

fn discounts(pricing: &Pricing) -> Vec<i64> {
    pricing.lines().iter().map(|line| line.discount().get()).collect()
}

fn notes(trace: &OperationTrace) -> Vec<&'static str> {
    trace.candidates.iter().flat_map(|one| &one.notes).map(note).collect()
}

fn note(note: &Note) -> &'static str {
    match note {
        Note::Capped { .. } => "capped",
        Note::Dropped { code, .. } if code == "negative" => "negative",
        Note::Dropped { code, .. } if code == "currency" => "currency",
        Note::Dropped { code, .. } if code == "unknown-line" => "unknown-line",
        Note::Dropped { code, .. } if code == "no-target" => "no-target",
        Note::Dropped { .. } => "basis-points",
        Note::NotChosen => "not-chosen",
        Note::LostExclusivity { .. } => "lost",
    }
}

#[test]
fn a04_fifty_off_three_hundred_is_spread_by_largest_remainder() {
    let mut pricing = cart(&[19_900, 9_900, 5_900]);
    pricing.apply("quantity-breaks", &[on_order(amount(5_000))], render);
    assert_eq!(discounts(&pricing), [2_787, 1_387, 826]);
    let net: i64 = pricing.lines().iter().map(|line| line.remaining.get()).sum();
    assert_eq!(net, 30_700);
}

#[test]
fn a05_ten_percent_is_rounded_once_for_the_order() {
    for (quantity, discount, net) in [(2, 7_321, 65_891), (25, 91_515, 823_635)] {
        let mut pricing = Pricing::new(cny(), [(Minor::new(36_606).unwrap(), quantity)]).unwrap();
        pricing.apply("quantity-breaks", &[on_order(Value::BasisPoints(1_000))], render);
        assert_eq!((discounts(&pricing), pricing.lines()[0].remaining.get()), (vec![discount], net));
    }
    // Three lines of 5: 10 % of 15 is 1.5, so 2; each line by itself would be 1, so 3.
    let mut pricing = cart(&[5, 5, 5]);
    pricing.apply("p", &[on_order(Value::BasisPoints(1_000))], render);
    assert_eq!(discounts(&pricing), [1, 1, 0]);
}

#[test]
fn e14_member_price_then_threshold_and_the_better_one_when_exclusive() {
    let ten_percent = || on_order(Value::BasisPoints(1_000));
    let fifty_off = || on_order(amount(5_000));
    let mut pricing = cart(&[36_000]);
    pricing.apply("member-pricing", &[ten_percent()], render);
    assert_eq!(pricing.lines()[0].remaining.get(), 32_400);
    pricing.apply("quantity-breaks", &[fifty_off()], render);
    assert_eq!(pricing.lines()[0].remaining.get(), 27_400);

    let mut pricing = cart(&[36_000]);
    pricing.apply("member-pricing", &[grouped("exclusive", ten_percent())], render);
    pricing.apply("quantity-breaks", &[grouped("exclusive", fifty_off())], render);
    let (lines, answers) = pricing.finish();
    assert_eq!(lines[0].remaining.get(), 31_000);
    let (lost, won) = (&answers[0][0], &answers[1][0]);
    assert_eq!((lost.computed.get(), lost.given.get(), lost.lost_to.as_deref()), (3_600, 0, Some("quantity-breaks")));
    assert_eq!(notes(lost), ["lost"]);
    assert_eq!((won.computed.get(), won.given.get(), won.lost_to.as_deref()), (5_000, 5_000, None));
}

#[test]
fn the_vectors_of_the_pure_spread_hold_where_they_fit_into_the_cart() {
    for (total, prices, expected, notes_expected) in [
        (299, vec![4_300, 1_400, 2_300], vec![161, 52, 86], vec![]),
        (299, vec![1_000, 1_000, 1_000], vec![100, 100, 99], vec![]),
        // The pure spread gives 40 and 0; a line that costs 10 gives 10.
        (40, vec![10, 0], vec![10, 0], vec!["capped"]),
        (10, vec![0, 0], vec![0, 0], vec!["capped"]),
    ] {
        let mut pricing = cart(&prices);
        pricing.apply("p", &[on_order(amount(total))], render);
        assert_eq!(discounts(&pricing), expected, "{total} over {prices:?}");
        assert_eq!(notes(&pricing.finish().1[0][0]), notes_expected, "{total} over {prices:?}");
    }
}

#[test]
fn a_candidate_that_breaks_a_rule_is_dropped_and_the_others_stand() {
    let lines = |lines: &[u32]| Targets::Lines(lines.to_vec());
    let euro = Value::Amount { amount: 5, currency: "EUR".to_owned() };
    for (bad, expected) in [
        (candidate(Targets::Order, amount(-1)), "negative"),
        (candidate(Targets::Order, amount(i64::MIN)), "negative"),
        (candidate(Targets::Order, Value::BasisPoints(10_001)), "basis-points"),
        (candidate(lines(&[0, 2]), amount(5)), "unknown-line"),
        (candidate(lines(&[u32::MAX]), amount(5)), "unknown-line"),
        (candidate(lines(&[]), amount(5)), "no-target"),
        (candidate(Targets::Order, euro), "currency"),
        (candidate(Targets::Order, amount(i64::MAX)), "capped"),
    ] {
        let mut pricing = cart(&[100, 100]);
        let good = candidate(lines(&[1]), amount(7));
        pricing.apply("p", &[operation(Choice::All, vec![good, bad])], render);
        let capped = expected == "capped";
        assert_eq!(discounts(&pricing), if capped { [100, 100] } else { [0, 7] }, "{expected}");
        let (_, answers) = pricing.finish();
        assert_eq!(notes(&answers[0][0]), [expected]);
        assert_eq!(answers[0][0].candidates[1].given.get(), if capped { 193 } else { 0 });
    }
}

#[test]
fn strategies_choose_among_the_candidates() {
    let candidates = || {
        vec![
            candidate(Targets::Lines(vec![7]), amount(90)),
            candidate(Targets::Lines(vec![0]), amount(10)),
            candidate(Targets::Lines(vec![1, 1]), amount(30)),
            candidate(Targets::Lines(vec![0]), amount(30)),
        ]
    };
    for (strategy, expected, notes_expected) in [
        (Choice::All, [40, 30], vec!["unknown-line"]),
        (Choice::First, [10, 0], vec!["unknown-line", "not-chosen", "not-chosen"]),
        (Choice::Best, [0, 30], vec!["unknown-line", "not-chosen", "not-chosen"]),
    ] {
        let mut pricing = cart(&[100, 100]);
        pricing.apply("p", &[operation(strategy, candidates())], render);
        assert_eq!(discounts(&pricing), expected, "{strategy:?}");
        assert_eq!(notes(&pricing.finish().1[0][0]), notes_expected, "{strategy:?}");
    }
}

#[test]
fn a_later_percentage_is_of_what_is_left() {
    let mut pricing = cart(&[1_000, 500]);
    pricing.apply("a", &[on_order(amount(300))], render);
    pricing.apply("b", &[on_order(Value::BasisPoints(5_000))], render);
    let (lines, answers) = pricing.finish();
    assert_eq!(lines.iter().map(|line| line.remaining.get()).collect::<Vec<_>>(), [400, 200]);
    assert_eq!(answers[1][0].given.get(), 600);
}

#[test]
fn of_a_group_the_greatest_is_given_and_the_earlier_in_a_tie() {
    for (second, expected, loser) in [(20, 30, 1), (30, 30, 1), (31, 31, 0)] {
        let mut pricing = cart(&[100]);
        pricing.apply("a", &[grouped("g", on_order(amount(30)))], render);
        // Another group and none: they count beside it.
        pricing.apply("b", &[grouped("other", on_order(amount(1))), on_order(amount(1))], render);
        pricing.apply("c", &[grouped("g", on_order(amount(second)))], render);
        let (lines, answers) = pricing.finish();
        assert_eq!(lines[0].discount().get(), expected + 2, "{second}");
        let lost: Vec<bool> = [&answers[0][0], &answers[2][0]].map(|trace| trace.lost_to.is_some()).to_vec();
        assert_eq!(lost.iter().position(|lost| *lost), Some(loser), "{second}");
    }
    // With what the first gave back, the second finds 100 to take from; without it, it would find 70.
    let mut pricing = cart(&[100]);
    pricing.apply("a", &[grouped("g", on_order(amount(30)))], render);
    pricing.apply("b", &[grouped("g", on_order(amount(100)))], render);
    assert_eq!(discounts(&pricing), [100]);
}

#[test]
fn an_answer_with_too_many_candidates_costs_the_host_no_more_than_its_bound() {
    let one = || candidate(Targets::Order, amount(1));
    let mut pricing = cart(&[10_000]);
    let ignored = pricing.apply(
        "p",
        &[operation(Choice::All, (0..MAX_CANDIDATES).map(|_| one()).collect()), on_order(amount(1))],
        render,
    );
    assert_eq!((ignored, discounts(&pricing)), (1, vec![1_000]));
}

#[test]
fn a_cart_beyond_what_the_platform_counts_is_refused() {
    let price = Minor::new(1_000_000_000_000).unwrap();
    assert!(Pricing::new(cny(), [(price, 1_000_000)]).is_err());
    assert!(Pricing::new(cny(), (0..10_000).map(|_| (price, 1))).is_err());
}

fn any_targets() -> impl Strategy<Value = Targets> {
    prop_oneof![1 => Just(Targets::Order), 3 => prop::collection::vec(0_u32..8, 0..6).prop_map(Targets::Lines)]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (-10_i64..3_000).prop_map(amount),
        1 => any::<i64>().prop_map(amount),
        1 => (0_i64..50).prop_map(|amount| Value::Amount { amount, currency: "USD".to_owned() }),
        4 => (0_u32..10_010).prop_map(Value::BasisPoints),
    ]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let candidates = prop::collection::vec(
        (any_targets(), any_value()).prop_map(|(targets, value)| candidate(targets, value)),
        0..4,
    );
    let strategy = prop_oneof![Just(Choice::All), Just(Choice::First), Just(Choice::Best)];
    let group = prop_oneof![3 => Just(None), 2 => Just(Some("a".to_owned())), 1 => Just(Some("b".to_owned()))];
    (candidates, strategy, group).prop_map(|(candidates, strategy, exclusivity_group)| Operation {
        candidates,
        strategy,
        exclusivity_group,
    })
}

/// 10^5 carts in a full run.
fn cases() -> u32 {
    if std::env::var_os("HEPTAD_TEST_FULL").is_some() { 100_000 } else { 2_000 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_are_never_negative_and_their_discounts_add_up(
        lines in prop::collection::vec((0_i64..5_000, 1_u32..20), 1..8),
        plugins in prop::collection::vec(prop::collection::vec(any_operation(), 0..4), 0..5),
    ) {
        let mut pricing = Pricing::new(cny(), lines.iter().map(|(price, quantity)| (Minor::new(*price).unwrap(), *quantity))).unwrap();
        for operations in &plugins {
            pricing.apply("p", operations, render);
            for line in pricing.lines() {
                prop_assert!((0..=line.subtotal.get()).contains(&line.remaining.get()));
            }
        }
        let (lines, answers) = pricing.finish();
        let traces: Vec<&OperationTrace> = answers.iter().flatten().collect();
        let off: i64 = lines.iter().map(|line| line.discount().get()).sum();
        prop_assert_eq!(off, traces.iter().map(|trace| trace.given.get()).sum::<i64>());
        // The shares in the trace tell the same for each line, so that "why this price" adds up.
        let mut by_line = vec![0; lines.len()];
        for candidate in traces.iter().flat_map(|trace| &trace.candidates) {
            prop_assert_eq!(candidate.given.get(), candidate.shares.iter().map(|share| share.amount.get()).sum::<i64>());
            for share in &candidate.shares {
                by_line[share.line as usize] += share.amount.get();
            }
        }
        prop_assert_eq!(by_line, lines.iter().map(|line| line.discount().get()).collect::<Vec<_>>());
        for group in ["a", "b"] {
            let of_group: Vec<_> = traces.iter().filter(|trace| trace.exclusivity_group.as_deref() == Some(group)).collect();
            prop_assert!(of_group.iter().filter(|trace| trace.given > Minor::ZERO).count() <= 1);
            let given = of_group.iter().map(|trace| trace.given).max().unwrap_or_default();
            prop_assert!(of_group.iter().all(|trace| trace.computed <= given));
        }
        prop_assert_eq!(answers.len(), plugins.len());
    }
}
