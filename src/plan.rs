//! Stage 3: what has to be done, as a value.
//!
//! In go `Desired`, `Live` and the policy of the application; out comes a [`Plan`]. Nothing here
//! reads a clock, a network or a disk, so a decision can be repeated and tested by writing its
//! input down.

pub mod desired;
pub mod step;

pub use desired::{Desired, Kinds, ScopeOf, Target};
pub use step::{Action, Outcome, Plan, Refusal, Step, StepResult};
