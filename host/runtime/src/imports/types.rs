//! `heptad:types/types`: the error type, and how the host's errors become it.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::{mall, types};

use crate::call::Call;

impl types::types::Host for Call {
    fn convert_error(&mut self, failure: Failure) -> wasmtime::Result<types::types::Error> {
        match failure {
            Failure::Answer(error) => Ok(error),
            Failure::Trap(error) => Err(error),
        }
    }
}

impl mall::types::Host for Call {}
