//! Follows the Secrets and `ConfigMap`s of Argo CD that say how repositories are reached and how
//! webhooks are signed.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::{StreamExt, stream};
use serde_json::Value;
use tokio::sync::watch;

use super::{context::Context, fleet::Fleet, readiness::Need, run::Told};
use crate::{
    cluster::{ResourceEvent, ResourceQuery, watch_resources},
    object::{GroupVersionKind, Turn, meta},
    server::WebhookSecret,
    source::credentials::{CredentialBook, RepoSecret, SECRET_TYPE_LABEL, SecretData},
};

/// Host keys of SSH servers.
const KNOWN_HOSTS: (&str, &str) = ("argocd-ssh-known-hosts-cm", "ssh_known_hosts");
/// Certificates of Git servers, by host name.
const TLS_CERTIFICATES: &str = "argocd-tls-certs-cm";
/// Secrets of the server itself.
const OWN_SECRET: (&str, &str) = ("argocd-secret", "webhook.github.secret");

/// What was read so far.
#[derive(Default)]
struct Known {
    secrets: BTreeMap<String, RepoSecret>,
    hosts: String,
    certificates: BTreeMap<String, String>,
}

/// The four things that are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Repositories,
    Hosts,
    Certificates,
    Own,
}

/// Follows them for ever; `told` hears once all have been read.
pub(crate) async fn follow(
    ctx: Arc<Context>,
    fleet: Arc<Fleet>,
    webhook: watch::Sender<WebhookSecret>,
    told: Told,
) {
    let mut events =
        stream::select_all([Part::Repositories, Part::Hosts, Part::Certificates, Part::Own].map(
            |part| watch_resources(&ctx.cluster, query(&ctx, part)).map(move |e| (part, e)).boxed(),
        ));
    let mut known = Known::default();
    let mut unread = vec![Part::Repositories, Part::Hosts, Part::Certificates, Part::Own];
    while let Some((part, event)) = events.next().await {
        let changed = match event {
            ResourceEvent::Applied(object) if part == Part::Own => {
                let secret = decoded(&object).remove(OWN_SECRET.1).filter(|text| !text.is_empty());
                webhook.send_replace(WebhookSecret(secret));
                false
            }
            ResourceEvent::Applied(object) => known.take(part, &object),
            ResourceEvent::Deleted { name, .. } => known.drop(part, &name),
            // A lost connection comes back; a permission that is missing may never come, and public
            // repositories work without it.
            ResourceEvent::Lost { turn: Turn::Cluster, message } => {
                if !unread.is_empty() {
                    told.bad(Need::Secrets, message);
                }
                false
            }
            ResourceEvent::Synced | ResourceEvent::Lost { .. } => {
                let before = unread.len();
                unread.retain(|left| *left != part);
                if before == 1 && unread.is_empty() {
                    ctx.sources.set_credentials(known.book());
                    told.good(Need::Secrets);
                }
                false
            }
            ResourceEvent::NotServed | ResourceEvent::Alive => false,
        };
        if changed && unread.is_empty() {
            ctx.sources.set_credentials(known.book());
            fleet.wake_all();
        }
    }
}

fn query(ctx: &Context, part: Part) -> ResourceQuery {
    let named = |kind: &str, name: &str| {
        let mut query =
            ResourceQuery::all(GroupVersionKind::parse("v1", kind), &ctx.settings.namespace);
        name.clone_into(&mut query.name);
        query
    };
    match part {
        Part::Repositories => {
            let mut query = named("Secret", "");
            query.labels = format!("{SECRET_TYPE_LABEL} in (repository,repo-creds)");
            query
        }
        Part::Hosts => named("ConfigMap", KNOWN_HOSTS.0),
        Part::Certificates => named("ConfigMap", TLS_CERTIFICATES),
        Part::Own => named("Secret", OWN_SECRET.0),
    }
}

impl Known {
    /// Takes an object over; true when it changes what is known.
    fn take(&mut self, part: Part, object: &Value) -> bool {
        match part {
            Part::Repositories => {
                let secret = RepoSecret {
                    name: meta::name(object).to_owned(),
                    secret_type: meta::label(object, SECRET_TYPE_LABEL).unwrap_or_default().into(),
                    data: SecretData(decoded(object)),
                };
                self.secrets.insert(secret.name.clone(), secret);
            }
            Part::Hosts => {
                let hosts = plain(object).remove(KNOWN_HOSTS.1).unwrap_or_default();
                if hosts == self.hosts {
                    return false;
                }
                self.hosts = hosts;
            }
            Part::Certificates => {
                let certificates = plain(object);
                if certificates == self.certificates {
                    return false;
                }
                self.certificates = certificates;
            }
            Part::Own => return false,
        }
        true
    }

    fn drop(&mut self, part: Part, name: &str) -> bool {
        match part {
            Part::Repositories => self.secrets.remove(name).is_some(),
            Part::Hosts => !std::mem::take(&mut self.hosts).is_empty(),
            Part::Certificates => !std::mem::take(&mut self.certificates).is_empty(),
            Part::Own => false,
        }
    }

    fn book(&self) -> CredentialBook {
        let secrets: Vec<RepoSecret> = self.secrets.values().cloned().collect();
        let (book, problems) =
            CredentialBook::new(&secrets, &self.hosts, self.certificates.clone());
        for problem in problems {
            tracing::warn!(%problem, "credentials are not used");
        }
        book
    }
}

/// The data of a Secret, decoded; what is no base64 is left out.
fn decoded(secret: &Value) -> BTreeMap<String, Vec<u8>> {
    let data = secret.get("data").and_then(Value::as_object);
    data.into_iter()
        .flatten()
        .filter_map(|(key, value)| {
            let bytes = STANDARD.decode(value.as_str()?).ok()?;
            Some((key.clone(), bytes))
        })
        .collect()
}

/// The data of a ConfigMap.
fn plain(config_map: &Value) -> BTreeMap<String, String> {
    let data = config_map.get("data").and_then(Value::as_object);
    data.into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}
