//! Requests about objects of a kind.

use http::{HeaderMap, Method, header};
use serde_json::Value;

use super::{
    negotiate::{self, Form},
    present::View,
    query::{APPLY, Query},
    reply::Reply,
    route::Place,
    stream, text,
};
use crate::embedded::{
    registry::{Kind, Sub},
    request::{
        Answer, DeleteOptions, Part, Patch, PatchKind, Target, User, Watch, WriteOptions, sent,
        tree,
    },
    server::Server,
    status::Status,
    validate,
};

/// A request, read.
pub(super) struct Asked<'a> {
    pub(super) server: &'a Server,
    pub(super) user: &'a User,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: &'a Query,
    pub(super) body: &'a [u8],
}

impl Asked<'_> {
    fn content_type(&self) -> &str {
        text(self.headers, header::CONTENT_TYPE.as_str())
    }

    fn tree(&self) -> Result<Value, Status> {
        tree(self.body, self.content_type())
    }

    /// The body as an object of a kind, and what is in it twice.
    fn object(&self, kind: &Kind, options: &WriteOptions) -> Result<(Value, Vec<String>), Status> {
        sent(self.body, self.content_type(), kind, options.validation)
    }

    fn write(&self, options: &str) -> Result<WriteOptions, Status> {
        self.query.write(text(self.headers, header::USER_AGENT.as_str()), options)
    }

    /// How to write by this patch.
    fn patch(&self, patch: &Patch) -> Result<WriteOptions, Status> {
        self.write(if patch.form == PatchKind::Apply { APPLY } else { "PatchOptions" })
    }

    fn view<'a>(&'a self, kind: &'a Kind) -> Result<View<'a>, Status> {
        let include = self.query.get("includeObject");
        let form = negotiate::form(text(self.headers, header::ACCEPT.as_str()))?;
        if matches!(form, Form::Table { .. })
            && !matches!(include, "" | "None" | "Metadata" | "Object")
        {
            return Err(Status::bad_request(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {include:?}: \
                 must be 'Metadata', 'Object', 'None', or empty"
            )));
        }
        Ok(View { kind, form, include, now: self.server.core().now() })
    }
}

/// Answers, and says so to whoever uses a version that is deprecated.
pub(super) fn respond(asked: &Asked<'_>, place: &Place) -> Reply {
    let mut reply = answer(asked, place).unwrap_or_else(|status| Reply::refusal(&status));
    let deprecation = place.kind.custom.as_ref().and_then(|custom| custom.deprecation.clone());
    reply.warnings.splice(0..0, deprecation);
    reply
}

fn answer(asked: &Asked<'_>, place: &Place) -> Result<Reply, Status> {
    let target = Target {
        kind: place.kind.clone(),
        namespace: place.namespace.clone(),
        name: place.name.clone(),
    };
    let kind = &*place.kind;
    if place.method == Method::HEAD && kind.custom.is_none() {
        return Err(Status::no_such_method());
    }
    if kind.is_review() {
        return review(asked, place);
    }
    expect_segment(&place.name)?;
    if let Some(sub) = kind.sub(&place.sub) {
        return below(asked, place, &target, sub);
    }
    let core = asked.server.core();
    match place.verb(asked.query) {
        "get" => {
            asked.query.expect_version()?;
            core.expect_reached(asked.query.get("resourceVersion"))?;
            let view = asked.view(kind)?;
            view.expect_one()?;
            Ok(Reply::json(200, &view.object(core.get(&target)?)))
        }
        "list" => {
            let listed = core.list(kind, &place.namespace, &asked.query.list(kind)?)?;
            let view = asked.view(kind)?;
            view.expect_list()?;
            Ok(Reply::bytes(200, "application/json", view.list(&listed)))
        }
        "watch" => {
            negotiate::expect_lines(text(asked.headers, header::ACCEPT.as_str()))?;
            let options = asked.query.watch(kind)?;
            let view = asked.view(kind)?;
            let (form, include) = (view.form, view.include.to_owned());
            let watch = Watch::begin(core, &place.kind, &place.namespace, options)?;
            let limit_s = asked.query.timeout_s();
            stream::reply(asked.server, watch, form, include, limit_s)
        }
        "create" if place.name.is_empty() => {
            let options = asked.write("CreateOptions")?;
            let (object, twice) = asked.object(kind, &options)?;
            written(asked, kind, core.create(&target, object, &options)?.warned(twice))
        }
        "update" | "patch" if place.name.is_empty() => Err(Status::no_such_method()),
        "update" => {
            let options = asked.write("UpdateOptions")?;
            let (object, twice) = asked.object(kind, &options)?;
            let answer = core.update(&target, Part::Main, object, &options)?;
            written(asked, kind, answer.warned(twice))
        }
        "patch" => {
            let patch = Patch::read(kind, asked.content_type(), asked.body)?;
            let answer = core.patch(&target, Part::Main, &patch, &asked.patch(&patch)?)?;
            written(asked, kind, answer)
        }
        "delete" => {
            let options = deletion(asked)?;
            let answer = core.delete(&target, &options)?;
            let reply = Reply::json(200, &asked.view(kind)?.object(answer));
            Ok(reply.with_warnings(options.warnings(kind)))
        }
        "deletecollection" if kind.verbs.contains(&"deletecollection") => {
            let list = asked.query.list(kind)?;
            Ok(Reply::json(200, &core.delete_collection(&target, &list, &deletion(asked)?)?))
        }
        _ => Err(Status::no_such_method()),
    }
}

