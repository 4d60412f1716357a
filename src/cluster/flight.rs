//! Writes under way: whoever gives a right to write up waits here until what was sent before has
//! been answered.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// The writes that have been sent and not been answered.
#[derive(Debug, Default)]
pub(super) struct Flight {
    open: Mutex<Open>,
    landed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    tickets: BTreeSet<u64>,
}

/// One write under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    flight: &'a Flight,
    number: u64,
}

impl Flight {
    /// A write begins. Taken before the right to write is asked for, so that nobody who withdraws
    /// the right misses it.
    pub(super) fn begin(&self) -> Ticket<'_> {
        let mut open = self.lock();
        let number = open.next;
        open.next += 1;
        open.tickets.insert(number);
        Ticket { flight: self, number }
    }

    /// Returns when all writes that are under way now have ended. Later ones don't matter.
    pub(super) async fn landed(&self) {
        let end = self.lock().next;
        loop {
            let mut landed = std::pin::pin!(self.landed.notified());
            // From here on no end is missed.
            landed.as_mut().enable();
            if self.lock().tickets.first().is_none_or(|first| *first >= end) {
                return;
            }
            landed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.flight.lock().tickets.remove(&self.number);
        self.flight.landed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, poll};

    use super::*;

    #[tokio::test]
    async fn those_before_are_waited_for_and_those_after_are_not() {
        let flight = Flight::default();
        assert!(flight.landed().now_or_never().is_some(), "nothing is under way");
        let (first, second) = (flight.begin(), flight.begin());
        let mut landed = std::pin::pin!(flight.landed());
        assert!(poll!(landed.as_mut()).is_pending());
        let third = flight.begin();
        drop(second);
        assert!(poll!(landed.as_mut()).is_pending());
        drop(first);
        assert!(poll!(landed.as_mut()).is_ready());
        drop(third);
    }
}
