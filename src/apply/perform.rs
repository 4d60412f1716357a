//! One step: the requests that carry it out.

use std::{sync::Arc, time::Duration};

use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    cluster::{Call, Cluster, ClusterError, FIELD_MANAGER, KindInfo},
    object::{FieldPath, Turn, meta},
    plan::{Action, Refusal, Step, StepResult},
};

use super::{Run, crd, ownership, refuse, schedule::refusal};

/// How often a write that met a newer resource version is tried again.
const CONFLICT_TRIES_MAX: usize = 5;
/// How long a kind that discovery knows may answer "not found": the path of a new CRD is served a
/// moment after it is listed.
const NOT_YET_SERVED_MAX: Duration = Duration::from_secs(5);
/// Pauses while an object that was deleted goes away.
const GONE_FIRST: Duration = Duration::from_millis(50);
const GONE_MAX: Duration = Duration::from_secs(1);

/// Why a step was not carried out.
pub(super) enum Failure {
    /// The server said no, or can't do it now.
    Refused(Refusal),
    /// The server can't be reached at all: no other step would fare better.
    Unreachable(Refusal),
}

/// A step and everything that its requests need.
struct Job<'a> {
    step: &'a Step,
    run: &'a Run<'a>,
    info: Arc<KindInfo>,
}

/// Carries out one step.
pub(super) async fn perform(step: &Step, run: &Run<'_>) -> Result<StepResult, Failure> {
    let found = run.cluster.discovery().find(run.cluster, &step.gvk).await;
    let info = match found {
        Ok(info) => info,
        // Nothing of a kind that is not served can be left to delete.
        Err(ClusterError::NotServed { .. }) if step.action == Action::Prune => {
            return Ok(StepResult::Pruned { gone: true });
        }
        Err(error) => return Err(failure(step, &error)),
    };
    let job = Job { step, run, info };
    match job.carry_out().await {
        Ok(result) => Ok(result),
        Err(error) => Err(failure(step, &error)),
    }
}

/// The answer to an apply that is not done.
pub(super) async fn dry_run(
    step: &Step,
    cluster: &Cluster,
    deadline: Instant,
) -> Result<Value, Refusal> {
    let wrap = |error: ClusterError| refuse::refusal(step, &error);
    let info = cluster.discovery().find(cluster, &step.gvk).await.map_err(wrap)?;
    let Some(body) = &step.body else {
        return Err(refusal(Turn::Us, "a prune has nothing to compare"));
    };
    let url = format!("{}{}&dryRun=All", info.object(&step.id), apply_query(step));
    let what = format!("could not try the apply of {}", step.id);
    let call =
        Call::new(Method::PATCH, url, what).body("application/apply-patch+yaml", body).by(deadline);
    Ok(cluster.call(call).await.map_err(wrap)?.body)
}

fn failure(step: &Step, error: &ClusterError) -> Failure {
    let refusal = refuse::refusal(step, error);
    match error {
        ClusterError::Unreachable { .. } | ClusterError::Setup { .. } => {
            Failure::Unreachable(refusal)
        }
        _ => Failure::Refused(refusal),
    }
}

fn apply_query(step: &Step) -> String {
    let validation = validation(step);
    format!("?fieldManager={FIELD_MANAGER}&force=true&fieldValidation={validation}")
}

fn validation(step: &Step) -> &'static str {
    if step.validate { "Strict" } else { "Ignore" }
}

