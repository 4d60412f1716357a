//! `steadfast demo`: a cluster, a repository and the controller in one process.

mod frame;
mod guide;
mod place;
mod show;
mod workload;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Answer,
    app::view::list,
    controller::{self, Signals, start_log},
    error::{CommandError, Kind},
    output::Ui,
    runtime_of_threads,
};
use crate::{
    config::{LogFormat, Settings, duration},
    embedded::{self, Pace, Server},
    object::ObjectId,
    sync::tasks::Tasks,
};
use place::Place;

/// Namespace of the Applications.
const NAMESPACE: &str = "argocd";
/// The user of the kubeconfig.
const USER: &str = "admin";
/// Where the status API listens, unless somebody names another address or has taken it.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// The longest that pods may take to start: with more, a rollout looks as if it stood still.
const POD_START_MAX: Duration = Duration::from_mins(1);
/// The repository is on this machine: looking often costs nothing, and people want to see.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Time for the controller to install its resource definitions.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// What the log of a demo holds.
const LOG_FILTER: &str = "info";

/// Try everything out in one process: no cluster, no Git server
///
/// Starts a small Kubernetes-compatible API server in memory, makes a Git repository with two sample
/// applications, runs the controller on both, and shows what happens. kubectl works with it. Ctrl-C
/// ends it.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Address of the status API, a loopback one; port 0 takes a free one
    ///
    /// Default: 127.0.0.1:8080, or a free port when that one is taken.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,

    /// Directory of the repository and the kubeconfig; it stays when the demo ends
    ///
    /// Default: a new one in the temporary directory, removed at the end. The directory of an
    /// earlier demo is used again, with all commits in it.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Keep the directory also when it is a temporary one
    #[arg(long)]
    keep: bool,

    /// Time that a pod takes to start, up to 1m: a rollout goes as fast as that
    #[arg(long, value_name = "DUR", default_value = "2s", value_parser = pod_start)]
    pod_start: Duration,
}

fn pod_start(text: &str) -> Result<Duration, String> {
    let time = duration::parse(text).map_err(|why| why.to_string())?;
    if time > POD_START_MAX {
        return Err(format!("at most {}", duration::text(POD_START_MAX)));
    }
    Ok(time)
}

/// Runs the demo until a signal asks it to stop.
pub(super) fn run(args: &DemoArgs, ui: &mut Ui) -> Result<Answer, CommandError> {
    if let Some(listen) = args.listen.filter(|listen| !listen.ip().is_loopback()) {
        let message = format!("--listen {listen}: not a loopback address");
        return Err(CommandError::user(message)
            .hint("the demo lets everybody in; name an address such as 127.0.0.1:8080"));
    }
    let runtime = runtime_of_threads("demo")?;
    // A directory is made only where it can be used and, whatever signal comes, left in order.
    let (signals, listener) = runtime.block_on(get_ready(args.listen, ui.terminal))?;
    let place = Place::prepare(args.dir.as_deref(), args.keep, now_s())?;
    let played = runtime.block_on(play(args, signals, listener, &place, ui));
    // Nothing writes into the directory any longer.
    drop(runtime);
    let left = place.leave();
    played?;
    if let Some(dir) = left? {
        ui.line(&format!("The demo has ended; its directory stays: {}", dir.display()))?;
    }
    Ok(Answer::Yes)
}

#[expect(clippy::disallowed_methods, reason = "the date of the first commit")]
fn now_s() -> i64 {
    Timestamp::now().as_second()
}

async fn get_ready(
    listen: Option<SocketAddr>,
    terminal: bool,
) -> Result<(Signals, TcpListener), CommandError> {
    let signals = Signals::listen();
    let signals = if terminal { signals.and_then(Signals::with_hang_up) } else { signals };
    let signals = signals.map_err(CommandError::internal)?;
    let address = listen.unwrap_or(LISTEN);
    let bound = match TcpListener::bind(address).await {
        // Whoever named no port is served by any.
        Err(cause) if listen.is_none() && cause.kind() == io::ErrorKind::AddrInUse => {
            TcpListener::bind(SocketAddr::new(address.ip(), 0)).await
        }
        bound => bound,
    };
    let listener = bound.map_err(|cause| {
        let why = anyhow::Error::new(cause).context(format!("cannot listen on {address}"));
        CommandError::new(Kind::Config, why).hint("--listen 127.0.0.1:0 takes a free port")
    })?;
    Ok((signals, listener))
}

