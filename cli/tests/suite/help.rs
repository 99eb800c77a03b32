//! The help texts.

use clap::Command;

use crate::golden::{assert_golden, golden_files};

/// The full name, `campus employee list`, of a command and of all below it.
fn names(command: &Command, before: &str, found: &mut Vec<String>) {
    let name = format!("{before}{}", command.get_name());
    for below in command.get_subcommands() {
        names(below, &format!("{name} "), found);
    }
    found.push(name);
}

fn all_names() -> Vec<String> {
    let mut found = Vec::new();
    names(&campus::command_line().expect("the contract can be read"), "", &mut found);
    found
}

/// What `--help` prints on a terminal of 100 columns, without the spaces at the ends of lines.
fn help(name: &str) -> String {
    let words = name.split(' ').chain(["--help"]);
    let command = campus::command_line().expect("the contract can be read").term_width(100);
    let text = command.try_get_matches_from(words).expect_err("help is not a run").to_string();
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn file(name: &str) -> String {
    format!("help/{}.txt", name.replace(' ', "-"))
}

#[test]
fn every_help_text_is_as_its_golden_file() {
    for name in all_names() {
        assert_golden(&file(&name), &help(&name));
    }
}

#[test]
fn no_golden_file_is_of_a_command_that_is_gone() {
    let known: Vec<String> = all_names().iter().map(|name| file(name)).collect();
    let stray: Vec<String> = golden_files("help").into_iter().filter(|file| !known.contains(file)).collect();
    assert_eq!(stray, Vec::<String>::new());
}

#[test]
fn every_help_text_begins_with_what_the_command_does_and_shows_an_example() {
    for name in all_names() {
        let text = help(&name);
        assert!(text.contains("\nExamples:\n"), "{name} has no example");
        let first = text.lines().next().unwrap_or_default();
        assert!(!first.starts_with("Usage") && !first.contains('`'), "{name} does not say what it does: {first}");
    }
}

#[test]
fn every_example_is_a_command_that_can_be_read() {
    for name in all_names() {
        let text = help(&name);
        let examples = text.split_once("Examples:").map(|(_, after)| after).unwrap_or_default();
        for line in examples.lines().map(str::trim).filter(|line| line.starts_with("campus ")) {
            for part in line.split(" | ").filter(|part| part.starts_with("campus ")) {
                let words = words(part);
                let parsed = campus::command_line().expect("the contract can be read").try_get_matches_from(&words);
                let fault = parsed.err().filter(clap::Error::use_stderr);
                assert!(fault.is_none(), "{name}: {part}\n{}", fault.map(|e| e.to_string()).unwrap_or_default());
            }
        }
    }
}

/// The words of a shell command up to a redirection.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for letter in line.chars() {
        match letter {
            '\'' => {
                quoted = !quoted;
                begun = true;
            }
            ' ' if !quoted => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            '>' | '<' if !quoted => break,
            _ => word.push(letter),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    words
}
