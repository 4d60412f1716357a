//! The token that says who asks.

use std::{convert::Infallible, fmt, fs, str::FromStr};

use kube::config::{AuthInfo, Kubeconfig};

/// A bearer token. It never appears in a log or an error.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    /// The secret itself, for the one header that carries it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// The static token of the current kubeconfig context, when it has one. Certificates can't be
    /// passed on to another server, and plug-ins are not run for something nobody asked for.
    pub(super) fn of_current_context() -> Option<Self> {
        // A kubeconfig that can't be read is kubectl's to complain about: most setups need none.
        let kubeconfig = Kubeconfig::read().ok()?;
        let current = kubeconfig.current_context?;
        let context = kubeconfig.contexts.into_iter().find(|c| c.name == current)?.context?;
        let user = context.user?;
        let auth = kubeconfig.auth_infos.into_iter().find(|a| a.name == user)?.auth_info?;
        Self::of(&auth)
    }

    fn of(auth: &AuthInfo) -> Option<Self> {
        if let Some(file) = &auth.token_file {
            return fs::read_to_string(file).ok()?.parse().ok();
        }
        // The secret string opens up for its serializer only.
        serde_json::to_value(auth).ok()?.get("token")?.as_str()?.parse().ok()
    }
}

impl FromStr for Token {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.trim().to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_static_token_is_found_and_not_shown() {
        let auth: AuthInfo = serde_json::from_value(json!({"token": "abc"})).unwrap();
        let token = Token::of(&auth).unwrap();
        assert_eq!(token.expose(), "abc");
        assert_eq!(format!("{token:?}"), "Token(…)");
    }

    #[test]
    fn a_plug_in_is_not_run() {
        let auth: AuthInfo =
            serde_json::from_value(json!({"exec": {"command": "/bin/false"}})).unwrap();
        assert!(Token::of(&auth).is_none());
    }
}