fn written(asked: &Asked<'_>, kind: &Kind, answer: Answer) -> Result<Reply, Status> {
    let code = if answer.created { 201 } else { 200 };
    let reply = Reply::json(code, &asked.view(kind)?.object(answer.object));
    Ok(reply.with_warnings(answer.warnings))
}

/// The options of a DELETE: in its body, or in its query when it has none.
fn deletion(asked: &Asked<'_>) -> Result<DeleteOptions, Status> {
    let body = if asked.body.is_empty() { Value::Null } else { asked.tree()? };
    let mut options = DeleteOptions::read(&body)?;
    let orphan = asked.query.get("orphanDependents");
    if asked.body.is_empty() && !orphan.is_empty() {
        options.propagation =
            Some(if orphan == "true" { "Orphan" } else { "Background" }.to_owned());
    }
    options.dry_run |= asked.query.dry_run()?;
    if options.propagation.is_none() && !asked.query.get("propagationPolicy").is_empty() {
        options.propagation = Some(asked.query.get("propagationPolicy").to_owned());
        options.check()?;
    }
    if options.grace_period_s.is_none() {
        options.grace_period_s = asked.query.number("gracePeriodSeconds")?;
    }
    Ok(options)
}

fn review(asked: &Asked<'_>, place: &Place) -> Result<Reply, Status> {
    if place.method != Method::POST {
        return Err(Status::method_not_allowed(place.kind.resource(), place.verb(asked.query)));
    }
    let core = asked.server.core();
    let options = asked.write("CreateOptions")?;
    let answer = core.review(&place.kind, &place.namespace, asked.tree()?, asked.user, &options)?;
    Ok(Reply::json(201, &answer))
}

/// What hangs below an object.
fn below(asked: &Asked<'_>, place: &Place, target: &Target, sub: &Sub) -> Result<Reply, Status> {
    let (core, kind) = (asked.server.core(), &*place.kind);
    let part = if *sub == Sub::Finalize { Part::Finalize } else { Part::Status };
    let verb = place.verb(asked.query);
    match (sub, verb) {
        (Sub::Machine(name, ..), _) => {
            core.get(target)?;
            Err(refuse_machine(name))
        }
        (Sub::Status, "get") => Ok(Reply::json(200, &asked.view(kind)?.object(core.get(target)?))),
        (Sub::Status | Sub::Finalize, "update") => {
            let answer =
                core.update(target, part, asked.tree()?, &asked.write("UpdateOptions")?)?;
            written(asked, kind, answer)
        }
        (Sub::Status, "patch") => {
            let patch = Patch::read(kind, asked.content_type(), asked.body)?;
            let answer = core.patch(target, part, &patch, &asked.patch(&patch)?)?;
            written(asked, kind, answer)
        }
        (Sub::Scale { .. }, "get") => {
            Ok(Reply::json(200, &asked.view(kind)?.scale(core.scale(target)?)))
        }
        (Sub::Scale { .. }, "update") => {
            let answer = core.put_scale(target, asked.tree()?, &asked.write("UpdateOptions")?)?;
            Ok(Reply::json(200, &answer.object))
        }
        (Sub::Scale { .. }, "patch") => {
            let patch = Patch::read(kind, asked.content_type(), asked.body)?;
            let answer = core.patch_scale(target, &patch, &asked.patch(&patch)?)?;
            Ok(Reply::json(200, &answer.object))
        }
        (Sub::Binding, "create") => {
            let answer = core.bind(target, &asked.tree()?, &asked.write("CreateOptions")?)?;
            Ok(Reply::json(201, &answer))
        }
        (Sub::Eviction, "create") => {
            let rehearsal = asked.write("CreateOptions")?.dry_run;
            Ok(Reply::json(201, &core.evict(target, &asked.tree()?, rehearsal)?))
        }
        (Sub::Token, "create") => token(asked, target),
        _ => Err(Status::no_such_method()),
    }
}

/// Refuses a name that no object can have because it is no part of a path.
fn expect_segment(name: &str) -> Result<(), Status> {
    let why = validate::path_segment(name);
    if why.is_empty() {
        return Ok(());
    }
    Err(Status::bad_request(format!("Name parameter invalid: {name:?}: {}", why.join(";"))))
}

/// There is no machine: nothing was started that could say or be asked something.
fn refuse_machine(sub: &str) -> Status {
    Status::not_implemented(format!(
        "the embedded server runs no containers: there is no {sub} (pods are only played)"
    ))
}

/// A token of a service account that is there.
fn token(asked: &Asked<'_>, target: &Target) -> Result<Reply, Status> {
    let options = asked.write("CreateOptions")?;
    asked
        .server
        .core()
        .request_token(target, &asked.tree()?, &options)
        .map(|answer| Reply::json(201, &answer))
}
