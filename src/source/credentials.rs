//! Which credentials and which trust go with a repository: Argo CD's Secrets and ConfigMaps. Pure.
//!
//! - Secrets with the label `argocd.argoproj.io/secret-type: repository` are for exactly one URL,
//!   and, when they have a key `project`, for the applications of that project only.
//! - Secrets with the label value `repo-creds` are templates: the one with the longest URL that a
//!   repository's URL begins with gives its credentials to a repository that has none itself.
//! - ConfigMap `argocd-ssh-known-hosts-cm`, key `ssh_known_hosts`: the keys of ssh servers.
//! - ConfigMap `argocd-tls-certs-cm`: per server name, the certificates that are trusted there
//!   instead of the system's.

use std::collections::BTreeMap;

use super::{RepoAccess, url};
use crate::worker::Secret;

/// The label that says what a Secret is for.
pub const SECRET_TYPE_LABEL: &str = "argocd.argoproj.io/secret-type";
/// Its value on the Secret of one repository.
pub const REPOSITORY: &str = "repository";
/// Its value on a template for many repositories.
pub const REPO_CREDS: &str = "repo-creds";
/// The ConfigMap with the keys of ssh servers.
pub const KNOWN_HOSTS_CONFIG_MAP: &str = "argocd-ssh-known-hosts-cm";
/// The key in it.
pub const KNOWN_HOSTS_KEY: &str = "ssh_known_hosts";
/// The ConfigMap with the certificates of servers.
pub const TLS_CERTS_CONFIG_MAP: &str = "argocd-tls-certs-cm";

/// The user that goes with a token when none is given; servers that take tokens ignore it.
const TOKEN_USER: &str = "git";

/// The keys of a Secret by which people log in, in ways that are not supported.
const UNSUPPORTED: [(&str, &str); 3] = [
    ("githubAppID", "GitHub App credentials"),
    ("gcpServiceAccountKey", "Google Cloud credentials"),
    ("useAzureWorkloadIdentity", "Azure workload identity"),
];

/// What a Secret holds, decoded from base64. Never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretData(pub BTreeMap<String, Vec<u8>>);

impl std::fmt::Debug for SecretData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A Secret about repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoSecret {
    /// Its name, for messages.
    pub name: String,
    /// The value of [`SECRET_TYPE_LABEL`].
    pub secret_type: String,
    /// Its content.
    pub data: SecretData,
}

/// All that is known about repositories; made anew whenever a Secret or ConfigMap changes.
#[derive(Debug, Clone, Default)]
pub struct CredentialBook {
    repositories: Vec<Entry>,
    templates: Vec<Entry>,
    known_hosts: String,
    certificates: BTreeMap<String, String>,
}

/// One Secret, read.
#[derive(Debug, Clone)]
struct Entry {
    secret: String,
    project: String,
    access: RepoAccess,
    unsupported: Option<&'static str>,
}

/// Why a Secret is not used, or a repository cannot be entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// A Secret does not say which URL it is for.
    #[error("Secret {secret} has no key `url`: it is not used")]
    NoUrl {
        /// The Secret's name.
        secret: String,
    },
    /// A value cannot be read.
    #[error("Secret {secret}, key `{key}`: {why}")]
    Value {
        /// The Secret's name.
        secret: String,
        /// The key.
        key: &'static str,
        /// What is wrong, without the value.
        why: &'static str,
    },
    /// Credentials of a kind that we do not know how to use.
    #[error("Secret {secret}: {kind} are not supported; use a token, a password or an ssh key")]
    Unsupported {
        /// The Secret's name.
        secret: String,
        /// The kind.
        kind: &'static str,
    },
    /// A proxy for a protocol that can't go through one. Going around it unasked is no answer:
    /// whoever set it may have had a reason.
    #[error(
        "Secret {secret} sets a proxy, and only http and https go through one: use the https URL of \
         {repository}, list its host in the key `noProxy`, or remove the key `proxy`"
    )]
    Proxy {
        /// The Secret's name.
        secret: String,
        /// The repository's URL.
        repository: String,
    },
}

