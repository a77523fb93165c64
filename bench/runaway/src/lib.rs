//! A guest that does not come back. The SKU of the first line says how it runs away, its quantity with how many MiB.

use std::hint::black_box;
use std::mem::MaybeUninit;

use heptad_sdk::prelude::*;

/// The stride of a touch: a page.
const PAGE: usize = 4096;

/// The plugin.
#[derive(Debug)]
pub struct Runaway;

impl Discount for Runaway {
    fn discounts(_: &impl Host, _: DiscountPoint, cart: &Cart) -> Result<Vec<Operation>, Error> {
        let Some(line) = cart.lines.first() else { return Ok(Vec::new()) };
        // Not zeroed: that would be a fill already.
        let mut bytes = Vec::with_capacity((line.quantity as usize) << 20);
        match line.sku.as_str() {
            "LOOP" => spin(),
            "TOUCH" => touch(bytes.spare_capacity_mut()),
            "FILL" => fill(bytes.spare_capacity_mut()),
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
fn touch(bytes: &mut [MaybeUninit<u8>]) -> ! {
    loop {
        for page in bytes.chunks_mut(PAGE) {
            page[0].write(black_box(1));
        }
        black_box(&mut *bytes);
    }
}

/// Fills all memory by one instruction, again and again: nothing interrupts it before it is done.
fn fill(bytes: &mut [MaybeUninit<u8>]) -> ! {
    for byte in (0..=u8::MAX).cycle() {
        bytes.fill(MaybeUninit::new(black_box(byte)));
        black_box(&mut *bytes);
    }
    spin()
}

heptad_sdk::plugin!(Runaway: discount);
