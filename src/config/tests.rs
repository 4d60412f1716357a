use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ControllerArgs,
}

fn settle(line: &str, around: &Surroundings) -> Result<Settings, String> {
    let words = std::iter::once("controller").chain(line.split_whitespace());
    let args = Line::try_parse_from(words).map_err(|error| error.to_string())?.args;
    args.settle(around).map_err(|error| error.to_string())
}

fn laptop() -> Surroundings {
    Surroundings {
        pod_namespace: None,
        replica: Replica { name: "laptop".to_owned(), ip: None },
        cache_dir: Some("/home/eva/.cache".into()),
        temporary_dir: "/tmp".into(),
        terminal: true,
    }
}

fn pod() -> Surroundings {
    Surroundings {
        pod_namespace: Some("gitops".to_owned()),
        replica: Replica { name: "steadfast-1".to_owned(), ip: "10.0.0.7".parse().ok() },
        cache_dir: None,
        temporary_dir: "/tmp".into(),
        terminal: false,
    }
}

#[test]
fn on_a_laptop_the_defaults_expose_nothing() {
    let settings = settle("", &laptop()).unwrap();
    assert_eq!(
        settings,
        Settings {
            kubeconfig: None,
            namespace: "argocd".to_owned(),
            listen: "127.0.0.1:8080".parse().unwrap(),
            poll_interval: Duration::from_secs(30),
            data_dir: "/home/eva/.cache/steadfast".into(),
            insecure_local: false,
            install_crds: false,
            replica: None,
            log_format: LogFormat::Text,
            log_filter: "warn,steadfast=info".to_owned(),
        }
    );
}

#[test]
fn in_a_pod_the_service_can_reach_it_and_the_namespace_is_the_pods() {
    let settings = settle("", &pod()).unwrap();
    assert_eq!(settings.namespace, "gitops");
    assert_eq!(settings.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(settings.data_dir, PathBuf::from("/tmp/steadfast"));
    assert_eq!(settings.log_format, LogFormat::Json);
    assert_eq!(settle("--namespace argocd", &pod()).unwrap().namespace, "argocd");
}

#[test]
fn applications_are_shared_only_where_that_is_asked_for() {
    assert_eq!(settle("", &pod()).unwrap().replica, None);
    assert_eq!(settle("--leader-elect", &pod()).unwrap().replica, Some(pod().replica));
}

#[test]
fn without_tokens_only_loopback_is_served() {
    assert_eq!(
        settle("--insecure-local", &pod()).unwrap().listen.to_string(),
        "127.0.0.1:8080",
        "in a pod as well",
    );
    assert_eq!(
        settle("--insecure-local --listen [::1]:9", &laptop()).unwrap().listen.to_string(),
        "[::1]:9"
    );
    assert_eq!(
        settle("--insecure-local --listen :9090", &laptop()).unwrap_err(),
        "--insecure-local with --listen 0.0.0.0:9090: without tokens the address must be a \
         loopback one, such as 127.0.0.1:9090"
    );
}

#[test]
fn every_refusal_names_its_flag() {
    let table = [
        ("--poll-interval 500ms", "--poll-interval 500ms: write a time from 1s to 24h"),
        ("--poll-interval 25h", "--poll-interval 25h: write a time from 1s to 24h"),
        ("--poll-interval 30x", "for '--poll-interval <DUR>': write a number with a unit"),
        ("--listen localhost", "for '--listen <ADDR>': write an IP address and a port"),
        ("--namespace Shop", "--namespace \"Shop\": not the name of a namespace"),
        ("--log-level steadfast=loud", "--log-level \"steadfast=loud\": neither a level nor"),
        ("--log-format xml", "for '--log-format <FORMAT>'"),
    ];
    for (line, wanted) in table {
        let message = settle(line, &laptop()).unwrap_err();
        assert!(message.contains(wanted), "{line}: {message}");
    }
}

#[test]
fn a_level_alone_is_for_us_and_a_filter_is_taken_as_it_is() {
    let filter = |line: &str| settle(line, &laptop()).unwrap().log_filter;
    assert_eq!(filter("--log-level DEBUG"), "warn,steadfast=debug");
    assert_eq!(filter("--log-level error"), "error");
    assert_eq!(filter("--log-level info,kube=trace"), "info,kube=trace");
}
