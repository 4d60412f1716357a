//! Stage 7: what people see. In: what the loop found and did. Out: the board, Kubernetes Events,
//! metrics, and the status that is written to each Application. Nothing here decides anything, and
//! nothing here may hold up a pass.

pub mod board;
pub mod events;
pub mod metrics;
pub mod status;
