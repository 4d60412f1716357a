//! What the status API may ask of the running controller.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;
use tokio::time::Instant;

use super::{
    context::Context,
    entry::Entry,
    fleet::Fleet,
    observe::{self, Seen},
    read,
    readiness::{Need, Readiness},
    tree::{self, Node},
};
use crate::{
    api::Application,
    apply,
    object::{GroupVersionKind, LiveObject, ObjectId, mask},
    plan::{decide::State, permit::IN_CLUSTER_NAME},
    report::{
        board::Board,
        metrics::{ClusterState, Metrics},
    },
};

pub(crate) use super::members::Place;

/// One object of an application, desired and live, as the diff sees it. Secrets are masked.
#[derive(Debug, Clone)]
pub struct ManagedResource {
    /// The object.
    pub id: ObjectId,
    /// Kind with version.
    pub gvk: GroupVersionKind,
    /// As Git says; `None` for an object that Git no longer names, or may not name.
    pub target: Option<Arc<Value>>,
    /// As the cluster has it; `None` when missing.
    pub live: Option<Arc<Value>>,
    /// As the cluster would have it after a sync; equal to `live` when nothing differs.
    pub predicted: Option<Arc<Value>>,
}

/// A change that somebody made to a field which Steadfast owns.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftRecord {
    /// Group of the object.
    pub group: String,
    /// Kind of the object.
    pub kind: String,
    /// Namespace of the object, empty for cluster-scoped ones.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// The field, for example `.spec.template.spec.containers[name="web"].image`; empty when the
    /// whole object was deleted.
    pub field: String,
    /// What Git says, masked for Secrets; `None` when absent.
    pub old: Option<Value>,
    /// What was found, masked for Secrets; `None` when absent.
    pub new: Option<Value>,
    /// The field manager that took the field; empty when unknown.
    pub manager: String,
    /// When it was seen, RFC 3339.
    pub at: String,
    /// Whether it was put back.
    pub corrected: bool,
}

/// What one application consists of right now.
#[derive(Debug, Clone, Default)]
pub struct Detail {
    /// Every managed object with its desired and live state.
    pub resources: Vec<ManagedResource>,
    /// The last drifts, newest last, bounded.
    pub drifts: Vec<DriftRecord>,
}

/// A cheap handle on the running controller.
#[derive(Clone)]
pub struct Handle {
    /// Published state of all applications.
    pub board: Arc<Board>,
    readiness: Arc<Readiness>,
    loop_: Option<(Arc<Context>, Arc<Fleet>)>,
}

impl Handle {
    /// The handle on a running loop.
    pub(crate) fn new(ctx: Arc<Context>, fleet: Arc<Fleet>, readiness: Arc<Readiness>) -> Self {
        Self { board: Arc::clone(&ctx.board), readiness, loop_: Some((ctx, fleet)) }
    }

    /// Why the applications are not known, as far as they are not: one that is absent may be there.
    pub fn applications_unknown(&self) -> Option<String> {
        self.readiness.lack(Need::Applications)
    }

    /// A handle on a board alone, for tests of those who read it: it knows no details and is ready.
    pub fn of_board(board: Arc<Board>) -> Self {
        Self { board, readiness: Arc::new(Readiness::complete()), loop_: None }
    }

    fn parts(&self, app: &str) -> Option<(&Context, Arc<Entry>, Application)> {
        let (ctx, fleet) = self.loop_.as_ref()?;
        let entry = fleet.get(app)?;
        let parsed = Application::parse(entry.latest().tree()).ok()?;
        Some((ctx, entry, parsed))
    }

    /// What an application consists of right now; `None` when there is no such application.
    pub async fn detail(&self, app: &str) -> Option<Detail> {
        let (ctx, entry, app) = self.parts(app)?;
        let drifts = entry.memory.lock().await.drifts.iter().cloned().collect();
        let mut detail = Detail { drifts, ..Detail::default() };
        let Ok(project) = read::permitted(ctx, &app) else { return Some(detail) };
        let Ok((resolved, _)) = read::resolve_spec(ctx, &app).await else { return Some(detail) };
        let Ok(desired) = read::manifests(ctx, &app, &resolved).await else { return Some(detail) };
        let kinds = observe::kinds(&app, &desired);
        // Taken as late as possible: a pass of this application waits for it.
        let mut memory = entry.memory.lock().await;
        let view = observe::view(ctx, &app, &project, &desired, &kinds, &mut memory).await;
        drop(memory);
        for seen in &view.seen {
            detail.resources.push(managed(ctx, seen).await);
        }
        detail.resources.extend(view.stale.iter().map(|live| unnamed(live)));
        detail.resources.extend(view.unsure.iter().map(|unsure| {
            let shown = unnamed(&unsure.live);
            ManagedResource { predicted: shown.live.clone(), ..shown }
        }));
        Some(detail)
    }

