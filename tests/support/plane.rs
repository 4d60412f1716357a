//! A control plane on loopback. A real one: etcd, API server, controller manager, scheduler, and
//! kwok, which plays three nodes and their pods. Or the embedded one, with the same ways into it.
//!
//! Which of the two is decided by the test binary, see [`is_embedded`].
//!
//! Everything here blocks and may be called from synchronous and asynchronous tests alike, except
//! the functions that are `async`.

mod access;
mod components;
mod embedded;
mod hands;
mod namespace;

use std::{
    collections::BTreeMap,
    fs,
    panic::Location,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Once, OnceLock},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    authority::{self, Authority, Identity},
    process::{self, Process},
    testbed::TestBed,
};
pub use components::Component;
use embedded::Embedded;
pub use namespace::Namespace;

/// What a control plane of its own is like.
#[derive(Debug, Clone)]
pub struct PlaneOptions {
    /// Whether controller manager, scheduler and kwok run. Without them objects are only stored.
    pub workloads: bool,
    /// How many nodes kwok plays.
    pub nodes: u32,
    /// Whether the API server writes an audit log.
    pub audit: bool,
    /// Further arguments of the API server, which the embedded one does not have.
    pub api_server_args: Vec<String>,
    /// Whether it is the embedded one.
    pub embedded: bool,
}

impl Default for PlaneOptions {
    fn default() -> Self {
        let api_server_args = Vec::new();
        Self { workloads: true, nodes: 3, audit: true, api_server_args, embedded: is_embedded() }
    }
}

/// Whether the control planes of this test binary are embedded ones, where nobody says anything
/// else. The scenarios don't ask.
pub fn is_embedded() -> bool {
    env!("CARGO_CRATE_NAME") == "embedded_cluster"
}

/// A running control plane. Dropping it, or the end of the test process, ends all of it.
pub struct ControlPlane {
    options: PlaneOptions,
    /// What answers in place of all programs.
    embedded: Option<Embedded>,
    programs: BTreeMap<Component, PathBuf>,
    kubectl: Option<PathBuf>,
    /// Everything that it writes, but for the logs.
    dir: PathBuf,
    logs: PathBuf,
    authority: Authority,
    admin_token: String,
    ports: Ports,
    running: Mutex<BTreeMap<Component, Process>>,
}

impl ControlPlane {
    /// The control plane that the tests of this binary share; the first call starts it.
    ///
    /// `None` if the test bed can't be had: the test returns, and one line per file says so.
    #[track_caller]
    pub fn shared() -> Option<Arc<Self>> {
        static SHARED: OnceLock<Arc<ControlPlane>> = OnceLock::new();
        // Asked for on every call, so that each group says that it is skipped.
        let options = PlaneOptions::default();
        Self::find_programs(&group(Location::caller()), &options)?;
        let start = || Arc::new(Self::start("shared", options).expect("found"));
        Some(Arc::clone(SHARED.get_or_init(start)))
    }

    /// A control plane for one test, which may stop, kill and break what it likes.
    ///
    /// `None` as for [`Self::shared`].
    #[track_caller]
    pub fn own(options: PlaneOptions) -> Option<Self> {
        Self::find_programs(&group(Location::caller()), &options)?;
        Self::start("own", options)
    }

    /// True when the test bed has kubectl, which only a real control plane implies.
    #[track_caller]
    pub fn has_kubectl(&self) -> bool {
        self.kubectl.is_some()
            || TestBed::get().programs(&group(Location::caller()), ["kubectl"]).is_some()
    }

    fn find_programs(
        group: &str,
        options: &PlaneOptions,
    ) -> Option<(BTreeMap<Component, PathBuf>, Option<PathBuf>)> {
        if options.embedded {
            return Some((BTreeMap::new(), None));
        }
        let bed = TestBed::get();
        let mut programs = BTreeMap::new();
        for component in Component::ALL {
            if component.is_needed(options.workloads) {
                let [path] = bed.programs(group, [component.program()])?;
                programs.insert(component, path.to_owned());
            }
        }
        let [kubectl] = bed.programs(group, ["kubectl"])?;
        Some((programs, Some(kubectl.to_owned())))
    }

    fn start(name: &str, options: PlaneOptions) -> Option<Self> {
        let (programs, kubectl) = Self::find_programs(name, &options)?;
        // Another crate may have installed the same provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = process::scratch_dir(name);
        let logs = logs_dir().join(dir.file_name().expect("it has a name"));
        fs::create_dir_all(&logs).expect("the build directory is writable");
        let ports = Ports::find();
        let embedded = options.embedded.then(|| Embedded::new(&options, ports.api_server));
        let plane = Self {
            admin_token: embedded
                .as_ref()
                .map_or_else(access::random_token, |embedded| embedded.token("admin")),
            options,
            embedded,
            programs,
            kubectl,
            authority: Authority::generate(),
            ports,
            running: Mutex::default(),
            dir,
            logs,
        };
        // The plane is complete before anything is started: a panic from here on drops it.
        plane.write_kubeconfigs();
        if plane.embedded.is_none() {
            plane.write_files();
            plane.start_component(Component::Etcd);
        }
        plane.start_api_server();
        plane.grant_viewer();
        if plane.embedded.is_none() && plane.options.workloads {
            for component in [Component::ControllerManager, Component::Scheduler, Component::Kwok] {
                plane.start_component(component);
            }
            plane.create_storage_class();
            plane.create_nodes();
        }
        Some(plane)
    }

