use super::*;

fn secret(name: &str, secret_type: &str, data: &[(&str, &str)]) -> RepoSecret {
    let data = data.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()));
    let data = SecretData(data.collect());
    RepoSecret { name: name.to_owned(), secret_type: secret_type.to_owned(), data }
}

fn book(secrets: &[RepoSecret]) -> CredentialBook {
    let (book, problems) = CredentialBook::new(secrets, "", BTreeMap::new());
    assert_eq!(problems, []);
    book
}

fn basic(access: &RepoAccess) -> Option<(&str, &str)> {
    access.basic.as_ref().map(|(user, password)| (user.as_str(), password.expose()))
}

const REPO: &str = "https://github.com/org/repo";

#[test]
fn a_repository_without_secret_is_entered_as_everybody() {
    let access = book(&[]).access(REPO, "default").expect("nothing stands against it");
    assert_eq!(access, RepoAccess { url: REPO.to_owned(), ..RepoAccess::default() });
}

#[test]
fn the_secret_of_a_repository_is_found_by_any_spelling_of_its_url() {
    let book = book(&[secret(
        "own",
        REPOSITORY,
        &[("url", "https://GitHub.com/org/repo.git"), ("username", "bob"), ("password", "one")],
    )]);
    for url in [REPO, "https://github.com/Org/Repo/", "https://github.com/org/repo.git"] {
        let access = book.access(url, "default").expect("it has credentials");
        assert_eq!(basic(&access), Some(("bob", "one")), "{url}");
        assert_eq!(access.url, url, "the URL stays as the application spells it");
    }
    let other = book.access("https://github.com/org/repo-2", "default").expect("it is public");
    assert_eq!(basic(&other), None);
}

#[test]
fn the_longest_template_gives_to_a_repository_without_credentials() {
    let book = book(&[
        secret("host", REPO_CREDS, &[("url", "https://github.com"), ("password", "host")]),
        secret("org", REPO_CREDS, &[("url", "https://github.com/org"), ("password", "org")]),
        secret("listed", REPOSITORY, &[("url", REPO), ("insecure", "true"), ("proxy", "http://p")]),
        secret("own", REPOSITORY, &[("url", "https://github.com/org/own"), ("password", "own")]),
    ]);
    let password = |url: &str| {
        let access = book.access(url, "default").expect("it has credentials");
        access.basic.map(|(_, password)| password.expose().to_owned())
    };
    assert_eq!(password("https://github.com/org/any").as_deref(), Some("org"));
    assert_eq!(password("https://github.com/else/any").as_deref(), Some("host"));
    assert_eq!(password("https://github.com/org/own").as_deref(), Some("own"));
    assert_eq!(password("https://github.com.evil.example/org/any"), None);

    let listed = book.access(REPO, "default").expect("it has credentials");
    assert_eq!(basic(&listed), Some(("git", "org")), "a token needs no user");
    assert!(listed.insecure_tls && listed.insecure_host_key);
    assert_eq!(listed.proxy.as_ref().map(Secret::expose), Some("http://p"));
}

#[test]
fn a_secret_of_one_project_is_for_that_project_only() {
    let book = book(&[
        secret("a", REPOSITORY, &[("url", REPO), ("project", "blue"), ("password", "blue")]),
        secret("b", REPOSITORY, &[("url", REPO), ("password", "all")]),
    ]);
    let of = |project: &str| book.access(REPO, project).expect("it has credentials");
    assert_eq!(basic(&of("blue")), Some(("git", "blue")));
    assert_eq!(basic(&of("red")), Some(("git", "all")));
    let scoped =
        [secret("a", REPOSITORY, &[("url", REPO), ("project", "blue"), ("password", "x")])];
    let (book, _) = CredentialBook::new(&scoped, "", BTreeMap::new());
    let access = book.access(REPO, "red").expect("it is entered as everybody");
    assert_eq!(basic(&access), None);
}

