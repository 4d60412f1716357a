//! `steadfast controller`: sets up the log and the signals, then runs the loop.

use std::path::Path;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use super::{
    Answer,
    error::{CommandError, Kind},
    output::Ui,
    runtime_of_threads,
};
use crate::{
    cluster::{Cluster, ClusterError},
    config::{ControllerArgs, LogFormat, Settings, Surroundings},
};

/// Runs the controller until a signal asks it to stop.
pub(super) fn run(args: ControllerArgs, ui: &Ui) -> Result<Answer, CommandError> {
    let settings = args.settle(&Surroundings::observe())?;
    start_log(&settings, ui.colours_errors(), std::io::stderr);
    runtime_of_threads("controller")?.block_on(async {
        let signals = Signals::listen().map_err(CommandError::internal)?;
        let stop = CancellationToken::new();
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            namespace = settings.namespace,
            listen = %settings.listen,
            poll_interval = ?settings.poll_interval,
            data_dir = %settings.data_dir.display(),
            "steadfast controller starts"
        );
        tokio::select! {
            ended = serve(settings, stop.clone()) => ended,
            never = signals.obey(stop) => match never {},
        }
    })?;
    tracing::info!("steadfast controller has stopped");
    Ok(Answer::Yes)
}

/// The loop; ends soon after `stop` is cancelled.
async fn serve(settings: Settings, stop: CancellationToken) -> Result<(), CommandError> {
    let kubeconfig = settings.kubeconfig.clone();
    crate::sync::run(settings, stop).await.map_err(|error| explained(error, kubeconfig.as_deref()))
}

/// What ended the controller, with who has to do something about it: found out by the errors that
/// say it.
pub(super) fn explained(error: anyhow::Error, kubeconfig: Option<&Path>) -> CommandError {
    for cause in error.chain() {
        if let Some(cause) = cause.downcast_ref::<ClusterError>() {
            let turn = cause.turn();
            // These two say already what was used and what to do.
            if let ClusterError::NoConfig(_) | ClusterError::Kubeconfig { .. } = cause {
                return CommandError::new(turn.into(), error);
            }
            let origin = Cluster::origin(kubeconfig);
            let check = match kubeconfig {
                Some(path) => format!("kubectl --kubeconfig {} version", path.display()),
                None => "kubectl version".to_owned(),
            };
            return CommandError::new(turn.into(), error)
                .hint(format!("the connection was tried with {origin}"))
                .hint(format!("see whether \"{check}\" gets an answer"));
        }
        // An address that is taken, a directory that can't be written.
        if cause.is::<std::io::Error>() {
            return CommandError::new(Kind::Config, error);
        }
    }
    CommandError::internal(error)
}

/// Starts the log. That of the controller goes to standard error, so that standard output stays
/// free for what verbs print.
pub(super) fn start_log(
    settings: &Settings,
    colours: bool,
    writer: impl for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
) {
    let filter = EnvFilter::new(&settings.log_filter);
    let layer = fmt::layer().with_writer(writer);
    let registry = tracing_subscriber::registry().with(filter);
    match settings.log_format {
        LogFormat::Text => registry.with(layer.with_target(false).with_ansi(colours)).init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).init(),
    }
}

/// The signals that ask a process to end.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Option<Signal>,
}

impl Signals {
    /// Takes two signals over; from here on they don't end the process by themselves.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let take = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
            hang_up: None,
        })
    }

    /// Takes also over what a terminal sends that is closed. Not for a process that writes elsewhere:
    /// `nohup` may have told it to go on.
    pub(super) fn with_hang_up(self) -> anyhow::Result<Self> {
        let hang_up = signal(SignalKind::hangup()).context("cannot listen for signals")?;
        Ok(Self { hang_up: Some(hang_up), ..self })
    }

    /// Asks for a graceful stop at the first signal; ends the process at the second, whatever is
    /// still going on: every write is safe to be cut.
    pub(super) async fn obey(mut self, stop: CancellationToken) -> std::convert::Infallible {
        let first = self.next().await;
        tracing::info!(signal = first.0, "stopping; a second signal ends the process at once");
        stop.cancel();
        let second = self.next().await;
        tracing::warn!(signal = second.0, "stopped by a second signal");
        std::process::exit(128 + second.1)
    }

    /// Name and number of the next signal.
    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", SignalKind::terminate().as_raw_value()),
            _ = self.interrupt.recv() => ("SIGINT", SignalKind::interrupt().as_raw_value()),
            () = received(self.hang_up.as_mut()) => ("SIGHUP", SignalKind::hangup().as_raw_value()),
        }
    }
}

async fn received(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
