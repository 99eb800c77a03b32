//! The examples at the end of each help text.

use campus_host::EXIT_CODES;
use campus_schema::{Field, Kind as FieldKind};

use crate::{kind::Kind, value};

/// Of `health`.
pub(crate) const HEALTH: &str = "\
Examples:
  campus health
  campus --server 10.0.0.5:50051 health -o json
  campus health --server dns:///employee-headless:50051

Of a dns:///name or static:///IP:PORT,... every server is asked. Exits with 0 if all that the servers have is serving, \
else with 69.";

/// Of `channel`.
pub(crate) const CHANNEL: &str = "\
Examples:
  campus channel
  campus channel dns:///employee-headless.campus.svc.cluster.local.:50051 --watch
  campus channel static:///10.0.0.5:50051,10.0.0.6:50051 --calls 100 -o json

Exits with 0 if calls can be sent, else with 69.";

/// Of `serve`.
pub(crate) const SERVE: &str = "\
Examples:
  campus serve
  campus serve --data-dir ./data --listen 127.0.0.1:7000 --admin-listen 127.0.0.1:7001
  campus serve --config campus.toml --print-config";

/// Of `demo`.
pub(crate) const DEMO: &str = "\
The data is kept in a folder of its own and is loaded only when there is none.

Examples:
  campus demo
  campus demo --data-dir /tmp/campus-demo";

/// Of `completion`.
pub(crate) const COMPLETION: &str = "\
Examples:
  campus completion bash > ~/.local/share/bash-completion/completions/campus
  campus completion zsh > ~/.zfunc/_campus
  campus completion fish > ~/.config/fish/completions/campus.fish";

/// Of `version`.
pub(crate) const VERSION: &str = "\
Examples:
  campus version
  campus version -o json";

/// Of `person`.
pub(crate) const PERSON: &str = "\
Examples:
  campus person list
  campus person phone 3
  campus person record --json people.json";

/// Of `person list`.
pub(crate) const PERSON_LIST: &str = "\
Examples:
  campus person list
  campus person list -o json > people.json";

/// Of `person phone`.
pub(crate) const PERSON_PHONE: &str = "\
A person without a phone is an error, as an unknown id is; the exit code is then 1.

Examples:
  campus person phone 3
  campus person phone 3 -o json";

/// Of `person record`.
pub(crate) const PERSON_RECORD: &str = "\
Shows the people as they were recorded. If one is refused, nobody of the call is recorded; more \
than 5000 people go in several calls. It is safe to run it again.

Examples:
  campus person record --id 11 --name 'Mira Okafor' --phone home:+442079460100
  campus person record --json people.json
  campus person list -o ndjson | campus person record --json -";

/// Of `person route`.
pub(crate) const PERSON_ROUTE: &str = "\
Examples:
  campus person route 1 2 3
  campus person route < ids.txt > phones.ndjson";

/// Of `campus` itself.
pub(crate) fn top(kinds: &[Kind]) -> String {
    let first = kinds.first().map_or("employee", |kind| kind.singular);
    let last = kinds.last().map_or("student", |kind| kind.plural);
    let singular = kinds.last().map_or("student", |kind| kind.singular);
    format!(
        "Examples:\n  campus demo\n  campus {first} list\n  campus {first} list -o json --limit 3\n  \
         campus {singular} export --output-file {last}.csv\n\n{EXIT_CODES}"
    )
}

/// Of all commands of a kind of record.
pub(crate) fn kind(kind: &Kind) -> String {
    let Kind { singular, plural, .. } = kind;
    format!(
        "Examples:\n  campus {singular} list\n  campus {singular} import {plural}.csv\n  campus {singular} create --help"
    )
}

/// Of a command of a kind of record.
pub(crate) fn of(kind: &Kind, verb: &str) -> String {
    let Kind { singular, plural, .. } = kind;
    let command = format!("campus {singular} {verb}");
    let [one, two] = ids(kind);
    let lines = match verb {
        "create" => create(kind, &command),
        "get" => vec![
            format!("{command} {one}"),
            format!("{command} {plural}/{one} {plural}/{two} -o csv"),
            format!("{command} {one} --fields {}", fields(kind)),
        ],
        "list" => vec![
            command.clone(),
            format!("{command} --filter '{}' --order-by '{}'", filter(kind), order(kind)),
            format!("{command} --all -o csv --fields {} > {plural}.csv", fields(kind)),
        ],
        "update" => update(kind, &command),
        "delete" => vec![format!("{command} {one}"), format!("{command} {one} {two} --allow-missing")],
        "import" => vec![
            format!("{command} {plural}.csv"),
            format!("{command} staff.csv --map emp_no=id --map 'First name=given_name' --ignore salary"),
            format!("{command} {plural}.csv --rejects rejected.csv"),
            format!("campus {singular} export | {command} - --format ndjson"),
        ],
        "export" => vec![
            format!("{command} --output-file {plural}.csv"),
            format!("{command} -o ndjson --filter '{}' | head -n 3", filter(kind)),
        ],
        "watch" => vec![command.clone(), format!("{command} -o ndjson --filter '{}'", filter(kind))],
        _ => vec![format!("{command} {one} {two}"), format!("{command} < names.txt > found.ndjson")],
    };
    let examples = lines.iter().map(|line| format!("\n  {line}")).collect::<String>();
    match notes(kind, verb) {
        Some(notes) => format!("{notes}\n\nExamples:{examples}"),
        None => format!("Examples:{examples}"),
    }
}

