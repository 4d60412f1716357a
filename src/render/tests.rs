use std::{collections::BTreeMap, fs, os::unix::fs::symlink, path::Path};

use tempfile::TempDir;

use super::*;
use crate::object::{EntryKind, Severity, Topic, Tree, TreeEntry, TreeError, meta};

/// A directory with these files; a content that starts with `->` makes a symbolic link.
fn tree(files: &[(&str, &str)]) -> (TempDir, DirTree) {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        write(root.path(), path, content);
    }
    let tree = DirTree::new(root.path()).unwrap();
    (root, tree)
}

fn write(root: &Path, path: &str, content: &str) {
    let place = root.join(path);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    match content.strip_prefix("->") {
        Some(target) => symlink(target, place).unwrap(),
        None => fs::write(place, content).unwrap(),
    }
}

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}

fn source(path: &str) -> DirectorySource {
    DirectorySource { path: path.to_owned(), ..DirectorySource::default() }
}

fn deep(path: &str) -> DirectorySource {
    DirectorySource { recurse: true, ..source(path) }
}

fn names(rendered: &Rendered) -> Vec<String> {
    rendered.manifests.iter().map(|manifest| meta::name(&manifest.value()).to_owned()).collect()
}

/// The findings as a person sees them, each with its weight.
fn findings(rendered: &Rendered) -> Vec<String> {
    rendered.findings.iter().map(|finding| format!("{:?} {finding}", finding.severity)).collect()
}

fn render_all(files: &[(&str, &str)]) -> Rendered {
    let (_root, tree) = tree(files);
    directory(&tree, &deep(""), &Limits::default())
}

#[test]
fn a_directory_gives_its_manifests_in_the_order_of_the_files() {
    let (a, b, c) = (config_map("a"), config_map("b"), config_map("c"));
    let two = format!("{b}---\n{}", config_map("b2"));
    let json = r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "d"}}"#;
    let files = [
        ("apps/b.yml", two.as_str()),
        ("apps/a.yaml", &a),
        ("apps/d.json", json),
        ("apps/readme.md", "kind: nothing"),
        ("apps/sub/c.yaml", &c),
        ("other/x.yaml", "]"),
    ];
    let (_root, tree) = tree(&files);
    let rendered = directory(&tree, &source("apps"), &Limits::default());
    assert_eq!(names(&rendered), ["a", "b", "b2", "d"]);
    assert_eq!(rendered.manifests[2].origin.to_string(), "apps/b.yml:6");
    assert!(rendered.is_complete() && rendered.findings.is_empty());
    let rendered = directory(&tree, &deep("./apps/"), &Limits::default());
    assert_eq!(names(&rendered), ["a", "b", "b2", "d", "c"]);
}

#[test]
fn without_the_filter_of_extensions_any_name_is_that_of_a_manifest() {
    let (a, b, c, d) = (config_map("a"), config_map("b"), config_map("c"), config_map("d"));
    let files = [
        ("apps/a", a.as_str()),
        ("apps/b.yaml.tmpl", &b),
        ("apps/c.yaml", &c),
        ("apps/d.txt", &d),
        ("apps/readme.md", "How to open a shop\n"),
    ];
    let (_root, tree) = tree(&files);
    let filtered = directory(&tree, &source("apps"), &Limits::default());
    assert_eq!(names(&filtered), ["c"]);
    let any =
        DirectorySource { any_name: true, exclude: Some("*.txt".to_owned()), ..source("apps") };
    let rendered = directory(&tree, &any, &Limits::default());
    assert_eq!(names(&rendered), ["a", "b", "c"]);
    assert!(rendered.is_complete(), "{:?}", rendered.findings);
}

