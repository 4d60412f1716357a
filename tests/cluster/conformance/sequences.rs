//! Generated sequences of writes.

use tokio::runtime::Runtime;

use super::side::Both;

pub(super) fn check(_runtime: &Runtime, _both: &Both) -> Result<(), String> {
    Ok(())
}
