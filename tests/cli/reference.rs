//! docs/CLI.md is what the program says of itself.

use std::fmt::Write;

use clap::{Command, builder::StyledStr};
use expect_test::expect_file;

use crate::program::{command, end_of};

const INTRODUCTION: &str = "\
# The command line

Made from the help texts of the program by `UPDATE_EXPECT=1 cargo test --test cli`; a test holds the
two equal.
";

/// Every command that people see, with its parents' names.
fn commands(command: &Command, path: &[String], found: &mut Vec<(Vec<String>, StyledStr)>) {
    let mut path = path.to_vec();
    path.push(command.get_name().to_owned());
    let help = command.clone().bin_name(path.join(" ")).term_width(80).render_long_help();
    found.push((path.clone(), help));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        commands(sub, &path, found);
    }
}

fn all() -> Vec<(Vec<String>, String)> {
    let mut whole = steadfast::cli::command();
    whole.build();
    let mut found = Vec::new();
    commands(&whole, &[], &mut found);
    found.into_iter().map(|(path, help)| (path, help.to_string())).collect()
}

#[test]
fn the_reference_is_what_the_program_says() {
    let mut text = INTRODUCTION.to_owned();
    for (path, help) in all() {
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        let heading = "#".repeat(path.len().min(2) + 1);
        let help = lines.join("\n");
        write!(text, "\n{heading} {}\n\n```text\n{}\n```\n", path.join(" "), help.trim()).unwrap();
    }
    expect_file!["../../docs/CLI.md"].assert_eq(&text);
}

#[test]
fn help_fits_80_columns() {
    for (path, help) in all() {
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{}: {line:?}", path.join(" "));
        }
    }
}

#[test]
fn every_command_and_every_option_explains_itself() {
    fn check(command: &Command) {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "{name} has no description");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{name}: {} has no help", argument.get_id());
        }
        command.get_subcommands().for_each(check);
    }
    check(&steadfast::cli::command());
}

#[test]
fn without_arguments_the_help_is_shown() {
    let run = end_of(command(&[]), "");
    assert_eq!(run.code, 2);
    assert!(run.err.contains("Usage: steadfast"), "{}", run.err);
    let run = end_of(command(&["--help"]), "");
    assert_eq!(run.code, 0);
    assert!(run.out.contains("Exit codes:"), "{}", run.out);
}