fn notes(kind: &Kind, verb: &str) -> Option<String> {
    let settable = || kind.settable().map(|field| field.name).collect::<Vec<_>>().join(", ");
    match verb {
        "import" => Some(format!(
            "Columns that are called like fields map themselves, letter case aside, with - or a space for _: id or \
             name, {}. Empty cells are left unset. Values of enums may be shortened (M, male); what is nested is \
             JSON.\n\nA record that is there already is replaced. The last line on stderr says what was done, \
             and with --output stdout as well; the exit code is 0 only if nothing was rejected.",
            settable()
        )),
        "lookup" => Some("What is not found is named on stderr; the exit code is then 1.".to_owned()),
        "watch" => Some(
            "Ends with Ctrl-C, and says then how to go on. With -o ndjson or csv each change holds its token."
                .to_owned(),
        ),
        _ => None,
    }
}

/// Values for fields that are often there. They only make the examples readable.
const SAMPLES: [(&str, &str); 6] = [
    ("given_name", "Mira"),
    ("family_name", "Okafor"),
    ("email", "mira.okafor@campus.example"),
    ("region", "Scotland"),
    ("hire_date", "2024-09-01"),
    ("birth_date", "1988-05-17"),
];

fn sample(field: &Field) -> Option<String> {
    if let FieldKind::Enum(of) = field.kind {
        return value::short_names(of).into_iter().next();
    }
    SAMPLES.iter().find(|(name, _)| *name == field.name).map(|(_, sample)| (*sample).to_owned())
}

fn samples(kind: &Kind) -> impl Iterator<Item = (&'static Field, String)> {
    kind.settable().filter_map(|field| sample(field).map(|sample| (field, sample)))
}

fn flag((field, sample): (&'static Field, String)) -> String {
    format!("--{} {sample}", field.name.replace('_', "-"))
}

fn create(kind: &Kind, command: &str) -> Vec<String> {
    let flags: Vec<String> = samples(kind).take(3).map(flag).collect();
    vec![
        format!("{command} {}", flags.join(" ")),
        format!("{command} --id mira {}", flags.join(" ")),
        format!("{command} --json {}.json", kind.singular),
    ]
}

fn update(kind: &Kind, command: &str) -> Vec<String> {
    let set = samples(kind).find(|(field, _)| field.name == "email").or_else(|| samples(kind).next());
    let clear = samples(kind).find(|(field, _)| !field.required).map(|(field, _)| field.name.replace('_', "-"));
    let mut lines = Vec::new();
    let [one, _] = ids(kind);
    lines.extend(set.map(|set| format!("{command} {one} {}", flag(set))));
    lines.extend(clear.map(|field| format!("{command} {one} --{field} ''")));
    lines.push(format!("campus {0} get {one} -o json | {command} --json -", kind.singular));
    lines
}

/// Ids that the example data has.
fn ids(kind: &Kind) -> [String; 2] {
    let letter = kind.singular.get(..1).unwrap_or_default();
    [1, 2].map(|number| format!("{letter}{number:04}"))
}

fn fields(kind: &Kind) -> String {
    let two = samples(kind).take(2).map(|(field, _)| field.name);
    ["name"].into_iter().chain(two).collect::<Vec<_>>().join(",")
}

fn filter(kind: &Kind) -> String {
    let text = samples(kind).find(|(field, _)| field.name.contains("family")).or_else(|| samples(kind).next());
    text.map_or_else(|| "name > \"a\"".to_owned(), |(field, sample)| format!("{} = \"{sample}\"", field.name))
}

fn order(kind: &Kind) -> String {
    let date = samples(kind).find(|(field, _)| field.name.ends_with("_date"));
    date.map_or_else(|| "name".to_owned(), |(field, _)| format!("{} desc", field.name))
}
