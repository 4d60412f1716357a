//! The spellings of a repository's URL.
//!
//! Argo CD compares repository URLs in lower case as a whole, and so do we: what people write in
//! Secrets, Applications, projects and webhooks must meet, and hosting services ignore the case of
//! paths.

/// A repository's URL in the form in which two spellings of it are equal, as Argo CD makes it: lower
/// case, without `.git` and slashes at the end; `git@host:path` and `ssh://git@host/path` are one.
pub fn normalized(url: &str) -> String {
    let lower = url.trim().to_lowercase();
    let address = match scp_like(&lower) {
        Some((host, path)) => format!("{host}/{}", path.trim_start_matches('/')),
        None => lower.strip_prefix("ssh://").unwrap_or(&lower).to_owned(),
    };
    let address = address.trim_end_matches('/');
    address.strip_suffix(".git").unwrap_or(address).trim_end_matches('/').to_owned()
}

/// `user@host:path`, the form that git took over from scp.
pub fn scp_like(url: &str) -> Option<(&str, &str)> {
    let (host, path) = url.split_once(':')?;
    let plain = !host.is_empty() && !host.contains('/') && !path.starts_with("//");
    plain.then_some((host, path))
}

/// A URL, or a glob of URLs, in the form in which the rules of a project are compared with it.
///
/// Wider than [`normalized`], because a rule must hold for every way to write what it is about:
/// escapes (`%72`) are resolved, and so are the default port, empty steps, `.` and `..` of a path.
pub fn ruled(url: &str) -> String {
    let plain = normalized(&unescaped(url.trim()));
    let (scheme, rest) = match plain.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, plain.as_str()),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = match scheme {
        Some("https") => authority.strip_suffix(":443"),
        Some("http") => authority.strip_suffix(":80"),
        Some("git") => authority.strip_suffix(":9418"),
        Some(_) => None,
        None => authority.strip_suffix(":22"),
    }
    .unwrap_or(authority);
    let mut steps: Vec<&str> = Vec::new();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    let scheme = scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
    let path: String = steps.into_iter().flat_map(|step| ["/", step]).collect();
    format!("{scheme}{authority}{}", path.strip_suffix(".git").unwrap_or(&path))
}

/// The same URL without the user in it, when there is one: whoever asks, the repository is the same.
pub fn without_user(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (_, host) = authority.rsplit_once('@')?;
    let separator = if scheme.is_empty() { "" } else { "://" };
    Some(format!("{scheme}{separator}{host}{path}"))
}

/// Text with its percent escapes resolved; what is no escape stays.
fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if let (b'%', Some(high), Some(low)) = (byte, digit(at + 1), digit(at + 2)) {
            plain.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
            at += 3;
        } else {
            plain.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_url_have_one_form_for_rules() {
        let plain = "https://git.example/team/shop";
        let spellings = [
            "https://git.example/team/shop.git",
            "https://git.example/team/shop/",
            "https://git.example/team/shop.git/",
            "HTTPS://Git.Example/Team/Shop",
            "https://git.example:443/team/shop",
            "https://git.example//team///shop",
            "https://git.example/team/./shop",
            "https://git.example/other/../team/shop",
            "https://git.example/team/%73hop",
            "https://git.example/team%2fshop",
            "https://git.example/team/shop.git/.",
            " https://git.example/team/shop ",
        ];
        for spelling in spellings {
            assert_eq!(ruled(spelling), plain, "{spelling}");
            assert_eq!(ruled(&ruled(spelling)), plain, "{spelling}");
        }
        let ssh = ["git@git.example:team/shop.git", "ssh://git@git.example:22/team/shop"];
        for spelling in ssh {
            assert_eq!(ruled(spelling), "git@git.example/team/shop", "{spelling}");
        }
        for other in ["http://git.example/team/shop", "https://git.example:8443/team/shop"] {
            assert_ne!(ruled(other), plain, "{other}");
        }
        for (glob, form) in [
            ("*", "*"),
            ("https://git.example/Team/*.git", "https://git.example/team/*"),
            ("git@git.example:team/**", "git@git.example/team/**"),
            ("file:///srv/%41", "file:///srv/a"),
        ] {
            assert_eq!(ruled(glob), form, "{glob}");
        }
    }

    #[test]
    fn a_user_can_be_taken_out_of_a_url() {
        let table = [
            ("https://bob@git.example/a", Some("https://git.example/a")),
            ("https://bob:word@git.example/a", Some("https://git.example/a")),
            ("git@git.example/a", Some("git.example/a")),
            ("https://git.example/a@b", None),
        ];
        for (url, expected) in table {
            assert_eq!(without_user(url).as_deref(), expected, "{url}");
        }
    }
}
