//! Health checks written in Lua.
//!
//! In goes a script, an object and the time; out comes what the script says. A script is Lua 5.1,
//! as Argo CD's: it finds the object in the global `obj` and returns a table with `status` and
//! `message`. It has the language, `string`, `table`, `math`, `os.time` and `os.date`, and nothing
//! that reads a file, runs a program, prints or loads code.
//!
//! Every run has its own interpreter, one second and 32 MiB. The second is checked between
//! instructions, not inside one call of a string function: scripts of strangers belong into the
//! worker process, which has a deadline of its own.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use mlua::{
    Function, HookTriggers, Lua, LuaOptions, MultiValue, StdLib, Table, VmState, chunk::ChunkMode,
};
use serde_json::Value;

use super::{Child, Health, HealthStatus, assess, pending_deletion};
use crate::object::meta;

mod clock;
mod scripts;

pub use scripts::{ScriptPlace, Scripts};

/// How long a script may run. Argo CD's limit.
const RUN_MAX: Duration = Duration::from_secs(1);
/// Memory of a script with the object it looks at.
const MEMORY_BYTES_MAX: usize = 32 << 20;
/// How often the time is looked at.
const INSTRUCTIONS_PER_CHECK: u32 = 1_000;
/// Characters of a message: what is longer is cut.
const MESSAGE_CHARS_MAX: usize = 1024;
/// Nesting of an object; what is deeper reads as nil. Servers refuse such objects.
const DEPTH_MAX: usize = 128;

/// What the base library has and a health check must not have: ways to read files, to load code,
/// to print, to change other functions, and threads, which would have a time limit of their own.
const FORBIDDEN: [&str; 11] = [
    "collectgarbage",
    "coroutine",
    "dofile",
    "gcinfo",
    "getfenv",
    "load",
    "loadfile",
    "loadstring",
    "module",
    "newproxy",
    "setfenv",
];

/// The two functions that catch errors, made to look at the time first.
const CHECKED_CATCH: &str = "
    local pcall, xpcall, check = ...
    return
        function(...) check() return pcall(...) end,
        function(...) check() return xpcall(...) end
";

/// The health of an object with custom checks, in Argo CD's order: deletion first, then the script
/// for its kind, then the built-in rule.
pub fn assess_with(
    object: &Value,
    children: &[&Child],
    scripts: &Scripts,
    now: Timestamp,
) -> Option<Health> {
    if let Some(health) = pending_deletion(object) {
        return Some(health);
    }
    let kind = meta::gvk(object)?.group_kind();
    match scripts.find(&kind) {
        Some(script) => run(script, object, now),
        None => assess(object, children),
    }
}

/// Runs a script on an object. `None` when it returns nil or an empty table: it says that the
/// object has no health. A script that fails, or that returns something else, is an object of
/// Unknown health, with the reason in the message.
pub fn run(script: &str, object: &Value, now: Timestamp) -> Option<Health> {
    let said = interpret(script, object, now);
    said.unwrap_or_else(|error| Some(Health::new(HealthStatus::Unknown, cut(&plain(&error)))))
}

fn interpret(script: &str, object: &Value, now: Timestamp) -> mlua::Result<Option<Health>> {
    let lua = Lua::new_with(StdLib::TABLE | StdLib::STRING | StdLib::MATH, LuaOptions::default())?;
    lua.set_memory_limit(MEMORY_BYTES_MAX)?;
    furnish(&lua, now)?;
    lua.globals().set("obj", to_lua(&lua, object, 0)?)?;
    limit_time(&lua, Instant::now() + RUN_MAX)?;
    let chunk = lua.load(script).set_name("=health.lua").set_mode(ChunkMode::Text);
    let answer = chunk.call::<MultiValue>(())?.into_iter().next();
    lua.remove_hook();
    match answer {
        None | Some(mlua::Value::Nil) => Ok(None),
        Some(mlua::Value::Table(table)) => verdict(&table),
        Some(other) => {
            let given = type_name(&other);
            Err(mlua::Error::runtime(format!("the script returned a {given}, not a table")))
        }
    }
}

