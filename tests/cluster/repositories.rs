//! Repositories of all kinds, from the Secret that opens them to the object in the cluster.

mod access;
mod polls;
mod revisions;
