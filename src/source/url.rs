//! What the URL of a repository says about servers, mirrors, proxies and credentials.

use std::net::IpAddr;

pub use crate::object::repository::normalized;
use crate::object::repository::scp_like;

/// The URL in the one form that all spellings of it share which reach the same repository for sure:
/// scheme and host in lower case, no default port, neither `.git` nor slashes at the end.
///
/// Narrower than [`normalized`], because repositories with equal forms share one mirror: the case
/// of a path may tell two repositories of one server apart, and on a disk `repo` may lie beside
/// `repo.git`.
pub fn canonical(url: &str) -> String {
    let url = url.trim();
    let lowered = |authority: &str| match authority.rsplit_once('@') {
        Some((user, host)) => format!("{user}@{}", host.to_lowercase()),
        None => authority.to_lowercase(),
    };
    let Some((scheme, rest)) = url.split_once("://") else {
        return match scp_like(url) {
            Some((authority, path)) => format!("{}:{}", lowered(authority), without_ending(path)),
            None => url.trim_end_matches('/').to_owned(),
        };
    };
    let scheme = scheme.to_lowercase();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let port = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        "ssh" => ":22",
        "git" => ":9418",
        _ => return format!("{scheme}://{authority}{}", path.trim_end_matches('/')),
    };
    let authority = lowered(authority);
    let authority = authority.strip_suffix(port).unwrap_or(&authority);
    format!("{scheme}://{authority}{}", without_ending(path))
}

fn without_ending(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/')
}

/// True when both URLs name the same repository in the same way.
pub fn same(a: &str, b: &str) -> bool {
    normalized(a) == normalized(b)
}

/// True when both URLs name the same repository on the same host, whatever protocol, user and port
/// they use: a webhook names the https URL of a repository that is followed over ssh.
pub fn url_matches(a: &str, b: &str) -> bool {
    match (host_and_path(a), host_and_path(b)) {
        (Some(a), Some(b)) => a == b,
        _ => same(a, b),
    }
}

/// True when `prefix`, the URL of a repo-creds Secret, covers `url`.
///
/// As in Argo CD the path may end in the middle of a word (`.../team-`). The host may not: the
/// credentials of `git.example.co` are not for `git.example.com`.
pub fn covers(prefix: &str, url: &str) -> bool {
    let (prefix, url) = (normalized(prefix), normalized(url));
    let Some(rest) = url.strip_prefix(&prefix) else { return false };
    let address = prefix.split_once("://").map_or(prefix.as_str(), |(_, address)| address);
    let whole_host = address.contains('/') || rest.is_empty() || rest.starts_with(['/', ':']);
    !address.is_empty() && !prefix.ends_with(':') && whole_host
}

/// The name of the server, without user and port, in lower case; `None` for local repositories.
pub fn host(url: &str) -> Option<String> {
    host_and_path(url).map(|(host, _)| host).filter(|host| !host.is_empty())
}

/// True for what is spoken over http, with or without TLS.
pub fn is_http(url: &str) -> bool {
    let lower = url.trim().to_lowercase();
    lower.starts_with("https://") || lower.starts_with("http://")
}

/// True when `no_proxy` (hosts, domains, addresses and networks, separated by commas) excepts a
/// host, as the HTTP client reads it: a domain covers what is below it, `*` is everything.
pub fn is_excepted(host: &str, no_proxy: &str) -> bool {
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    no_proxy.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        if let Some(address) = address {
            let (network, bits) = entry.split_once('/').unwrap_or((entry, ""));
            return entry == "*" || is_within(address, network, bits);
        }
        let domain = entry.trim_start_matches('.').to_lowercase();
        let below = host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'));
        entry == "*" || host == domain || below
    })
}

/// True when an address agrees with a network in its first `bits`; no bits are all of them.
fn is_within(address: IpAddr, network: &str, bits: &str) -> bool {
    let numbers = match (address, network.parse()) {
        (IpAddr::V4(a), Ok(IpAddr::V4(b))) => (u32::from(a).into(), u32::from(b).into(), 32_u32),
        (IpAddr::V6(a), Ok(IpAddr::V6(b))) => (u128::from(a), u128::from(b), 128),
        _ => return false,
    };
    let (a, b, width) = numbers;
    let bits = if bits.is_empty() { Some(width) } else { bits.parse().ok() };
    let Some(left) = bits.and_then(|bits| width.checked_sub(bits)) else { return false };
    let cut = |number: u128| number.checked_shr(left).unwrap_or_default();
    cut(a) == cut(b)
}

/// The URL as people may see it: a password in it is left out.
pub fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Some((user, host)) = authority.rsplit_once('@') else { return url.to_owned() };
    match user.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}@{host}{path}"),
        None => url.to_owned(),
    }
}

