//! Credentials, certificates, proxies, and servers that are something else.

use steadfast::{
    object::Turn,
    source::{RepoAccess, SourceError},
    worker::Secret,
};

use crate::{
    fixture::{Fixture, chain, public, with_password},
    git::{Auth, Behaviour, ConnectProxy, GitHttpServer, Repo, Tls},
};

#[tokio::test]
async fn a_user_with_the_right_password_is_let_in() {
    let repo = Repo::new(&[("a", "one")]);
    let tls = Tls::generate();
    let https = GitHttpServer::https(repo.root(), &tls);
    https.require(Auth::Basic("bob", "pass"));
    let ca_pem = Some(tls.ca_pem.clone());
    let url = https.url("repo.git");
    let right = RepoAccess { ca_pem: ca_pem.clone(), ..with_password(&url, "bob", "pass") };
    let wrong = RepoAccess { ca_pem: ca_pem.clone(), ..with_password(&url, "bob", "wrong-word") };
    let nobody = RepoAccess { ca_pem, ..public(&url) };
    let mirrors = Fixture::new();
    assert_eq!(mirrors.commit(&right, "main").await, repo.head());
    assert_eq!(https.counts().refused, 0, "credentials are sent at once, not after a refusal");
    for access in [wrong, nobody] {
        let error = mirrors.resolve(&access, "main").await.expect_err("it is not let in");
        assert!(matches!(error, SourceError::Authentication { .. }), "{error:?}");
        assert_eq!(error.turn(), Turn::Operator);
        assert!(error.to_string().contains("repository Secret"), "{error}");
        assert!(!chain(&error).contains("wrong-word"), "{}", chain(&error));
    }
    // What one has fetched, the other does not see: a mirror belongs to its credentials.
    let head = repo.head();
    let nobody = RepoAccess { ca_pem: Some(tls.ca_pem), ..public(&url) };
    mirrors.mirrors.snapshot(&nobody, &head).await.expect_err("it is not let in");
}

#[tokio::test]
async fn a_bearer_token_is_sent() {
    let repo = Repo::new(&[("a", "one")]);
    let tls = Tls::generate();
    let https = GitHttpServer::https(repo.root(), &tls);
    https.require(Auth::Bearer("token"));
    let access = RepoAccess {
        bearer: Some(Secret::new("token")),
        ca_pem: Some(tls.ca_pem),
        ..public(https.url("repo.git"))
    };
    assert_eq!(Fixture::new().commit(&access, "main").await, repo.head());
}

#[tokio::test]
async fn credentials_never_go_over_plain_http() {
    let repo = Repo::new(&[("a", "one")]);
    let http = GitHttpServer::http(repo.root());
    let access = with_password(http.url("repo.git"), "bob", "pass");
    let error = Fixture::new().resolve(&access, "main").await.expect_err("it is not safe");
    assert!(matches!(error, SourceError::PlainHttp { .. }), "{error:?}");
    assert_eq!(error.turn(), Turn::Operator);
    assert!(error.to_string().ends_with("use https"), "{error}");
    assert_eq!(http.counts().handshakes, 0);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let repo = Repo::new(&[("a", "one")]);
    let (tls, other) = (Tls::generate(), Tls::generate());
    let https = GitHttpServer::https(repo.root(), &tls);
    let mirrors = Fixture::new();
    let with_ca = |ca: Option<&Tls>| RepoAccess {
        ca_pem: ca.map(|tls| tls.ca_pem.clone()),
        ..public(https.url("repo.git"))
    };
    for access in [with_ca(None), with_ca(Some(&other))] {
        let error = mirrors.resolve(&access, "main").await.expect_err("nobody vouches for it");
        assert!(matches!(error, SourceError::Tls { .. }), "{error:?}");
        assert_eq!(error.turn(), Turn::Operator);
        assert!(error.to_string().contains("argocd-tls-certs-cm"), "{error}");
    }
    assert_eq!(mirrors.commit(&with_ca(Some(&tls)), "main").await, repo.head());
    let insecure = RepoAccess { insecure_tls: true, ..with_ca(None) };
    assert_eq!(mirrors.commit(&insecure, "main").await, repo.head());
}

