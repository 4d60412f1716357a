//! Input that can't be used: one condition and one event say where and what to do, everything else
//! goes on, and nothing is lost.

mod files;
