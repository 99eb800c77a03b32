//! Files that hold what a user sees. `UPDATE_GOLDEN=1 cargo test -p campus` refreshes them.

use std::{env, fs, path::PathBuf};

/// Fails if `text` is not what the golden file `name` holds, for example `help/campus.txt`.
#[track_caller]
pub(crate) fn assert_golden(name: &str, text: &str) {
    let path = folder().join(name);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().expect("a golden file is in a folder")).expect("the folder can be made");
        fs::write(&path, text).expect("the golden file can be written");
        return;
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    if let Some((line, (was, is))) = first_difference(&golden, text) {
        panic!(
            "{name} differs at line {line}\n  golden: {was}\n  now:    {is}\nif that is right: UPDATE_GOLDEN=1 cargo test"
        );
    }
}

/// The golden files below `folder`, for example `help`.
pub(crate) fn golden_files(below: &str) -> Vec<String> {
    let Ok(files) = fs::read_dir(folder().join(below)) else { return Vec::new() };
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.map(|name| format!("{below}/{name}")).collect();
    names.sort();
    names
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn first_difference<'a>(was: &'a str, is: &'a str) -> Option<(usize, (&'a str, &'a str))> {
    if was == is {
        return None;
    }
    let end = "(the end)";
    let (mut was, mut is) = (was.lines(), is.lines());
    (1..).find_map(|line| match (was.next(), is.next()) {
        (None, None) => Some((line, (end, end))),
        (a, b) if a == b => None,
        (a, b) => Some((line, (a.unwrap_or(end), b.unwrap_or(end)))),
    })
}

#[test]
fn the_first_line_that_differs_is_found() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some((2, ("b", "c"))));
    assert_eq!(first_difference("a\n", "a\nc\n"), Some((2, ("(the end)", "c"))));
}
