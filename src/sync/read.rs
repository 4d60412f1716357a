//! The first half of a pass: specification, commit, files, targets.

use std::sync::Arc;

use super::{
    context::Context,
    observe::chain,
    operation::{self, Resolved},
    sources::Place,
};
use crate::{
    api::{
        AppProject, Application, ApplicationSource, ConditionType, Jsonnet, SourceType,
        SyncOperation,
    },
    object::{Finding, Origin, Severity, Topic, Turn, mask},
    plan::{self, Desired, Destination},
    render::{self, DirectorySource, Limits, RenderKey, Rendered, Tool},
    report::status::Condition,
    source::{self, Snapshot, url::canonical},
};

/// Findings that a condition spells out; the rest is counted.
const FINDINGS_TOLD_MAX: usize = 5;

/// Why a pass ends before there is anything to compare.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// What to tell.
    pub(crate) condition: Condition,
    /// Who has to act.
    pub(crate) turn: Turn,
}

/// A condition of a known type, with what is secret in a URL or a header masked.
pub(crate) fn condition(kind: &ConditionType, message: impl AsRef<str>) -> Condition {
    let message = mask::text(message.as_ref()).into_owned();
    Condition { kind: kind.as_str().to_owned(), message }
}

/// What only an operator can put right.
fn refuse(message: String) -> Stopped {
    Stopped {
        condition: condition(&ConditionType::InvalidSpecError, message),
        turn: Turn::Operator,
    }
}

/// Says what is missing of sources, and what of them this version does not do.
fn usable(sources: &[ApplicationSource]) -> Result<(), Stopped> {
    if sources.is_empty() {
        return Err(refuse("spec.source is missing; name a repository and a path".to_owned()));
    }
    if let Some(source) = sources.iter().find(|source| source.repo_url.is_empty()) {
        return Err(refuse(format!("spec.source.repoURL is empty (path {:?})", source.path)));
    }
    match sources.iter().find_map(unsupported) {
        None => Ok(()),
        Some(why) => Err(Stopped {
            condition: condition(&ConditionType::ComparisonError, why),
            turn: Turn::Author,
        }),
    }
}

/// The project of an application that may be worked on, or why it may not.
pub(crate) fn permitted(ctx: &Context, app: &Application) -> Result<Arc<AppProject>, Stopped> {
    let spec = &app.spec;
    if !spec.destination.is_in_cluster() {
        return Err(refuse(format!(
            "destination cluster {:?} is not known; this version deploys to the cluster it runs \
             in: set destination.server to {} or destination.name to {}",
            if spec.destination.name.is_empty() {
                &spec.destination.server
            } else {
                &spec.destination.name
            },
            plan::permit::IN_CLUSTER_SERVER,
            plan::permit::IN_CLUSTER_NAME,
        )));
    }
    usable(spec.sources())?;
    let project = ctx.project(spec.project()).map_err(refuse)?;
    match plan::permit::violations(&project, spec).as_slice() {
        [] => {}
        found => return Err(refuse(found.join("; "))),
    }
    let name = app.metadata.name.as_deref().unwrap_or_default();
    match plan::restrict::refusal(&project, name, &spec.destination) {
        None => Ok(project),
        Some(why) => Err(refuse(why)),
    }
}

/// What a source asks for that this version does not do. It is refused as a whole: without the tool
/// its files mean something else.
fn unsupported(source: &ApplicationSource) -> Option<String> {
    let jsonnet = source.directory.as_ref().map(|directory| &directory.jsonnet);
    let (field, what) = if !source.chart.is_empty() {
        ("chart", "charts of Helm repositories are")
    } else if !source.reference.is_empty() {
        ("ref", "sources that only lend their files to others are")
    } else if source.plugin.is_some() {
        ("plugin", "config management plugins are")
    } else if jsonnet.is_some_and(|jsonnet| *jsonnet != Jsonnet::default()) {
        ("directory.jsonnet", "Jsonnet is")
    } else {
        match source.explicit_type()? {
            SourceType::Helm => ("helm", "Helm rendering is"),
            SourceType::Kustomize => ("kustomize", "Kustomize rendering is"),
            _ => return None,
        }
    };
    Some(format!(
        "spec.source.{field} of {}: {what} not available in this version; commit the rendered \
         manifests and name their directory, or leave the application to Argo CD",
        source.repo_url
    ))
}