async fn play(
    args: &DemoArgs,
    signals: Signals,
    listener: TcpListener,
    place: &Place,
    ui: &mut Ui,
) -> Result<(), CommandError> {
    let address = listener.local_addr().map_err(CommandError::internal)?;
    let tasks = Tasks::new(CancellationToken::new());
    let taken = (args.listen.is_none() && address != LISTEN).then_some(LISTEN);
    let server = start_server(&tasks, place, args.pod_start).await?;
    let settings = settings(address, place);
    start_log(&settings, false, Mutex::new(place.log_writer()?));
    let controller = crate::sync::run_on(listener, settings, tasks.stop.clone());
    let shown = async {
        create_applications(&server, &place.repository()).await?;
        show::introduce(place, address, taken, ui)?;
        show::follow(&server, place, ui).await
    };
    let ended = tokio::select! {
        ended = controller => match ended {
            // While everything ends, somebody misses somebody else.
            Err(_) if tasks.stop.is_cancelled() => Ok(()),
            ended => ended.map_err(|error| controller::explained(error, Some(&place.kubeconfig()))),
        },
        shown = shown => shown,
        never = signals.obey(tasks.stop.clone()) => match never {},
    };
    tasks.shut_down().await;
    match tasks.verdict() {
        Some(death) => Err(CommandError::internal(anyhow::Error::msg(death))),
        None => ended,
    }
}

/// Starts the API server with its controllers on a free port and writes the kubeconfig.
async fn start_server(
    tasks: &Tasks,
    place: &Place,
    pod_start: Duration,
) -> Result<Server, CommandError> {
    let options = embedded::Options { pod_start, ..embedded::Options::default() };
    let server = Server::new(options).map_err(CommandError::internal)?;
    let listener = server.listen().await.map_err(|cause| CommandError::new(Kind::Config, cause))?;
    place.write_kubeconfig(&server.kubeconfig(USER))?;
    let serving = server.clone().serve(listener, tasks.stop.clone());
    tasks.spawn("API server", async move {
        if let Err(cause) = serving.await {
            tracing::error!(%cause, "the API server ended");
        }
    });
    let controllers = embedded::control(server.clone(), Pace::default(), tasks.stop.clone());
    tasks.spawn("controllers of the cluster", controllers);
    Ok(server)
}

fn settings(listen: SocketAddr, place: &Place) -> Settings {
    Settings {
        kubeconfig: Some(place.kubeconfig()),
        namespace: NAMESPACE.to_owned(),
        listen,
        poll_interval: POLL_INTERVAL,
        data_dir: place.cache(),
        insecure_local: true,
        install_crds: true,
        replica: None,
        log_format: LogFormat::Text,
        log_filter: LOG_FILTER.to_owned(),
    }
}

/// Creates the Applications of the examples that are not there, as soon as their kind is served.
async fn create_applications(server: &Server, repository: &Path) -> Result<(), CommandError> {
    let mut changes = server.changes();
    let kind = ObjectId::new(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "",
        "applications.argoproj.io",
    );
    let home = ObjectId::new("", "Namespace", "", NAMESPACE);
    let ready = async {
        let established = |definition: &Value| {
            list(definition, "/status/conditions").iter().any(|condition| {
                condition["type"] == "Established" && condition["status"] == "True"
            })
        };
        while !server.get(&kind).as_ref().is_some_and(established) || server.get(&home).is_none() {
            changes.next().await;
        }
    };
    timeout(READY_LIMIT, ready).await.map_err(|_| {
        let why = "the controller has not installed its resource definitions";
        CommandError::internal(anyhow::Error::msg(why))
    })?;
    for application in place::applications(repository) {
        match server.create("demo", application) {
            Err(refusal) if refusal.code != 409 => {
                return Err(CommandError::internal(anyhow::Error::msg(refusal.to_string())));
            }
            // One from the directory of an earlier demo has nothing else to say.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pods_start_as_fast_as_the_flag_says() {
        let time = pod_start("7s").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let place = Place::prepare(Some(dir.path()), false, 0).unwrap();
        let tasks = Tasks::new(CancellationToken::new());
        let server = start_server(&tasks, &place, time).await.unwrap();
        assert_eq!(server.options().pod_start, Duration::from_secs(7));
        tasks.shut_down().await;
        assert!(pod_start("61s").is_err() && pod_start("soon").is_err());
    }
}
