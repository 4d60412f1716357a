//! What happens while somebody waits: a few redrawn lines on a terminal, one line per event
//! elsewhere.

use std::{collections::BTreeMap, future::Future, pin::pin, time::Duration};

use serde_json::Value;
use tokio::time::{Instant, interval, sleep_until};
use unicode_width::UnicodeWidthStr;

use super::{
    CommandError, Ui,
    follow::{Follow, Seen},
    view::{View, object_name, or, short, text},
};
use crate::{
    cli::output::{
        paint::{Paint, escape},
        table::cut_end,
    },
    config::duration,
};

/// Time between two drawings when nothing happens: the clock in the first line moves.
const DRAW_INTERVAL: Duration = Duration::from_secs(1);

/// Objects that the live view shows at most.
const OBJECTS_SHOWN_MAX: usize = 12;

/// Columns for the name of an object in the live view.
const NAME_COLUMNS_MAX: usize = 40;

/// A deadline so far away that it stands for none: no wait is this long.
const FOR_EVER: Duration = Duration::from_hours(365 * 24);

/// How following ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending<T> {
    /// The application got to a state that was waited for.
    Got(T),
    /// It is gone.
    Gone,
    /// The time is over.
    TimedOut,
}

/// What `judge` says about a state.
pub(super) enum Judgement<T> {
    /// This is the end.
    Done(T),
    /// Not yet; the text says what is waited for.
    Wait(String),
    /// A state that says nothing yet.
    Ignore,
}

/// The end of the time that somebody is ready to wait; 0 is for ever.
pub(super) fn deadline(timeout: Duration) -> Instant {
    Instant::now() + if timeout.is_zero() { FOR_EVER } else { timeout }
}