/// The sources and commits that the specification names now.
///
/// Beside them: what is wrong with a repository although a commit of it is known. The application
/// is kept at that commit.
pub(crate) async fn resolve_spec(
    ctx: &Context,
    app: &Application,
) -> Result<(Resolved, Vec<Condition>), Stopped> {
    ctx.sources.read_by(&ctx.instance(app), &followed(app));
    resolve(ctx, app.spec.project(), app.spec.sources(), &[]).await
}

/// What an application follows: one entry for each source.
fn followed(app: &Application) -> Vec<(Place, source::Target)> {
    let project = app.spec.project();
    app.spec.sources().iter().map(|source| (place(project, source), target(source))).collect()
}

/// Keeps what the sources of the specification came to, so that a commit which changes nothing of
/// it is known as one; `None` when they can't be rendered.
pub(crate) fn remember(ctx: &Context, app: &Application, rendered: Option<&[Arc<Rendered>]>) {
    ctx.sources.rendered(&ctx.instance(app), &followed(app), rendered);
}

/// The sources and commits that an operation names: its own where it pins them. What it names
/// itself is no freer than what the specification names: whoever may start a sync may not choose
/// another repository than the project permits.
pub(crate) async fn resolve_operation(
    ctx: &Context,
    app: &Application,
    sync: &SyncOperation,
) -> Result<(Resolved, Vec<Condition>), Stopped> {
    let own: Vec<ApplicationSource> = match (&sync.source, sync.sources.as_slice()) {
        (Some(one), []) => vec![one.clone()],
        (None, []) => app.spec.sources().to_vec(),
        (_, many) => many.to_vec(),
    };
    if !sync.manifests.is_empty() {
        let text = "the operation brings manifests of its own, which is not available in this \
                    version; commit them";
        return Err(refuse(text.to_owned()));
    }
    usable(&own)?;
    let project = ctx.project(app.spec.project()).map_err(refuse)?;
    let forbidden = plan::permit::repositories(&project, &own);
    if !forbidden.is_empty() {
        return Err(refuse(forbidden.join("; ")));
    }
    resolve(ctx, app.spec.project(), &own, &operation::pinned(sync)).await
}

fn place(project: &str, source: &ApplicationSource) -> Place {
    Place { project: project.to_owned(), url: source.repo_url.clone() }
}

/// What a source follows.
fn target(source: &ApplicationSource) -> source::Target {
    let revision = source.target_revision().to_owned();
    source::Target { revision, tag_prefix: source.tag_prefix.clone() }
}

async fn resolve(
    ctx: &Context,
    project: &str,
    sources: &[ApplicationSource],
    pinned: &[String],
) -> Result<(Resolved, Vec<Condition>), Stopped> {
    let wanted: Vec<(Place, source::Target)> = sources
        .iter()
        .enumerate()
        .map(|(index, source)| {
            let mut target = target(source);
            if let Some(pin) = pinned.get(index).filter(|pin| !pin.is_empty()) {
                target.revision.clone_from(pin);
            }
            (place(project, source), target)
        })
        .collect();
    let mut revisions = Vec::with_capacity(wanted.len());
    let mut troubles = Vec::new();
    for (place, target) in &wanted {
        let found = ctx.sources.resolve(place, target).await.map_err(|cause| Stopped {
            condition: condition(&ConditionType::ComparisonError, chain(&*cause)),
            turn: cause.turn(),
        })?;
        if let Some(trouble) = found.trouble {
            let text = format!("{}; the last known commit is kept", chain(&*trouble));
            troubles.push(condition(&ConditionType::ComparisonError, text));
        }
        revisions.push(found.commit);
    }
    Ok((Resolved { sources: sources.to_vec(), revisions }, troubles))
}

