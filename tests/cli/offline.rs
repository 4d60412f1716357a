//! What needs no server: render, completions, wrong arguments, colours, pipes.

use std::{fs, process::Stdio};

use expect_test::expect;
use serde_json::Value;

use crate::program::{command, end_of, run};

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

const CONFIG: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {mode: '0644', answer: \"yes\"}
";

#[test]
fn a_directory_is_rendered_as_documents_or_as_one_list() {
    let files = [("web.yaml", CONFIG), ("sub/other.yaml", CONFIG), ("README.md", "# hi")];
    let directory = directory(&files);
    let path = directory.path().to_str().unwrap();
    let rendered = run(&["render", path]);
    expect![[r#"
        ---
        apiVersion: v1
        data:
          answer: "yes"
          mode: "0644"
        kind: ConfigMap
        metadata:
          name: web
        --- exit code 0
    "#]]
    .assert_eq(&rendered.transcript());

    let list = run(&["render", path, "-o", "json"]);
    let list: Value = serde_json::from_str(&list.out).unwrap();
    assert_eq!((&list["apiVersion"], &list["kind"]), (&"v1".into(), &"List".into()));
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "sub-directories are left alone");
    assert!(list["items"][0]["metadata"].get("namespace").is_none());

    let list = run(&["render", path, "-R", "--exclude", "sub/*", "-o", "json"]);
    let list: Value = serde_json::from_str(&list.out).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[test]
fn one_file_can_be_rendered() {
    let directory = directory(&[("web.yaml", CONFIG)]);
    let mut command = command(&["render", "web.yaml"]);
    command.current_dir(directory.path());
    let run = end_of(command, "");
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert!(run.out.starts_with("---\napiVersion: v1\n"), "{}", run.out);
}

#[test]
fn everything_that_cannot_be_read_is_told_with_its_place() {
    let directory = directory(&[
        ("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [}\n"),
        ("b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n"),
        ("c.yaml", CONFIG),
    ]);
    let mut program = command(&["render", "."]);
    program.current_dir(directory.path());
    expect![[r#"
        --- standard error
        error: ./a.yaml:3: mismatched bracket '[' closed by '}'
        error: ./b.yaml:3: ConfigMap: `metadata.name` is missing
        --- exit code 2
    "#]]
    .assert_eq(&end_of(program, "").transcript());

    let mut program = command(&["render", "a.yaml"]);
    program.current_dir(directory.path());
    let run = end_of(program, "");
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    assert!(run.err.starts_with("error: a.yaml:3: "), "{}", run.err);
}

#[test]
fn what_looks_like_a_path_is_no_application() {
    let run = run(&["render", "./nothing"]);
    expect![[r#"
        --- standard error
        error: ./nothing: no such file or directory
        --- exit code 2
    "#]]
    .assert_eq(&run.transcript());
}

#[test]
fn a_wrong_word_is_answered_with_the_nearest() {
    let transcripts: Vec<String> = [
        &["ap"][..],
        &["app", "synk", "web"],
        &["sync", "web"],
        &["app", "sync", "web", "--resource", "web"],
        &["app", "wait", "web", "--timeout", "soon"],
        &["controller", "--insecure-local", "--listen", "0.0.0.0:80"],
    ]
    .iter()
    .map(|args| format!("$ steadfast {}\n{}", args.join(" "), run(args).transcript()))
    .collect();
    expect![[r#"
        $ steadfast ap
        --- standard error
        error: unrecognized subcommand 'ap'

          tip: a similar subcommand exists: 'app'

        Usage: steadfast [OPTIONS] <COMMAND>

        For more information, try '--help'.
        --- exit code 2

        $ steadfast app synk web
        --- standard error
        error: unrecognized subcommand 'synk'

          tip: a similar subcommand exists: 'sync'

        Usage: steadfast app [OPTIONS] <COMMAND>

        For more information, try '--help'.
        --- exit code 2

        $ steadfast sync web
        --- standard error
        error: unrecognized subcommand 'sync'

        Usage: steadfast [OPTIONS] <COMMAND>

        For more information, try '--help'.

        hint: write "steadfast app sync"
        --- exit code 2

        $ steadfast app sync web --resource web
        --- standard error
        error: invalid value 'web' for '--resource <GROUP:KIND:NAME>': write GROUP:KIND:NAME, such as apps:Deployment:web or :Service:web

        For more information, try '--help'.
        --- exit code 2

        $ steadfast app wait web --timeout soon
        --- standard error
        error: invalid value 'soon' for '--timeout <DUR>': write a number with a unit, such as 30s, 5m or 1h30m (a number alone is seconds)

        For more information, try '--help'.
        --- exit code 2

        $ steadfast controller --insecure-local --listen 0.0.0.0:80
        --- standard error
        error: --insecure-local with --listen 0.0.0.0:80: without tokens the address must be a loopback one, such as 127.0.0.1:80
        --- exit code 2
    "#]].assert_eq(&transcripts.join("\n"));
}

#[test]
fn completions_know_every_verb() {
    for shell in ["bash", "zsh", "fish"] {
        let run = run(&["completions", shell]);
        assert_eq!(run.code, 0);
        for word in ["terminate-op", "completions", "poll-interval"] {
            assert!(run.out.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn the_completions_are_valid_bash() {
    let mut bash = std::process::Command::new("bash");
    bash.args(["-n"]);
    let check = end_of(bash, &run(&["completions", "bash"]).out);
    assert_eq!((check.code, check.err.as_str()), (0, ""));
}

#[test]
fn colours_come_when_asked_for_only() {
    let coloured = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = command(args);
        command.envs(variables.iter().copied());
        end_of(command, "").err.contains('\x1b')
    };
    let args = &["render", "./nothing"];
    assert!(!coloured(args, &[]), "a pipe gets none");
    assert!(coloured(args, &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(args, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(coloured(&["render", "./nothing", "--color", "always"], &[("NO_COLOR", "1")]));
    assert!(!coloured(&["render", "./nothing", "--color=never"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    // More than a pipe holds, so that the program is still writing when its reader is gone.
    let values = (0..20_000).map(|n| format!("  key{n}: value")).collect::<Vec<_>>().join("\n");
    let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: big}}\ndata:\n{values}");
    let directory = directory(&[("big.yaml", &text)]);
    let mut program = command(&["render", directory.path().to_str().unwrap()]);
    let mut child =
        program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it is built");
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn a_controller_without_a_cluster_says_so_and_ends_with_2() {
    let run = run(&["controller", "--listen", "127.0.0.1:0", "--log-format", "text"]);
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    let lines: Vec<&str> = run.err.lines().collect();
    assert!(lines[0].contains("INFO steadfast controller starts version="), "{}", run.err);
    assert!(lines[0].ends_with("data_dir=/nonexistent/.cache/steadfast"), "{}", run.err);
    assert_eq!(lines[1], "error: cannot reach the cluster");
}

#[test]
fn a_controller_that_does_not_reach_its_cluster_names_the_context_that_it_used() {
    let text = "\
current-context: staging
contexts: [{name: staging, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]
users: [{name: u, user: {token: t}}]
";
    let home = directory(&[("config", text)]);
    let (file, home) = (home.path().join("config"), home.path().display().to_string());
    let file = file.display().to_string();
    let controller = ["controller", "--listen", "127.0.0.1:0", "--log-format", "text"];
    let run = run(&[&controller[..], &["--data-dir", &home, "--kubeconfig", &file]].concat());
    let lines: Vec<&str> = run.err.lines().skip(1).collect();
    assert_eq!((run.code, lines[0]), (3, "error: cannot reach the cluster"), "{}", run.err);
    let hints = [
        format!("hint: the connection was tried with the context staging of {file}"),
        format!("hint: see whether \"kubectl --kubeconfig {file} version\" gets an answer"),
    ];
    assert_eq!(lines[lines.len() - 2..], hints, "{}", run.err);
    assert!(!run.err.contains('\u{1b}'), "colours in a file: {:?}", run.err);
}

#[test]
fn the_version_is_printed() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(run(&["version"]).out, format!("steadfast {version}\n"));
    assert_eq!(run(&["--version"]).out, format!("steadfast {version}\n"));
    let json: Value = serde_json::from_str(&run(&["version", "-o", "json"]).out).unwrap();
    assert_eq!(json["version"], version);
}

#[test]
fn install_prints_what_kubectl_can_apply() {
    let run = run(&["install", "--crds-only"]);
    assert_eq!(run.code, 0);
    assert_eq!(run.out.matches("\nkind: CustomResourceDefinition").count(), 2, "{}", run.out);
}
