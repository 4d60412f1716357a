//! Tables that fit the terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::paint::{Paint, escape};

/// Blanks between two columns.
const GAP: usize = 2;

/// A column is not cut below this, whatever the width of the terminal.
const COLUMN_MIN: usize = 8;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Column {
    /// Never cut: names, numbers.
    Fixed(&'static str),
    /// Never cut, and painted by what it means.
    State(&'static str),
    /// Cut at its end when the line is too long: messages.
    Text(&'static str),
    /// Cut at its beginning: of a URL or a path the end says more.
    Path(&'static str),
}

impl Column {
    fn is_cut(self) -> bool {
        matches!(self, Self::Text(_) | Self::Path(_))
    }

    fn head(self) -> &'static str {
        match self {
            Self::Fixed(head) | Self::State(head) | Self::Text(head) | Self::Path(head) => head,
        }
    }
}

/// Lays rows out below their heads, columns aligned, states painted. Cells are escaped here.
/// `columns_max` is the width to fit; `None` cuts nothing.
pub(in crate::cli) fn table(
    columns: &[Column],
    rows: &[Vec<String>],
    columns_max: Option<usize>,
    paint: Paint,
) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| escape(cell)).collect()).collect();
    let mut widths: Vec<usize> = columns.iter().map(|column| column.head().width()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    if let Some(columns_max) = columns_max {
        shrink(columns, &mut widths, columns_max);
    }
    let mut text = String::new();
    let heads: Vec<String> = columns.iter().map(|column| column.head().to_owned()).collect();
    push_row(&mut text, columns, &widths, &heads, |_, cell| paint.bold(cell));
    for row in &rows {
        push_row(&mut text, columns, &widths, row, |column, cell| match column {
            Column::State(_) => paint.status(cell),
            _ => cell.to_owned(),
        });
    }
    text
}

/// Takes columns from the widest column that may be cut until the line fits, or none may be.
fn shrink(columns: &[Column], widths: &mut [usize], columns_max: usize) {
    loop {
        let line = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let Some(excess) = line.checked_sub(columns_max).filter(|excess| *excess > 0) else {
            return;
        };
        let floor = |at: usize| COLUMN_MIN.max(columns[at].head().width());
        let widest = (0..widths.len())
            .filter(|at| columns[*at].is_cut() && widths[*at] > floor(*at))
            .max_by_key(|at| widths[*at]);
        let Some(at) = widest else { return };
        // Down to the next one only, so that two long columns share the loss.
        let next = (0..widths.len())
            .filter(|other| *other != at && columns[*other].is_cut())
            .map(|other| widths[other])
            .filter(|width| *width < widths[at])
            .max()
            .unwrap_or(0);
        let step = excess.min(widths[at] - next.max(floor(at)).min(widths[at] - 1));
        widths[at] -= step;
    }
}

fn push_row(
    text: &mut String,
    columns: &[Column],
    widths: &[usize],
    cells: &[String],
    paint: impl Fn(Column, &str) -> String,
) {
    let mut line = String::new();
    let last = cells.iter().rposition(|cell| !cell.is_empty()).unwrap_or(0);
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate().take(last + 1) {
        let mut cell = match columns[at] {
            Column::Path(_) => cut_start(cell, *width),
            Column::Text(_) => cut_end(cell, *width),
            Column::Fixed(_) | Column::State(_) => cell.clone(),
        };
        if at < last {
            let pad = (width + GAP).saturating_sub(cell.width());
            cell.extend(std::iter::repeat_n(' ', pad));
        }
        line.push_str(&paint(columns[at], &cell));
    }
    text.push_str(&line);
    text.push('\n');
}

/// Cuts text to a width at its end, marked by `…`.
pub(in crate::cli) fn cut_end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let mut used = 1;
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= width
        })
        .collect();
    kept.push('…');
    kept
}

fn cut_start(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let reversed: String = text.chars().rev().collect();
    cut_end(&reversed, width).chars().rev().collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const COLUMNS: [Column; 4] =
        [Column::Fixed("NAME"), Column::State("SYNC"), Column::Path("REPO"), Column::Text("WHY")];

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        vec![
            row(["web", "Synced", "https://git.example.com/shop/manifests", "all is well"]),
            row(["web-frontend", "OutOfSync", "https://git.example.com/x", "\x1b[31mred\x1b[0m"]),
            row(["db", "Unknown", "", ""]),
        ]
    }

    #[test]
    fn a_table_that_fits_is_not_cut() {
        let text = table(&COLUMNS, &rows(), None, Paint::new(false));
        expect![[r"
            NAME          SYNC       REPO                                    WHY
            web           Synced     https://git.example.com/shop/manifests  all is well
            web-frontend  OutOfSync  https://git.example.com/x               \x1b[31mred\x1b[0m
            db            Unknown
        "]]
        .assert_eq(&text);
    }

    #[test]
    fn a_narrow_terminal_cuts_urls_at_the_front_and_text_at_the_end() {
        let text = table(&COLUMNS, &rows(), Some(60), Paint::new(false));
        expect![[r"
            NAME          SYNC       REPO                WHY
            web           Synced     …om/shop/manifests  all is well
            web-frontend  OutOfSync  …git.example.com/x  \x1b[31mred\x1…
            db            Unknown
        "]]
        .assert_eq(&text);
        for width in [20, 40, 60, 79] {
            let text = table(&COLUMNS, &rows(), Some(width), Paint::new(false));
            let fixed = 12 + 9 + 2 * COLUMN_MIN + 3 * GAP;
            for line in text.lines() {
                assert!(line.width() <= width.max(fixed), "{width}: {line}");
            }
        }
    }

    #[test]
    fn only_states_are_painted() {
        let rows = vec![["Error", "Synced", "", ""].map(str::to_owned).to_vec()];
        let text = table(&COLUMNS, &rows, None, Paint::new(true));
        assert_eq!(text.lines().last(), Some("Error  \x1b[32mSynced\x1b[0m"));
    }
}
