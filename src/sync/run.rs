//! The process: connects, starts the watches and the server, and runs until it is told to stop.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, RwLock},
    time::Duration,
};

use anyhow::Context as _;
use futures::StreamExt;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    claims::Claims,
    context::{Context, application_kind},
    count,
    fleet::Fleet,
    handle::Handle,
    members::{Keeper, Members},
    readiness::{self, Need, Readiness},
    secrets,
    sources::{Sources, Wake},
    tasks::Tasks,
    unwritten::Traffic,
};
use crate::{
    api::{self, AppProject},
    cluster::{self, Cluster, ResourceEvent, ResourceQuery, Store, watch_resources},
    config::Settings,
    health::Child,
    object::{GroupVersionKind, meta, tracking},
    render::RenderCache,
    report::{board::Board, events::EventSink, metrics::Metrics},
    server::{self, Access},
    source::{self, MirrorOptions, Mirrors},
    worker::Launcher,
};

/// Time for the CRDs to be served after they were applied.
const INSTALL_LIMIT: Duration = Duration::from_secs(60);
/// Rendered results kept: one for each of a thousand applications, and their last but one.
const RENDERS_MAX: usize = 2048;
/// Bytes of rendered manifests kept.
const RENDER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The project of applications that name none.
const DEFAULT_PROJECT: &str = "default";

/// Runs the controller until `stop`. Returns early with an error when it can't start, or when a
/// part of it died.
pub async fn run(settings: Settings, stop: CancellationToken) -> anyhow::Result<()> {
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {}", settings.listen))?;
    run_on(listener, settings, stop).await
}

/// The same with the status API on a socket that listens already.
pub async fn run_on(
    listener: TcpListener,
    settings: Settings,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let settings = Arc::new(settings);
    let tasks = Tasks::new(stop);
    let address = listener.local_addr()?;
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")));
    let cluster = connect(&settings, &metrics).await?;
    tracing::info!(cluster = cluster.url(), "listening on http://{address}");
    let (keeper, members) = join(&settings, &cluster, address).await?;
    let (ctx, fleet) = assemble(&settings, cluster, metrics, members, &tasks)?;
    let readiness = Arc::new(Readiness::default());
    if let Some(keeper) = keeper {
        keeper.start(&ctx, &fleet, &readiness, &tasks);
    }
    let (secret, webhook_secret) = watch::channel(server::WebhookSecret::default());
    let handle = Handle::new(Arc::clone(&ctx), Arc::clone(&fleet), Arc::clone(&readiness));
    let parts = server::Parts {
        handle,
        client: ctx.cluster.client(),
        namespace: settings.namespace.clone(),
        metrics: Arc::clone(&ctx.metrics),
        webhook_secret,
        access: if settings.insecure_local { Access::InsecureLocal } else { Access::Tokens },
    };
    let serving = server::serve_on(listener, parts, tasks.stop.clone());
    tasks.spawn("status API", async move {
        if let Err(cause) = serving.await {
            tracing::error!(%cause, "the status API ended");
        }
    });
    let store = ctx.store.clone();
    let stop = tasks.stop.clone();
    tasks.spawn("live store", async move { store.run(stop).await });
    let contact = readiness::follow_contact(Arc::clone(&ctx), Arc::clone(&readiness));
    tasks.follow("contact", contact);
    tasks.follow("kinds", Arc::clone(&fleet).follow_kinds(Arc::clone(&ctx)));
    let inputs = Inputs { ctx: Arc::clone(&ctx), fleet, readiness, tasks: tasks.clone() };
    tasks.follow("resources", inputs.follow(secret));
    tasks.stop.cancelled().await;
    // Others go on as soon as nothing of ours is on its way, whatever else takes longer to end.
    tokio::join!(ctx.members.leave(&ctx.cluster, &settings.namespace), tasks.shut_down());
    tasks.verdict().map_or(Ok(()), |death| Err(anyhow::anyhow!(death)))
}

