//! Continue tokens: where a list goes on, and at which revision.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::{Value, json};

use crate::embedded::{status::Status, store::Key};

/// A place in a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page {
    /// The revision of the whole list; `None`: as it is now.
    pub(super) revision: Option<u64>,
    /// The last object of the page before.
    pub(super) after: Key,
}

impl Page {
    pub(super) fn token(&self) -> String {
        let revision = match self.revision {
            Some(revision) => json!(revision),
            None => json!(-1),
        };
        let start = format!("{}/{}\0", self.after.namespace, self.after.name);
        let token = json!({"v": "meta.k8s.io/v1", "rv": revision, "start": start});
        BASE64_URL_SAFE_NO_PAD.encode(token.to_string())
    }

    pub(super) fn read(token: &str) -> Result<Self, Status> {
        let bad = |why: &str| Status::bad_request(format!("continue key is not valid: {why}"));
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token);
        let bytes = bytes.map_err(|error| bad(&error.to_string()))?;
        let token: Value =
            serde_json::from_slice(&bytes).map_err(|error| bad(&error.to_string()))?;
        if token["v"] != "meta.k8s.io/v1" {
            return Err(bad("the version is not known"));
        }
        let start = token["start"].as_str().and_then(|start| start.strip_suffix('\0'));
        let (namespace, name) = start
            .and_then(|start| start.split_once('/'))
            .ok_or_else(|| bad("no place to start"))?;
        let revision = match token["rv"].as_i64() {
            Some(-1) => None,
            Some(revision) if revision > 0 => u64::try_from(revision).ok(),
            _ => return Err(bad("incorrect encoded start resourceVersion")),
        };
        Ok(Self { revision, after: Key::new(namespace, name) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written() {
        for revision in [Some(7), None] {
            let page = Page { revision, after: Key::new("shop", "web") };
            assert_eq!(Page::read(&page.token()), Ok(page));
        }
        for token in ["", "!!", "bm9uZQ"] {
            assert_eq!(Page::read(token).unwrap_err().code, 400, "{token}");
        }
    }
}
