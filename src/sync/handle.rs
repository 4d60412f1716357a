//! What the status API may ask of the running controller.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use tokio::time::Instant;

use super::{
    context::Context,
    entry::Entry,
    fleet::Fleet,
    observe::{self, Seen, View},
    operation::Resolved,
    read,
};
use crate::{
    api::Application,
    apply,
    health::Child,
    object::{GroupVersionKind, LiveObject, ObjectId, mask, meta},
    plan::decide::State,
    report::board::Board,
};

/// One object of an application, desired and live, as the diff sees it. Secrets are masked.
#[derive(Debug, Clone)]
pub struct ManagedResource {
    /// The object.
    pub id: ObjectId,
    /// Kind with version.
    pub gvk: GroupVersionKind,
    /// As Git says; `None` for an object that Git no longer names.
    pub target: Option<Arc<Value>>,
    /// As the cluster has it; `None` when missing.
    pub live: Option<Arc<Value>>,
    /// As the cluster would have it after a sync; equal to `live` when nothing differs.
    pub predicted: Option<Arc<Value>>,
}

/// One node of the resource tree: a managed object or a child of one.
#[derive(Debug, Clone)]
pub struct Node {
    /// The object.
    pub id: ObjectId,
    /// Kind with version.
    pub gvk: GroupVersionKind,
    /// `metadata.uid`.
    pub uid: String,
    /// Uid and id of the owner; `None` for managed objects.
    pub parent: Option<(String, ObjectId)>,
    /// Health status and message, when the kind has a check.
    pub health: Option<(String, String)>,
    /// `metadata.resourceVersion`, empty for children.
    pub resource_version: String,
    /// `metadata.creationTimestamp`, empty when unknown.
    pub created_at: String,
    /// Images of the pod or pod template.
    pub images: Vec<String>,
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
    /// Managed objects and their children.
    pub nodes: Vec<Node>,
    /// The last drifts, newest last, bounded.
    pub drifts: Vec<DriftRecord>,
}

/// Whether the controller can do its work.
#[derive(Debug)]
pub struct Readiness(Mutex<Result<(), String>>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Mutex::new(Err("the applications have not been read yet".to_owned())))
    }
}

impl Readiness {
    /// Sets it, with the reason when it can not.
    pub fn set(&self, state: Result<(), String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn get(&self) -> Result<(), String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
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

    /// A handle on a board alone, for tests of those who read it: it knows no details and is ready.
    pub fn of_board(board: Arc<Board>) -> Self {
        Self { board, readiness: Arc::new(Readiness(Mutex::new(Ok(())))), loop_: None }
    }

    fn parts(&self, app: &str) -> Option<(&Context, Arc<Entry>, Application)> {
        let (ctx, fleet) = self.loop_.as_ref()?;
        let entry = fleet.get(app)?;
        let parsed = Application::parse((*entry.latest()).clone()).ok()?;
        Some((ctx, entry, parsed))
    }

    /// What an application consists of right now; `None` when there is no such application.
    pub async fn detail(&self, app: &str) -> Option<Detail> {
        let (ctx, entry, app) = self.parts(app)?;
        let mut memory = entry.memory.lock().await;
        let mut detail =
            Detail { drifts: memory.drifts.iter().cloned().collect(), ..Detail::default() };
        let Ok(project) = read::permitted(ctx, &app) else { return Some(detail) };
        let Ok((resolved, _)) = read::resolve_spec(ctx, &app).await else { return Some(detail) };
        let Ok(desired) = read::manifests(ctx, &app, &resolved).await else { return Some(detail) };
        let kinds = observe::kinds(&app, &desired);
        let view = observe::view(ctx, &app, &project, &desired, &kinds, &mut memory).await;
        drop(memory);
        detail.nodes = nodes(ctx, &view);
        for seen in &view.seen {
            detail.resources.push(managed(ctx, seen).await);
        }
        for live in &view.stale {
            let mut value = live.value();
            mask::object(&mut value);
            detail.resources.push(ManagedResource {
                id: live.id.clone(),
                gvk: live.gvk.clone(),
                target: None,
                live: Some(Arc::new(value)),
                predicted: None,
            });
        }
        Some(detail)
    }

    /// The manifests that an application renders to at a revision (its own when empty), or why
    /// it can't be rendered.
    pub async fn manifests(&self, app: &str, revision: &str) -> Result<Vec<Arc<Value>>, String> {
        let (ctx, _, app) = self.parts(app).ok_or("there is no such application")?;
        let resolved = if revision.is_empty() {
            read::resolve_spec(ctx, &app).await
        } else {
            let sync = crate::api::SyncOperation {
                revision: revision.to_owned(),
                ..crate::api::SyncOperation::default()
            };
            read::resolve_operation(ctx, &app, &sync).await
        };
        let render = async {
            let (resolved, _): (Resolved, _) = resolved?;
            read::manifests(ctx, &app, &resolved).await
        };
        let desired = render.await.map_err(|stopped| stopped.condition.message)?;
        if let Some(held) = read::conditions(&desired.findings).into_iter().next()
            && !desired.complete
        {
            return Err(held.message);
        }
        let masked = desired.targets.iter().map(|target| {
            let mut value = (*target.value).clone();
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

    /// Whether the controller can do its work, and if not, why: the body of `/readyz`.
    pub fn readiness(&self) -> Result<(), String> {
        self.readiness.get()
    }
}

/// One object beside its prediction. A dry run is made only where something differs.
async fn managed(ctx: &Context, seen: &Seen) -> ManagedResource {
    let target = &seen.subject.target;
    let mut desired = (*target.value).clone();
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

fn nodes(ctx: &Context, view: &View) -> Vec<Node> {
    let live = view.seen.iter().filter_map(|seen| seen.live.clone());
    live.chain(view.stale.iter().cloned())
        .flat_map(|live| {
            let children = ctx.store.children(&live.uid);
            let known: HashMap<&str, &ObjectId> = children
                .iter()
                .map(|child| (&*child.uid, &child.id))
                .chain([(live.uid.as_str(), &live.id)])
                .collect();
            let below = children.iter().map(|child| child_node(child, &known));
            std::iter::once(root_node(ctx, &live)).chain(below).collect::<Vec<_>>()
        })
        .collect()
}

fn root_node(ctx: &Context, live: &LiveObject) -> Node {
    let value = live.value();
    let health = observe::assess(ctx, live);
    Node {
        id: live.id.clone(),
        gvk: live.gvk.clone(),
        uid: live.uid.clone(),
        parent: None,
        health: health.map(|health| (health.status.as_str().to_owned(), health.message)),
        resource_version: live.resource_version.clone(),
        created_at: meta::text(&value, "creationTimestamp").to_owned(),
        images: observe::images(&value).into_iter().collect(),
    }
}

fn child_node(child: &Child, known: &HashMap<&str, &ObjectId>) -> Node {
    let owner = &*child.owner;
    let health = child.health.as_ref();
    Node {
        id: child.id.clone(),
        gvk: GroupVersionKind {
            group: child.id.group.clone(),
            version: child.version.to_string(),
            kind: child.id.kind.clone(),
        },
        uid: child.uid.to_string(),
        parent: known.get(owner).map(|id| (owner.to_owned(), (*id).clone())),
        health: health.map(|health| (health.status.as_str().to_owned(), health.message.clone())),
        resource_version: String::new(),
        created_at: child.created_at.to_string(),
        images: child.images.iter().map(ToString::to_string).collect(),
    }
}
