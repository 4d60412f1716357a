//! TokenReview and SubjectAccessReview, with answers kept for a short time.
//!
//! The cache holds hashes, never a token, and is bounded: what does not fit is asked again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::{
    authentication::v1::{TokenReview, TokenReviewSpec, UserInfo},
    authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
};
use kube::{Api, Client, api::PostParams};
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use crate::report::metrics::Metrics;

use super::error::{ApiError, Reason};

/// How long a verdict holds. A token that is withdrawn works for this long at most.
const VERDICT_HOLDS: Duration = Duration::from_secs(15);
/// Verdicts kept of each of the two kinds.
const VERDICTS_MAX: usize = 1024;
/// Deadline of one review.
const REVIEW_DEADLINE: Duration = Duration::from_secs(5);
/// Reviews under way at once, so that guessed tokens don't become load on the API server.
const REVIEWS_MAX: usize = 8;

type Key = [u8; 32];

/// Asks Kubernetes who somebody is and what they may do.
pub(super) struct Reviews {
    client: Client,
    namespace: String,
    metrics: Arc<Metrics>,
    places: Semaphore,
    users: Mutex<Verdicts<Option<Arc<UserInfo>>>>,
    rights: Mutex<Verdicts<bool>>,
}

impl Reviews {
    pub(super) fn new(client: Client, namespace: String, metrics: Arc<Metrics>) -> Self {
        Self {
            client,
            namespace,
            metrics,
            places: Semaphore::new(REVIEWS_MAX),
            users: Mutex::default(),
            rights: Mutex::default(),
        }
    }

    /// Whose token this is.
    pub(super) async fn who(&self, token: &str) -> Result<Arc<UserInfo>, ApiError> {
        let key: Key = Sha256::digest(token).into();
        let known = locked(&self.users).get(&key);
        let user = if let Some(user) = known {
            user
        } else {
            let user = self.review_token(token).await?;
            self.metrics.review("token", verdict(user.is_some()));
            locked(&self.users).put(key, user.clone());
            user
        };
        user.ok_or_else(|| {
            ApiError::new(
                Reason::Unauthenticated,
                "Kubernetes does not know this token, or it has expired: get a new one, for \
                 example with: kubectl create token NAME",
            )
        })
    }

    /// Whether the user may do `verb` on an application, or on all of them when `name` is empty.
    pub(super) async fn may(
        &self,
        token: &str,
        user: &UserInfo,
        verb: &str,
        name: &str,
    ) -> Result<bool, ApiError> {
        // The parts can't run into each other: neither verbs nor names hold a zero byte.
        let key: Key = Sha256::new()
            .chain_update(Sha256::digest(token))
            .chain_update(verb)
            .chain_update([0])
            .chain_update(name)
            .finalize()
            .into();
        if let Some(allowed) = locked(&self.rights).get(&key) {
            return Ok(allowed);
        }
        let allowed = self.review_access(user, verb, name).await?;
        self.metrics.review("access", verdict(allowed));
        locked(&self.rights).put(key, allowed);
        Ok(allowed)
    }

    async fn review_token(&self, token: &str) -> Result<Option<Arc<UserInfo>>, ApiError> {
        let review = TokenReview {
            spec: TokenReviewSpec { token: Some(token.to_owned()), audiences: None },
            ..TokenReview::default()
        };
        let status = self.ask(&review, "tokenreviews.authentication.k8s.io").await?.status;
        Ok(status
            .filter(|status| status.authenticated == Some(true))
            .and_then(|status| status.user)
            .filter(|user| user.username.as_deref().is_some_and(|name| !name.is_empty()))
            .map(Arc::new))
    }

    async fn review_access(
        &self,
        user: &UserInfo,
        verb: &str,
        name: &str,
    ) -> Result<bool, ApiError> {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: user.username.clone(),
                uid: user.uid.clone(),
                groups: user.groups.clone(),
                extra: user.extra.clone(),
                resource_attributes: Some(ResourceAttributes {
                    group: Some("argoproj.io".to_owned()),
                    resource: Some("applications".to_owned()),
                    namespace: Some(self.namespace.clone()),
                    name: Some(name.to_owned()).filter(|name| !name.is_empty()),
                    verb: Some(verb.to_owned()),
                    ..ResourceAttributes::default()
                }),
                non_resource_attributes: None,
            },
            ..SubjectAccessReview::default()
        };
        let answer = self.ask(&review, "subjectaccessreviews.authorization.k8s.io").await?;
        Ok(answer.status.is_some_and(|status| status.allowed && status.denied != Some(true)))
    }

    async fn ask<K>(&self, review: &K, resource: &str) -> Result<K, ApiError>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::ClusterResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::Serialize
            + serde::de::DeserializeOwned,
    {
        let asking = async {
            let _place = self.places.acquire().await;
            Api::<K>::all(self.client.clone()).create(&PostParams::default(), review).await
        };
        match timeout(REVIEW_DEADLINE, asking).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(kube::Error::Api(status))) if status.is_forbidden() => Err(ApiError::new(
                Reason::ClusterRefused,
                format!(
                    "the service account of Steadfast may not create {resource}: apply the \
                     ClusterRole that `steadfast install` prints"
                ),
            )),
            Ok(Err(cause)) => {
                // The cause may quote the request, which holds the token: its kind is enough.
                let code = if let kube::Error::Api(status) = &cause { status.code } else { 0 };
                tracing::warn!(resource, code, "a review failed");
                Err(unavailable())
            }
            Err(_) => Err(unavailable()),
        }
    }
}

fn unavailable() -> ApiError {
    ApiError::new(Reason::ClusterUnavailable, "Kubernetes did not say who the caller is, try again")
}

fn verdict(yes: bool) -> &'static str {
    if yes { "allowed" } else { "denied" }
}

fn locked<V>(verdicts: &Mutex<Verdicts<V>>) -> std::sync::MutexGuard<'_, Verdicts<V>> {
    verdicts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Verdicts with their age.
struct Verdicts<V>(HashMap<Key, (V, Instant)>);

impl<V> Default for Verdicts<V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<V: Clone> Verdicts<V> {
    fn get(&self, key: &Key) -> Option<V> {
        let (verdict, at) = self.0.get(key)?;
        (at.elapsed() < VERDICT_HOLDS).then(|| verdict.clone())
    }

    fn put(&mut self, key: Key, verdict: V) {
        if self.0.len() >= VERDICTS_MAX {
            self.0.retain(|_, (_, at)| at.elapsed() < VERDICT_HOLDS);
        }
        if self.0.len() >= VERDICTS_MAX
            && let Some(any) = self.0.keys().next().copied()
        {
            self.0.remove(&any);
        }
        self.0.insert(key, (verdict, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_verdict_holds_for_a_while_and_the_cache_stays_bounded() {
        let mut verdicts = Verdicts::default();
        verdicts.put([1; 32], true);
        assert_eq!(verdicts.get(&[1; 32]), Some(true));
        tokio::time::advance(VERDICT_HOLDS).await;
        assert_eq!(verdicts.get(&[1; 32]), None);
        for n in 0..VERDICTS_MAX * 2 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&n.to_le_bytes());
            verdicts.put(key, true);
            assert!(verdicts.0.len() <= VERDICTS_MAX);
        }
    }
}
