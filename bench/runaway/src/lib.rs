//! A guest that does not come back. The SKU of the first line says how it runs away, its quantity with how many MiB.

use std::hint::black_box;

use heptad_sdk::prelude::*;

/// The stride of a touch: a page.
const PAGE: usize = 4096;

/// The plugin.
#[derive(Debug)]
pub struct Runaway;

impl Discount for Runaway {
    fn discounts(_: &impl Host, _: DiscountPoint, cart: &Cart) -> Result<Vec<Operation>, Error> {
        let Some(line) = cart.lines.first() else { return Ok(Vec::new()) };
        let mut bytes = vec![0_u8; (line.quantity as usize) << 20];
        match line.sku.as_str() {
            "LOOP" => spin(),
            "TOUCH" => touch(&mut bytes),
            "FILL" => fill(&mut bytes),
            _ => Ok(Vec::new()),
        }
    }
}

fn spin() -> ! {
    let mut number = 0_u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

/// Writes to every page, again and again.
fn touch(bytes: &mut [u8]) -> ! {
    loop {
        for page in bytes.chunks_mut(PAGE) {
            page[0] = black_box(page[0].wrapping_add(1));
        }
        black_box(&mut *bytes);
    }
}

/// Fills all memory by one instruction, again and again: nothing interrupts it before it is done.
fn fill(bytes: &mut [u8]) -> ! {
    for byte in (0..=u8::MAX).cycle() {
        bytes.fill(black_box(byte));
        black_box(&mut *bytes);
    }
    spin()
}

heptad_sdk::plugin!(Runaway: discount);
