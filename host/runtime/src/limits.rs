//! What a call may use. The host's own work (lowering, lifting, the database) is never charged.

use std::time::Duration;

use heptad_model::Point;
use wasmtime::ResourceLimiter;

use crate::engine::{CORE_INSTANCES, MEMORIES, TABLES};

/// The most memory that a manifest may ask for; the size of the pool's slots.
pub const MAX_MEMORY_BYTES: usize = 64 << 20;
/// The stack of a guest.
pub const STACK_BYTES: usize = 512 << 10;
/// The most elements of a table: Python's components need about 5,700.
pub const TABLE_ELEMENTS: usize = 20_000;
/// The most bytes of an upload.
pub const UPLOAD_BYTES: usize = 32 << 20;
/// The most bytes that a call keeps of its log.
pub const LOG_BYTES: usize = 16 << 10;

/// Values that a process may choose otherwise; the defaults are the published ones.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Fuel of a call, and more for each line of the cart.
    pub fuel: (u64, u64),
    /// Bytes of an answer, and more for each line.
    pub output: (usize, usize),
    /// Host calls, and more for each line.
    pub host_calls: (u32, u32),
    /// The wall clock of a call is the point's budget, times this. More than 1 only where time is not kept, as in tests
    /// on a busy machine.
    pub patience: u32,
}

impl Default for Profile {
    fn default() -> Self {
        Self { fuel: (50_000_000, 50_000), output: (256 << 10, 128), host_calls: (200, 1), patience: 1 }
    }
}

/// The budget of one call.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Fuel.
    pub fuel: u64,
    /// Wall clock.
    pub wall: Duration,
    /// Bytes of linear memory.
    pub memory: usize,
    /// Bytes that one lifted value (an answer, the arguments of a host call) may take.
    pub output: usize,
    /// Host calls.
    pub host_calls: u32,
}

impl Profile {
    /// The budget of a call with so many lines.
    pub fn budget(&self, point: Point, memory_mib: u32, lines: usize) -> Budget {
        let lines = u32::try_from(lines).unwrap_or(u32::MAX);
        Budget {
            fuel: self.fuel.0 + self.fuel.1 * u64::from(lines),
            wall: Duration::from_millis(u64::from(point.row().budget_ms)) * self.patience,
            memory: (memory_mib as usize) << 20,
            output: self.output.0 + self.output.1 * lines as usize,
            host_calls: self.host_calls.0.saturating_add(self.host_calls.1.saturating_mul(lines)),
        }
    }
}

/// Holds a sandbox to its memory and remembers when it wanted more, so that the trap that follows can be explained.
#[derive(Debug)]
pub struct Limiter {
    memory: usize,
    /// The bytes that were refused, if any were.
    pub refused: Option<usize>,
}

impl Limiter {
    /// A limiter for so many bytes per linear memory.
    pub const fn new(memory: usize) -> Self {
        Self { memory, refused: None }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired <= self.memory;
        if !fits {
            self.refused = Some(desired);
        }
        Ok(fits)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        TABLES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }
}