#[tokio::test]
async fn our_certificate_is_shown_to_a_server_that_wants_one() {
    let repo = Repo::new(&[("a", "one")]);
    let tls = Tls::generate();
    let https = GitHttpServer::mutual_tls(repo.root(), &tls);
    let mirrors = Fixture::new();
    let without = RepoAccess { ca_pem: Some(tls.ca_pem.clone()), ..public(https.url("repo.git")) };
    mirrors.resolve(&without, "main").await.expect_err("it has no certificate");
    let (certificate, key) = tls.client.clone();
    let with = RepoAccess { client_identity: Some((certificate, Secret::new(key))), ..without };
    assert_eq!(mirrors.commit(&with, "main").await, repo.head());
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named() {
    let repo = Repo::new(&[("a", "one")]);
    let https = GitHttpServer::https(repo.root(), &Tls::generate());
    let access = public(https.url("repo.git"));
    let bad_ca =
        RepoAccess { ca_pem: Some("-----BEGIN CERTIFICATE-----\nx\n".into()), ..access.clone() };
    let bad_proxy = RepoAccess { proxy: Some(Secret::new("::no url::")), ..access.clone() };
    let bad_identity =
        RepoAccess { client_identity: Some(("x".into(), Secret::new("very-secret"))), ..access };
    for access in [bad_ca, bad_proxy, bad_identity] {
        let error = Fixture::new().resolve(&access, "main").await.expect_err("it is unusable");
        assert!(matches!(error, SourceError::Setting { .. }), "{}", chain(&error));
        assert_eq!(error.turn(), Turn::Operator);
        assert!(!chain(&error).contains("very-secret"), "{}", chain(&error));
    }
}

#[tokio::test]
async fn a_proxy_is_used_but_for_the_hosts_that_are_excepted() {
    let repo = Repo::new(&[("a", "one")]);
    let tls = Tls::generate();
    let https = GitHttpServer::https(repo.root(), &tls);
    let proxy = ConnectProxy::start();
    let access = RepoAccess {
        ca_pem: Some(tls.ca_pem),
        proxy: Some(Secret::new(proxy.url())),
        ..public(https.url("repo.git"))
    };
    let mirrors = Fixture::new();
    assert_eq!(mirrors.commit(&access, "main").await, repo.head());
    let tunnels = proxy.tunnels();
    assert!(tunnels >= 1);
    let direct = RepoAccess { no_proxy: "example.com,127.0.0.1".to_owned(), ..access };
    assert_eq!(mirrors.commit(&direct, "main").await, repo.head());
    assert_eq!(proxy.tunnels(), tunnels);
}

#[tokio::test]
async fn what_is_no_repository_is_named() {
    let repo = Repo::new(&[("a", "one")]);
    let http = GitHttpServer::http(repo.root());
    let mirrors = Fixture::new();
    http.behave(Behaviour::Page);
    let error = mirrors.resolve(&public(http.url("repo.git")), "main").await.expect_err("a page");
    assert!(matches!(error, SourceError::NotARepository { .. }), "{}", chain(&error));
    http.behave(Behaviour::Serve);
    let missing = public(http.url("other.git"));
    let error = mirrors.resolve(&missing, "main").await.expect_err("there is no such one");
    assert!(matches!(error, SourceError::NotFound { .. }), "{}", chain(&error));

    let directory = public(format!("file://{}", repo.root().display()));
    let error = mirrors.resolve(&directory, "main").await.expect_err("it is only a directory");
    assert!(matches!(error, SourceError::NotARepository { .. }), "{}", chain(&error));
    let error =
        mirrors.resolve(&public("file:///nowhere/repo"), "main").await.expect_err("nothing");
    assert!(matches!(error, SourceError::NotFound { .. }), "{}", chain(&error));
    for url in ["ext::sh -c true", "ftp://127.0.0.1/repo", "", "https://"] {
        let error = mirrors.resolve(&public(url), "main").await.expect_err("no supported URL");
        assert!(matches!(error, SourceError::Url { .. }), "{url}: {}", chain(&error));
    }
    let closed = public("http://127.0.0.1:1/repo.git");
    let error = mirrors.resolve(&closed, "main").await.expect_err("nobody listens");
    assert!(matches!(error, SourceError::Unreachable { .. }), "{}", chain(&error));
    let unknown = public("https://host.invalid/repo.git");
    let error = mirrors.resolve(&unknown, "main").await.expect_err("there is no such host");
    assert!(matches!(error, SourceError::Unreachable { .. }), "{}", chain(&error));
}
