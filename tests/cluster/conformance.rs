//! The embedded API server answers as the real one does.
//!
//! The files of `conformance/` hold cases: short scripts of requests. Both servers get the same
//! requests in step, and what a client sees of their answers must be equal: status code, headers
//! that matter, body with `managedFields`, and the events of watches. What differs on purpose is in
//! [`deliberate`], with the reason; everything else that differs is a mistake of the embedded
//! server.
//!
//! `STEADFAST_CONFORMANCE=word` runs only the cases with this word in their names;
//! `STEADFAST_CONFORMANCE_SEQUENCES=200` generates that many sequences of writes, and
//! `STEADFAST_TEST_SEED=7` others than every run has.

mod cases;
mod deliberate;
mod kinds;
mod mask;
mod requests;
mod run;
mod sequences;
mod side;

use std::{env, fmt::Write};

use futures::{StreamExt, stream};
use steadfast::embedded::{Options, Server};
use tokio_util::sync::CancellationToken;

use self::{
    cases::Case,
    run::Run,
    side::{Both, Side},
};
use crate::support::{ControlPlane, PlaneOptions};

/// Cases that run at once. Each has a namespace of its own.
const AT_ONCE: usize = 4;

/// Both servers, until the end of the test.
struct Pair {
    both: Both,
    stop: CancellationToken,
    _plane: ControlPlane,
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Pair {
    /// `None` without a test bed. Nothing runs on either side that would change an object.
    async fn start(plane: Option<ControlPlane>) -> Option<Self> {
        let plane = plane?;
        let server = Server::new(Options::default()).expect("certificates can be made");
        let listener = server.listen().await.expect("there is a free port");
        let stop = CancellationToken::new();
        let (serving, ended) = (server.clone(), stop.clone());
        tokio::spawn(async move { serving.serve(listener, ended).await });
        let token = |user: &str| (user.to_owned(), server.token(user).unwrap_or("").to_owned());
        let embedded =
            Side::new(&server.url(), &server.ca_pem(), ["admin", "viewer", "nobody"].map(token));
        let tokens = [
            ("admin", plane.admin_token()),
            ("viewer", "viewer-token"),
            ("nobody", "nobody-token"),
        ];
        let tokens = tokens.map(|(user, token)| (user.to_owned(), token.to_owned()));
        let real = Side::new(&plane.url(), &plane.ca_pem(), tokens);
        Some(Self { both: Both { real, embedded }, stop, _plane: plane })
    }
}

fn options() -> PlaneOptions {
    PlaneOptions { workloads: false, nodes: 0, audit: false, ..PlaneOptions::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_server_answers_as_the_real_one_does() {
    let Some(pair) = Pair::start(ControlPlane::own(options())).await else { return };
    let wanted = env::var("STEADFAST_CONFORMANCE").unwrap_or_default();
    let cases: Vec<Case> =
        cases::all().into_iter().filter(|case| case.name.contains(&wanted)).collect();
    let count = cases.len();
    prepare(&pair.both).await;
    let both = &pair.both;
    let runs = stream::iter(cases.into_iter().enumerate()).map(|(number, case)| async move {
        let namespace = format!("case-{number}");
        let differences = Run::new(both, &namespace).case(&case).await;
        (case, differences)
    });
    let mut runs: Vec<_> = runs.buffer_unordered(AT_ONCE).collect().await;
    runs.sort_by_key(|(case, _)| (case.file, case.line));
    let mut report = String::new();
    for (case, differences) in runs {
        deliberate::judge(&case, &differences, &mut report);
    }
    let lines = report.lines().filter(|line| line.starts_with("== ")).count();
    assert!(report.is_empty(), "{report}\n{lines} of {count} cases differ");
}

/// What several cases need and none of them changes.
async fn prepare(both: &Both) {
    let text = include_str!("conformance/prepare.txt");
    for case in cases::read("prepare.txt", text) {
        let differences = Run::new(both, "prepared").case(&case).await;
        assert!(differences.is_empty(), "{}: {differences:?}", case.name);
    }
}

#[test]
fn sequences_of_writes_leave_equal_objects_and_equal_owners() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the system has threads");
    let Some(pair) = runtime.block_on(Pair::start(ControlPlane::own(options()))) else { return };
    runtime.block_on(prepare(&pair.both));
    if let Err(failure) = sequences::check(&runtime, &pair.both) {
        let mut text = String::new();
        let _ = write!(text, "{failure}");
        panic!("{text}");
    }
}
