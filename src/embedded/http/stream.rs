//! Watches as answers without end: one event a line.

use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::stream;
use serde_json::{Value, json};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{negotiate::Form, present::View, reply::Reply};
use crate::embedded::{
    request::{Core, Told, Watch},
    server::Server,
    status::Status,
};

/// How often an idle watch says how far it is.
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);
/// A watch without `timeoutSeconds` ends after this long, or up to twice as long.
const LIFE: Duration = Duration::from_mins(30);

struct Stream {
    server: Server,
    watch: Watch,
    form: Form,
    include: String,
    /// Nothing was sent yet.
    first: bool,
    over: bool,
    end: Instant,
    /// The server stops to serve.
    stop: CancellationToken,
    bookmark: Instant,
    _place: OwnedSemaphorePermit,
}

/// The answer that tells what the watch sees.
pub(super) fn reply(
    server: &Server,
    watch: Watch,
    form: Form,
    include: String,
    limit_s: Option<u64>,
) -> Result<Reply, Status> {
    let place = server.watch_place().ok_or_else(|| Status::busy("too many watches at once"))?;
    let start = Instant::now();
    let life = limit_s.map_or_else(|| LIFE + Server::jitter(LIFE), Duration::from_secs);
    // A client may ask for more seconds than the clock has.
    let end = start.checked_add(life).unwrap_or(start + LIFE);
    let stream = Stream {
        server: server.clone(),
        watch,
        form,
        include,
        first: true,
        over: limit_s == Some(0),
        end,
        stop: server.serving(),
        bookmark: start + BOOKMARK_EVERY,
        _place: place,
    };
    let stream = stream::unfold(stream, |mut stream| async move {
        let bytes = stream.next().await?;
        Some((Ok::<_, std::convert::Infallible>(bytes), stream))
    });
    Ok(Reply::bytes(200, "application/json", Body::from_stream(stream)))
}

impl Stream {
    /// The next lines; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        while !self.over {
            let told = self.watch.look();
            if !told.is_empty() {
                return Some(self.lines(told));
            }
            tokio::select! {
                there = self.watch.changed() => self.over |= !there,
                () = sleep_until(self.end) => self.over = true,
                () = self.stop.cancelled() => self.over = true,
                () = sleep_until(self.bookmark) => {
                    self.bookmark = Instant::now() + BOOKMARK_EVERY;
                    if let Some(bookmark) = self.watch.bookmark() {
                        return Some(self.lines(vec![bookmark]));
                    }
                }
            }
        }
        None
    }

    fn lines(&mut self, told: Vec<Told>) -> Bytes {
        let mut lines = Vec::new();
        for one in told {
            self.line(one, &mut lines);
        }
        lines.into()
    }

    fn line(&mut self, told: Told, lines: &mut Vec<u8>) {
        let kind = &*self.watch.kind;
        let (event, object) = match told {
            // As it is kept, without another look at it.
            Told::Object { event, record }
                if self.form == Form::Objects && kind.custom.is_none() =>
            {
                lines.extend_from_slice(b"{\"type\":\"");
                lines.extend_from_slice(event.as_bytes());
                lines.extend_from_slice(b"\",\"object\":");
                lines.extend_from_slice(&record.bytes);
                lines.extend_from_slice(b"}\n");
                return;
            }
            Told::Object { event, record } => {
                let view = View {
                    kind,
                    form: self.form,
                    include: &self.include,
                    now: self.server.core().now(),
                };
                (event, view.event(Core::object(kind, &record), self.first))
            }
            Told::Bookmark { revision, listed } => ("BOOKMARK", self.bookmark(revision, listed)),
            Told::Failed(status) => {
                self.over = true;
                ("ERROR", status.to_json())
            }
        };
        self.first = false;
        lines.extend_from_slice(json!({"type": event, "object": object}).to_string().as_bytes());
        lines.push(b'\n');
    }

    fn bookmark(&self, revision: u64, listed: bool) -> Value {
        let gvk = &self.watch.kind.gvk;
        let (api_version, kind) = match self.form {
            Form::Metadata { version, .. } => {
                (format!("meta.k8s.io/{version}"), "PartialObjectMetadata")
            }
            _ => (gvk.api_version(), gvk.kind.as_str()),
        };
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if listed {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        json!({"apiVersion": api_version, "kind": kind, "metadata": metadata})
    }
}
