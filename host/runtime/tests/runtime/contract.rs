//! The contract in three languages: a cart goes in, money comes back, to the last unit.

use heptad_capabilities::extensions::{Outcome, Targets, Value};
use heptad_model::money::MAX_SAFE;
use heptad_model::text::Argument;
use heptad_model::{Permission, Point};

use crate::support::{Host, cart, permissions};

async fn money_comes_back(guest: &str) {
    let host = Host::start().await;
    host.publish(guest).await;
    let ctx = host.tenant("money", "CNY").await;
    host.install(&ctx, guest, permissions(&[Permission::MembersTierRead]), None).await;

    let amounts = [(19_900, 19_900), (0, 0), (-5, -500), (1, -1), (MAX_SAFE, MAX_SAFE), (-MAX_SAFE, -MAX_SAFE)];
    let answer = host.discounts(&ctx, Point::DiscountLines, &cart("CNY", &amounts)).await;
    assert_eq!(answer.trace.outcome, Outcome::Answered, "{:?}", answer.trace);
    let operations = answer.value.unwrap();
    assert_eq!(operations.len(), amounts.len());
    for (index, (unit_price, remaining)) in amounts.into_iter().enumerate() {
        let candidate = &operations[index].candidates[0];
        assert_eq!(candidate.targets, Targets::Lines(vec![index as u32]));
        assert_eq!(candidate.value, Value::Amount { amount: remaining, currency: "CNY".to_owned() });
        let arguments: Vec<&Argument> = candidate.reason.arguments.iter().map(|(_, value)| value).collect();
        let Argument::Money(money) = arguments[0] else { panic!("{arguments:?}") };
        assert_eq!((money.amount.get(), money.currency.code()), (unit_price, "CNY"));
        assert_eq!(arguments[1], &Argument::Number(remaining));
        assert_eq!(arguments[2], &Argument::Text(format!("SKU-{index}")));
    }

    let answer = host.validate(&ctx, &cart("CNY", &amounts)).await;
    let lines: Vec<u32> = answer.value.unwrap().into_iter().flat_map(|denial| denial.lines).collect();
    assert_eq!(lines, [2, 5], "lines with a negative unit price are denied");
}

#[tokio::test]
async fn money_comes_back_from_rust() {
    money_comes_back("money-rust").await;
}

#[tokio::test]
async fn money_comes_back_from_javascript() {
    money_comes_back("money-js").await;
}

#[tokio::test]
async fn money_comes_back_from_python() {
    money_comes_back("money-py").await;
}
