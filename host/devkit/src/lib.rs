//! What the maker of a plugin does on its own machine, without this repository: everything that a project needs comes out
//! of the binary.
//!
//! [`scaffold`] begins a project, with the SDK that [`vendor`] puts into it; [`project`] finds a project and builds it;
//! [`check`] finds what publishing would refuse, and says which line to change; [`scenario`] tries the plugin in shops of its
//! own.

mod build;
pub mod check;
mod embedded;
pub mod language;
mod lines;
pub mod project;
pub mod scaffold;
pub mod scenario;
mod typescript;
pub mod vendor;
pub mod watch;
mod world;
