//! What a call may use: the tenant's profile for one point and one cart. The host's own work (lowering, lifting, the
//! database) is never charged.

use std::time::Duration;

use heptad_capabilities::extensions::LimitReached;
use heptad_model::points::Kind;
use heptad_model::{Limit, Limits, Point};
use wasmtime::ResourceLimiter;

use crate::engine::{MEMORIES, TABLES};

/// The most memory that a manifest may ask for; the size of the pool's slots.
pub const MAX_MEMORY_BYTES: usize = 64 << 20;
/// The stack of a guest.
pub const STACK_BYTES: usize = 512 << 10;
/// The most elements of a table in the pool: Python's components need about 5,700.
pub const TABLE_ELEMENTS: usize = 20_000;
/// The most bytes of an upload.
pub const UPLOAD_BYTES: usize = 32 << 20;

/// The budget of one call.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Fuel.
    pub fuel: u64,
    /// Wall clock.
    pub wall: Duration,
    /// Bytes of linear memory.
    pub memory: usize,
    /// Elements of a table.
    pub table_elements: usize,
    /// Core instances.
    pub instances: usize,
    /// Bytes that one lifted value (an answer, the arguments of a host call) may take.
    pub output: usize,
    /// Bytes of all values from the guest.
    pub bytes_out: u64,
    /// Bytes of all values from the host.
    pub bytes_in: u64,
    /// Host calls.
    pub host_calls: u32,
    /// Bytes of log.
    pub log: usize,
    /// Handles of WASI that it holds at once: each takes memory of the host, which `memory` does not count.
    pub handles: usize,
}

impl Budget {
    /// The budget of a call with so many lines; `memory_mib` is what the manifest asks for.
    pub fn new(limits: &Limits, point: Point, memory_mib: u32, lines: usize) -> Self {
        let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        Self {
            fuel: limits.fuel_of(point, lines),
            wall: limits.wall(point),
            memory: (memory_mib.min(limits.memory_mib) as usize) << 20,
            table_elements: limits.table_elements as usize,
            instances: limits.instances as usize,
            output: size(limits.output.of(lines)),
            bytes_out: limits.bytes_out.of(lines),
            bytes_in: limits.bytes_in.of(lines),
            host_calls: u32::try_from(limits.host_calls_of(point, lines)).unwrap_or(u32::MAX),
            log: limits.log_bytes as usize,
            // Of a request the handles hold headers and pieces of bodies.
            handles: if point.row().kind == Kind::Act { 256 } else { 1_000 },
        }
    }
}

/// Holds a sandbox to its memory and tables, and remembers when it wanted more, so that the trap that may follow can be
/// explained.
#[derive(Debug)]
pub struct Limiter {
    memory: usize,
    table_elements: usize,
    instances: usize,
    held: usize,
    /// The first limit that was reached.
    pub reached: Option<LimitReached>,
}

impl Limiter {
    /// A limiter for the budget's memory (of all linear memories together), tables and instances.
    pub const fn new(budget: &Budget) -> Self {
        Self {
            memory: budget.memory,
            table_elements: budget.table_elements,
            instances: budget.instances,
            held: 0,
            reached: None,
        }
    }

    /// The most bytes of linear memory that the sandbox held; memory never shrinks.
    pub const fn peak(&self) -> usize {
        self.held
    }

    fn refuse(&mut self, limit: Limit, most: usize) {
        self.reached.get_or_insert(LimitReached { limit, most: most as u64 });
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let held = self.held.saturating_add(desired.saturating_sub(current));
        let fits = held <= self.memory;
        match fits {
            true => self.held = held,
            false => self.refuse(Limit::Memory, self.memory),
        }
        Ok(fits)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired <= self.table_elements;
        if !fits {
            self.refuse(Limit::TableElements, self.table_elements);
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        TABLES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_of_a_call_count_together() {
        let budget = Budget::new(&Limits::default(), Point::DiscountLines, 16, 1);
        let mut limiter = Limiter::new(&budget);
        let mib = |count: usize| count << 20;
        for (current, desired, fits) in
            [(0, mib(10), true), (0, mib(7), false), (0, mib(6), true), (mib(10), mib(11), false)]
        {
            let grows = limiter.memory_growing(current, desired, None);
            assert_eq!(grows.ok(), Some(fits), "{current} to {desired}");
        }
        assert_eq!(limiter.peak(), mib(16));
        assert_eq!(limiter.reached.map(|reached| (reached.limit, reached.most)), Some((Limit::Memory, 16 << 20)));
    }
}
