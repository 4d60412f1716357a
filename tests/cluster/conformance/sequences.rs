//! Generated sequences of writes: several managers apply, update and patch one object.

use std::{
    env,
    sync::atomic::{AtomicUsize, Ordering},
};

use proptest::{
    collection, option,
    prelude::*,
    sample::{select, subsequence},
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::{
    cases::{Case, Step},
    run::Run,
    side::Both,
};

/// Sequences, unless `STEADFAST_CONFORMANCE_SEQUENCES` says otherwise.
const SEQUENCES: u32 = 24;
const STEPS: usize = 8;

/// Runs generated sequences; says in which the servers differ, made as short as can be.
pub(super) fn check(runtime: &Runtime, both: &Both) -> Result<(), String> {
    let wanted = env::var("STEADFAST_CONFORMANCE_SEQUENCES").ok();
    let cases = wanted.and_then(|number| number.parse().ok()).unwrap_or(SEQUENCES);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = random();
    let count = AtomicUsize::new(0);
    let outcome = TestRunner::new_with_rng(config, rng).run(&sequence(), |steps| {
        let namespace = format!("sequence-{}", count.fetch_add(1, Ordering::Relaxed));
        let case = Case { file: "generated", line: 0, name: namespace.clone(), steps };
        let differences = runtime.block_on(Run::new(both, &namespace).case(&case));
        prop_assert!(differences.is_empty(), "{}", differences.join("\n"));
        Ok(())
    });
    match outcome {
        Ok(()) => Ok(()),
        Err(TestError::Fail(why, steps)) => {
            let lines: Vec<String> = steps.iter().map(Step::to_string).collect();
            Err(format!("{}\n\n{why}", lines.join("\n")))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The same sequences in every run, and a longer run begins with those of a shorter one;
/// `STEADFAST_TEST_SEED` has others.
fn random() -> TestRng {
    let given = env::var("STEADFAST_TEST_SEED").ok().and_then(|text| text.parse::<u64>().ok());
    let Some(seed) = given else {
        println!("STEADFAST_TEST_SEED is not set: the sequences are those of every run");
        return TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    };
    println!("STEADFAST_TEST_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

/// First an apply that is complete, so that there is an object.
fn sequence() -> impl Strategy<Value = Vec<Step>> {
    let kinds = prop_oneof![
        kind("deploy/a", deployment().boxed()),
        kind("svc/a", service().boxed()),
        kind("cm/a", config_map().boxed()),
        kind("widget/a", widget().boxed()),
    ];
    kinds.prop_map(|(first, more)| std::iter::once(first).chain(more).collect())
}

fn kind(path: &'static str, body: BoxedStrategy<Value>) -> BoxedStrategy<(Step, Vec<Step>)> {
    let first = body.clone().prop_map(move |body| step("apply one!", path, &body));
    let more = collection::vec(write(path, body), 1..STEPS);
    (first, more).boxed()
}

fn write(path: &'static str, body: BoxedStrategy<Value>) -> impl Strategy<Value = Step> {
    let manager = select(vec!["one", "two", "three"]);
    let apply = (manager.clone(), any::<bool>(), body.clone(), any::<bool>()).prop_map(
        move |(manager, force, body, partial)| {
            let force = if force { "!" } else { "" };
            let body = if partial { part(body) } else { body };
            step(&format!("apply {manager}{force}"), path, &body)
        },
    );
    let patch = (manager.clone(), body.clone())
        .prop_map(move |(manager, body)| step(&format!("merge@{manager}"), path, &part(body)));
    let replace = (manager, body)
        .prop_map(move |(manager, body)| step(&format!("update@{manager}"), path, &body));
    prop_oneof![5 => apply, 2 => patch, 1 => replace]
}

fn step(verb: &str, path: &str, body: &Value) -> Step {
    let (verb, manager) = verb.split_once(' ').unwrap_or((verb, ""));
    let rest = format!("{manager} {path} {body}").trim().to_owned();
    Step { verb: verb.to_owned(), rest }
}

/// The body without what a whole object needs, as one applies who owns little of it.
fn part(mut body: Value) -> Value {
    if let Some(spec) = body.get_mut("spec").and_then(Value::as_object_mut) {
        for needed in ["selector", "size", "type"] {
            spec.remove(needed);
        }
        if let Some(template) = spec.get_mut("template").and_then(Value::as_object_mut) {
            template.remove("metadata");
        }
    }
    body
}

fn object(fields: Vec<(&str, Option<Value>)>) -> Value {
    let fields = fields.into_iter();
    let there = fields.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::from(there.collect::<Map<_, _>>())
}

/// Some of these keys with one of two values each.
fn texts(keys: &'static [&'static str]) -> impl Strategy<Value = Value> {
    subsequence(keys.to_vec(), 0..=keys.len()).prop_flat_map(|keys| {
        let count = keys.len();
        collection::vec(select(vec!["1", "2"]), count).prop_map(move |values| {
            keys.iter()
                .copied()
                .zip(values)
                .map(|(key, value)| (key.to_owned(), json!(value)))
                .collect::<Map<_, _>>()
                .into()
        })
    })
}

fn metadata() -> impl Strategy<Value = Value> {
    (option::of(texts(&["l1", "l2", "l3"])), option::of(texts(&["n1", "n2"]))).prop_map(
        |(labels, annotations)| object(vec![("labels", labels), ("annotations", annotations)]),
    )
}

fn config_map() -> impl Strategy<Value = Value> {
    (metadata(), option::of(texts(&["a", "b", "c", "d"])))
        .prop_map(|(metadata, data)| object(vec![("metadata", Some(metadata)), ("data", data)]))
}

/// Some of the items in any order, each with what `with` makes of its name.
fn items<S: Strategy<Value = Value> + 'static>(
    names: &'static [&'static str],
    with: impl Fn(&'static str) -> S + 'static,
) -> impl Strategy<Value = Value> {
    let order = Just(names.to_vec()).prop_shuffle();
    let some = (order, 0..=names.len()).prop_map(|(names, count)| names[..count].to_vec());
    some.prop_flat_map(move |names| names.into_iter().map(&with).collect::<Vec<_>>())
        .prop_map(Value::from)
}

fn deployment() -> impl Strategy<Value = Value> {
    let spec = (
        option::of(1..4),
        option::of(0..9),
        items(&["c", "d", "e"], container),
        option::of(texts(&["x", "y"])),
    );
    (metadata(), spec).prop_map(|(metadata, (replicas, ready, containers, nodes))| {
        let pod = object(vec![("containers", Some(containers)), ("nodeSelector", nodes)]);
        let spec = object(vec![
            ("replicas", replicas.map(|n| json!(n))),
            ("minReadySeconds", ready.map(|n| json!(n))),
            ("selector", Some(json!({"matchLabels": {"app": "a"}}))),
            ("template", Some(json!({"metadata": {"labels": {"app": "a"}}, "spec": pod}))),
        ]);
        json!({"metadata": metadata, "spec": spec})
    })
}

fn container(name: &'static str) -> impl Strategy<Value = Value> {
    let env = items(&["A", "B"], |name| {
        select(vec!["1", "2"]).prop_map(move |value| json!({"name": name, "value": value}))
    });
    let ports = items(&["80/TCP", "80/UDP", "81/TCP"], |port| {
        option::of(select(vec!["p", "q"])).prop_map(move |title| {
            let (number, protocol) = port.split_once('/').expect("it has one");
            let number: u32 = number.parse().expect("a number");
            let named =
                title.map(|title| json!(format!("{title}{number}{}", protocol.to_lowercase())));
            // TCP need not be said.
            let said = (protocol != "TCP").then(|| json!(protocol));
            object(vec![
                ("containerPort", Some(json!(number))),
                ("protocol", said),
                ("name", named),
            ])
        })
    });
    let args = collection::vec(select(vec!["x", "y"]), 0..3).prop_map(|args| json!(args));
    (select(vec!["i", "j"]), option::of(env), option::of(ports), option::of(args)).prop_map(
        move |(image, env, ports, args)| {
            object(vec![
                ("name", Some(json!(name))),
                ("image", Some(json!(image))),
                ("env", env),
                ("ports", ports),
                ("args", args),
            ])
        },
    )
}

fn service() -> impl Strategy<Value = Value> {
    let ports = items(&["80", "81", "82"], |port| {
        option::of(select(vec![8080, 9090])).prop_map(move |target| {
            let number: u32 = port.parse().expect("a number");
            object(vec![
                ("port", Some(json!(number))),
                ("name", Some(json!(format!("p{port}")))),
                ("targetPort", target.map(|target| json!(target))),
            ])
        })
    });
    let kind = option::of(select(vec!["ClusterIP", "NodePort", "LoadBalancer"]));
    (metadata(), ports, option::of(texts(&["app", "tier"])), kind).prop_map(
        |(metadata, ports, selector, kind)| {
            let spec = object(vec![
                ("ports", Some(ports)),
                ("selector", selector),
                ("type", kind.map(|kind| json!(kind))),
            ]);
            json!({"metadata": metadata, "spec": spec})
        },
    )
}

fn widget() -> impl Strategy<Value = Value> {
    let parts = items(&["x", "y", "z"], |name| {
        let ports = items(&["1/TCP", "1/UDP", "2/TCP"], |port| {
            option::of(select(vec!["s", "t"])).prop_map(move |title| {
                let (number, protocol) = port.split_once('/').expect("it has one");
                let number: u32 = number.parse().expect("a number");
                let said = (protocol != "TCP").then(|| json!(protocol));
                let title = title.map(|title| json!(title));
                object(vec![("port", Some(json!(number))), ("protocol", said), ("title", title)])
            })
        });
        (option::of(4..7), option::of(select(vec!["red", "blue"])), option::of(ports)).prop_map(
            move |(count, color, ports)| {
                object(vec![
                    ("name", Some(json!(name))),
                    ("count", count.map(|n| json!(n))),
                    ("color", color.map(|color| json!(color))),
                    ("ports", ports),
                ])
            },
        )
    });
    let tags = items(&["a", "b", "c"], |tag| Just(json!(tag)));
    let words = collection::vec(select(vec!["v", "w"]), 0..3).prop_map(|words| json!(words));
    let free = select(vec![json!({}), json!({"a": 1}), json!({"a": {"b": [1]}}), json!({"c": []})]);
    let lists = (option::of(parts), option::of(tags), option::of(words));
    let maps = (option::of(texts(&["k", "l"])), option::of(texts(&["a", "b"])), option::of(free));
    let size = select(vec!["small", "large"]);
    (metadata(), size, option::of(0..3), lists, maps).prop_map(
        |(metadata, size, replicas, (parts, tags, words), (labels, frozen, anything))| {
            let spec = object(vec![
                ("size", Some(json!(size))),
                ("replicas", replicas.map(|n| json!(n))),
                ("parts", parts),
                ("tags", tags),
                ("words", words),
                ("labels", labels),
                ("frozen", frozen),
                ("anything", anything),
            ]);
            json!({"metadata": metadata, "spec": spec})
        },
    )
}