/// Renders every source at its commit.
pub(crate) async fn render(
    ctx: &Context,
    app: &Application,
    resolved: &Resolved,
) -> Result<Vec<Arc<Rendered>>, Stopped> {
    let project = app.spec.project();
    let mut all = Vec::with_capacity(resolved.sources.len());
    for (source, commit) in resolved.sources.iter().zip(&resolved.revisions) {
        let snapshot =
            ctx.sources.snapshot(&place(project, source), commit).await.map_err(|cause| {
                Stopped {
                    condition: condition(&ConditionType::ComparisonError, chain(&*cause)),
                    turn: cause.turn(),
                }
            })?;
        let rendered = render_one(ctx, source, snapshot).await;
        all.push(rendered);
    }
    Ok(all)
}

/// Makes targets of what was rendered. Kinds that are not known yet are looked up again first: a
/// CRD may have been installed a moment ago.
pub(crate) async fn desire(
    ctx: &Context,
    app: &Application,
    rendered: &[Arc<Rendered>],
) -> Desired {
    let manifests: Vec<_> =
        rendered.iter().flat_map(|rendered| rendered.manifests.iter().cloned()).collect();
    let instance = ctx.instance(app);
    let to = Destination {
        instance: &instance,
        installation: &ctx.settings.namespace,
        namespace: &app.spec.destination.namespace,
    };
    let mut desired = plan::desired::resolve(&manifests, &*ctx.cluster.kinds(), to);
    if desired.kinds_missing && ctx.learn_kinds().await {
        desired = plan::desired::resolve(&manifests, &*ctx.cluster.kinds(), to);
    }
    let findings = rendered.iter().flat_map(|rendered| rendered.findings.iter().cloned());
    desired.findings.splice(0..0, findings);
    desired.complete &= !desired.findings.iter().any(|found| found.severity == Severity::Error);
    desired
}

/// The condition that a finding of a render belongs to.
fn kind(finding: &Finding) -> ConditionType {
    match (finding.severity, finding.topic) {
        (Severity::Error, _) => ConditionType::ComparisonError,
        (Severity::Warning, Topic::Repeated) => ConditionType::RepeatedResourceWarning,
        (Severity::Warning, Topic::Excluded) => ConditionType::ExcludedResourceWarning,
        (Severity::Warning, Topic::Manifest) => ConditionType::ManifestWarning,
    }
}

/// What the findings of a render come to: one condition for each type, the errors first.
pub(crate) fn conditions(findings: &[Finding]) -> Vec<Condition> {
    let tell = |wanted: &ConditionType| {
        let told: Vec<String> = findings
            .iter()
            .filter(|finding| kind(finding) == *wanted)
            .map(ToString::to_string)
            .collect();
        let more = told.len().saturating_sub(FINDINGS_TOLD_MAX);
        let mut text = told[..told.len() - more].join("; ");
        if more > 0 {
            text.push_str(&format!("; and {more} more"));
        }
        (!text.is_empty()).then(|| condition(wanted, text))
    };
    let kinds = [
        ConditionType::ComparisonError,
        ConditionType::RepeatedResourceWarning,
        ConditionType::ExcludedResourceWarning,
        ConditionType::ManifestWarning,
    ];
    kinds.iter().filter_map(tell).collect()
}

/// Reads the files of an application at a revision for people who ask, without touching anything.
pub(crate) async fn manifests(
    ctx: &Context,
    app: &Application,
    resolved: &Resolved,
) -> Result<Desired, Stopped> {
    let rendered = render(ctx, app, resolved).await?;
    Ok(desire(ctx, app, &rendered).await)
}

