//! Server-sent events: the changes of an application, one JSON object each.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

/// A stream that is silent for longer is dead: the server sends a comment more often than this.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// Largest event: an Application with a status of the size that etcd takes, escaped.
const EVENT_BYTES_MAX: usize = 8 << 20;

/// The changes of an application, in the order in which the server saw them.
pub(in crate::cli) struct Events {
    response: Response,
    parser: Parser,
}

/// What happened to the application.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) enum Event {
    /// It is like this now.
    Now(Value),
    /// It is gone.
    Deleted,
}

impl Events {
    pub(super) fn new(response: Response) -> Self {
        Self { response, parser: Parser::default() }
    }

    /// The next change; `None` when the stream ended, broke or went silent. Whoever follows reads
    /// the application anew then: a stream makes things faster, it is not needed.
    pub(in crate::cli) async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(data) = self.parser.next_event() {
                if let Some(event) = read(&data) {
                    return Some(event);
                }
            }
            let chunk = tokio::time::timeout(SILENCE_MAX, self.response.chunk()).await;
            let Ok(Ok(Some(bytes))) = chunk else { return None };
            if !self.parser.push(&bytes) {
                return None;
            }
        }
    }
}

/// Reads Argo CD's shape: `{"result": {"type": "MODIFIED", "application": {...}}}`.
fn read(data: &str) -> Option<Event> {
    let mut data: Value = serde_json::from_str(data).ok()?;
    let result = data.get_mut("result")?;
    match result.get("type")?.as_str()? {
        "DELETED" => Some(Event::Deleted),
        _ => Some(Event::Now(result.get_mut("application")?.take())),
    }
}

/// Cuts the bytes of the stream into events.
#[derive(Default)]
struct Parser {
    bytes: Vec<u8>,
    data: String,
}

impl Parser {
    /// Takes bytes as they come; false when an event is larger than allowed.
    fn push(&mut self, bytes: &[u8]) -> bool {
        self.bytes.extend_from_slice(bytes);
        self.bytes.len() + self.data.len() <= EVENT_BYTES_MAX
    }

    /// The data of the next complete event, its lines joined.
    fn next_event(&mut self) -> Option<String> {
        let mut used = 0;
        let mut event = None;
        while let Some(end) = self.bytes[used..].iter().position(|b| *b == b'\n') {
            let line = &self.bytes[used..used + end];
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            used += end + 1;
            if line.is_empty() && !self.data.is_empty() {
                event = Some(std::mem::take(&mut self.data));
                break;
            }
            // Comments, and the fields `event`, `id` and `retry`, say nothing that we need.
            if let Some(data) = line.strip_prefix("data:") {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
        self.bytes.drain(..used);
        event
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_found_wherever_the_network_cuts_them() {
        let stream =
            b": hello\n\ndata: one\n\nevent: x\r\ndata: two\r\ndata:lines\r\n\r\ndata: half";
        for size in 1..stream.len() {
            let mut parser = Parser::default();
            let mut events = Vec::new();
            for chunk in stream.chunks(size) {
                assert!(parser.push(chunk));
                while let Some(event) = parser.next_event() {
                    events.push(event);
                }
            }
            assert_eq!(events, ["one", "two\nlines"], "cut every {size} bytes");
        }
    }

    #[test]
    fn an_event_without_end_is_not_collected_for_ever() {
        let mut parser = Parser::default();
        let chunk = vec![b'x'; 1 << 20];
        let taken = (0..100).take_while(|_| parser.push(&chunk)).count();
        assert_eq!(taken, EVENT_BYTES_MAX >> 20);
    }

    #[test]
    fn changes_are_read_in_argo_cds_shape() {
        let app = json!({"metadata": {"name": "web"}});
        let now = json!({"result": {"type": "ADDED", "application": app}}).to_string();
        assert_eq!(read(&now), Some(Event::Now(app)));
        assert_eq!(read(r#"{"result":{"type":"DELETED","application":{}}}"#), Some(Event::Deleted));
        assert_eq!(read("{}"), None);
        assert_eq!(read("not json"), None);
    }
}