    /// The resource tree of an application as the live store has it, in an order that depends on
    /// nothing else; `None` when there is no such application. Cheap: nothing is rendered and the
    /// cluster is not asked.
    pub fn nodes(&self, app: &str) -> Option<Vec<Node>> {
        let (ctx, fleet) = self.loop_.as_ref()?;
        let entry = fleet.get(app)?;
        let parsed = Application::parse(entry.latest().tree());
        // One that can't be read may have objects all the same.
        let instance = parsed.map_or_else(|_| app.to_owned(), |app| ctx.instance(&app));
        let roots = tree::roots(&ctx.store, ctx.tracked(&instance), entry.unmanaged());
        Some(tree::nodes(&ctx.store, roots))
    }

    /// The manifests that an application renders to at a revision (its own when empty), or why
    /// it can't be rendered.
    pub async fn manifests(&self, app: &str, revision: &str) -> Result<Vec<Arc<Value>>, String> {
        let (ctx, _, app) = self.parts(app).ok_or("there is no such application")?;
        // As an operation would: without a revision that is what the specification says.
        let sync = crate::api::SyncOperation {
            revision: revision.to_owned(),
            ..crate::api::SyncOperation::default()
        };
        let render = async {
            let (resolved, _) = read::resolve_operation(ctx, &app, &sync).await?;
            read::manifests(ctx, &app, &resolved).await
        };
        let desired = render.await.map_err(|stopped| stopped.condition.message)?;
        if let Some(held) = read::conditions(&desired.findings).into_iter().next()
            && !desired.complete
        {
            return Err(held.message);
        }
        let masked = desired.targets.iter().map(|target| {
            let mut value = target.body.tree();
            mask::object(&mut value);
            Arc::new(value)
        });
        Ok(masked.collect())
    }

    /// Marks every application that reads this repository dirty and polls the mirror at once;
    /// returns their names. `reference` is the full ref that moved, when it is known.
    pub fn repository_pushed(&self, url: &str, _reference: Option<&str>) -> Vec<String> {
        self.loop_.as_ref().map(|(ctx, _)| ctx.sources.pushed(url)).unwrap_or_default()
    }

    /// Whether this process acts for an application.
    pub(crate) fn acts_for(&self, app: &str) -> bool {
        self.loop_.as_ref().is_none_or(|(ctx, _)| ctx.members.acts(app))
    }

    /// Where an application is worked on.
    pub(crate) fn place(&self, app: &str) -> Place {
        self.loop_.as_ref().map_or(Place::Here, |(ctx, _)| ctx.members.place(app))
    }

    /// The addresses of all other replicas.
    pub(crate) fn other_replicas(&self) -> Vec<String> {
        self.loop_.as_ref().map(|(ctx, _)| ctx.members.addresses()).unwrap_or_default()
    }

    /// Whether the controller can do its work, and if not, why: the body of `/readyz`.
    pub fn readiness(&self) -> Result<(), String> {
        self.readiness.get()
    }

    /// Sets the gauges of the cluster, right before they are shown.
    pub fn measure(&self, metrics: &Metrics) {
        let Some((ctx, fleet)) = &self.loop_ else { return };
        metrics.shares(ctx.members.count(), fleet.acting(ctx));
        let survey = ctx.store.survey();
        let table = ctx.cluster.kinds();
        let kinds: BTreeSet<_> = table.iter().map(|info| info.gvk.group_kind()).collect();
        metrics.cluster(ClusterState {
            server: ctx.cluster.url(),
            name: IN_CLUSTER_NAME,
            version: &ctx.cluster.version(),
            connected: survey.sound && self.readiness.is_good(Need::Contact),
            objects: survey.objects,
            kinds: kinds.len(),
            watches: survey.watches,
            age_s: survey.quiet.as_secs_f64(),
        });
    }
}

/// An object that Git does not name.
fn unnamed(live: &LiveObject) -> ManagedResource {
    let mut value = live.value();
    mask::object(&mut value);
    ManagedResource {
        id: live.id.clone(),
        gvk: live.gvk.clone(),
        target: None,
        live: Some(Arc::new(value)),
        predicted: None,
    }
}

/// One object beside its prediction. A dry run is made only where something differs.
async fn managed(ctx: &Context, seen: &Seen) -> ManagedResource {
    let target = &seen.subject.target;
    let mut desired = target.body.tree();
    let mut live = seen.live.as_ref().map(|live| live.value());
    let mut predicted = match seen.subject.state {
        State::Clean => live.clone(),
        State::Barred => None,
        _ => {
            let deadline = Instant::now() + observe::DRY_RUN_LIMIT;
            let step = observe::probe(target);
            match apply::dry_run(&step, &ctx.cluster, deadline).await {
                Ok(mut object) => {
                    if let Some(metadata) =
                        object.get_mut("metadata").and_then(Value::as_object_mut)
                    {
                        metadata.remove("managedFields");
                    }
                    Some(object)
                }
                // What would be refused is shown as it was asked for.
                Err(_) => Some(desired.clone()),
            }
        }
    };
    let mut sides: Vec<&mut Value> = vec![&mut desired];
    sides.extend(live.as_mut());
    sides.extend(predicted.as_mut());
    mask::sides(&mut sides);
    ManagedResource {
        id: target.id.clone(),
        gvk: target.gvk.clone(),
        target: Some(Arc::new(desired)),
        live: live.map(Arc::new),
        predicted: predicted.map(Arc::new),
    }
}