impl CredentialBook {
    /// Reads all Secrets. Those that cannot be used are left out and named in the second value;
    /// Secrets of other kinds of repositories (Helm, OCI) are passed over.
    pub fn new(
        secrets: &[RepoSecret],
        known_hosts: &str,
        certificates: BTreeMap<String, String>,
    ) -> (Self, Vec<CredentialError>) {
        let known_hosts = known_hosts.to_owned();
        let mut book = Self { known_hosts, certificates, ..Self::default() };
        let mut problems = Vec::new();
        for secret in secrets {
            let kind = text(secret, "type").ok().flatten();
            if kind.is_some_and(|kind| !kind.is_empty() && kind != "git") {
                continue;
            }
            let list = match secret.secret_type.as_str() {
                REPOSITORY => &mut book.repositories,
                REPO_CREDS => &mut book.templates,
                _ => continue,
            };
            match Entry::read(secret) {
                Ok(entry) => list.push(entry),
                Err(problem) => problems.push(problem),
            }
        }
        // Whatever order the cluster lists Secrets in, the same one wins.
        book.repositories.sort_by(|a, b| a.secret.cmp(&b.secret));
        book.templates.sort_by(|a, b| a.secret.cmp(&b.secret));
        (book, problems)
    }

    /// How `url` is reached by an application of `project`.
    ///
    /// Without any Secret for it that is: as everybody. User and password in the URL itself are
    /// used when no Secret gives any, and taken out of the URL.
    pub fn access(&self, url: &str, project: &str) -> Result<RepoAccess, CredentialError> {
        let own = |wanted: &str| {
            let mut same = self.repositories.iter().filter(|entry| entry.project == wanted);
            same.find(|entry| url::same(&entry.access.url, url))
        };
        let repository = own(project).or_else(|| own(""));
        let template = self
            .templates
            .iter()
            .filter(|entry| url::covers(&entry.access.url, url))
            .max_by_key(|entry| url::normalized(&entry.access.url).len());
        let mut access = repository.map(|entry| entry.access.clone()).unwrap_or_default();
        let gives_own = repository.is_some_and(Entry::has_credentials);
        let giver = if gives_own { repository } else { template.or(repository) };
        if let Some((secret, kind)) = giver.and_then(|e| Some((&e.secret, e.unsupported?))) {
            return Err(CredentialError::Unsupported { secret: secret.clone(), kind });
        }
        if let Some(template) = template.filter(|_| !gives_own) {
            template.lend(&mut access);
        }
        if let (Some(_), Some(host)) = (&access.proxy, url::host(url))
            && !url::is_http(url)
            && !url::is_excepted(&host, &access.no_proxy)
        {
            let giver = repository.filter(|entry| entry.access.proxy.is_some()).or(template);
            return Err(CredentialError::Proxy {
                secret: giver.map(|entry| entry.secret.clone()).unwrap_or_default(),
                repository: url::redacted(url),
            });
        }
        let (plain_url, in_url) = split_password(url);
        access.url = plain_url;
        if access.basic.is_none() && access.bearer.is_none() {
            access.basic = in_url;
        }
        access.known_hosts.clone_from(&self.known_hosts);
        access.ca_pem = url::host(url).and_then(|host| self.certificates.get(&host).cloned());
        Ok(access)
    }
}

