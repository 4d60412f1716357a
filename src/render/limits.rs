//! The limits of one render.

use crate::yaml;

/// What one application may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest single file, in bytes.
    pub file_bytes_max: u64,
    /// All manifest files of an application together, in bytes: Argo CD's
    /// `reposerver.max.combined.directory.manifests.size`.
    pub combined_bytes_max: u64,
    /// Most names looked at in all directories of an application.
    pub entries_max: usize,
    /// Deepest directory below the application's path.
    pub directory_depth_max: usize,
    /// Most symbolic links followed on the way to one file, as Linux allows.
    pub link_hops_max: usize,
    /// Most objects of an application.
    pub manifests_max: usize,
    /// Limits of one YAML file.
    pub yaml: yaml::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes_max: 10 << 20,
            combined_bytes_max: 10 << 20,
            entries_max: 100_000,
            directory_depth_max: 64,
            link_hops_max: 40,
            manifests_max: 50_000,
            yaml: yaml::Limits::default(),
        }
    }
}