async fn connect(settings: &Settings, metrics: &Arc<Metrics>) -> anyhow::Result<Cluster> {
    let observer: cluster::Observer = {
        let metrics = Arc::clone(metrics);
        Arc::new(move |server, signal| count::signal(&metrics, server, signal))
    };
    let options = cluster::Options { observer: Some(observer), ..cluster::Options::default() };
    let cluster = Cluster::connect(settings.kubeconfig.as_deref(), &options)
        .await
        .context("cannot reach the cluster")?;
    if settings.install_crds {
        let deadline = Instant::now() + INSTALL_LIMIT;
        cluster
            .install_crds(&api::crds(), deadline, &|| true)
            .await
            .context("cannot install the custom resource definitions")?;
        make_home(&cluster, &settings.namespace).await?;
    }
    Ok(cluster)
}

/// Becomes one of the replicas that share the applications, where that is asked for.
async fn join(
    settings: &Settings,
    cluster: &Cluster,
    listen: SocketAddr,
) -> anyhow::Result<(Option<Keeper>, Members)> {
    let Some(replica) = &settings.replica else { return Ok((None, Members::default())) };
    let (keeper, members) = Keeper::join(cluster, &settings.namespace, replica, listen).await?;
    Ok((Some(keeper), members))
}

/// Makes the namespace of the applications: whoever asks for the definitions wants to begin.
async fn make_home(cluster: &Cluster, name: &str) -> anyhow::Result<()> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    match cluster.create(&namespace, &|| true).await {
        Ok(made) => {
            if made.is_some() {
                tracing::info!(namespace = name, "the namespace was created");
            }
            Ok(())
        }
        // Where the account may not make namespaces, somebody else has made this one.
        Err(cause) if cause.status().is_some_and(|status| status.code == 403) => {
            tracing::debug!(cause = cause.chain(), "the namespace is taken to be there");
            Ok(())
        }
        Err(cause) => Err(cause).with_context(|| format!("cannot create the namespace {name}")),
    }
}

/// Builds what all passes share. The fleet and the context know each other only by the calls that
/// wake an application.
fn assemble(
    settings: &Arc<Settings>,
    cluster: Cluster,
    metrics: Arc<Metrics>,
    members: Members,
    tasks: &Tasks,
) -> anyhow::Result<(Arc<Context>, Arc<Fleet>)> {
    let permit = {
        let members = members.clone();
        // What was seen before the process stops is told still.
        move || members.holds()
    };
    let (events, writer) =
        EventSink::new(cluster.client(), "steadfast", Arc::clone(&metrics), permit);
    let stop = tasks.stop.clone();
    tasks.spawn("events", async move { writer.run(stop).await });
    let fleet = Arc::new(Fleet::new(tasks.clone()));
    let wake: Wake = {
        let fleet = Arc::clone(&fleet);
        Arc::new(move |app: &str| fleet.wake(app))
    };
    let polls = {
        let metrics = Arc::clone(&metrics);
        source::Observer::new(move |polled| count::poll(&metrics, polled))
    };
    let options =
        MirrorOptions { observer: Some(polls), ..MirrorOptions::new(Launcher::current()) };
    let mirrors =
        Mirrors::new(&settings.data_dir, options).context("cannot use the data directory")?;
    let sources = Sources::new(mirrors, tasks.clone(), Arc::clone(&wake), settings.poll_interval);
    let claims = Claims::new(Arc::clone(&wake));
    let ours = tracking::owner_key(&settings.namespace, "");
    let changed = move |owner: &str| wake(owner.strip_prefix(&ours).unwrap_or(owner));
    let store = Store::new(cluster.clone(), Child::reduce, changed);
    let ctx = Context {
        cluster,
        store,
        members,
        sources: Arc::new(sources),
        claims,
        renders: Arc::new(RenderCache::new(RENDERS_MAX, RENDER_BYTES_MAX)),
        projects: RwLock::new(HashMap::new()),
        board: Arc::new(Board::default()),
        traffic: Traffic::default(),
        metrics,
        events,
        settings: Arc::clone(settings),
        stop: tasks.stop.clone(),
    };
    Ok((Arc::new(ctx), fleet))
}

/// The resources that steer us.
struct Inputs {
    ctx: Arc<Context>,
    fleet: Arc<Fleet>,
    readiness: Arc<Readiness>,
    tasks: Tasks,
}

