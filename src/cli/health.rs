//! `steadfast health`: how well the objects of a file are doing, offline.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{
    Answer,
    error::{CommandError, Kind},
    output::{
        Ui,
        table::{Column, table},
    },
};
use crate::{
    health::{
        Child, Health,
        lua::{ScriptPlace, Scripts, assess_with},
    },
    object::{ObjectId, meta},
    yaml::{self, Problem},
};

/// Scripts below one directory: Argo CD's collection has about 250.
const SCRIPTS_MAX: usize = 10_000;
/// Size of one script.
const SCRIPT_BYTES_MAX: u64 = 1 << 20;
/// Directories between the directory of scripts and a script: group and kind.
const SCRIPT_DEPTH_MAX: usize = 2;
/// Lists inside lists.
const LIST_DEPTH_MAX: usize = 8;
/// Owners between an object and the children that give its reasons: Deployment, ReplicaSet, Pod.
const OWNER_DEPTH_MAX: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table that fits the terminal
    Text,
    /// The same table, nothing cut
    Wide,
    /// An array of group, kind, namespace, name, status and message
    Json,
}

/// Show the health of the objects in a file, offline
///
/// The objects are judged as the controller judges live ones: by the built-in
/// rules, and by the scripts of --scripts. To try a script on what a cluster has:
///
///   kubectl get certificates,deploy,rs,pods -o yaml |
///     steadfast health - --scripts checks
///
/// A script is `DIR/<group>/<Kind>/health.lua`, or `DIR/<Kind>/health.lua` for the
/// core group, in Lua 5.1. It finds the object in `obj` and returns
/// `{status = "...", message = "..."}`. A kind without a rule has no status.
///
/// What can't be read is listed as `error: FILE:LINE: why`, and the exit code is 2.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct HealthArgs {
    /// A YAML or JSON file; "-" for standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,

    /// Directory of health checks in Lua
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,

    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "text")]
    output: Format,
}

/// What is said about one object.
#[derive(Debug, PartialEq, Serialize)]
struct Line {
    group: String,
    kind: String,
    namespace: String,
    name: String,
    /// Empty for a kind without a rule.
    status: &'static str,
    message: String,
}

/// Prints the health of each object.
pub(super) fn run(args: &HealthArgs, ui: &mut Ui) -> Result<Answer, CommandError> {
    let scripts = args.scripts.as_deref().map(read_scripts).transpose()?.unwrap_or_default();
    let limits = yaml::Limits::default();
    let (shown, bytes) = read_input(&args.file, limits.bytes_max)?;
    let input = Input::read(&bytes, &limits);
    #[expect(clippy::disallowed_methods, reason = "the command line is where the clock is read")]
    let lines = judge(&input.objects, &scripts, Timestamp::now());
    match args.output {
        Format::Json => ui.json(&lines)?,
        Format::Text | Format::Wide if lines.is_empty() => {}
        Format::Text => {
            let text = text(&lines, Some(ui.columns()), ui);
            ui.bytes(text.as_bytes())?;
        }
        Format::Wide => {
            let text = text(&lines, None, ui);
            ui.bytes(text.as_bytes())?;
        }
    }
    for warning in &input.warnings {
        ui.warn(&told(&shown, warning));
    }
    if lines.is_empty() && input.errors.is_empty() {
        ui.warn(&format!("{shown} holds no object"));
    }
    // The last one is the error of the command, so that every one of them is told once.
    let mut errors = input.errors.iter().map(|problem| told(&shown, problem));
    let Some(last) = errors.next_back() else { return Ok(Answer::Yes) };
    for error in errors {
        ui.complain(&error);
    }
    Err(CommandError::user(last))
}

fn text(lines: &[Line], columns_max: Option<usize>, ui: &Ui) -> String {
    let columns = [
        Column::Fixed("KIND"),
        Column::Fixed("NAMESPACE/NAME"),
        Column::Fixed("STATUS"),
        Column::Text("MESSAGE"),
    ];
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let name = match line.namespace.as_str() {
                "" => line.name.clone(),
                namespace => format!("{namespace}/{}", line.name),
            };
            let status = if line.status.is_empty() { "-" } else { line.status };
            let kind = crate::object::GroupKind::new(&line.group, &line.kind).to_string();
            vec![kind, name, status.to_owned(), line.message.clone()]
        })
        .collect();
    table(&columns, &rows, columns_max, ui.paint)
}

/// The name to show for the input, and its bytes: at most one more than may be read.
fn read_input(file: &Path, bytes_max: usize) -> Result<(String, Vec<u8>), CommandError> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let (shown, read) = if file == Path::new("-") {
        ("stdin".to_owned(), io::stdin().lock().take(limit).read_to_end(&mut bytes))
    } else {
        let read = fs::File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes));
        (file.display().to_string(), read)
    };
    read.map_err(|cause| unreadable(&shown, cause))?;
    Ok((shown, bytes))
}

fn unreadable(what: &str, cause: io::Error) -> CommandError {
    let error = anyhow::Error::new(cause).context(format!("cannot read {what}"));
    CommandError::new(Kind::User, error)
}