impl Entry {
    fn read(secret: &RepoSecret) -> Result<Self, CredentialError> {
        let name = || secret.name.clone();
        let url = text(secret, "url")?.filter(|url| !url.trim().is_empty());
        let url = url.ok_or_else(|| CredentialError::NoUrl { secret: name() })?;
        let sensitive = |key| Ok(text(secret, key)?.filter(|v| !v.is_empty()).map(Secret::new));
        let (username, password) = (text(secret, "username")?, sensitive("password")?);
        let certificate = text(secret, "tlsClientCertData")?.filter(|pem| !pem.is_empty());
        let client_identity = match (certificate, sensitive("tlsClientCertKey")?) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                let why = "certificate and key are needed, one of them is missing";
                return Err(CredentialError::Value {
                    secret: name(),
                    key: "tlsClientCertData",
                    why,
                });
            }
        };
        let insecure = flag(secret, "insecure")?;
        let access = RepoAccess {
            url: url.trim().to_owned(),
            basic: password.map(|password| {
                let user = username.filter(|user| !user.is_empty());
                (user.unwrap_or_else(|| TOKEN_USER.to_owned()), password)
            }),
            bearer: sensitive("bearerToken")?,
            ssh_key: sensitive("sshPrivateKey")?,
            known_hosts: String::new(),
            insecure_host_key: insecure || flag(secret, "insecureIgnoreHostKey")?,
            insecure_tls: insecure,
            ca_pem: None,
            client_identity,
            proxy: sensitive("proxy")?,
            no_proxy: text(secret, "noProxy")?.unwrap_or_default(),
        };
        let unsupported = UNSUPPORTED.iter().find_map(|(key, kind)| {
            let value = secret.data.0.get(*key)?;
            (!value.is_empty() && value != b"false").then_some(*kind)
        });
        let project = text(secret, "project")?.unwrap_or_default();
        Ok(Self { secret: name(), project, access, unsupported })
    }

    fn has_credentials(&self) -> bool {
        let RepoAccess { basic, bearer, ssh_key, client_identity, .. } = &self.access;
        basic.is_some()
            || bearer.is_some()
            || ssh_key.is_some()
            || client_identity.is_some()
            || self.unsupported.is_some()
    }

    /// Gives what a template has to a repository without credentials; a proxy of its own stays.
    fn lend(&self, to: &mut RepoAccess) {
        let RepoAccess { basic, bearer, ssh_key, client_identity, proxy, no_proxy, .. } =
            self.access.clone();
        (to.basic, to.bearer, to.ssh_key, to.client_identity) =
            (basic, bearer, ssh_key, client_identity);
        to.insecure_tls |= self.access.insecure_tls;
        to.insecure_host_key |= self.access.insecure_host_key;
        if to.proxy.is_none() {
            (to.proxy, to.no_proxy) = (proxy, no_proxy);
        }
    }
}

fn text(secret: &RepoSecret, key: &'static str) -> Result<Option<String>, CredentialError> {
    let Some(bytes) = secret.data.0.get(key) else { return Ok(None) };
    let why = "it is not UTF-8";
    String::from_utf8(bytes.clone()).map(Some).map_err(|_| CredentialError::Value {
        secret: secret.name.clone(),
        key,
        why,
    })
}

/// Booleans as Go's `strconv.ParseBool` reads them.
fn flag(secret: &RepoSecret, key: &'static str) -> Result<bool, CredentialError> {
    let why = "it is neither true nor false";
    match text(secret, key)?.as_deref().map(str::trim) {
        None | Some("" | "0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some(_) => Err(CredentialError::Value { secret: secret.name.clone(), key, why }),
    }
}

/// Takes user and password out of a URL that holds both.
fn split_password(url: &str) -> (String, Option<(String, Secret)>) {
    let split = || {
        let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| *scheme != "ssh")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, host) = authority.rsplit_once('@')?;
        let (user, password) = user.split_once(':')?;
        Some((format!("{scheme}://{host}{path}"), decode(user), decode(password)))
    };
    match split() {
        Some((url, user, password)) => (url, Some((user, Secret::new(password)))),
        None => (url.to_owned(), None),
    }
}

/// Undoes the percent signs of a URL.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        if let (b'%', Some(byte)) = (first, byte) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
