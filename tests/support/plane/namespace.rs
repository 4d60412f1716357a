//! A namespace for one test.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use serde_json::json;

use super::ControlPlane;

/// A namespace with a name of its own. When dropped, its deletion is asked for and not waited for.
#[derive(Clone)]
pub struct Namespace(Arc<Guard>);

struct Guard {
    name: String,
    plane: Arc<ControlPlane>,
}

impl ControlPlane {
    /// Makes a namespace named `prefix` and a number, in which pods can run.
    #[allow(clippy::unused_async, reason = "tests need not know that it blocks")]
    pub async fn namespace(self: &Arc<Self>, prefix: &str) -> Namespace {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let namespace =
            json!({"metadata": {"name": name, "labels": {"test.steadfast.dev/of": prefix}}});
        self.must_request("POST", "/api/v1/namespaces", Some(&namespace));
        if self.runs_workloads() {
            self.await_default_account(&name);
        }
        Namespace(Arc::new(Guard { name, plane: Arc::clone(self) }))
    }
}

impl Namespace {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The control plane that it is in.
    pub fn plane(&self) -> &Arc<ControlPlane> {
        &self.0.plane
    }

    /// `kubectl -n NAME ARGS`; panics with its standard error if it fails.
    #[track_caller]
    pub fn kubectl(&self, args: &[&str], stdin: Option<&str>) -> String {
        self.0.plane.kubectl(&[&["-n", self.name()], args].concat(), stdin)
    }
}

impl std::fmt::Display for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The server may be gone by now, which is as good as deleted.
        let _ = self.plane.request("DELETE", &format!("/api/v1/namespaces/{}", self.name), None);
    }
}
