//! The version of the API server, and with it whether the server answers at all.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{Instant, timeout_at};

use super::{Cluster, ClusterError, call::unreachable};

/// What the server last said, empty before it said something.
#[derive(Debug, Default)]
pub(super) struct Version(Mutex<Arc<str>>);

impl Cluster {
    /// The version as last read: `v1.34.1`.
    pub fn version(&self) -> Arc<str> {
        Arc::clone(&self.inner.version.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the server for its version. Any answer, even a refusal, shows that it is there. Takes
    /// no slot and does not wait for the common pace: it is asked when nothing else gets through.
    pub async fn ask_version(&self, deadline: Instant) -> Result<(), ClusterError> {
        let what = "could not ask for the version of the API server";
        let asked = Instant::now();
        let answer = timeout_at(deadline, self.inner.client.apiserver_version()).await;
        match answer {
            Err(_) => {
                let limit_s = deadline.duration_since(asked).as_secs();
                Err(ClusterError::Silent { what: what.to_owned(), limit_s })
            }
            Ok(Err(kube::Error::Api(status))) => {
                Err(ClusterError::Refused { what: what.to_owned(), status })
            }
            Ok(Err(cause)) => Err(unreachable(what, cause, self.url())),
            Ok(Ok(info)) => {
                let version = &self.inner.version.0;
                *version.lock().unwrap_or_else(PoisonError::into_inner) = info.git_version.into();
                Ok(())
            }
        }
    }
}
