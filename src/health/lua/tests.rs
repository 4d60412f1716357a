use serde_json::json;

use super::*;
use crate::{health::lua::ScriptPlace, object::GroupKind};

/// 2026-11-21T10:00:00Z.
fn now() -> Timestamp {
    Timestamp::from_second(1_795_255_200).unwrap()
}

fn on(script: &str, object: &Value) -> Option<Health> {
    run(script, object, now())
}

/// What an expression is worth, as text.
fn eval(expression: &str) -> String {
    let script = format!("return {{status = 'Healthy', message = tostring({expression})}}");
    let health = on(&script, &json!({})).unwrap();
    assert_eq!(health.status, HealthStatus::Healthy, "{expression}: {}", health.message);
    health.message
}

fn failure(script: &str) -> String {
    let health = on(script, &json!({})).unwrap();
    assert_eq!(health.status, HealthStatus::Unknown, "{script}");
    health.message
}

#[test]
fn a_script_reads_the_object_and_says_what_it_thinks() {
    let script = r#"
        local hs = {}
        if obj.status ~= nil and obj.status.conditions ~= nil then
            for i, condition in ipairs(obj.status.conditions) do
                if condition.type == "Ready" and condition.status == "False" then
                    hs.status = "Degraded"
                    hs.message = condition.message
                    return hs
                end
                if condition.type == "Ready" and condition.status == "True" then
                    hs.status = "Healthy"
                    hs.message = condition.message .. " " .. obj.metadata.generation
                    return hs
                end
            end
        end
        hs.status = "Progressing"
        hs.message = "Waiting for certificate"
        return hs
    "#;
    let object = |status: &str| {
        json!({"metadata": {"generation": 3}, "status": {"conditions": [
            {"type": "Other", "status": "False"},
            {"type": "Ready", "status": status, "message": "said"}]}})
    };
    let health = |status, message: &str| Some(Health::new(status, message));
    assert_eq!(on(script, &object("True")), health(HealthStatus::Healthy, "said 3"));
    assert_eq!(on(script, &object("False")), health(HealthStatus::Degraded, "said"));
    let waits = health(HealthStatus::Progressing, "Waiting for certificate");
    assert_eq!(on(script, &json!({"status": null})), waits);
}

#[test]
fn every_status_can_be_said() {
    for status in ["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"] {
        let health = on(&format!("return {{status = '{status}'}}"), &json!({})).unwrap();
        assert_eq!((health.status.as_str(), health.message.as_str()), (status, ""));
    }
}

#[test]
fn nil_and_an_empty_table_say_that_there_is_no_health() {
    for script in ["", "return nil", "return {}", "hs = {status = 'Healthy'}"] {
        assert_eq!(on(script, &json!({})), None, "{script}");
    }
}

#[test]
fn a_script_that_fails_makes_the_object_unknown() {
    // (script, what the message contains)
    let table = [
        ("return {status = 'Fine'}", "\"Fine\", which is no health status"),
        ("return {message = 'only'}", "\"\", which is no health status"),
        ("return 'Healthy'", "returned a string, not a table"),
        ("return {status = 1}", "returned a number as status"),
        ("return {status = 'Healthy', message = {}}", "returned a table as message"),
        ("return obj.status.phase", "health.lua:1: attempt to index field 'status'"),
        ("local x =\nreturn x", "health.lua:2:"),
        ("error('on purpose')", "on purpose"),
        ("error({})", ""),
        ("require('io')", "there is no module io"),
    ];
    for (script, part) in table {
        let message = failure(script);
        assert!(message.contains(part), "{script}: {message}");
        assert!(!message.contains("traceback"), "{message}");
    }
}

#[test]
fn what_reaches_outside_is_not_there() {
    for name in [
        "io",
        "debug",
        "package",
        "load",
        "loadstring",
        "loadfile",
        "dofile",
        "module",
        "coroutine",
        "collectgarbage",
        "getfenv",
        "setfenv",
        "newproxy",
        "os.execute",
        "os.getenv",
        "os.exit",
        "os.remove",
        "os.rename",
        "os.tmpname",
        "string.dump",
    ] {
        assert_eq!(eval(name), "nil", "{name}");
    }
    // Bytecode could do what it likes with the interpreter.
    assert!(failure("\u{1b}LuaQ").contains("binary chunk"));
}

#[test]
fn a_script_that_prints_prints_nothing() {
    assert_eq!(eval("print('x', obj) or 'silent'"), "silent");
}

