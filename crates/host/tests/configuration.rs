//! The reference of the settings says what the program does, and settings that make no sense do nothing.

use campus_chassis::{
    config::{Sources, load},
    exit,
};
use campus_host::{Host, Settings, build_info};
use toml::Value;

/// What begins the row of each setting that is set by default.
fn rows(prefix: &str, section: &toml::Table) -> Vec<String> {
    let row = |(key, default): (&String, &Value)| match default {
        Value::Table(inner) => rows(&format!("{prefix}{key}."), inner),
        Value::String(_) if key == "dir" => vec![format!("| `{prefix}{key}` | the platform's data folder |")],
        Value::String(text) => vec![format!("| `{prefix}{key}` | `{text}` |")],
        other => vec![format!("| `{prefix}{key}` | `{other}` |")],
    };
    section.iter().flat_map(row).collect()
}

#[test]
fn every_setting_stands_in_the_reference_with_its_default() {
    let reference = include_str!("../../../docs/configuration.md");
    let settings = toml::Table::try_from(Settings::default()).unwrap();
    let known = rows("", &settings);
    for row in &known {
        assert!(reference.contains(row), "docs/configuration.md lacks the row {row}");
    }
    // Those of the gateway are looked at where the gateway is tested.
    let of_gateway = |line: &&str| line.starts_with("| `rest.") || line.starts_with("| `gateway.");
    let rows: Vec<&str> = reference.lines().filter(|line| line.starts_with("| `") && !of_gateway(line)).collect();
    let unset = rows.iter().filter(|line| line.contains("| unset |")).count();
    assert_eq!(rows.len(), known.len() + unset, "a row for each setting, and no other");
}

#[tokio::test]
async fn a_setting_that_makes_no_sense_is_refused_by_its_full_name_before_a_folder_is_made() {
    for (setting, value, line) in [
        ("store.dir", "", "is \"\": give the path of a folder, or leave it out for the platform's"),
        ("store.queue", "0", "is 0: at least 1 write must have room"),
        ("store.queue_size", "0", "is \"0B\": at least 1MiB is needed"),
        ("store.keep_changes", "0s", "is \"0s\": at least 1s is needed"),
        ("store.max_changes", "0", "is 0: at least 1 must be kept"),
        ("server.max_message_in", "0", "is \"0B\": 1B to 4GiB - 1B must be allowed"),
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

#[test]
fn what_is_printed_of_the_settings_can_be_read_again() {
    let mut settings = Settings::default();
    settings.server.listen = "127.0.0.1:1,unix:/run/campus.sock".parse().unwrap();
    settings.server.allow = "unix:uid=1,address:10.0.0.0/8".parse().unwrap();
    settings.server.tls.certificate = Some("/tls.crt".into());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("campus.toml");
    std::fs::write(&file, toml::to_string(&settings).unwrap()).unwrap();
    assert_eq!(load::<Settings>(Sources { file: Some(file), ..Sources::default() }).unwrap(), settings);
}
