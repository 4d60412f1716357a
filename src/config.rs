//! The settings of the controller: as typed (`ControllerArgs`) and as used (`Settings`).
//!
//! Flags and environment variables go in, one checked value comes out: nothing after
//! `ControllerArgs::settle` has to know a default, and a setting that can't work is refused before
//! anything starts.

pub mod duration;
mod replica;

use std::{
    fs,
    io::IsTerminal,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

pub use self::replica::Replica;

/// Where a pod finds the namespace it runs in.
const POD_NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Where Argo CD lives by default, so its applications are found without a flag.
const NAMESPACE_DEFAULT: &str = "argocd";

/// Port of the status API.
const PORT_DEFAULT: u16 = 8080;

/// Polling faster than this is a load on the Git server that no webhook-less setup needs.
const POLL_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Polling slower than this looks like a stuck controller.
const POLL_INTERVAL_MAX: Duration = Duration::from_hours(24);

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line per event, for people
    Text,
    /// One JSON object per event, for log collectors
    Json,
}

/// The flags of `steadfast controller`, as typed.
#[derive(Debug, Clone, Args)]
#[expect(clippy::doc_markdown, reason = "help texts are no markdown")]
pub struct ControllerArgs {
    /// Kubeconfig of the cluster that holds the Application resources
    ///
    /// Default: as kubectl finds it ($KUBECONFIG, ~/.kube/config); in a pod the service account.
    #[arg(long, value_name = "FILE", env = "STEADFAST_KUBECONFIG", hide_env_values = true)]
    pub kubeconfig: Option<PathBuf>,

    /// Namespace of the Application resources
    ///
    /// Default: the pod's namespace; outside of a pod "argocd".
    #[arg(long, value_name = "NS", env = "STEADFAST_NAMESPACE", hide_env_values = true)]
    pub namespace: Option<String>,

    /// Address of the status API, the webhook receiver and the metrics
    ///
    /// ":8080" means every IPv4 address of the machine; an IPv6 address stands in brackets.
    /// Default: 0.0.0.0:8080 in a pod, 127.0.0.1:8080 elsewhere.
    #[arg(long, value_name = "ADDR", env = "STEADFAST_LISTEN", hide_env_values = true, value_parser = listen_address)]
    pub listen: Option<SocketAddr>,

    /// Time between two looks at a Git repository, from 1s to 24h
    ///
    /// A webhook (/api/webhook) makes the look immediate; the poll then only catches lost events.
    #[arg(long, value_name = "DUR", env = "STEADFAST_POLL_INTERVAL", hide_env_values = true, default_value = "30s",
          value_parser = duration::parse)]
    pub poll_interval: Duration,

    /// Directory of the Git mirrors
    ///
    /// A cache: it may be lost at any time. Default: $XDG_CACHE_HOME/steadfast, or
    /// ~/.cache/steadfast, or steadfast in the temporary directory.
    #[arg(long, value_name = "DIR", env = "STEADFAST_DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,

    /// Let everybody on this machine use the status API without a token
    ///
    /// For trying things out. Only together with a loopback address to listen on.
    #[arg(long, env = "STEADFAST_INSECURE_LOCAL", hide_env_values = true)]
    pub insecure_local: bool,

    /// Create the namespace and create or update the custom resource definitions before starting
    ///
    /// For trying things out; "steadfast install --crds-only | kubectl apply -f -" needs no such
    /// permission in the cluster afterwards.
    #[arg(long, env = "STEADFAST_INSTALL_CRDS", hide_env_values = true)]
    pub install_crds: bool,

    /// Share the applications with the other replicas
    ///
    /// Each application is acted for by one of them at a time; when one ends, the others take its
    /// applications over. A replica is known by a Lease beside the Application resources, with a name
    /// from $POD_NAME or the machine's; the others reach its API at $POD_IP or the address that it
    /// listens on. Without this flag there must be one replica only.
    #[arg(long, env = "STEADFAST_LEADER_ELECT", hide_env_values = true)]
    pub leader_elect: bool,

    /// Form of the log on standard error
    ///
    /// Default: text on a terminal, json elsewhere.
    #[arg(
        long,
        value_name = "FORMAT",
        env = "STEADFAST_LOG_FORMAT",
        hide_env_values = true,
        value_enum
    )]
    pub log_format: Option<LogFormat>,

    /// error, warn, info, debug or trace; or a filter such as "info,steadfast::source=debug"
    #[arg(
        long,
        value_name = "LEVEL",
        env = "STEADFAST_LOG_LEVEL",
        hide_env_values = true,
        default_value = "info"
    )]
    pub log_level: String,
}

/// The settings of the controller, checked and complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Kubeconfig to use; `None` leaves it to kubectl's rules, then to the pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of the Application resources.
    pub namespace: String,
    /// Address of the status API.
    pub listen: SocketAddr,
    /// Time between two polls of a repository, before jitter.
    pub poll_interval: Duration,
    /// Directory of the Git mirrors, all of which may be lost.
    pub data_dir: PathBuf,
    /// Loopback callers of the status API need no token; `listen` is a loopback address then.
    pub insecure_local: bool,
    /// Whether to apply the custom resource definitions first.
    pub install_crds: bool,
    /// There when the applications are shared with other replicas.
    pub replica: Option<Replica>,
    /// How the log is written.
    pub log_format: LogFormat,
    /// A valid filter for `tracing_subscriber::EnvFilter`.
    pub log_filter: String,
}

