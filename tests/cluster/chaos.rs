//! The loop while everything around it fails: it is killed, its server goes away, answers get lost.

#![allow(clippy::disallowed_methods, reason = "tests start programs and read the environment")]

mod disk;
mod endurance;
mod faults;
mod kills;
mod races;
mod rig;
mod server_gone;
mod stop;
mod twins;
