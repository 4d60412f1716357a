//! A control plane that is the embedded server, on threads of the test process.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use steadfast::embedded::{Observer, Options, Pace, Rights, Seen, Server, User, control};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{PlaneOptions, off_runtime};
use crate::support::{audit::AuditEvent, process::lock};

/// How long its tasks may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How long a pod takes to start. Those of the test bed are as quick.
const POD_START: Duration = Duration::from_millis(100);

/// The embedded server, whether it serves just now or not. Its objects outlive a stop.
pub(super) struct Embedded {
    server: Server,
    workloads: bool,
    seen: Arc<Mutex<Vec<AuditEvent>>>,
    running: Mutex<Option<Running>>,
}

/// What serves and controls.
struct Running {
    runtime: Runtime,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Embedded {
    /// A server that does not serve yet and will listen on `port`.
    pub(super) fn new(options: &PlaneOptions, port: u16) -> Self {
        let seen = Arc::<Mutex<Vec<AuditEvent>>>::default();
        let log = Arc::clone(&seen);
        let observer: Observer = Arc::new(move |seen: &Seen| lock(&log).push(event(seen)));
        let server = Server::new(Options {
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            pod_start: POD_START,
            users: users(),
            observer: options.audit.then_some(observer),
            ..Options::default()
        });
        Self {
            server: server.expect("certificates can be made"),
            workloads: options.workloads,
            seen,
            running: Mutex::default(),
        }
    }

    /// Listens, and lets the controllers run. Those who connect from now on are answered.
    pub(super) fn start(&self) {
        let mut running = lock(&self.running);
        assert!(running.is_none(), "the API server runs already");
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("threads for the embedded server");
        let stop = CancellationToken::new();
        let listener = off_runtime(|| runtime.block_on(self.server.listen()));
        let listener = listener.expect("the port is free");
        let (server, until) = (self.server.clone(), stop.clone());
        let serving = runtime.spawn(async move {
            server.serve(listener, until).await.expect("certificates can be made");
        });
        if self.workloads {
            runtime.spawn(control(self.server.clone(), Pace::default(), stop.clone()));
        }
        *running = Some(Running { runtime, stop, serving });
    }

    /// Ends in good order: requests under way are answered.
    pub(super) fn stop(&self) {
        if let Some(Running { runtime, stop, serving }) = lock(&self.running).take() {
            stop.cancel();
            off_runtime(move || {
                let _ = runtime.block_on(serving);
                runtime.shutdown_timeout(STOP_LIMIT);
            });
        }
    }

    /// Cuts all connections in the middle of whatever they carry.
    pub(super) fn kill(&self) {
        if let Some(Running { runtime, .. }) = lock(&self.running).take() {
            off_runtime(move || runtime.shutdown_timeout(STOP_LIMIT));
        }
    }

    pub(super) fn ca_pem(&self) -> String {
        self.server.ca_pem()
    }

    pub(super) fn token(&self, user: &str) -> String {
        self.server.token(user).expect("it is one of the users").to_owned()
    }

    /// How many requests were answered until now.
    pub(super) fn seen_count(&self) -> usize {
        lock(&self.seen).len()
    }

    /// The requests that were answered after the first `count`.
    pub(super) fn seen_since(&self, count: usize) -> Vec<AuditEvent> {
        lock(&self.seen)[count..].to_vec()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The same users as those of a real API server's token file.
fn users() -> Vec<User> {
    let user = |name: &str, groups: &[&str], rights| User {
        name: name.to_owned(),
        uid: name.to_owned(),
        extra: std::collections::BTreeMap::new(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        rights,
    };
    vec![
        user("admin", &["system:masters"], Rights::All),
        user("viewer", &["viewers"], Rights::Granted),
        user("nobody", &[], Rights::Granted),
    ]
}

/// A request as the audit log of a real API server tells it.
fn event(seen: &Seen) -> AuditEvent {
    let uri = match seen.query.as_str() {
        "" => seen.path.clone(),
        query => format!("{}?{query}", seen.path),
    };
    let stage = if seen.verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
    AuditEvent {
        verb: seen.verb.clone(),
        user: seen.user.clone(),
        user_agent: seen.user_agent.clone(),
        uri,
        group: seen.group.clone(),
        resource: seen.resource.clone(),
        subresource: seen.subresource.clone(),
        namespace: seen.namespace.clone(),
        name: seen.name.clone(),
        code: seen.code,
        stage: stage.to_owned(),
        received: seen.arrived.to_string(),
    }
}
