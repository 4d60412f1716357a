//! The programs of the test bed: found, or built from the Go modules in `tests/testbed`.
//!
//! A program comes from the directory `KUBEBUILDER_ASSETS` if it is there, else from the cache,
//! else it is built by Go 1.26 or newer. The cache is a directory outside the build directory,
//! named by a hash of the modules, so that a new version of a tool is built and an unchanged one
//! never again.

use std::{
    collections::{BTreeMap, BTreeSet},
    env::{join_paths, split_paths, var, var_os},
    ffi::OsString,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock},
    time::Instant,
};

use super::process::{self, Guarded};

/// One program: its name, the directory of its module, its package, and how long a first build
/// takes on two cores, in seconds.
struct Tool {
    name: &'static str,
    module: &'static str,
    package: &'static str,
    cold_s: u32,
}

const fn tool(
    name: &'static str,
    module: &'static str,
    package: &'static str,
    cold_s: u32,
) -> Tool {
    Tool { name, module, package, cold_s }
}

/// In the order of building. The Kubernetes programs share most of their packages.
const TOOLS: [Tool; 9] = [
    tool("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", 304),
    tool("etcd", "etcd", "go.etcd.io/etcd/server/v3", 35),
    tool(
        "kube-controller-manager",
        "kubernetes",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
        85,
    ),
    tool("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", 7),
    tool("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", 41),
    tool("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", 87),
    tool("kustomize", "kustomize", "sigs.k8s.io/kustomize/kustomize/v5", 14),
    tool("helm", "helm", "helm.sh/helm/v4/cmd/helm", 136),
    tool("sshd", "sshd", ".", 5),
];

/// The groups of tests that were reported as skipped.
static SKIPPED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The programs that were found or built.
#[derive(Debug, Default)]
pub struct TestBed {
    programs: BTreeMap<&'static str, PathBuf>,
    /// Why the others are missing.
    missing: Option<String>,
}

impl TestBed {
    /// The test bed of this process; the first call builds what is missing and may take minutes.
    pub fn get() -> &'static Self {
        static BED: OnceLock<TestBed> = OnceLock::new();
        BED.get_or_init(Self::find)
    }

    /// The paths of `names`, or `None` if one can't be had.
    ///
    /// Then one line says so, once for each `group` of tests, and with `STEADFAST_REQUIRE_TESTBED=1`
    /// it is a panic.
    pub fn programs<const N: usize>(
        &self,
        group: &str,
        names: [&'static str; N],
    ) -> Option<[&Path; N]> {
        let Some(absent) = names.iter().find(|name| !self.programs.contains_key(*name)) else {
            return Some(names.map(|name| self.programs[name].as_path()));
        };
        let reason = match &self.missing {
            Some(reason) if var_os("KUBEBUILDER_ASSETS").is_some() => {
                format!("no {absent} in KUBEBUILDER_ASSETS, {reason}")
            }
            Some(reason) if reason == NO_GO => format!("{reason} and no KUBEBUILDER_ASSETS"),
            reason => reason.clone().unwrap_or_default(),
        };
        let required = var("STEADFAST_REQUIRE_TESTBED").is_ok_and(|value| value == "1");
        assert!(!required, "the test bed is required: no {absent}: {reason}");
        if process::lock(&SKIPPED).insert(group.to_owned()) {
            say(&format!("skipped: {group}: {reason}"));
        }
        None
    }

    /// A `PATH` with `kubectl`, `helm` and `kustomize` of the test bed before everything else.
    pub fn search_path(&self) -> OsString {
        let dirs: BTreeSet<_> = self.programs.values().filter_map(|path| path.parent()).collect();
        let path = var_os("PATH").unwrap_or_default();
        let dirs = dirs.into_iter().map(Path::to_owned).chain(split_paths(&path));
        join_paths(dirs).unwrap_or_else(|_| path.clone())
    }

    fn find() -> Self {
        let mut bed = Self::default();
        let assets = var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        let cache = match cache_dir() {
            Ok(cache) => cache,
            Err(reason) => return Self { missing: Some(reason), ..bed },
        };
        bed.look(assets.as_deref(), &cache);
        if bed.programs.len() < TOOLS.len() {
            bed.missing = build(&bed, &cache).err();
            bed.look(assets.as_deref(), &cache);
        }
        bed
    }

    fn look(&mut self, assets: Option<&Path>, cache: &Path) {
        for Tool { name, .. } in TOOLS {
            let mut places = assets.into_iter().chain([cache]).map(|dir| dir.join(name));
            if let Some(path) = places.find(|path| path.is_file()) {
                self.programs.insert(name, path);
            }
        }
    }
}

const NO_GO: &str = "no Go 1.26";