#[test]
fn a_warning_says_whether_something_is_repeated_left_out_or_odd() {
    let (a, odd) = (config_map("a"), config_map("b") + "  labels: {tier: }\n");
    let rendered = render_all(&[
        ("a.yaml", &a),
        ("again.yaml", &a),
        ("b.yaml", &odd),
        ("gone.yaml", "->nothing.yaml"),
        ("values.yaml", "colour: green\n"),
    ]);
    let topics: BTreeMap<_, _> = rendered
        .findings
        .iter()
        .map(|finding| (finding.origin.file.as_str(), (finding.severity, finding.topic)))
        .collect();
    let warning = |topic| (Severity::Warning, topic);
    let wanted = [
        ("again.yaml", warning(Topic::Repeated)),
        ("b.yaml", warning(Topic::Manifest)),
        ("gone.yaml", warning(Topic::Excluded)),
        ("values.yaml", warning(Topic::Excluded)),
    ];
    assert_eq!(topics, BTreeMap::from(wanted));
}

#[test]
fn include_and_exclude_choose_files_by_their_path_below_the_source() {
    let a = config_map("a");
    let files = [
        ("apps/a.yaml", a.as_str()),
        ("apps/x/b.yaml", &config_map("b")),
        ("apps/x/c.yml", &config_map("c")),
        ("apps/y/d.yaml", &config_map("d")),
    ];
    let (_root, tree) = tree(&files);
    let with = |include: &str, exclude: &str| {
        let source = DirectorySource {
            include: Some(include.to_owned()),
            exclude: Some(exclude.to_owned()),
            ..deep("apps")
        };
        let rendered = directory(&tree, &source, &Limits::default());
        (names(&rendered).join(" "), findings(&rendered).join("\n"))
    };
    let fine = |names: &str| (names.to_owned(), String::new());
    assert_eq!(with("", ""), fine("a b c d"));
    assert_eq!(with("*.yaml", ""), fine("a b d"));
    assert_eq!(with("{a,x/*}.yaml", ""), fine("a b"));
    assert_eq!(with("x/*", "*.yml"), fine("b"));
    assert_eq!(with("", "*/*"), fine("a"));
    let (names, findings) = with("{a", "");
    assert_eq!(names, "");
    assert_eq!(
        findings,
        "Error apps: directory.include: the pattern can't be used: `{` is not closed"
    );
}

#[test]
fn lists_are_flattened_and_their_items_keep_their_lines() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  metadata: \
                {name: a}\n- kind: List\n  items:\n  - apiVersion: v1\n    kind: Service\n    \
                metadata:\n      name: b\n---\napiVersion: v1\nkind: ConfigMapList\nitems:\n- \
                metadata: {name: c}\n---\napiVersion: v1\nkind: List\nitems: []\n---\n\
                apiVersion: v1\nkind: List\nitems:\n---\napiVersion: acl.example.com/v1\nkind: \
                AccessList\nmetadata: {name: d}\n";
    let rendered = render_all(&[("l.yaml", list)]);
    assert_eq!(findings(&rendered), Vec::<String>::new());
    let found: Vec<_> = rendered
        .manifests
        .iter()
        .map(|m| format!("{} {}", m.origin, meta::id(&m.value()).unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            "l.yaml:4 Secret a",
            "l.yaml:9 Service b",
            "l.yaml:17 ConfigMap c",
            "l.yaml:27 AccessList.acl.example.com d",
        ]
    );
}

#[test]
fn of_two_definitions_the_last_one_counts_and_both_places_are_named() {
    let (first, last) = (config_map("a"), format!("{}data: {{x: z}}\n", config_map("a")));
    let generated = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: j-}\n";
    let rendered = render_all(&[
        ("a.yaml", &first),
        ("b.yaml", &format!("{}---\n{last}", config_map("b"))),
        ("j.yaml", &format!("{generated}---\n{generated}")),
    ]);
    assert_eq!(rendered.manifests.len(), 4);
    assert_eq!(rendered.manifests[1].value()["data"]["x"], "z");
    assert_eq!(
        findings(&rendered),
        ["Warning b.yaml:6: ConfigMap a is also defined at a.yaml:1; the last one counts"]
    );
    assert!(rendered.is_complete());
}