impl Inputs {
    /// Follows projects and Secrets, and, once both are known, the applications.
    async fn follow(self, webhook: watch::Sender<server::WebhookSecret>) {
        let namespace = self.ctx.settings.namespace.clone();
        let (known, mut ready) = watch::channel(());
        let shared = || (Arc::clone(&self.ctx), Arc::clone(&self.fleet));
        let (ctx, fleet) = shared();
        let told = Told { readiness: Arc::clone(&self.readiness), known: Arc::new(known) };
        self.tasks.follow("projects", follow_projects(ctx, fleet, told.clone()));
        let (ctx, fleet) = shared();
        self.tasks.follow("secrets", secrets::follow(ctx, fleet, webhook, told));
        let both = || [Need::Projects, Need::Secrets].iter().all(|n| self.readiness.is_good(*n));
        while !both() {
            if ready.changed().await.is_err() {
                return;
            }
        }
        // What others write from here on, either the list has or whoever takes over reads.
        self.ctx.members.known().await;
        let query = ResourceQuery::all(application_kind(), &namespace);
        let mut events = std::pin::pin!(watch_resources(&self.ctx.cluster, query));
        let mut read = false;
        while let Some(event) = events.next().await {
            read |= matches!(event, ResourceEvent::Synced);
            match event {
                ResourceEvent::Applied(resource) => self.fleet.seen(&self.ctx, resource),
                ResourceEvent::Deleted { name, .. } => self.fleet.gone(&self.ctx, &name),
                ResourceEvent::Synced => {
                    self.fleet.listed();
                    self.readiness.good(Need::Applications);
                }
                // Before the first list contact alone says nothing about applications.
                ResourceEvent::Alive if read => self.readiness.good(Need::Applications),
                ResourceEvent::Alive => {}
                ResourceEvent::NotServed => {
                    self.readiness.bad(Need::Applications, not_installed("applications"));
                }
                ResourceEvent::Lost { message, .. } => {
                    self.readiness.bad(Need::Applications, message);
                }
            }
        }
    }
}

/// Where the readers of projects and Secrets say how far they are.
#[derive(Clone)]
pub(super) struct Told {
    readiness: Arc<Readiness>,
    known: Arc<watch::Sender<()>>,
}

impl Told {
    /// This has been read.
    pub(super) fn good(&self, need: Need) {
        self.readiness.good(need);
        self.known.send_replace(());
    }

    /// This can't be read.
    pub(super) fn bad(&self, need: Need, why: impl Into<String>) {
        self.readiness.bad(need, why);
    }
}

fn not_installed(plural: &str) -> String {
    format!(
        "the CRD {plural}.{} is not installed: run `steadfast install --crds-only | kubectl apply \
         -f -`, or start with --install-crds",
        api::GROUP
    )
}

/// Follows the projects, and makes the default one when it is not there.
async fn follow_projects(ctx: Arc<Context>, fleet: Arc<Fleet>, told: Told) {
    let kind = GroupVersionKind::parse(api::API_VERSION, "AppProject");
    let query = ResourceQuery::all(kind, &ctx.settings.namespace);
    let mut events = std::pin::pin!(watch_resources(&ctx.cluster, query));
    let mut read = false;
    while let Some(event) = events.next().await {
        match event {
            ResourceEvent::Applied(project) => {
                let name = meta::name(&project).to_owned();
                ctx.set_project(&name, Some(project));
                if read {
                    fleet.wake_all();
                }
            }
            ResourceEvent::Deleted { name, .. } => {
                ctx.set_project(&name, None);
                fleet.wake_all();
            }
            ResourceEvent::Synced => {
                if !ctx.has_project(DEFAULT_PROJECT) {
                    make_default_project(&ctx).await;
                }
                read = true;
                told.good(Need::Projects);
            }
            // Before the first list contact alone says nothing about projects.
            ResourceEvent::Alive if read => told.good(Need::Projects),
            ResourceEvent::Alive => {}
            ResourceEvent::NotServed => told.bad(Need::Projects, not_installed("appprojects")),
            ResourceEvent::Lost { message, .. } => told.bad(Need::Projects, message),
        }
    }
}

async fn make_default_project(ctx: &Context) {
    let project = AppProject::allow_all(DEFAULT_PROJECT, &ctx.settings.namespace);
    let Ok(body) = serde_json::to_value(&project) else { return };
    match ctx.cluster.create(&body, &|| ctx.may_write()).await {
        Ok(_) => {
            tracing::info!("project default was created");
            ctx.set_project(DEFAULT_PROJECT, Some(body));
        }
        Err(cause) => tracing::warn!(%cause, "project default could not be created"),
    }
}
