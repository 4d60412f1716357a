//! The loop while everything around it fails: it is killed, its server goes away, answers get lost.

mod disk;
mod faults;
mod kills;
mod rig;
mod server_gone;
mod stop;
mod twins;