#[test]
fn a_file_that_a_slip_made_unreadable_does_not_count_as_removed() {
    let rendered = render_all(&[
        ("slip.yaml", "apiVersion: v1\nkind: ConfigMap\n  name: a\n"),
        ("template.yaml", "{{- range .Values.names }}\n- {{ . }}\n"),
    ]);
    assert!(!rendered.is_complete());
    let found = findings(&rendered);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("Error slip.yaml:3: "), "{found:#?}");
    assert!(found[1].starts_with("Warning template.yaml:1: no manifest, not used"), "{found:#?}");
}

#[test]
fn a_bad_manifest_names_file_line_and_key_and_stops_no_other() {
    let bad = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels:\n    version: 1.10\n    \
               ok: \"1\"\n    empty:\n  annotations:\n    on: true\ndata:\n  port: 8080\n";
    let rendered = render_all(&[
        ("bad.yaml", bad),
        ("broken.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: [}\n"),
        ("good.yaml", &config_map("good")),
        ("noname.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  labels: {}\n"),
        ("nokind.yaml", "apiVersion: v1\nmetadata: {name: x}\n"),
        ("nometa.yaml", "apiVersion: v1\nkind: Secret\n"),
        ("number.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: 12\n"),
        ("slash.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a/b\n"),
        ("text.yaml", "apiVersion: v1\nkind: Secret\nmetadata: x\n"),
        ("list.yaml", "# apiVersion: kind: metadata:\n- a\n"),
    ]);
    assert_eq!(names(&rendered), ["good"]);
    assert!(!rendered.is_complete());
    let mut found = findings(&rendered);
    found.sort();
    assert_eq!(
        found,
        [
            "Error bad.yaml:10: ConfigMap a: the annotation `true` must be text, and is a boolean; quote the value",
            "Error bad.yaml:12: ConfigMap a: the key of `data` `port` must be text, and is a number; quote the value",
            "Error bad.yaml:6: ConfigMap a: the label `version` must be text, and is a number; quote the value",
            "Error broken.yaml:3: mismatched bracket '[' closed by '}'",
            "Error list.yaml:2: a manifest must be a map with apiVersion, kind and metadata",
            "Error nokind.yaml:1: x: `kind` is missing",
            "Error nometa.yaml:1: Secret: `metadata` is missing",
            "Error noname.yaml:4: Secret: `metadata.name` is missing",
            "Error number.yaml:4: Secret: `metadata.name` must be text, and is a number; quote the value",
            "Error slash.yaml:4: Secret a/b: `metadata.name` can't hold '/'",
            "Error text.yaml:3: Secret: `metadata` must be a map, and is text",
            "Warning bad.yaml:10: the key `on` is read as \"true\"; quote it",
            "Warning bad.yaml:8: ConfigMap a: the label `empty` has no value; write `\"\"` or remove it",
        ]
    );
}

#[test]
fn a_secret_value_is_never_part_of_a_finding() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  pin: 12345678\n";
    let rendered = render_all(&[("s.yaml", text)]);
    assert_eq!(
        findings(&rendered),
        [
            "Error s.yaml:5: Secret s: the key of `stringData` `pin` must be text, and is a number; quote the value"
        ]
    );
}

#[test]
fn files_of_something_else_are_left_out_as_in_argo() {
    let rendered = render_all(&[
        ("values.yaml", "replicas: 3\nenabled: yes\n"),
        ("template.yaml", "{{- if .x }}\na: 1\n{{- end }}\n"),
        ("skip.yaml", "# +argocd:skip-file-rendering\napiVersion: v1\nkind: [\nmetadata:\n"),
        ("empty.yaml", "# nothing\n---\n"),
        ("notes.txt", "kind: Secret"),
        (".hidden.yaml", &config_map("hidden")),
    ]);
    assert_eq!(names(&rendered), ["hidden"]);
    assert!(rendered.is_complete());
    let found = findings(&rendered);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("Warning template.yaml:"), "{found:?}");
    assert_eq!(found[1], "Warning values.yaml:1: no manifest (it has no `kind`), not used");
}

