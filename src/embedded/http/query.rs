//! The query of a request.

use crate::embedded::{
    registry::Kind,
    request::{ListMatch, ListOptions, Selector, Validation, WatchOptions, WriteOptions},
    status::Status,
};

/// Longest field manager.
const MANAGER_CHARS_MAX: usize = 128;

/// Keys and values, decoded; of several values the first counts.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        });
        Self(pairs.collect())
    }

    pub(super) fn get(&self, key: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub(super) fn is_set(&self, key: &str) -> bool {
        matches!(self.get(key), "1" | "t" | "T" | "true" | "TRUE" | "True")
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.0.iter().any(|(known, _)| known == key).then(|| self.is_set(key))
    }

    pub(super) fn selector(&self, kind: &Kind) -> Result<Selector, Status> {
        Selector::parse(kind, self.get("labelSelector"), self.get("fieldSelector"))
    }

    pub(super) fn list(&self, kind: &Kind) -> Result<ListOptions, Status> {
        let limit = self.get("limit");
        let limit = match limit {
            "" => 0,
            text => text.parse().map_err(|_| bad("limit", text))?,
        };
        if self.flag("sendInitialEvents").is_some() {
            return Err(Status::bad_request("sendInitialEvents is forbidden for list"));
        }
        Ok(ListOptions {
            selector: self.selector(kind)?,
            limit,
            resume: self.get("continue").to_owned(),
            resource_version: self.get("resourceVersion").to_owned(),
            matching: self.matching()?,
        })
    }

    pub(super) fn watch(&self, kind: &Kind) -> Result<WatchOptions, Status> {
        Ok(WatchOptions {
            selector: self.selector(kind)?,
            resource_version: self.get("resourceVersion").to_owned(),
            matching: self.matching()?,
            initial: self.flag("sendInitialEvents"),
            bookmarks: self.is_set("allowWatchBookmarks"),
        })
    }

    fn matching(&self) -> Result<Option<ListMatch>, Status> {
        match self.get("resourceVersionMatch") {
            "" => Ok(None),
            "Exact" => Ok(Some(ListMatch::Exact)),
            "NotOlderThan" => Ok(Some(ListMatch::NotOlderThan)),
            other => Err(bad("resourceVersionMatch", other)),
        }
    }

    /// Seconds after which a watch shall end.
    pub(super) fn timeout_s(&self) -> Option<u64> {
        self.get("timeoutSeconds").parse().ok().filter(|seconds| *seconds > 0)
    }

    pub(super) fn write(&self, user_agent: &str) -> Result<WriteOptions, Status> {
        let validation = match self.get("fieldValidation") {
            "" | "Warn" => Validation::Warn,
            "Ignore" => Validation::Ignore,
            "Strict" => Validation::Strict,
            other => return Err(bad("fieldValidation", other)),
        };
        let manager = match self.get("fieldManager") {
            "" => user_agent.split('/').next().unwrap_or_default(),
            manager => manager,
        };
        let printable = manager.chars().filter(|c| !c.is_control());
        Ok(WriteOptions {
            manager: printable.take(MANAGER_CHARS_MAX).collect(),
            dry_run: self.dry_run()?,
            validation,
            force: self.is_set("force"),
        })
    }

    pub(super) fn dry_run(&self) -> Result<bool, Status> {
        match self.get("dryRun") {
            "" => Ok(false),
            "All" => Ok(true),
            other => Err(bad("dryRun", other)),
        }
    }
}

fn bad(key: &str, value: &str) -> Status {
    Status::bad_request(format!("{key}: Invalid value: {value:?}"))
}

/// Percent-decodes; what is no valid escape stays as it is.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], byte) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (b'+', _) => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded() {
        let query = Query::parse("labelSelector=app%3Dweb%2Ctier+in+%28a%29&watch&x=%zz&watch=1");
        assert_eq!(query.get("labelSelector"), "app=web,tier in (a)");
        assert_eq!(query.get("x"), "%zz");
        assert_eq!(query.flag("watch"), Some(false));
        assert_eq!(query.flag("none"), None);
    }

    #[test]
    fn the_manager_is_the_program_that_asks() {
        let manager = |query: &str| Query::parse(query).write("kubectl/v1.36 (linux)").unwrap();
        assert_eq!(manager("").manager, "kubectl");
        assert_eq!(manager("fieldManager=me").manager, "me");
        assert!(Query::parse("dryRun=Some").write("").is_err());
    }
}