/// Follows an application and shows what happens, until `judge` has seen enough.
pub(super) async fn follow<T>(
    follow: &mut Follow<'_>,
    progress: &mut Progress,
    deadline: Instant,
    ui: &mut Ui,
    mut judge: impl FnMut(View<'_>) -> Judgement<T>,
) -> Result<Ending<T>, CommandError> {
    let ending = loop {
        let seen = draw_until(follow.next(), progress, deadline, ui).await?;
        let app = match seen {
            None => break Ending::TimedOut,
            Some(Seen::Gone) => break Ending::Gone,
            Some(Seen::Away) => {
                progress.away(ui)?;
                continue;
            }
            Some(Seen::Now(app)) => app,
        };
        match judge(View(&app)) {
            Judgement::Ignore => {}
            Judgement::Wait(what) => progress.show(app, &what, ui)?,
            Judgement::Done(end) => {
                progress.show(app, "", ui)?;
                break Ending::Got(end);
            }
        }
    };
    progress.clear(ui)?;
    Ok(ending)
}

/// Awaits the next look while the live view stays alive; `None` when the time is over.
async fn draw_until(
    next: impl Future<Output = Result<Seen, CommandError>>,
    progress: &mut Progress,
    deadline: Instant,
    ui: &mut Ui,
) -> Result<Option<Seen>, CommandError> {
    let mut next = pin!(next);
    let mut ticks = interval(DRAW_INTERVAL);
    loop {
        tokio::select! {
            seen = &mut next => return seen.map(Some),
            () = sleep_until(deadline) => return Ok(None),
            _ = ticks.tick() => progress.draw(ui)?,
        }
    }
}

/// What was shown so far.
pub(super) struct Progress {
    start: Instant,
    app: Value,
    waits_for: String,
    away: bool,
    said: BTreeMap<String, String>,
    lines_drawn: usize,
}

impl Progress {
    /// Starts from a state that is known and not news.
    pub(super) fn from(app: &Value) -> Self {
        let said = facts(View(app), Paint::new(false)).into_iter().collect();
        Self {
            start: Instant::now(),
            app: Value::Null,
            waits_for: String::new(),
            away: false,
            said,
            lines_drawn: 0,
        }
    }

    /// Shows a state: what is new in it as lines, or the whole of it as a drawing.
    fn show(&mut self, app: Value, waits_for: &str, ui: &mut Ui) -> Result<(), CommandError> {
        self.away = false;
        self.app = app;
        let waits_news = self.waits_for != waits_for && !waits_for.is_empty();
        waits_for.clone_into(&mut self.waits_for);
        if ui.terminal {
            return self.draw(ui);
        }
        let view = View(&self.app);
        for ((key, fact), (_, painted)) in
            facts(view, Paint::new(false)).into_iter().zip(facts(view, ui.paint))
        {
            if self.said.get(&key) != Some(&fact) {
                ui.line(&painted)?;
                self.said.insert(key, fact);
            }
        }
        if waits_news {
            ui.line(&format!("{}: waits for {}", escape(view.name()), escape(waits_for)))?;
        }
        ui.flush()
    }

    fn away(&mut self, ui: &mut Ui) -> Result<(), CommandError> {
        if !self.away {
            self.clear(ui)?;
            ui.warn("the status API is away, trying again");
        }
        self.away = true;
        Ok(())
    }

    fn draw(&mut self, ui: &mut Ui) -> Result<(), CommandError> {
        let Some((columns, rows)) = ui.size() else { return Ok(()) };
        if self.app.is_null() {
            return Ok(());
        }
        let objects_max = OBJECTS_SHOWN_MAX.min(rows.saturating_sub(3));
        let time = duration::text(Duration::from_secs(self.start.elapsed().as_secs()));
        let lines = frame(View(&self.app), &self.waits_for, &time, columns, objects_max, ui.paint);
        self.clear(ui)?;
        for line in &lines {
            ui.line(line)?;
        }
        self.lines_drawn = lines.len();
        ui.flush()
    }

    /// Takes the drawing off the terminal.
    pub(super) fn clear(&mut self, ui: &mut Ui) -> Result<(), CommandError> {
        if self.lines_drawn > 0 {
            ui.bytes(format!("\x1b[{}A\x1b[J", self.lines_drawn).as_bytes())?;
            self.lines_drawn = 0;
        }
        Ok(())
    }
}

/// Everything that is worth a line when it changes: a key that tells what it is about, and the line.
fn facts(app: View<'_>, paint: Paint) -> Vec<(String, String)> {
    let name = escape(app.name());
    let mut facts = Vec::new();
    let mut fact = |key: String, who: &str, state: &str, message: &str| {
        let mut line = format!("{who} {}", paint.status(&escape(state)));
        if !message.is_empty() {
            line.extend([": ", &escape(message)]);
        }
        facts.push((key, line));
    };
    if let Some(operation) = app.operation() {
        // Results of another operation are other facts, even when they say the same.
        let of = operation.started_at();
        let who = format!("{name}: operation");
        fact(format!("operation {of}"), &who, operation.phase(), operation.message());
        for result in operation.results() {
            let id = object_name(result);
            let phase = or(text(result, "/hookPhase"), text(result, "/status"));
            let who = format!("  {}:", escape(&id));
            fact(format!("result {of} {id}"), &who, phase, text(result, "/message"));
        }
    }
    for resource in app.resources() {
        let id = object_name(resource);
        let health = text(resource, "/health/status");
        if !health.is_empty() {
            let who = format!("  {}:", escape(&id));
            fact(format!("health {id}"), &who, health, text(resource, "/health/message"));
        }
    }
    fact("sync".to_owned(), &format!("{name}: sync"), app.sync(), short(app.revision()));
    fact("health".to_owned(), &format!("{name}: health"), app.health(), app.health_message());
    facts
}

/// The lines of the live view: the application, then the objects that are not done.
fn frame(
    app: View<'_>,
    waits_for: &str,
    time: &str,
    columns: usize,
    objects_max: usize,
    paint: Paint,
) -> Vec<String> {
    let state = match app.operation() {
        Some(operation) if app.is_operating() => or(operation.phase(), "Running"),
        None if app.operation_asked() => "Running",
        _ => app.sync(),
    };
    let message = match app.operation() {
        Some(operation) if app.is_operating() => operation.message(),
        _ => app.health_message(),
    };
    let mut head = format!("{}  {}  {}  {time}", app.name(), state, app.health());
    let said = if waits_for.is_empty() { message } else { waits_for };
    if !said.is_empty() {
        head.push_str("  ");
        head.push_str(said);
    }
    let mut lines = vec![paint.bold(&cut_end(&escape(&head), columns))];

    let rows = objects(app);
    let (open, done): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| !row.done);
    let shown = &open[..open.len().min(objects_max)];
    let widest = |text: fn(&Row) -> &str, max: usize| {
        shown.iter().map(|row| text(row).width()).max().unwrap_or(0).min(max)
    };
    // Nothing may wrap: a redraw counts lines.
    let name_width = widest(|row| &row.name, NAME_COLUMNS_MAX.min(columns / 2));
    let state_width = widest(|row| &row.state, columns / 4);
    for row in shown {
        let name = padded(&row.name, name_width);
        let state = padded(&row.state, state_width);
        let message = cut_end(&row.message, columns.saturating_sub(6 + name_width + state_width));
        let line = format!("  {name}  {}  {message}", paint.status(&state));
        lines.push(line.trim_end().to_owned());
    }
    let hidden = open.len().saturating_sub(objects_max);
    let tail = match (hidden, done.len()) {
        (0, 0) => return lines,
        (0, done) => format!("  {done} done"),
        (hidden, done) => format!("  and {hidden} more, {done} done"),
    };
    lines.push(paint.dim(&cut_end(&tail, columns)));
    lines
}

fn padded(text: &str, width: usize) -> String {
    let mut text = cut_end(text, width);
    let pad = width.saturating_sub(text.width());
    text.extend(std::iter::repeat_n(' ', pad));
    text
}

/// One object in the live view.
struct Row {
    name: String,
    state: String,
    message: String,
    done: bool,
}

/// The objects by what the operation says of them, or by their health.
fn objects(app: View<'_>) -> Vec<Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut row = |entry: &Value, state: &str, message: &str, done: bool| {
        let name = escape(&object_name(entry));
        let (state, message) = (escape(state), escape(message));
        rows.insert(name.clone(), Row { name, state, message, done });
    };
    for resource in app.resources() {
        let health = text(resource, "/health/status");
        let state = or(health, text(resource, "/status"));
        let done = matches!(state, "" | "Healthy" | "Synced");
        row(resource, state, text(resource, "/health/message"), done);
    }
    let running = app.operation().filter(|_| app.is_operating());
    for result in running.iter().flat_map(|operation| operation.results()) {
        let state = or(text(result, "/hookPhase"), text(result, "/status"));
        let done = matches!(state, "Succeeded" | "Synced" | "Pruned" | "PruneSkipped");
        // An object that is applied and not healthy yet is better described by its health.
        if !done || !text(result, "/hookPhase").is_empty() {
            row(result, state, text(result, "/message"), done);
        }
    }
    rows.into_values().collect()
}

#[cfg(test)]
mod tests;