#[test]
fn files_that_cannot_be_manifests_are_errors() {
    let (root, tree) = tree(&[
        ("lfs.yaml", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
        ("code.jsonnet", "{}"),
        ("bad.json", "{\"kind\": \"Secret\",}\nx"),
        ("good.yaml", &config_map("good")),
    ]);
    fs::write(root.path().join("latin.yaml"), b"apiVersion: v1\nkind: x\nmetadata: \xe9\n")
        .unwrap();
    let rendered = directory(&tree, &deep(""), &Limits::default());
    assert_eq!(names(&rendered), ["good"]);
    let mut found = findings(&rendered);
    found.sort();
    assert_eq!(
        found,
        [
            "Error bad.json:1: not JSON: trailing comma at line 1 column 19",
            "Error code.jsonnet: Jsonnet is not available in this version; exclude the file or commit what it generates",
            "Error latin.yaml:3: not UTF-8 text",
            "Error lfs.yaml:1: this is a Git LFS pointer, not the file: keep manifests out of LFS",
        ]
    );
}

#[test]
fn a_path_that_leads_nowhere_is_one_clear_error() {
    let (_root, tree) = tree(&[("apps/a.yaml", &config_map("a")), ("out", "->/etc")]);
    let table = [
        ("gone", "gone: path gone does not exist in the repository at this revision"),
        (
            "apps/gone/x",
            "apps/gone/x: path apps/gone/x does not exist in the repository at this revision",
        ),
        (
            "apps/a.yaml",
            "apps/a.yaml: path apps/a.yaml is a file; give the directory that holds it",
        ),
        (
            "apps/a.yaml/x",
            "apps/a.yaml/x: path apps/a.yaml/x does not exist in the repository at this revision",
        ),
        ("../x", "../x: path ../x leads out of the repository; give a path relative to its root"),
        ("/etc", "/etc: path /etc leads out of the repository; give a path relative to its root"),
        (
            "out/x",
            "out/x: path out/x leads out of the repository (to /etc), which is not allowed; copy the file",
        ),
    ];
    for (path, wanted) in table {
        let rendered = directory(&tree, &source(path), &Limits::default());
        assert_eq!(findings(&rendered), [format!("Error {wanted}")]);
        assert!(rendered.manifests.is_empty());
    }
    let empty = directory(
        &tree,
        &DirectorySource { include: Some("x".into()), ..source("apps") },
        &Limits::default(),
    );
    assert!(empty.is_complete() && empty.manifests.is_empty());
}

#[test]
fn links_are_followed_inside_the_tree_only() {
    let (_root, tree) = tree(&[
        ("apps/a.yaml", "->../shared/a.yaml"),
        ("apps/again.yaml", "->a.yaml"),
        ("apps/etc.yaml", "->/etc/passwd"),
        ("apps/gone.yaml", "->nothing.yaml"),
        ("apps/loop.yaml", "->loop.yaml"),
        ("apps/more", "->../shared/more"),
        ("apps/out.yaml", "->../../x.yaml"),
        ("apps/self", "->."),
        ("apps/up", "->../.."),
        ("apps/z.yaml", "->z"),
        ("apps/z", &config_map("z")),
        ("current", "->apps"),
        ("shared/a.yaml", &config_map("a")),
        ("shared/more/b.yaml", &config_map("b")),
    ]);
    let rendered = directory(&tree, &deep("current"), &Limits::default());
    assert_eq!(names(&rendered), ["a", "b", "z"]);
    assert_eq!(rendered.manifests[1].origin.file, "current/more/b.yaml");
    let mut found = findings(&rendered);
    found.sort();
    assert_eq!(
        found,
        [
            "Error current/etc.yaml: this link leads out of the repository (to /etc/passwd), which is not allowed; copy the file",
            "Error current/loop.yaml: this link leads in a circle",
            "Error current/out.yaml: this link leads out of the repository (to ../../x.yaml), which is not allowed; copy the file",
            "Error current/up: this link leads out of the repository (to ../..), which is not allowed; copy the file",
            "Warning current/gone.yaml: the target of this link does not exist; not used",
            "Warning current/self: leads back to /apps, which contains it; not followed",
        ]
    );
    let rendered = directory(&tree, &source("apps"), &Limits::default());
    assert_eq!(names(&rendered), ["a", "z"]);
}

#[test]
fn a_link_to_a_directory_above_does_not_pull_in_the_whole_repository() {
    let (_root, tree) = tree(&[
        ("apps/web/a.yaml", &config_map("a")),
        ("apps/web/up", "->.."),
        ("apps/b.yaml", &config_map("b")),
    ]);
    let rendered = directory(&tree, &deep("apps/web"), &Limits::default());
    assert_eq!(names(&rendered), ["a"]);
    assert_eq!(
        findings(&rendered),
        ["Warning apps/web/up: leads back to /apps, which contains it; not followed"]
    );
}

#[test]
fn sizes_are_refused_before_anything_is_loaded() {
    let (root, tree) = tree(&[("a.yaml", &config_map("a")), ("c.yaml", &config_map("c"))]);
    // A hole: 100 MB that take no disk.
    fs::File::create(root.path().join("b.yaml")).unwrap().set_len(100 << 20).unwrap();
    let rendered = directory(&tree, &deep(""), &Limits::default());
    assert_eq!(names(&rendered), ["a", "c"]);
    assert_eq!(
        findings(&rendered),
        [
            "Error b.yaml: 104857600 bytes, the limit of a manifest file is 10485760; split the file or keep it elsewhere"
        ]
    );
    fs::remove_file(root.path().join("b.yaml")).unwrap();
    let tight = Limits { combined_bytes_max: 100, ..Limits::default() };
    let rendered = directory(&tree, &deep(""), &tight);
    assert_eq!(names(&rendered), ["a"]);
    assert_eq!(
        findings(&rendered),
        [
            "Error c.yaml: the manifests of this application are together larger than 100 bytes, the limit; this file and the ones after it were not read"
        ]
    );
    let few = Limits { entries_max: 1, ..Limits::default() };
    let rendered = directory(&tree, &deep(""), &few);
    assert_eq!(
        findings(&rendered),
        ["Error : more than 1 files; point the application at a smaller directory"]
    );
}

#[test]
fn the_tool_is_told_by_the_files() {
    let (_root, tree) = tree(&[
        ("plain/a.yaml", &config_map("a")),
        ("plain/sub/Chart.yaml", ""),
        ("chart/Chart.yaml", ""),
        ("overlay/kustomization.yml", ""),
        ("both/Chart.yaml", ""),
        ("both/Kustomization", ""),
    ]);
    for (path, tool) in [
        ("plain", Tool::Directory),
        ("chart", Tool::Helm),
        ("overlay/", Tool::Kustomize),
        ("both", Tool::Kustomize),
        ("gone", Tool::Directory),
    ] {
        assert_eq!(detect(&tree, path).unwrap(), tool, "{path}");
    }
    let limits = Limits::default();
    let rendered = render(&tree, None, &source("overlay"), &limits);
    assert_eq!(
        findings(&rendered),
        [
            "Error overlay/kustomization.yml: kustomization.yml found: Kustomize rendering is not available in this version"
        ]
    );
    assert_eq!(names(&render(&tree, None, &source("plain"), &limits)), ["a"]);
    let forced = render(&tree, Some(Tool::Directory), &source("chart"), &limits);
    assert!(forced.is_complete());
    let gone = render(&tree, None, &source("gone"), &limits);
    assert_eq!(
        findings(&gone),
        ["Error gone: path gone does not exist in the repository at this revision"]
    );
}

/// What happens to a read set when the files change.
#[test]
fn a_result_holds_until_a_file_that_was_read_changes() {
    let (root, tree) = tree(&[
        ("apps/web/a.yaml", &config_map("a")),
        ("apps/web/l.yaml", "->../../shared/l.yaml"),
        ("apps/web/notes.md", "x"),
        ("apps/web/sub/deep.yaml", &config_map("deep")),
        ("other/x.yaml", "x"),
        ("shared/l.yaml", &config_map("l")),
        ("shared/unused.yaml", "x"),
    ]);
    let limits = Limits::default();
    let flat = directory(&tree, &source("apps/web"), &limits).reads;
    let whole = directory(&tree, &deep("apps/web"), &limits).reads;
    let root_only = directory(&tree, &deep(""), &limits).reads;
    let gone = directory(&tree, &source("apps/new"), &limits).reads;
    let holds = || {
        let tree = DirTree::new(root.path()).unwrap();
        [&flat, &whole, &root_only, &gone].map(|reads| reads.holds(&tree))
    };
    assert_eq!(holds(), [true; 4]);
    let step = |path: &str, content: &str, wanted: [bool; 4]| {
        let before = fs::read(root.path().join(path)).ok();
        write(root.path(), path, content);
        assert_eq!(holds(), wanted, "{path}");
        match before {
            Some(before) => fs::write(root.path().join(path), before).unwrap(),
            None => fs::remove_file(root.path().join(path)).unwrap(),
        }
        if path.starts_with("apps/new") {
            fs::remove_dir(root.path().join("apps/new")).unwrap();
        }
        assert_eq!(holds(), [true; 4], "{path} put back");
    };
    step("other/x.yaml", "y", [true, true, false, true]);
    step("shared/unused.yaml", "y", [true, true, false, true]);
    step("shared/l.yaml", "y", [false, false, false, true]);
    step("apps/web/a.yaml", "y", [false, false, false, true]);
    step("apps/web/notes.md", "y", [true, false, false, true]);
    step("apps/web/sub/deep.yaml", "y", [true, false, false, true]);
    step("apps/web/sub/more.yaml", "y", [true, false, false, true]);
    step("apps/web/b.yaml", "y", [false, false, false, true]);
    step("apps/new/a.yaml", "y", [true, true, false, false]);
    fs::remove_file(root.path().join("apps/web/a.yaml")).unwrap();
    assert_eq!(holds(), [false, false, false, true]);
}

#[test]
fn a_cached_result_is_used_until_its_files_change() {
    let (root, tree) = tree(&[("a/a.yaml", &config_map("a")), ("b/b.yaml", &config_map("b"))]);
    let cache = RenderCache::new(10, 1 << 20);
    let key = RenderKey { repository: "repo".to_owned(), source: source("a") };
    let get =
        |tree: &DirTree| cache.get(&key, tree, || directory(tree, &key.source, &Limits::default()));
    let first = get(&tree);
    fs::write(root.path().join("b/b.yaml"), "changed").unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &get(&tree)));
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.entries), (1, 1, 1));
    assert_eq!(stats.bytes, first.weight_bytes);
    let original = fs::read(root.path().join("a/a.yaml")).unwrap();
    fs::write(root.path().join("a/a.yaml"), config_map("changed")).unwrap();
    assert_eq!(names(&get(&tree)), ["changed"]);
    // Both variants are kept: a branch that comes back costs nothing.
    fs::write(root.path().join("a/a.yaml"), original).unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &get(&tree)));
    assert_eq!(cache.stats().entries, 2);
    cache.forget("repo");
    assert_eq!((cache.stats().entries, cache.stats().bytes), (0, 0));
}