fn limit_time(lua: &Lua, deadline: Instant) -> mlua::Result<()> {
    let check = move || if Instant::now() < deadline { Ok(()) } else { Err(out_of_time()) };
    let every = HookTriggers::new().every_nth_instruction(INSTRUCTIONS_PER_CHECK);
    lua.set_hook(every, move |_, _| check().map(|()| VmState::Continue))?;
    // A script can catch the error, and go on. It does not catch a second one.
    let globals = lua.globals();
    let catch: (Function, Function) = (globals.get("pcall")?, globals.get("xpcall")?);
    let check = lua.create_function(move |_, ()| check())?;
    let (pcall, xpcall): (Function, Function) =
        lua.load(CHECKED_CATCH).set_name("=catch").call((catch.0, catch.1, check))?;
    globals.set("pcall", pcall)?;
    globals.set("xpcall", xpcall)
}

fn out_of_time() -> mlua::Error {
    mlua::Error::runtime(format!("the script ran longer than {} s", RUN_MAX.as_secs()))
}

/// Takes away what a check must not have and adds what it expects.
fn furnish(lua: &Lua, now: Timestamp) -> mlua::Result<()> {
    let globals = lua.globals();
    for name in FORBIDDEN {
        globals.set(name, mlua::Value::Nil)?;
    }
    let string: Table = globals.get("string")?;
    string.set("dump", mlua::Value::Nil)?;
    // Left in by authors who looked for a mistake.
    globals.set("print", lua.create_function(|_, _: MultiValue| Ok(()))?)?;
    globals.set("os", clock::library(lua, now)?)?;
    // Some of the scripts that go round start with `local os = require("os")`.
    let require = lua.create_function(|lua, name: String| match name.as_str() {
        "os" | "string" | "table" | "math" => lua.globals().get::<Table>(name),
        _ => Err(mlua::Error::runtime(format!("there is no module {name}"))),
    })?;
    globals.set("require", require)
}

fn to_lua(lua: &Lua, value: &Value, depth: usize) -> mlua::Result<mlua::Value> {
    Ok(match value {
        Value::Null => mlua::Value::Nil,
        Value::Bool(value) => mlua::Value::Boolean(*value),
        // Lua 5.1 has one kind of number.
        Value::Number(number) => mlua::Value::Number(number.as_f64().unwrap_or_default()),
        Value::String(text) => mlua::Value::String(lua.create_string(text)?),
        Value::Array(_) | Value::Object(_) if depth >= DEPTH_MAX => mlua::Value::Nil,
        Value::Array(items) => {
            let table = lua.create_table_with_capacity(items.len(), 0)?;
            for (place, item) in items.iter().enumerate() {
                table.raw_set(place + 1, to_lua(lua, item, depth + 1)?)?;
            }
            mlua::Value::Table(table)
        }
        Value::Object(fields) => {
            let table = lua.create_table_with_capacity(0, fields.len())?;
            for (name, value) in fields {
                table.raw_set(name.as_str(), to_lua(lua, value, depth + 1)?)?;
            }
            mlua::Value::Table(table)
        }
    })
}

/// Reads the table that the script returned. Metatables are not asked: they would run the script.
fn verdict(table: &Table) -> mlua::Result<Option<Health>> {
    if table.is_empty() {
        return Ok(None);
    }
    let field = |name: &str| -> mlua::Result<String> {
        match table.raw_get::<mlua::Value>(name)? {
            mlua::Value::Nil => Ok(String::new()),
            mlua::Value::String(text) => Ok(text.to_string_lossy()),
            other => {
                let given = type_name(&other);
                Err(mlua::Error::runtime(format!("the script returned a {given} as {name}")))
            }
        }
    };
    let (status, message) = (field("status")?, field("message")?);
    let Some(known) = HealthStatus::parse(&status) else {
        let words = format!("the script returned {status:?}, which is no health status");
        return Err(mlua::Error::runtime(words));
    };
    Ok(Some(Health::new(known, cut(&message))))
}

/// The name that Lua 5.1 has for the type.
fn type_name(value: &mlua::Value) -> &'static str {
    if value.is_integer() { "number" } else { value.type_name() }
}

/// What went wrong, without the traceback.
fn plain(error: &mlua::Error) -> String {
    match error {
        mlua::Error::CallbackError { cause, .. } => plain(cause),
        mlua::Error::MemoryError(_) => {
            format!("the script needs more than {} MiB", MEMORY_BYTES_MAX >> 20)
        }
        mlua::Error::RuntimeError(message) | mlua::Error::SyntaxError { message, .. } => {
            let end = message.find("\nstack traceback:").unwrap_or(message.len());
            message[..end].to_owned()
        }
        other => other.to_string(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
