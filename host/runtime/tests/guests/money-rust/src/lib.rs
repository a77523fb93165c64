//! The contract component in Rust. `../README.md` says what it answers; `money-js` and `money-py` answer alike.

use heptad_sdk::prelude::*;

/// The plugin.
#[derive(Debug)]
pub struct MoneyEcho;

/// The customer's tier: its code, `none`, or the code of the host's error; absent for guests.
fn tier(host: &impl Host, cart: &Cart) -> Option<String> {
    let customer = cart.customer.as_ref()?;
    Some(match host.tiers(std::slice::from_ref(customer)) {
        Ok(members) => members.into_iter().find_map(|member| member.tier).unwrap_or_else(|| "none".to_owned()),
        Err(error) => error.code,
    })
}

fn with_tier(text: Text, tier: Option<&str>) -> Text {
    match tier {
        Some(tier) => text.text("tier", tier),
        None => text,
    }
}

impl Discount for MoneyEcho {
    fn discounts(host: &impl Host, _: DiscountPoint, cart: &Cart) -> Result<Vec<Operation>, Error> {
        let tier = tier(host, cart);
        let operation = |line: &CartLine| {
            let reason = Text::new("money")
                .money("unit-price", cart.money(line.unit_price))
                .number("remaining", line.remaining)
                .text("sku", &line.sku);
            let value = Value::amount(cart.money(line.remaining));
            Operation::one(Candidate::new(Targets::Lines(vec![line.index]), value, with_tier(reason, tier.as_deref())))
        };
        Ok(cart.lines.iter().map(operation).collect())
    }
}

impl CartValidation for MoneyEcho {
    fn validate(host: &impl Host, _: CartValidationPoint, cart: &Cart) -> Result<Vec<Denial>, Error> {
        let tier = tier(host, cart);
        let denial = |line: &CartLine| {
            let reason =
                Text::new("negative-price").money("unit-price", cart.money(line.unit_price)).text("sku", &line.sku);
            Denial::lines([line.index], with_tier(reason, tier.as_deref()))
        };
        Ok(cart.lines.iter().filter(|line| line.unit_price < 0).map(denial).collect())
    }
}

heptad_sdk::plugin!(MoneyEcho: discount, cart_validation);

#[cfg(test)]
mod tests {
    use heptad_sdk::fake::Shop;
    use heptad_sdk::money::MAX_SAFE;

    use super::*;

    #[test]
    fn money_comes_back_as_it_went_in() -> Result<(), Error> {
        let shop = Shop::new("CNY").manifest(include_str!("../plugin.toml")).tier("cus_1", "gold");
        let amounts = [-1, 0, 1, MAX_SAFE, -MAX_SAFE];
        let cart = amounts
            .iter()
            .fold(shop.cart().customer("cus_1"), |cart, amount| cart.priced_line("X", 1, *amount))
            .build();
        let operations = MoneyEcho::discounts(&shop, DiscountPoint::Lines, &cart)?;
        let back: Vec<_> = operations.iter().map(|operation| operation.candidates[0].value.clone()).collect();
        assert_eq!(back, amounts.map(|amount| Value::amount(Money::new(amount, "CNY"))));
        assert_eq!(shop.render("en", &operations[0].candidates[0].reason), "X at -0.01 CNY, -1 left, tier gold");
        let denied: Vec<_> = MoneyEcho::validate(&shop, CartValidationPoint::Complete, &cart)?;
        assert_eq!(denied.iter().flat_map(|denial| denial.lines.clone()).collect::<Vec<_>>(), [0, 4]);
        Ok(())
    }
}
