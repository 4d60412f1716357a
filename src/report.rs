//! Stage 7: what people see.

pub mod board;
