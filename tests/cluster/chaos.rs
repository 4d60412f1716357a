//! The loop while everything around it fails: it is killed, its server goes away, answers get lost.

mod kills;
mod rig;