    fn write_files(&self) {
        let Identity { certificate, key } = self.authority.identity("kube-apiserver");
        let (signing_key, signing_key_public) = authority::signing_keys();
        let tokens = [
            &format!("{},admin,admin,\"system:masters\"", self.admin_token),
            "viewer-token,viewer,viewer,\"viewers\"",
            "nobody-token,nobody,nobody\n",
        ];
        let tokens = tokens.join("\n");
        let audit_policy = json!({
            "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
            "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}],
        });
        let audit_policy = audit_policy.to_string();
        for (name, text) in [
            ("ca.crt", self.authority.pem().as_str()),
            ("tls.crt", &certificate),
            ("tls.key", &key),
            ("sa.key", &signing_key),
            ("sa.pub", &signing_key_public),
            ("tokens.csv", &tokens),
            ("audit-policy.yaml", &audit_policy),
        ] {
            fs::write(self.dir.join(name), text).expect("the directory of the run is writable");
        }
    }

    fn write_kubeconfigs(&self) {
        for user in ["admin", "viewer", "nobody"] {
            let token = match &self.embedded {
                Some(embedded) => embedded.token(user),
                None if user == "admin" => self.admin_token.clone(),
                None => format!("{user}-token"),
            };
            self.write_kubeconfig(user, &self.url(), &token);
        }
    }

    /// The URL of the API server. It stays the same when the server is started again.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.api_server)
    }

    /// The certificate of the authority that signed the API server's, PEM.
    pub fn ca_pem(&self) -> String {
        self.embedded.as_ref().map_or_else(|| self.authority.pem(), Embedded::ca_pem)
    }

    /// An authority for servers that clients with a kubeconfig of this plane trust as well. A real
    /// API server has its certificate from it, too.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The bearer token of the user `admin`, in group `system:masters`.
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// The directory with the logs of all components; it is still there after the run.
    pub fn logs_path(&self) -> &Path {
        &self.logs
    }

    /// The directory of everything else; removed with the plane.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether Deployments, Jobs and the like progress here.
    pub fn runs_workloads(&self) -> bool {
        self.options.workloads
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // The data is not needed any more, so nothing is asked to end in good order.
        for component in Component::ALL.into_iter().rev() {
            self.kill(component);
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

struct Ports {
    api_server: u16,
    etcd_client: u16,
    etcd_peer: u16,
}

impl Ports {
    fn find() -> Self {
        let [api_server, etcd_client, etcd_peer] = free_ports();
        Self { api_server, etcd_client, etcd_peer }
    }
}

/// Ports of loopback that nobody listens on.
///
/// They lie below those that systems give to outgoing connections, so that a port stays free while
/// its server is stopped, and each process starts to look at a place of its own.
pub fn free_ports<const N: usize>() -> [u16; N] {
    static NEXT: Mutex<u32> = Mutex::new(0);
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 18_000;
    let mut next = process::lock(&NEXT);
    if *next == 0 {
        *next = std::process::id().wrapping_mul(97) % COUNT + COUNT;
    }
    std::array::from_fn(|_| {
        loop {
            *next += 1;
            let port = u16::try_from(FIRST + *next % COUNT).expect("it is below 30,000");
            if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    })
}

/// The group of tests that a call belongs to: the name of its file, `cluster/bed`.
fn group(place: &Location<'_>) -> String {
    let file = Path::new(place.file()).with_extension("");
    let parts: Vec<_> = file.iter().map(|part| part.to_string_lossy()).collect();
    let from = parts.iter().rposition(|part| part == "tests").map_or(0, |index| index + 1);
    parts[from..].join("/")
}

/// The directory of this process's logs, in the build directory; of the directories of earlier runs
/// those are removed that are older than an hour. From the first call on, every panic names it.
fn logs_dir() -> PathBuf {
    static ONCE: Once = Once::new();
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("testbed-logs");
    let dir = base.join(std::process::id().to_string());
    ONCE.call_once(|| {
        for entry in fs::read_dir(&base).into_iter().flatten().flatten() {
            let age = entry.metadata().and_then(|data| data.modified()).ok();
            let age = age.and_then(|modified| modified.elapsed().ok());
            if age.is_some_and(|age| age > Duration::from_hours(1)) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let _ = fs::remove_dir_all(&dir);
        let hook = std::panic::take_hook();
        let place = dir.clone();
        std::panic::set_hook(Box::new(move |panic| {
            hook(panic);
            eprintln!("logs of the control planes: {}", place.display());
        }));
    });
    dir
}

/// Runs `work` where blocking is allowed, also when the caller is an asynchronous task.
fn off_runtime<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| match scope.spawn(work).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Looks every 20 ms until `done` or until `limit` has passed; says which it was.
fn poll(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < limit {
        if done() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}