fn host_and_path(url: &str) -> Option<(String, String)> {
    let lower = url.trim().to_lowercase();
    let scp = scp_like(&lower).map(|(host, path)| (host.to_owned(), path.to_owned()));
    let (authority, path) = scp.or_else(|| {
        let (_, rest) = lower.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Some((authority.to_owned(), path.to_owned()))
    })?;
    let host = authority.rsplit_once('@').map_or(authority.as_str(), |(_, host)| host);
    let host = match host.rsplit_once(':') {
        // Not the end of an IPv6 address.
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
    Some((host.to_owned(), path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_url_are_equal() {
        let table = [
            ("https://GitHub.com/Org/Repo.git", "https://github.com/org/repo"),
            ("https://github.com/org/repo/", "https://github.com/org/repo"),
            ("https://github.com/org/repo.git/", "https://github.com/org/repo"),
            ("git@github.com:org/repo.git", "ssh://git@github.com/org/repo"),
            ("git@github.com:/org/repo", "git@github.com:org/repo.git"),
            (" https://github.com/org/repo ", "https://github.com/org/repo"),
        ];
        for (a, b) in table {
            assert!(same(a, b), "{a} {b}");
        }
        let different = [
            ("https://github.com/org/repo", "http://github.com/org/repo"),
            ("https://github.com/org/repo", "https://github.com/org/repo2"),
            ("https://github.com/org/repo", "git@github.com:org/repo"),
        ];
        for (a, b) in different {
            assert!(!same(a, b), "{a} {b}");
        }
    }

    #[test]
    fn spellings_that_share_a_mirror_have_one_form() {
        let table = [
            ("https://GitHub.com/Org/Repo.git", "https://github.com/Org/Repo"),
            ("HTTPS://github.com:443/Org/Repo/", "https://github.com/Org/Repo"),
            (" https://github.com/Org/Repo.git/ ", "https://github.com/Org/Repo"),
            ("https://bob@github.com/Org/Repo", "https://bob@github.com/Org/Repo"),
            ("https://github.com:8443/Org/Repo", "https://github.com:8443/Org/Repo"),
            ("http://git.example:80/r.git", "http://git.example/r"),
            ("http://git.example:443/r", "http://git.example:443/r"),
            ("ssh://Git@Git.Example:22/r.git", "ssh://Git@git.example/r"),
            ("ssh://git@[::1]:22/r", "ssh://git@[::1]/r"),
            ("git://git.example:9418/r", "git://git.example/r"),
            ("Git@Git.Example:Org/r.git", "Git@git.example:Org/r"),
            ("file:///srv/Repo.git/", "file:///srv/Repo.git"),
            ("/srv/Repo.git/", "/srv/Repo.git"),
        ];
        for (url, expected) in table {
            assert_eq!(canonical(url), expected, "{url}");
            assert_eq!(canonical(expected), expected);
        }
        let different = [
            ("https://git.example/a", "https://git.example/A"),
            ("https://git.example/a", "http://git.example/a"),
            ("file:///srv/a", "file:///srv/a.git"),
        ];
        for (a, b) in different {
            assert_ne!(canonical(a), canonical(b), "{a} {b}");
        }
    }

    #[test]
    fn a_webhook_names_a_repository_whatever_the_protocol() {
        let web = "https://github.com/org/repo";
        let same = [
            "git@github.com:org/repo.git",
            "ssh://git@github.com/org/repo.git",
            "ssh://git@github.com:22/org/repo",
            "https://user@GITHUB.com:443/Org/repo.git",
            "http://github.com/org/repo/",
        ];
        for other in same {
            assert!(url_matches(web, other), "{other}");
        }
        for other in
            ["https://github.com/org/repo-2", "https://gitlab.com/org/repo", "/org/repo", ""]
        {
            assert!(!url_matches(web, other), "{other}");
        }
        assert!(url_matches("file:///srv/repo", "file:///srv/repo.git"));
    }

    #[test]
    fn a_prefix_covers_paths_but_no_part_of_a_host() {
        let table = [
            ("https://github.com/org", "https://github.com/org/repo", true),
            ("https://github.com/org/", "https://github.com/org/repo.git", true),
            ("https://github.com/team-", "https://github.com/team-a/repo", true),
            ("https://github.com", "https://github.com/org/repo", true),
            ("git@github.com:org", "ssh://git@github.com/org/repo", true),
            ("https://github.co", "https://github.com/org/repo", false),
            ("https://", "https://github.com/org/repo", false),
            ("", "https://github.com/org/repo", false),
            ("https://github.com/other", "https://github.com/org/repo", false),
        ];
        for (prefix, url, expected) in table {
            assert_eq!(covers(prefix, url), expected, "{prefix} {url}");
        }
    }

    #[test]
    fn a_host_is_excepted_from_the_proxy_as_the_http_client_reads_it() {
        let table = [
            ("git.example.com", "git.example.com", true),
            ("git.example.com", "localhost, .Example.com", true),
            ("git.example.com", "example.com", true),
            ("git.example.com", "*", true),
            ("notexample.com", "example.com", false),
            ("git.example.com", "", false),
            ("git.example.com", "10.0.0.0/8", false),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.0/32,11.0.0.0/8", false),
            ("10.1.2.3", "10.1.2.3/33", false),
            ("10.1.2.3", "0.0.0.0/0", true),
            ("[fd00::1]", "fd00::/16", true),
            ("[fd00::1]", "fe00::/16", false),
        ];
        for (host, no_proxy, expected) in table {
            assert_eq!(is_excepted(host, no_proxy), expected, "{host} {no_proxy:?}");
        }
    }

    #[test]
    fn people_never_see_the_password_of_a_url() {
        assert_eq!(redacted("https://bob:secret@host/r"), "https://bob@host/r");
        assert_eq!(redacted("https://bob:se@cret@host/r"), "https://bob@host/r");
        assert_eq!(redacted("git@host:r"), "git@host:r");
        assert_eq!(redacted("https://host/r"), "https://host/r");
    }

    #[test]
    fn a_host_has_neither_user_nor_port() {
        let table = [
            ("https://u@Git.Example.com:8443/r", Some("git.example.com")),
            ("git@host:r", Some("host")),
            ("ssh://git@[::1]:22/r", Some("[::1]")),
            ("file:///srv/r", None),
            ("/srv/r", None),
        ];
        for (url, expected) in table {
            assert_eq!(host(url).as_deref(), expected, "{url}");
        }
    }
}
