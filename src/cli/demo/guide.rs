//! What to try in a demo: commands for a shell. A test runs them as they are written.

use std::{net::SocketAddr, path::Path};

use super::{
    NAMESPACE,
    place::{CART, Place},
};

/// What to try, as people read it.
pub(super) fn guide(place: &Place, listen: SocketAddr) -> String {
    let mut text = String::new();
    for (what, commands) in things_to_try(place, listen) {
        text += &format!("# {what}\n");
        for command in commands {
            text += &format!("{command}\n");
        }
    }
    text
}

/// What to try, with the commands for it.
fn things_to_try(place: &Place, listen: SocketAddr) -> [(&'static str, Vec<String>); 7] {
    let (repository, steadfast) = (quoted(&place.repository()), program());
    let [next, broken] = next_tags(&place.cart());
    let commit = |tag: &str, message: &str| {
        vec![
            format!("sed -i.bak 's/whoami:.*/whoami:{tag}/' {repository}/{CART}"),
            format!("git -C {repository} commit -qm '{message}' {CART}"),
        ]
    };
    let by_hand = |change: &str| vec![format!("kubectl {change}")];
    [
        (
            "look around with kubectl",
            vec![
                format!("export KUBECONFIG={}", quoted(&place.kubeconfig())),
                format!("kubectl get applications -n {NAMESPACE}"),
            ],
        ),
        (
            "look around with steadfast",
            vec![
                format!("export STEADFAST_SERVER=http://{listen}"),
                format!("{steadfast} app list"),
                format!("{steadfast} app get pampam"),
                format!("{steadfast} app history pampam"),
            ],
        ),
        ("release a new version by a commit", commit(&next, "Bump the cart")),
        (
            "change by hand what Git says: it is put back at once",
            by_hand("scale deployment cart -n pampam --replicas=1"),
        ),
        (
            "change by hand what Git does not say: it is left alone",
            by_hand("annotate deployment cart -n pampam note=mine --overwrite"),
        ),
        ("release a broken version: the old pods stay", commit(&broken, "Break the cart")),
        ("go back to what worked", vec![format!("git -C {repository} revert --no-edit HEAD")]),
    ]
}

/// The tags of the two versions after the one that a manifest names; the second is broken. Not
/// always the same ones, because the directory of an earlier demo holds what was tried there.
fn next_tags(manifest: &str) -> [String; 2] {
    let minor = manifest.split_once("whoami:v1.").and_then(|(_, rest)| {
        let number = rest.split(|c: char| !c.is_ascii_digit()).next();
        number?.parse::<u16>().ok()
    });
    let minor = u32::from(minor.unwrap_or_default());
    [format!("v1.{}.0", minor + 1), format!("v1.{}.0-broken", minor + 2)]
}

/// This program as a word for a shell: short where the shell finds it by its name.
fn program() -> String {
    const NAME: &str = "steadfast";
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(NAME)).find(|file| file.is_file());
    let real = |file: &Path| file.canonicalize().ok();
    match std::env::current_exe() {
        Ok(own) if found.as_deref().and_then(real) != real(&own) => quoted(&own),
        _ => NAME.to_owned(),
    }
}

/// A path as a word for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_tags_differ_from_the_one_that_is_there() {
        let table = [
            ("image: traefik/whoami:v1.10.3\n", ["v1.11.0", "v1.12.0-broken"]),
            ("image: traefik/whoami:v1.12.0-broken\n", ["v1.13.0", "v1.14.0-broken"]),
            ("image: traefik/whoami:v1.65535", ["v1.65536.0", "v1.65537.0-broken"]),
            ("image: traefik/whoami:v2", ["v1.1.0", "v1.2.0-broken"]),
            ("", ["v1.1.0", "v1.2.0-broken"]),
        ];
        for (manifest, wanted) in table {
            assert_eq!(next_tags(manifest), wanted, "{manifest}");
        }
    }

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        let table = [
            ("/tmp/a-1.b_c", "/tmp/a-1.b_c"),
            ("/tmp/a b", "'/tmp/a b'"),
            ("/tmp/$HOME", "'/tmp/$HOME'"),
            ("/tmp/it's", r"'/tmp/it'\''s'"),
        ];
        for (path, wanted) in table {
            assert_eq!(quoted(Path::new(path)), wanted);
        }
    }
}
