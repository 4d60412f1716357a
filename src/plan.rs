//! Stage 3: what has to be done, as a value.
//!
//! In go the rendered objects, the live ones and the policy of the application; out comes a
//! [`Plan`]. Nothing here reads a clock, a network or a disk, so a decision can be repeated and
//! tested by writing its input down.

pub mod compare;
pub mod decide;
pub mod desired;
pub mod difference;
pub mod gate;
pub mod normalize;
pub mod options;
pub mod permit;
pub mod prune;
pub mod restrict;
pub mod step;
pub mod yields;

pub use compare::{FieldDrift, Fingerprint, Verdict};
pub use desired::{Desired, Destination, Kinds, ScopeOf, Target};
pub use step::{Action, Outcome, Plan, Refusal, Step, StepResult};