impl Job<'_> {
    async fn carry_out(&self) -> Result<StepResult, ClusterError> {
        let Some(body) = &self.step.body else {
            return self.prune().await;
        };
        let written = match self.step.action {
            Action::Prune => return self.prune().await,
            Action::Create => self.apply(body).await,
            Action::Apply => {
                self.release(body).await?;
                self.apply(body).await
            }
            Action::Adopt => {
                self.adopt(body).await?;
                self.apply(body).await
            }
            Action::Replace => self.replace(body).await,
        };
        let (object, changed) = match written {
            Err(error) if self.step.force && refuse::is_immutable(&error) => {
                (self.recreate(body, error).await?, true)
            }
            other => other?,
        };
        let object = if crd::is_crd(&self.step.gvk) {
            crd::established(self.run, self.step, &self.info, object).await?
        } else {
            object
        };
        Ok(StepResult::Applied { object: Arc::new(object), changed })
    }

    fn call(&self, method: Method, url: String, verb: &str) -> Call<'_> {
        Call::new(method, url, format!("could not {verb} {}", self.step.id))
            .by(self.run.deadline)
            .permitted_by(self.run.permit)
    }

    fn url(&self) -> String {
        self.info.object(&self.step.id)
    }

    /// Server-side apply; says whether that changed anything.
    async fn apply(&self, body: &Value) -> Result<(Value, bool), ClusterError> {
        let begun = Instant::now();
        // Read now, because the watch may tell of the change before the answer is here.
        let known = (self.run.live)(&self.step.id);
        let before = known.as_ref().map(|known| known.resource_version.as_str());
        loop {
            let call = self
                .call(Method::PATCH, format!("{}{}", self.url(), apply_query(self.step)), "apply")
                .body("application/apply-patch+yaml", body);
            match self.run.cluster.call(call).await {
                Ok(answer) => {
                    let after = meta::resource_version(&answer.body);
                    let changed = answer.code == 201 || before != Some(after);
                    return Ok((answer.body, changed));
                }
                Err(error)
                    if refuse::is_unserved(&error) && begun.elapsed() < NOT_YET_SERVED_MAX =>
                {
                    sleep(GONE_FIRST).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn read(&self) -> Result<Option<Value>, ClusterError> {
        let what = format!("could not read {}", self.step.id);
        let call = Call::new(Method::GET, self.url(), what).by(self.run.deadline);
        match self.run.cluster.call(call).await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(error) if error.is_code(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes over what the field managers of other appliers own, so that what Git does not name
    /// is removed by the apply that follows.
    async fn adopt(&self, body: &Value) -> Result<(), ClusterError> {
        self.change_ownership(|live| ownership::take_over(live, body, &self.step.yields)).await
    }

    /// Gives up fields that are left to others from now on, without changing their values: an
    /// apply that no longer names a field that only we own would remove it.
    async fn release(&self, body: &Value) -> Result<(), ClusterError> {
        let unnamed = |path: &&FieldPath| path.get(body).is_none();
        let yields: Vec<FieldPath> = self.step.yields.iter().filter(unnamed).cloned().collect();
        let live = if yields.is_empty() { None } else { (self.run.live)(&self.step.id) };
        let own = live.as_ref().and_then(|live| live.own.as_deref());
        if !own.is_some_and(|own| yields.iter().any(|path| own.covers(path))) {
            return Ok(());
        }
        self.change_ownership(|live| ownership::release(live, &yields)).await
    }

    async fn change_ownership(
        &self,
        change: impl Fn(&Value) -> Option<Vec<Value>>,
    ) -> Result<(), ClusterError> {
        let mut tries = 0;
        loop {
            let Some(live) = self.read().await? else { return Ok(()) };
            let Some(managed) = change(&live) else { return Ok(()) };
            // The resource version makes the server refuse when the object moved on.
            let patch = json!([
                {"op": "replace", "path": "/metadata/managedFields", "value": managed},
                {"op": "replace", "path": "/metadata/resourceVersion",
                 "value": meta::resource_version(&live)},
            ]);
            let url = format!("{}?fieldManager={FIELD_MANAGER}", self.url());
            let call = self
                .call(Method::PATCH, url, "take over the fields of")
                .body("application/json-patch+json", &patch);
            tries += 1;
            match self.run.cluster.call(call).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_code(409) && tries < CONFLICT_TRIES_MAX => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes the whole object: creates it, or updates what is there.
    async fn replace(&self, body: &Value) -> Result<(Value, bool), ClusterError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let query =
                format!("?fieldManager={FIELD_MANAGER}&fieldValidation={}", validation(self.step));
            let (call, before) = match self.read().await? {
                None => {
                    let url = self.info.collection(&self.step.id.namespace);
                    let call = self.call(Method::POST, format!("{url}{query}"), "create");
                    (call.body("application/json", body), String::new())
                }
                Some(live) => {
                    let before = meta::resource_version(&live).to_owned();
                    let body = with_identity(body, &live);
                    let call = self.call(Method::PUT, format!("{}{query}", self.url()), "replace");
                    (call.body("application/json", &body), before)
                }
            };
            match self.run.cluster.call(call).await {
                Ok(answer) => {
                    let changed = meta::resource_version(&answer.body) != before;
                    return Ok((answer.body, changed));
                }
                // Somebody wrote, created or deleted it between the two requests.
                Err(error)
                    if (error.is_code(409) || (error.is_code(404) && !before.is_empty()))
                        && tries < CONFLICT_TRIES_MAX => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Deletes and creates an object whose change the server refused because of `refused`. The
    /// server must first accept the new object in a dry run: an invalid manifest never deletes
    /// a live object.
    async fn recreate(&self, body: &Value, refused: ClusterError) -> Result<Value, ClusterError> {
        self.prove_creatable(body).await?;
        let Some(live) = self.read().await? else {
            return Ok(self.apply(body).await?.0);
        };
        tracing::info!(object = %self.step.id, reason = refused.chain(), "deleting and creating anew");
        let uid = meta::uid(&live).to_owned();
        self.delete(&uid).await?;
        self.wait_gone(&uid).await?;
        Ok(self.apply(body).await?.0)
    }

    /// A create under the same name is refused only after it was found valid: "already exists" is
    /// the proof.
    async fn prove_creatable(&self, body: &Value) -> Result<(), ClusterError> {
        let url = format!(
            "{}?dryRun=All&fieldManager={FIELD_MANAGER}&fieldValidation={}",
            self.info.collection(&self.step.id.namespace),
            validation(self.step)
        );
        let call = self.call(Method::POST, url, "prove that it could create");
        match self.run.cluster.call(call.body("application/json", body)).await {
            Ok(_) => Ok(()),
            Err(error) if refuse::proves_valid(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn delete(&self, uid: &str) -> Result<bool, ClusterError> {
        let mut options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions",
            "propagationPolicy": self.step.propagation,
        });
        if !uid.is_empty() {
            options["preconditions"] = json!({"uid": uid});
        }
        let call = self.call(Method::DELETE, self.url(), "delete");
        match self.run.cluster.call(call.body("application/json", &options)).await {
            // A Status says that it is gone, the object itself that it is on its way.
            Ok(answer) => Ok(answer.body.get("kind").and_then(Value::as_str) == Some("Status")),
            Err(error) if error.is_code(404) => Ok(true),
            // Another object has the name by now: the one that was meant is gone.
            Err(error) if error.is_code(409) && !uid.is_empty() => match self.read().await? {
                Some(live) if meta::uid(&live) == uid => Err(error),
                _ => Ok(true),
            },
            Err(error) => Err(error),
        }
    }

    async fn prune(&self) -> Result<StepResult, ClusterError> {
        Ok(StepResult::Pruned { gone: self.delete(&self.step.uid).await? })
    }

    async fn wait_gone(&self, uid: &str) -> Result<(), ClusterError> {
        let begun = Instant::now();
        let mut pause = GONE_FIRST;
        while self.read().await?.is_some_and(|live| meta::uid(&live) == uid) {
            if Instant::now() + pause > self.run.deadline {
                return Err(ClusterError::Silent {
                    what: format!(
                        "deleted {} to create it anew, but a finalizer holds it",
                        self.step.id
                    ),
                    limit_s: begun.elapsed().as_secs(),
                });
            }
            sleep(pause).await;
            pause = (pause * 2).min(GONE_MAX);
        }
        Ok(())
    }
}

/// `body` as an update of `live`.
fn with_identity(body: &Value, live: &Value) -> Value {
    let mut body = body.clone();
    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in ["resourceVersion", "uid"] {
            metadata.insert(key.to_owned(), Value::from(meta::text(live, key)));
        }
        // Losing a finalizer that somebody else set would cut their cleanup short.
        if let Some(finalizers) = live.pointer("/metadata/finalizers") {
            metadata.entry("finalizers").or_insert_with(|| finalizers.clone());
        }
    }
    body
}