/// What the process finds around it and the defaults depend on.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Namespace of the pod, when there is one.
    pub pod_namespace: Option<String>,
    /// The name and the address of the pod, or the name of the machine.
    pub replica: Replica,
    /// `$XDG_CACHE_HOME`, or `~/.cache`.
    pub cache_dir: Option<PathBuf>,
    /// Directory for temporary files.
    pub temporary_dir: PathBuf,
    /// Whether standard error is a terminal.
    pub terminal: bool,
}

impl Surroundings {
    /// Looks around.
    pub fn observe() -> Self {
        let path_of = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let cache_dir = path_of("XDG_CACHE_HOME")
            // The specification says that relative paths are to be ignored.
            .filter(|dir| dir.is_absolute())
            .or_else(|| Some(path_of("HOME")?.join(".cache")));
        let pod_namespace = fs::read_to_string(POD_NAMESPACE_FILE)
            .ok()
            .map(|text| text.trim().to_owned())
            .filter(|namespace| !namespace.is_empty());
        Self {
            pod_namespace,
            replica: Replica::observe(),
            cache_dir,
            temporary_dir: std::env::temp_dir(),
            terminal: std::io::stderr().is_terminal(),
        }
    }
}

/// Why settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A poll interval out of its range.
    #[error("--poll-interval {}: write a time from 1s to 24h", duration::text(*.given))]
    PollInterval {
        /// As typed.
        given: Duration,
    },
    /// Anybody in the network would be let in.
    #[error(
        "--insecure-local with --listen {listen}: without tokens the address must be a loopback \
         one, such as 127.0.0.1:{}", listen.port()
    )]
    InsecureListen {
        /// The address, as typed or by default.
        listen: SocketAddr,
    },
    /// A namespace that Kubernetes can't have.
    #[error("--namespace {given:?}: not the name of a namespace (lower-case letters, digits, -)")]
    Namespace {
        /// As typed.
        given: String,
    },
    /// A log filter that can't be read.
    #[error("--log-level {given:?}: neither a level nor a filter")]
    LogLevel {
        /// As typed.
        given: String,
        /// What is wrong with it.
        #[source]
        cause: tracing_subscriber::filter::ParseError,
    },
}

impl ControllerArgs {
    /// Fills in what was not typed and refuses what can't work.
    pub fn settle(self, around: &Surroundings) -> Result<Settings, ConfigError> {
        let Self {
            kubeconfig,
            namespace,
            listen,
            poll_interval,
            data_dir,
            insecure_local,
            install_crds,
            leader_elect,
            log_format,
            log_level,
        } = self;

        if !(POLL_INTERVAL_MIN..=POLL_INTERVAL_MAX).contains(&poll_interval) {
            return Err(ConfigError::PollInterval { given: poll_interval });
        }
        let namespace = namespace
            .or_else(|| around.pod_namespace.clone())
            .unwrap_or_else(|| NAMESPACE_DEFAULT.to_owned());
        if !is_namespace(&namespace) {
            return Err(ConfigError::Namespace { given: namespace });
        }
        // In a pod the kubelet's probes and the Service must get through; on somebody's machine
        // nobody else should.
        let exposed = around.pod_namespace.is_some() && !insecure_local;
        let listen = listen.unwrap_or_else(|| {
            let ip = if exposed { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
            SocketAddr::new(IpAddr::V4(ip), PORT_DEFAULT)
        });
        if insecure_local && !listen.ip().is_loopback() {
            return Err(ConfigError::InsecureListen { listen });
        }
        let data_dir = data_dir.unwrap_or_else(|| {
            around.cache_dir.as_ref().unwrap_or(&around.temporary_dir).join("steadfast")
        });
        let log_filter = log_filter(&log_level);
        if let Err(cause) = EnvFilter::try_new(&log_filter) {
            return Err(ConfigError::LogLevel { given: log_level, cause });
        }
        let log_format =
            log_format.unwrap_or(if around.terminal { LogFormat::Text } else { LogFormat::Json });

        Ok(Settings {
            kubeconfig,
            namespace,
            listen,
            poll_interval,
            data_dir,
            insecure_local,
            install_crds,
            replica: leader_elect.then(|| around.replica.clone()),
            log_format,
            log_filter,
        })
    }
}

/// A level alone is meant for Steadfast: at debug, the libraries would drown it.
fn log_filter(level: &str) -> String {
    let known = ["error", "warn", "info", "debug", "trace"];
    match known.iter().find(|known| known.eq_ignore_ascii_case(level)) {
        Some(&"error") => "error".to_owned(),
        Some(level) => format!("warn,steadfast={level}"),
        None => level.to_owned(),
    }
}

/// The rule for a DNS label, RFC 1123.
fn is_namespace(name: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn listen_address(text: &str) -> Result<SocketAddr, &'static str> {
    let whole = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    whole.parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:8080 or :8080")
}

#[cfg(test)]
mod tests;