#[test]
fn the_cache_stays_within_its_bounds_and_drops_what_is_least_used() {
    let files: Vec<_> =
        (0..6).map(|n| (format!("{n}/a.yaml"), config_map(&n.to_string()))).collect();
    let files: Vec<_> = files.iter().map(|(p, c)| (p.as_str(), c.as_str())).collect();
    let (_root, tree) = tree(&files);
    let cache = RenderCache::new(3, 1 << 20);
    let get = |path: &str| {
        let key = RenderKey { repository: "repo".to_owned(), source: source(path) };
        cache.get(&key, &tree, || directory(&tree, &key.source, &Limits::default()))
    };
    let weight = get("0").weight_bytes;
    for path in ["1", "2", "0", "3", "0", "4", "0"] {
        get(path);
    }
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.entries), (3, 5, 3));
    let small = RenderCache::new(100, weight * 2);
    for path in ["0", "1", "2", "3"] {
        let key = RenderKey { repository: "repo".to_owned(), source: source(path) };
        small.get(&key, &tree, || directory(&tree, &key.source, &Limits::default()));
    }
    assert_eq!((small.stats().entries, small.stats().bytes), (2, weight * 2));
}

#[test]
fn nothing_outside_the_directory_can_be_read() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "x").unwrap();
    let (root, tree) = tree(&[("a/b.txt", "b"), (".git/config", "x")]);
    symlink(outside.path(), root.path().join("link")).unwrap();
    assert_eq!(tree.read("a/b.txt", 10).unwrap(), b"b");
    assert!(tree.read("a/b.txt", 0).is_err());
    for path in ["link/secret", "../x", "/etc/passwd", "a/../a/b.txt", ".git/config", "a", "gone"] {
        assert!(tree.read(path, 10).is_err(), "{path}");
    }
    assert_eq!(tree.entry("link/secret").unwrap(), None);
    assert_eq!(tree.list("link").unwrap(), vec![]);
    let names: Vec<_> = tree.list("").unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["a", "link"]);
}