#[test]
fn a_script_has_one_second() {
    let endless = [
        "while true do end",
        // The error is caught, and the loop goes on.
        "while true do pcall(function() while true do end end) end",
        "local function f() return pcall(f) or f() end f()",
        "while true do xpcall(function() while true do end end, function() return 1 end) end",
    ];
    for script in endless {
        let start = Instant::now();
        let message = failure(script);
        assert!(message.contains("longer than 1 s"), "{script}: {message}");
        // A machine that does much else takes its time, but not for ever.
        assert!(start.elapsed() < Duration::from_mins(1), "{script}: {:?}", start.elapsed());
    }
}

#[test]
fn a_script_has_32_mib() {
    for script in [
        "local s = 'x' while true do s = s .. s end",
        "return string.rep('x', 1e9)",
        // In large steps, so that it is not the second that ends first.
        "local t = {} for i = 1, 1e9 do t[i] = string.rep('x', 1e6 + i) end",
    ] {
        assert_eq!(failure(script), "the script needs more than 32 MiB", "{script}");
    }
}

#[test]
fn scripts_do_not_see_each_other() {
    assert_eq!(on("leak = 'x' string.leak = 'x'", &json!({})), None);
    assert_eq!(eval("leak or string.leak"), "nil");
}

#[test]
fn the_libraries_are_those_of_lua_5_1() {
    assert_eq!(eval("table.getn({1, 2, 3})"), "3");
    assert_eq!(eval("('a-b'):match('%-(.*)')"), "b");
    assert_eq!(eval("math.floor(1.5)"), "1");
    assert_eq!(eval("unpack({7, 8})"), "7");
    assert_eq!(eval("require('string') == string"), "true");
}

#[test]
fn the_clock_stands_still_and_speaks_utc() {
    let table = [
        ("os.time()", "1795255200"),
        ("require('os').time()", "1795255200"),
        ("os.date('!%Y-%m-%dT%H:%M:%SZ')", "2026-11-21T10:00:00Z"),
        ("os.date('%Y-%m-%dT%H:%M:%SZ', 0)", "1970-01-01T00:00:00Z"),
        ("os.date('*t', 0).year", "1970"),
        ("os.date('!*t', 86399).hour", "23"),
        ("os.date('*t', 0).wday", "5"),
        ("os.date('*t', 0).yday", "1"),
        ("os.date('%c', 0)", "Thu Jan  1 00:00:00 1970"),
        ("os.date('%x %X %%c', 0)", "01/01/70 00:00:00 %c"),
        ("os.time({year = 1970, month = 1, day = 1, hour = 0})", "0"),
        ("os.time({year = 1970, month = 1, day = 1})", "43200"),
        ("os.time({year = '1970', month = '01', day = '02', hour = '00'})", "86400"),
        ("os.time({year = 1969, month = 13, day = 32, hour = 0, sec = -1})", "2678399"),
        ("os.time(os.date('!*t', 1700000000))", "1700000000"),
    ];
    for (expression, expected) in table {
        assert_eq!(eval(expression), expected, "{expression}");
    }
    for script in [
        "return os.time({year = 1e300, month = 1, day = 1})",
        "return os.time({year = 2026, month = -1e300, day = 1})",
        "return os.time({year = 2026, month = 1, day = 1, hour = 1e300})",
        "return os.time({month = 1, day = 1})",
        "return os.date('%Y', 1e300)",
        "return os.date('%')",
    ] {
        assert!(failure(script).contains("os."), "{script}");
    }
}

#[test]
fn a_script_comes_after_deletion_and_before_the_built_in_rule() {
    let mut scripts = Scripts::default();
    let place = ScriptPlace::parse("Service/health.lua".as_ref()).unwrap();
    scripts.insert(place, "return {status = 'Degraded', message = 'by script'}".to_owned());
    assert!(scripts.find(&GroupKind::new("", "Service")).is_some());
    let status = |object: &Value| assess_with(object, &[], &scripts, now()).map(|h| h.status);
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}});
    assert_eq!(status(&service), Some(HealthStatus::Degraded));
    let mut going = service.clone();
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(status(&going), Some(HealthStatus::Progressing));
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "status": {"phase": "Bound"}});
    assert_eq!(status(&claim), Some(HealthStatus::Healthy));
    assert_eq!(status(&json!({"kind": "ConfigMap", "apiVersion": "v1"})), None);
}

#[test]
fn a_large_object_fits() {
    let items: Vec<Value> = (0..20_000).map(|n| json!({"name": format!("item-{n}")})).collect();
    let object = json!({"spec": {"items": items}});
    let said = on("return {status = 'Healthy', message = tostring(#obj.spec.items)}", &object);
    assert_eq!(said, Some(Health::new(HealthStatus::Healthy, "20000")));
}
