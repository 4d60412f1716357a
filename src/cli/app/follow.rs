//! Following an application: its states one after the other, through interruptions.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{Client, CommandError, view::View};
use crate::cli::{
    connection::{Event, Events},
    error::Kind,
};

/// Pause before the stream is opened again, and between two looks without a stream.
const PAUSE: Duration = Duration::from_secs(1);

/// Time for which a status API that answered before may be away, for example while the controller
/// is being replaced.
const AWAY_MAX: Duration = Duration::from_mins(1);

/// The states of one application from now on.
pub(super) struct Follow<'a> {
    client: &'a Client,
    name: &'a str,
    events: Option<Events>,
    looked: bool,
    away_since: Option<Instant>,
}

/// What a look at the application gave.
#[derive(Debug)]
pub(super) enum Seen {
    /// It is like this.
    Now(Value),
    /// It is gone.
    Gone,
    /// The status API does not answer, and did before; the next call tries again.
    Away,
}

impl<'a> Follow<'a> {
    pub(super) fn new(client: &'a Client, name: &'a str) -> Self {
        Self { client, name, events: None, looked: false, away_since: None }
    }

    /// The state as it is now, then each change.
    pub(super) async fn next(&mut self) -> Result<Seen, CommandError> {
        if let Some(events) = &mut self.events {
            match events.next().await {
                Some(Event::Now(app)) => return Ok(Seen::Now(app)),
                Some(Event::Deleted) => return Ok(Seen::Gone),
                None => self.events = None,
            }
        }
        if self.looked {
            sleep(PAUSE).await;
        }
        // The stream comes first, so that nothing is missed between the two. Without one it is
        // this look, once in a pause.
        let events = self.client.events(self.name).await.ok();
        match self.client.find(&["applications", self.name], &[]).await {
            Ok(app) => {
                self.events = events;
                self.looked = true;
                self.away_since = None;
                Ok(app.map_or(Seen::Gone, Seen::Now))
            }
            Err(failure) => {
                let since = *self.away_since.get_or_insert_with(Instant::now);
                let patient = self.looked && since.elapsed() < AWAY_MAX;
                if patient && failure.kind == Kind::Cluster { Ok(Seen::Away) } else { Err(failure) }
            }
        }
    }
}

/// True when `app` is a state from before the answer to our request, `since` being the resource
/// version of that answer: a watch may lag behind it.
pub(super) fn is_stale(app: View<'_>, since: &str) -> bool {
    let number = |version: &str| version.parse::<u128>().ok();
    match (number(app.resource_version()), number(since)) {
        (Some(version), Some(since)) => version < since,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn states_from_before_the_request_are_told_apart() {
        let app = |version: &str| json!({"metadata": {"resourceVersion": version}});
        assert!(is_stale(View(&app("99")), "100"));
        assert!(!is_stale(View(&app("100")), "100"));
        assert!(!is_stale(View(&app("1000")), "999"));
        assert!(!is_stale(View(&app("")), "100"), "nothing is known");
    }
}