#[test]
fn one_file_can_be_rendered_by_itself() {
    let (_root, tree) = tree(&[("a.yaml", &config_map("a")), ("d/b.yaml", "")]);
    assert_eq!(names(&file(&tree, "a.yaml", &Limits::default())), ["a"]);
    let rendered = file(&tree, "d", &Limits::default());
    assert_eq!(findings(&rendered), ["Error d: path d is no file"]);
    assert!(rendered.findings.iter().all(|finding| finding.severity == Severity::Error));
}

/// One flat directory in memory; a file without content can't be read.
struct Flat(BTreeMap<&'static str, (EntryKind, Option<String>)>);

impl Tree for Flat {
    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        Ok(self.list("")?.into_iter().find(|entry| entry.name == path))
    }

    fn list(&self, path: &str) -> Result<Vec<TreeEntry>, TreeError> {
        let entries = self.0.iter().filter(|_| path.is_empty());
        Ok(entries
            .map(|(name, (kind, content))| TreeEntry {
                name: (*name).to_owned(),
                kind: *kind,
                id: format!("{content:?}").into(),
            })
            .collect())
    }

    fn read(&self, path: &str, _bytes_max: u64) -> Result<Vec<u8>, TreeError> {
        match self.0.get(path) {
            Some((_, Some(content))) => Ok(content.clone().into_bytes()),
            _ => Err(TreeError::Io { path: path.to_owned(), cause: "the pack is damaged".into() }),
        }
    }
}

#[test]
fn a_store_that_fails_is_an_error_and_its_result_is_not_used_again() {
    let tree = Flat(BTreeMap::from([
        ("a.yaml", (EntryKind::File, Some(config_map("a")))),
        ("b.yaml", (EntryKind::File, None)),
        ("vendor", (EntryKind::Submodule, None)),
    ]));
    let cache = RenderCache::new(10, 1 << 20);
    let key = RenderKey { repository: "repo".to_owned(), source: deep("") };
    let get = || cache.get(&key, &tree, || directory(&tree, &key.source, &Limits::default()));
    let rendered = get();
    assert_eq!(names(&rendered), ["a"]);
    assert_eq!(
        findings(&rendered),
        [
            "Warning vendor: a submodule; its files are not part of the repository and are not read",
            "Error b.yaml: b.yaml: cannot be read: the pack is damaged",
        ]
    );
    assert!(!rendered.reads.holds(&tree));
    get();
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.entries), (0, 2, 0));
    let rendered = directory(&tree, &deep("vendor/x"), &Limits::default());
    assert_eq!(
        findings(&rendered),
        [
            "Error vendor/x: path vendor/x leads into the submodule vendor; its files are not part of the repository, copy them"
        ]
    );
}