/// Builds what `bed` does not have yet into `cache`.
///
/// One process builds at a time, the others wait for it. Each program is built under another name
/// and renamed, so an interrupted build goes on where it stopped.
fn build(bed: &TestBed, cache: &Path) -> Result<(), String> {
    if !go_is_new_enough() {
        return Err(NO_GO.to_owned());
    }
    let fail = |what: &str, error: &std::io::Error| format!("the test bed: {what}: {error}");
    fs::create_dir_all(cache).map_err(|error| fail("the cache", &error))?;
    let lock = File::create(cache.join("lock")).map_err(|error| fail("the lock", &error))?;
    if lock.try_lock().is_err() {
        say("test bed: another process builds it, waiting ...");
        lock.lock().map_err(|error| fail("the lock", &error))?;
    }
    let todo: Vec<_> = TOOLS.iter().filter(|tool| !bed.programs.contains_key(tool.name)).collect();
    for (index, tool) in todo.iter().enumerate() {
        let done = cache.join(tool.name);
        if done.is_file() {
            continue;
        }
        let (number, count) = (index + 1, todo.len());
        let time = about(tool.cold_s);
        say(&format!("test bed: building {} ({number} of {count}, {time}) ...", tool.name));
        let begin = Instant::now();
        build_one(tool, cache)?;
        say(&format!("test bed: {} is built, {} s", tool.name, begin.elapsed().as_secs()));
    }
    Ok(())
}

fn build_one(tool: &Tool, cache: &Path) -> Result<(), String> {
    let unfinished = cache.join(format!("{}.unfinished", tool.name));
    let log = cache.join(format!("{}.log", tool.name));
    let _ = fs::remove_file(&log);
    let flags = linker_flags(tool).map_err(|error| format!("tests/testbed: {error}"))?;
    let status = Guarded::new("go")
        .args(["build", "-trimpath", "-ldflags", &flags, "-o"])
        .arg(&unfinished)
        .arg(tool.package)
        .current_dir(modules_dir().join(tool.module))
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-buildvcs=false")
        .env("GOTOOLCHAIN", "local")
        .env("GOWORK", "off")
        .spawn(&log)
        .map(|go| go.wait());
    match status {
        Ok(status) if status.success() => {}
        Ok(_) => {
            let text = process::read_lossy(&log);
            let last = text.lines().last().unwrap_or_default().to_owned();
            say(&format!("{text}test bed: {} did not build", tool.name));
            return Err(format!("{} did not build: {last}", tool.name));
        }
        Err(error) => return Err(format!("{} did not build: {error}", tool.name)),
    }
    let _ = fs::remove_file(&log);
    fs::rename(&unfinished, cache.join(tool.name))
        .map_err(|error| format!("{} was not put into the cache: {error}", tool.name))
}

/// Without its version a Kubernetes program takes itself for version 0.
fn linker_flags(tool: &Tool) -> std::io::Result<String> {
    if tool.module != "kubernetes" {
        return Ok("-s -w".to_owned());
    }
    let modules = fs::read_to_string(modules_dir().join("kubernetes/go.mod"))?;
    let mut lines = modules.lines().map(|line| line.trim().trim_start_matches("require "));
    let version = lines.find_map(|line| line.strip_prefix("k8s.io/kubernetes "));
    let version = version.and_then(|rest| rest.split(' ').next()).unwrap_or("v0.0.0");
    let mut numbers = version.trim_start_matches('v').split('.');
    let [major, minor] = std::array::from_fn(|_| numbers.next().unwrap_or_default());
    let set = "-X k8s.io/component-base/version.git";
    Ok(format!("-s -w {set}Version={version} {set}Major={major} {set}Minor={minor}"))
}

/// The stages by which kwok plays pods and nodes.
pub fn stages_dir() -> PathBuf {
    modules_dir().join("stages")
}

fn modules_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testbed")
}

/// `$STEADFAST_TESTBED`, else a directory in the user's cache named by the hash of the modules.
fn cache_dir() -> Result<PathBuf, String> {
    if let Some(dir) = var_os("STEADFAST_TESTBED") {
        return Ok(PathBuf::from(dir));
    }
    let home = || var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let base = var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    let base = base.ok_or("neither STEADFAST_TESTBED nor XDG_CACHE_HOME nor HOME is set")?;
    let hash = modules_hash().map_err(|error| format!("tests/testbed is not readable: {error}"))?;
    Ok(base.join("steadfast/testbed").join(hash))
}

/// FNV-1a over everything that decides what is built, but for the version of Go.
fn modules_hash() -> std::io::Result<String> {
    let modules: BTreeSet<_> = TOOLS.iter().map(|tool| tool.module).collect();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for module in modules {
        for name in ["go.mod", "go.sum", "main.go"] {
            let path = modules_dir().join(module).join(name);
            if name == "main.go" && !path.is_file() {
                continue;
            }
            for byte in fs::read(path)? {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    Ok(format!("{hash:016x}"))
}

fn go_is_new_enough() -> bool {
    let Ok(output) =
        Command::new("go").args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local").output()
    else {
        return false;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.trim().trim_start_matches("go").split(['.', '-', ' ', 'r', 'b']);
    let mut number = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    matches!((number(), number()), (Some(major), Some(minor)) if (major, minor) >= (1, 26))
}

fn about(seconds: u32) -> String {
    match seconds {
        0..60 => format!("about {seconds} s on two cores"),
        _ => format!("about {} min on two cores", seconds.div_ceil(60)),
    }
}

/// Writes a line to the terminal, past the capture of test output.
pub fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
