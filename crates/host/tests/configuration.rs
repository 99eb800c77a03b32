//! The reference of the settings says what the program does.

use campus_host::Settings;
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
