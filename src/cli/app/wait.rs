//! `steadfast app wait`.

use std::time::Duration;

use clap::Args;

use super::{
    Answer, Client, CommandError, Ui,
    follow::Follow,
    progress::{Ending, Judgement, Progress, deadline, follow},
    summary,
    view::{View, or},
};
use crate::{cli::output::paint::escape, config::duration};

/// Wait until an application is synced, healthy, or done with its operation
///
/// Several conditions must hold at the same time. Without any: --sync --health --operation.
///
/// Exit code 0: they hold. 1: they did not in time, or the operation waited for failed.
#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    /// Name of the application
    #[arg(value_name = "APP")]
    name: String,

    #[command(flatten)]
    conditions: Conditions,

    /// Time to wait at most, such as 90s or 10m; 0 is for ever
    #[arg(long, value_name = "DUR", default_value = "10m")]
    #[arg(value_parser = duration::parse)]
    timeout: Duration,
}

/// What to wait for.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a flag of its own")]
struct Conditions {
    /// Until it is as Git says
    #[arg(long)]
    sync: bool,

    /// Until it is healthy
    #[arg(long)]
    health: bool,

    /// Or suspended (with --health: healthy or suspended)
    #[arg(long)]
    suspended: bool,

    /// Or degraded (with --health: healthy or degraded)
    #[arg(long)]
    degraded: bool,

    /// Until no operation runs; at once when the last one failed
    #[arg(long)]
    operation: bool,
}

impl Conditions {
    /// As given, or the three that people mean.
    fn or_all(self) -> Self {
        if self.sync || self.health || self.suspended || self.degraded || self.operation {
            return self;
        }
        Self { sync: true, health: true, operation: true, ..self }
    }

    /// Whether the wait is over, and whether well.
    fn judge(&self, app: View<'_>) -> Judgement<bool> {
        let mut open = Vec::new();
        if self.operation && app.is_operating() {
            let state = app.operation().map_or("", |o| or(o.message(), o.phase()));
            open.push(format!("operation ({})", or(state, "not taken up yet")));
        } else if self.operation && app.operation().is_some_and(|o| !o.succeeded()) {
            return Judgement::Done(false);
        }
        if self.sync && app.sync() != "Synced" {
            open.push(format!("sync ({})", app.sync()));
        }
        let health =
            [(self.health, "Healthy"), (self.suspended, "Suspended"), (self.degraded, "Degraded")];
        let wanted: Vec<&str> =
            health.iter().filter(|(asked, _)| *asked).map(|(_, status)| *status).collect();
        if !wanted.is_empty() && !wanted.contains(&app.health()) {
            let why = or(app.health_message(), "no reason known");
            open.push(format!("health ({}: {why})", app.health()));
        }
        if open.is_empty() { Judgement::Done(true) } else { Judgement::Wait(open.join(", ")) }
    }
}

/// Waits.
pub(super) async fn run(
    args: WaitArgs,
    client: &Client,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    let WaitArgs { name, conditions, timeout } = args;
    let conditions = conditions.or_all();
    let before = client.application(&name).await?;
    let mut progress = Progress::from(&before);
    let mut states = Follow::new(client, &name);
    let mut last = before;
    let ending = follow(&mut states, &mut progress, deadline(timeout), ui, |app| {
        last = app.0.clone();
        conditions.judge(app)
    })
    .await?;
    let app = View(&last);
    let shown = escape(&name);
    match ending {
        Ending::Got(well) => {
            if let Some(operation) = app.operation().filter(|_| !well) {
                let phase = ui.paint.status(&escape(operation.phase()));
                ui.line(&format!("{shown}: operation {phase}: {}", escape(operation.message())))?;
            }
            ui.line(&summary(app, ui.paint))?;
            return Ok(if well { Answer::Yes } else { Answer::No });
        }
        Ending::Gone => ui.line(&format!("{shown}: was deleted"))?,
        Ending::TimedOut => {
            let time = duration::text(timeout);
            let open = match conditions.judge(app) {
                Judgement::Wait(open) => open,
                _ => "the status API".to_owned(),
            };
            ui.line(&format!("{shown}: after {time} still waits for {}", escape(&open)))?;
        }
    }
    Ok(Answer::No)
}