#[test]
fn ssh_keys_tokens_certificates_and_flags_are_read() {
    let book = book(&[secret(
        "own",
        REPOSITORY,
        &[
            ("url", "git@github.com:org/repo.git"),
            ("sshPrivateKey", "KEY"),
            ("bearerToken", "TOKEN"),
            ("tlsClientCertData", "CERT"),
            ("tlsClientCertKey", "CERTKEY"),
            ("insecureIgnoreHostKey", "true"),
            ("noProxy", "a,b"),
            ("forceHttpBasicAuth", "true"),
            ("name", "shown in lists"),
        ],
    )]);
    let access = book.access("ssh://git@github.com/org/repo", "default").expect("it has a key");
    assert_eq!(access.ssh_key.as_ref().map(Secret::expose), Some("KEY"));
    assert_eq!(access.bearer.as_ref().map(Secret::expose), Some("TOKEN"));
    let identity = access.client_identity.as_ref().map(|(c, k)| (c.as_str(), k.expose()));
    assert_eq!(identity, Some(("CERT", "CERTKEY")));
    assert!(access.insecure_host_key && !access.insecure_tls);
    assert_eq!(access.no_proxy, "a,b");
    let printed = format!("{access:?} {book:?}");
    for value in ["\"KEY\"", "TOKEN", "CERTKEY"] {
        assert!(!printed.contains(value), "{printed}");
    }
}

#[test]
fn trust_comes_from_the_config_maps_by_server_name() {
    let certificates = BTreeMap::from([("git.example.com".to_owned(), "PEM".to_owned())]);
    let (book, _) = CredentialBook::new(&[], "host ssh-ed25519 AAAA", certificates);
    let of = |url: &str| book.access(url, "default").expect("nothing stands against it");
    assert_eq!(of("https://Git.example.com:8443/r").ca_pem.as_deref(), Some("PEM"));
    assert_eq!(of("https://git.example.org/r").ca_pem, None);
    assert_eq!(of("git@host:r").known_hosts, "host ssh-ed25519 AAAA");
}

#[test]
fn a_password_in_the_url_is_used_and_taken_out() {
    let access = book(&[]).access("https://bob:p%40ss@host/r", "default").expect("it is fine");
    assert_eq!(access.url, "https://host/r");
    assert_eq!(basic(&access), Some(("bob", "p@ss")));
}

#[test]
fn what_cannot_be_used_is_named() {
    let secrets = [
        secret("none", REPOSITORY, &[("username", "bob")]),
        secret("flag", REPOSITORY, &[("url", REPO), ("insecure", "maybe")]),
        secret("half", REPOSITORY, &[("url", REPO), ("tlsClientCertData", "CERT")]),
        secret("helm", REPOSITORY, &[("url", REPO), ("type", "helm"), ("password", "x")]),
        secret("other", "cluster", &[("url", REPO)]),
        secret("app", REPO_CREDS, &[("url", "https://github.com"), ("githubAppID", "1")]),
    ];
    let (book, problems) = CredentialBook::new(&secrets, "", BTreeMap::new());
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "Secret none has no key `url`: it is not used",
            "Secret flag, key `insecure`: it is neither true nor false",
            "Secret half, key `tlsClientCertData`: certificate and key are needed, one of them is missing",
        ]
    );
    let kind = "GitHub App credentials";
    let unsupported = CredentialError::Unsupported { secret: "app".to_owned(), kind };
    assert_eq!(book.access(REPO, "default"), Err(unsupported));
}

#[test]
fn a_proxy_that_a_repository_cannot_go_through_is_an_error_and_not_ignored() {
    let proxy = ("proxy", "http://proxy.example:3128");
    let ssh = "git@github.com:org/repo.git";
    let book = book(&[
        secret("hub", REPO_CREDS, &[("url", "git@github.com:org"), ("sshPrivateKey", "k"), proxy]),
        secret("near", REPOSITORY, &[("url", "ssh://git@near.example/r"), proxy]),
        secret(
            "open",
            REPOSITORY,
            &[("url", "ssh://git@open.example/r"), proxy, ("noProxy", "example")],
        ),
        secret("web", REPOSITORY, &[("url", REPO), proxy]),
        secret("disk", REPOSITORY, &[("url", "file:///srv/r"), proxy]),
    ]);
    for (url, secret) in [(ssh, "hub"), ("ssh://git@near.example/r", "near")] {
        let refused = book.access(url, "default").expect_err("ssh goes through no proxy");
        let said = refused.to_string();
        assert!(said.contains(secret) && said.contains(url) && said.contains("noProxy"), "{said}");
    }
    for url in [REPO, "file:///srv/r", "ssh://git@open.example/r"] {
        assert!(book.access(url, "default").is_ok(), "{url}");
    }
}
