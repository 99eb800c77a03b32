//! The reference of the settings says what the program does, and settings that make no sense do nothing.

use campus_chassis::{
    config::{Sources, load},
    exit,
};
use campus_host::{Host, Settings, build_info};
use toml::Value;

#[test]
fn every_setting_stands_in_the_reference_with_its_default() {
    let reference = include_str!("../../../docs/configuration.md");
    let settings = toml::Table::try_from(Settings::default()).unwrap();
    let mut known = 0;
    for (section, keys) in &settings {
        for (key, default) in keys.as_table().unwrap() {
            let default = match default {
                Value::String(_) if key == "dir" => "the platform's data folder".to_owned(),
                Value::String(text) => format!("`{text}`"),
                other => format!("`{other}`"),
            };
            let row = format!("| `{section}.{key}` | {default} |");
            assert!(reference.contains(&row), "docs/configuration.md lacks the row {row}");
            known += 1;
        }
    }
    let unset = reference.lines().filter(|line| line.contains("| unset |")).count();
    let rows = reference.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, known + unset, "a row for each setting, and no other");
}

#[tokio::test]
async fn a_setting_that_makes_no_sense_is_refused_by_its_full_name_before_a_folder_is_made() {
    for (setting, value, line) in [
        ("store.dir", "", "is \"\": give the path of a folder, or leave it out for the platform's"),
        ("store.queue", "0", "is 0: at least 1 write must have room"),
        ("store.queue_size", "0", "is \"0B\": at least 1MiB is needed"),
        ("store.keep_changes", "0s", "is \"0s\": at least 1s is needed"),
        ("store.max_changes", "0", "is 0: at least 1 must be kept"),
        ("server.max_message_in", "0", "is \"0B\": at least 1B must be allowed"),
        ("admin.ready_limit", "0s", "is \"0s\": at least 1ms is needed"),
    ] {
        let dir = std::env::temp_dir().join(format!("campus-refused-{}", std::process::id()));
        let given = [("store.dir", dir.to_str().unwrap()), (setting, value)];
        let overrides = given.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        let settings: Settings = load(Sources { overrides, ..Sources::default() }).unwrap();
        let Err(error) = Host::build(&settings, &[], build_info("test")).await else {
            panic!("{setting} was accepted")
        };
        assert_eq!((error.to_string(), error.exit_code()), (format!("setting {setting} {line}"), exit::USAGE));
        assert!(!dir.exists(), "{setting}");
    }
}