/// The settings of a directory source.
fn directory(source: &ApplicationSource) -> DirectorySource {
    let settings = source.directory.clone().unwrap_or_default();
    let pattern = |text: String| Some(text).filter(|text| !text.is_empty());
    DirectorySource {
        path: source.path.clone(),
        recurse: settings.recurse,
        include: pattern(settings.include),
        exclude: pattern(settings.exclude),
        any_name: settings.disable_extension_filter,
    }
}

/// Renders one source, off the threads that serve the network: a render may take seconds.
async fn render_one(
    ctx: &Context,
    source: &ApplicationSource,
    tree: Arc<Snapshot>,
) -> Arc<Rendered> {
    let key = RenderKey { repository: canonical(&source.repo_url), source: directory(source) };
    let tool = source.explicit_type().map(|kind| match kind {
        SourceType::Helm => Tool::Helm,
        SourceType::Kustomize => Tool::Kustomize,
        _ => Tool::Directory,
    });
    let renders = Arc::clone(&ctx.renders);
    let work = move || {
        let mut made = false;
        let rendered = renders.get(&key, &*tree, || {
            made = true;
            render::render(&*tree, tool, &key.source, &Limits::default())
        });
        (rendered, made)
    };
    match tokio::task::spawn_blocking(work).await {
        Ok((rendered, made)) => {
            ctx.metrics.render_asked(!made);
            rendered
        }
        Err(cause) => Arc::new(Rendered {
            findings: vec![Finding {
                severity: Severity::Error,
                topic: Topic::Manifest,
                origin: Origin { file: source.path.clone(), line: 0 },
                message: format!("the render died ({cause}); this is a bug of Steadfast"),
            }],
            ..Rendered::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source(fields: serde_json::Value) -> ApplicationSource {
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn every_field_of_a_directory_source_reaches_the_render() {
        let fields = json!({"path": "shop", "directory": {"recurse": true, "include": "*.yaml",
            "exclude": "x*", "disableExtensionFilter": true}});
        let wanted = DirectorySource {
            path: "shop".to_owned(),
            recurse: true,
            include: Some("*.yaml".to_owned()),
            exclude: Some("x*".to_owned()),
            any_name: true,
        };
        assert_eq!(directory(&source(fields)), wanted);
        let plain = DirectorySource { path: "shop".to_owned(), ..DirectorySource::default() };
        assert_eq!(directory(&source(json!({"path": "shop"}))), plain);
    }

    #[test]
    fn every_warning_of_a_render_has_the_condition_of_its_topic() {
        let of = |topic, message: &str| Finding {
            severity: Severity::Warning,
            topic,
            origin: Origin { file: "shop/web.yaml".to_owned(), line: 3 },
            message: message.to_owned(),
        };
        let mut findings = vec![
            of(Topic::Repeated, "twice"),
            of(Topic::Excluded, "a hook"),
            of(Topic::Manifest, "an empty label"),
        ];
        findings.push(Finding { severity: Severity::Error, ..findings[1].clone() });
        let told: Vec<_> =
            conditions(&findings).into_iter().map(|held| (held.kind, held.message)).collect();
        let wanted = [
            ("ComparisonError", "shop/web.yaml:3: a hook"),
            ("RepeatedResourceWarning", "shop/web.yaml:3: twice"),
            ("ExcludedResourceWarning", "shop/web.yaml:3: a hook"),
            ("ManifestWarning", "shop/web.yaml:3: an empty label"),
        ];
        assert_eq!(told, wanted.map(|(kind, text)| (kind.to_owned(), text.to_owned())));
        assert_eq!(conditions(&findings[..1]).len(), 1);
    }

    #[test]
    fn a_source_follows_its_revision_among_the_tags_of_its_prefix() {
        let target = target(&source(json!({"targetRevision": "1.x", "tagPrefix": "shop/"})));
        assert_eq!((target.revision.as_str(), target.tag_prefix.as_str()), ("1.x", "shop/"));
        assert_eq!(super::target(&source(json!({}))).revision, "HEAD");
    }
}