fn read_scripts(root: &Path) -> Result<Scripts, CommandError> {
    let mut scripts = Scripts::default();
    collect_scripts(root, root, SCRIPT_DEPTH_MAX, &mut scripts)?;
    if scripts.is_empty() {
        let message = format!("{} holds no health check", root.display());
        let hint = "a check is DIR/<group>/<Kind>/health.lua, or DIR/<Kind>/health.lua";
        return Err(CommandError::user(message).hint(hint));
    }
    Ok(scripts)
}

fn collect_scripts(
    root: &Path,
    directory: &Path,
    depth: usize,
    scripts: &mut Scripts,
) -> Result<(), CommandError> {
    let unreadable = |cause| unreadable(&directory.display().to_string(), cause);
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .map_err(unreadable)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if depth > 0 {
                collect_scripts(root, &path, depth - 1, scripts)?;
            }
            continue;
        }
        let place = path.strip_prefix(root).ok().and_then(ScriptPlace::parse);
        if let Some(place) = place {
            scripts.insert(place, read_script(&path)?);
        }
        if scripts.len() > SCRIPTS_MAX {
            let message = format!("{} holds more than {SCRIPTS_MAX} checks", root.display());
            return Err(CommandError::user(message));
        }
    }
    Ok(())
}

fn read_script(path: &Path) -> Result<String, CommandError> {
    let shown = path.display().to_string();
    let file = fs::File::open(path).map_err(|cause| unreadable(&shown, cause))?;
    let mut script = String::new();
    file.take(SCRIPT_BYTES_MAX + 1)
        .read_to_string(&mut script)
        .map_err(|cause| unreadable(&shown, cause))?;
    if script.len() as u64 > SCRIPT_BYTES_MAX {
        let message = format!("{shown} is larger than {SCRIPT_BYTES_MAX} bytes");
        return Err(CommandError::user(message));
    }
    Ok(script)
}

/// The objects of a file, and what there is to say about its lines, in their order.
#[derive(Debug, Default)]
struct Input {
    objects: Vec<Value>,
    warnings: Vec<Problem>,
    errors: Vec<Problem>,
}

impl Input {
    fn read(bytes: &[u8], limits: &yaml::Limits) -> Self {
        let mut loaded = yaml::load(bytes, limits);
        let mut input =
            Self { objects: Vec::new(), warnings: loaded.warnings, errors: loaded.errors };
        for document in &mut loaded.documents {
            let value = std::mem::take(&mut document.value);
            let mut bad = Vec::new();
            take(value, String::new(), 0, &mut input.objects, &mut bad);
            for pointer in bad {
                let message = "no Kubernetes object: apiVersion or kind is missing".to_owned();
                input.errors.push(Problem { line: document.line_of(&pointer), message });
            }
        }
        input.errors.sort_by_key(|problem| problem.line);
        input
    }
}

fn told(shown: &str, problem: &Problem) -> String {
    format!("{shown}:{}: {}", problem.line, problem.message)
}

/// Takes an object, or those of a list, as `kubectl get` prints them. `pointer` says where in the
/// document it stands; those of what is no object are added to `bad`.
fn take(
    mut value: Value,
    pointer: String,
    depth: usize,
    objects: &mut Vec<Value>,
    bad: &mut Vec<String>,
) {
    let Some(gvk) = meta::gvk(&value) else { return bad.push(pointer) };
    let item_kind = gvk.kind.strip_suffix("List").filter(|_| depth < LIST_DEPTH_MAX);
    let items = item_kind.and_then(|_| value.get_mut("items")?.as_array_mut()).map(std::mem::take);
    let (Some(items), Some(item_kind)) = (items, item_kind) else { return objects.push(value) };
    for (place, mut item) in items.into_iter().enumerate() {
        if let (Some(fields), false) = (item.as_object_mut(), item_kind.is_empty()) {
            // The items of a typed list carry neither.
            fields.entry("apiVersion").or_insert_with(|| Value::from(gvk.api_version()));
            fields.entry("kind").or_insert_with(|| Value::from(item_kind));
        }
        take(item, format!("{pointer}/items/{place}"), depth + 1, objects, bad);
    }
}

fn judge(objects: &[Value], scripts: &Scripts, now: Timestamp) -> Vec<Line> {
    let children: Vec<Child> = objects.iter().filter_map(Child::reduce).collect();
    let mut by_owner: HashMap<&str, Vec<&Child>> = HashMap::new();
    for child in &children {
        by_owner.entry(&child.owner).or_default().push(child);
    }
    objects
        .iter()
        .filter_map(|object| {
            let mut family = Vec::new();
            descend(meta::uid(object), &by_owner, OWNER_DEPTH_MAX, &mut family);
            let health = assess_with(object, &family, scripts, now);
            let ObjectId { group, kind, namespace, name } = meta::id(object)?;
            let (status, message) = match health {
                Some(Health { status, message }) => (status.as_str(), message),
                None => ("", String::new()),
            };
            Some(Line { group, kind, namespace, name, status, message })
        })
        .collect()
}

/// The children of the object with this uid, and theirs.
fn descend<'a>(
    uid: &str,
    by_owner: &HashMap<&str, Vec<&'a Child>>,
    depth: usize,
    family: &mut Vec<&'a Child>,
) {
    if uid.is_empty() || depth == 0 {
        return;
    }
    for child in by_owner.get(uid).into_iter().flatten() {
        family.push(child);
        descend(&child.uid, by_owner, depth - 1, family);
    }
}

#[cfg(test)]
mod tests;
