//! What differs on purpose.

use std::fmt::Write;

use super::cases::Case;

/// The name of a case, and why the embedded server answers differently there.
const DELIBERATE: &[(&str, &str)] = &[];

/// Adds to the report what is wrong with a case: that it differs, or that it does not where it is
/// said to.
pub(super) fn judge(case: &Case, differences: &[String], report: &mut String) {
    let reason = DELIBERATE.iter().find(|(name, _)| *name == case.name);
    match (reason, differences) {
        (None, []) | (Some(_), [_, ..]) => {}
        (Some(_), []) => {
            let _ = writeln!(report, "== {}: differs no more; take it off the table", case.name);
        }
        (None, differences) => {
            let _ = writeln!(report, "== {} ({}:{})", case.name, case.file, case.line);
            for difference in differences {
                let _ = writeln!(report, "{difference}");
            }
        }
    }
}
