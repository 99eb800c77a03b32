//! Settings: where they come from, and what is said of those that cannot be used.

use campus_chassis::{
    AdminConfig, App, ClientCertificate, Listen, LogConfig, LogFormat, ServerConfig, TlsVersion,
    config::{ByteSize, HumanDuration, Sources, load, load_checked},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    server: ServerConfig,
    admin: AdminConfig,
    log: LogConfig,
    labels: BTreeMap<String, String>,
}

fn env(pairs: &[(&str, &str)]) -> Sources {
    Sources { env: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(), ..Sources::default() }
}

fn flags(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    env(pairs).env
}

/// A file with this name and content, and the folder that keeps it.
fn file(name: &str, content: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

fn refused(sources: Sources) -> String {
    let line = load::<Settings>(sources).unwrap_err().to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

#[test]
fn nothing_given_means_the_defaults() {
    assert_eq!(load::<Settings>(Sources::default()).unwrap(), Settings::default());
}

#[test]
fn a_file_beats_defaults_the_environment_beats_the_file_and_a_flag_beats_all() {
    let toml = "[server]\nmax_connections = 10\nmax_streams = 10\nshards = 10\n[log]\nlevel = \"debug\"\n";
    let (_folder, path) = file("campus.toml", toml);
    let sources = Sources {
        file: Some(path),
        overrides: flags(&[("server.shards", "30")]),
        ..env(&[("CAMPUS__SERVER__MAX_STREAMS", "20"), ("CAMPUS__SERVER__SHARDS", "20")])
    };
    let settings: Settings = load(sources).unwrap();
    let server = &settings.server;
    assert_eq!((server.max_connections, server.max_streams, server.shards), (10, 20, 30));
    assert_eq!(settings.log.level, "debug");
    assert_eq!(server.max_message_in, ByteSize::mib(4));
}

#[test]
fn every_kind_of_value_is_read_from_files_and_from_the_environment() {
    let yaml = "server:\n  listen: 0.0.0.0:1\n  drain_limit: 1m30s\n  max_message_in: 8MiB\n  max_deadline: 5s\nlog:\n  format: json\nlabels:\n  team: x\n";
    let (_folder, path) = file("campus.yaml", yaml);
    let settings: Settings = load(Sources { file: Some(path), ..Sources::default() }).unwrap();
    let same: Settings = load(env(&[
        ("CAMPUS__SERVER__LISTEN", "0.0.0.0:1"),
        ("CAMPUS__SERVER__DRAIN_LIMIT", "1m30s"),
        ("CAMPUS__SERVER__MAX_MESSAGE_IN", "8388608"),
        ("CAMPUS__SERVER__MAX_DEADLINE", "5000ms"),
        ("CAMPUS__LOG__FORMAT", "json"),
        ("CAMPUS__LABELS__TEAM", "x"),
    ]))
    .unwrap();
    assert_eq!(settings, same);
    assert_eq!(settings.server.drain_limit, HumanDuration::secs(90));
    assert_eq!(settings.server.max_deadline, Some(HumanDuration::secs(5)));
    assert_eq!(settings.log.format, LogFormat::Json);
}

#[test]
fn what_settings_look_like_when_written_can_be_read_again() {
    let settings = Settings {
        server: ServerConfig { max_message_out: Some(ByteSize::kib(64)), ..ServerConfig::default() },
        ..Settings::default()
    };
    let written = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<Settings>(&written).unwrap(), settings);
}

#[test]
fn variables_without_the_prefix_are_none_of_ours() {
    let kubernetes = [
        ("CAMPUS_SERVICE_PORT", "tcp://10.0.0.1:50051"),
        ("CAMPUS_PORT_50051_TCP", "tcp://10.0.0.1:50051"),
        ("CAMPUS_SERVER_LISTEN", "nonsense"),
        ("XCAMPUS__SERVER__LISTEN", "nonsense"),
        ("PATH", "/bin"),
    ];
    assert_eq!(load::<Settings>(env(&kubernetes)).unwrap(), Settings::default());
}

#[test]
fn a_section_within_a_section_and_lists_are_read_from_every_source() {
    let toml = "[server]\nlisten = [\"127.0.0.1:1\", \"unix:/a,b\"]\nsocket_mode = \"0600\"\nallow = \"unix:uid=1\"\n\
        [server.tls]\ncertificate = \"/c\"\nkey = \"/k\"\nmin_version = \"1.3\"\n";
    let (_folder, path) = file("campus.toml", toml);
    let yaml = "server:\n  listen: [\"127.0.0.1:1\", \"unix:/a,b\"]\n  socket_mode: \"0600\"\n  allow: unix:uid=1\n  \
        tls:\n    certificate: /c\n    key: /k\n    min_version: 1.3\n";
    let (_other, yaml) = file("campus.yaml", yaml);
    let settings: Settings = load(Sources { file: Some(path), ..Sources::default() }).unwrap();
    assert_eq!(settings, load(Sources { file: Some(yaml), ..Sources::default() }).unwrap());
    assert_eq!(settings.server.listen.0.len(), 2);
    let tls = &settings.server.tls;
    assert_eq!((tls.key.clone(), tls.min_version, tls.client_ca.clone()), (Some("/k".into()), TlsVersion::V1_3, None));
    let variables = env(&[
        ("CAMPUS__SERVER__TLS__KEY", "/other"),
        ("CAMPUS__SERVER__TLS__CLIENT_CERTIFICATE", "optional"),
        ("CAMPUS__SERVER__LISTEN", "[::]:2, in-process:x"),
        ("CAMPUS__SERVER__ALLOW", "unix:uid=1,in-process"),
    ]);
    let settings: Settings = load(variables).unwrap();
    assert_eq!(settings.server.tls.key, Some("/other".into()));
    assert_eq!(settings.server.tls.client_certificate, Some(ClientCertificate::Optional));
    assert_eq!((settings.server.listen.0.len(), settings.server.allow.0.len()), (2, 2));
}

#[test]
fn a_file_of_settings_that_is_no_regular_file_is_refused_unread() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("campus.toml");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let refused = load::<Settings>(Sources { file: Some(path.clone()), ..Sources::default() }).unwrap_err();
    let line = format!("cannot read the configuration file {}: it is no regular file", path.display());
    assert_eq!(refused.to_string(), line);
}

#[test]
fn an_unknown_setting_in_a_file_is_refused_with_the_nearest_one_and_the_file() {
    let (_folder, path) = file("campus.toml", "[server]\nmax_conections = 10\n");
    let line = refused(Sources { file: Some(path.clone()), ..Sources::default() });
    assert!(line.contains("\"server.max_conections\"") && line.contains(path.to_str().unwrap()), "{line}");
    assert!(line.contains("did you mean \"server.max_connections\"?"), "{line}");
}

#[test]
fn an_unknown_setting_in_the_environment_is_refused_with_the_nearest_one_and_the_variable() {
    let line = refused(env(&[("CAMPUS__SERVER__LISTNE", "x")]));
    assert!(line.contains("CAMPUS__SERVER__LISTNE") && line.contains("did you mean \"server.listen\"?"), "{line}");
    let line = refused(env(&[("CAMPUS__LISTEN", "x")]));
    assert!(
        line.contains("did you mean \"server.listen\"?") || line.contains("did you mean \"admin.listen\"?"),
        "{line}"
    );
    let line = refused(env(&[("CAMPUS__ZZZZZZZZ", "x")]));
    assert!(line.contains("unknown setting \"zzzzzzzz\"") && !line.contains("did you mean"), "{line}");
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_what_is_expected() {
    for (variable, value, key, expected) in [
        ("CAMPUS__SERVER__MAX_CONNECTIONS", "many", "server.max_connections", "integer"),
        ("CAMPUS__SERVER__LISTEN", "localhost", "server.listen", "IP address"),
        ("CAMPUS__ADMIN__LISTEN", "localhost:51080", "admin.listen", "for example 127.0.0.1:50051 or [::1]:50051"),
        ("CAMPUS__SERVER__LISTEN", "127.0.0.1:1,unix:", "server.listen", "unix:/path/of.sock"),
        ("CAMPUS__SERVER__SOCKET_MODE", "rw", "server.socket_mode", "an octal mode in quotes"),
        ("CAMPUS__SERVER__ALLOW", "everyone", "server.allow", "cert:NAME, unix:uid=NUMBER"),
        ("CAMPUS__SERVER__TLS__MIN_VERSION", "1.1", "server.tls.min_version", "\"1.2\" or \"1.3\""),
        ("CAMPUS__SERVER__TLS__CLIENT_CERTIFICATE", "maybe", "server.tls.client_certificate", "required or optional"),
        ("CAMPUS__SERVER__TLS__KEYS", "x", "server.tls.keys", "did you mean \"server.tls.key\"?"),
        ("CAMPUS__SERVER__TLS", "x", "server.tls", "section"),
        ("CAMPUS__SERVER__DRAIN_LIMIT", "20", "server.drain_limit", "expected a duration such as"),
        ("CAMPUS__SERVER__MAX_MESSAGE_IN", "4MB", "server.max_message_in", "expected a size such as"),
        ("CAMPUS__LOG__FORMAT", "xml", "log.format", "expected auto, pretty or json"),
        ("CAMPUS__SERVER", "x", "server", "section"),
        ("CAMPUS__SERVER__LISTEN__PORT", "1", "server.listen.port", "unknown setting"),
    ] {
        let line = refused(env(&[(variable, value)]));
        assert!(line.contains(variable) && line.contains(&format!("{key:?}")), "{line}");
        assert!(line.contains(expected), "{line}");
    }
    let line = refused(env(&[("CAMPUS__SERVER__MAX_CONNECTIONS", "many")]));
    assert!(line.contains("is \"many\""), "{line}");
}

#[test]
fn a_wrong_value_in_a_file_names_the_file_even_when_another_source_has_other_settings() {
    let (_folder, path) = file("campus.toml", "[server]\nmax_streams = -1\ndrain_limit = 20\n");
    let sources = Sources { file: Some(path.clone()), ..env(&[("CAMPUS__SERVER__SHARDS", "2")]) };
    let line = refused(sources);
    assert!(line.contains(path.to_str().unwrap()), "{line}");
}

#[test]
fn a_bad_flag_is_called_a_flag() {
    let line = refused(Sources { overrides: flags(&[("server.shards", "some")]), ..Sources::default() });
    assert!(line.contains("flag") && line.contains("\"some\""), "{line}");
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let line = refused(Sources { file: Some("/no/such/campus.toml".into()), ..Sources::default() });
    assert!(line.contains("/no/such/campus.toml") && line.contains("No such file"), "{line}");
    let (_folder, path) = file("campus.toml", "[server\nx = 1\n");
    let line = refused(Sources { file: Some(path), ..Sources::default() });
    assert!(line.contains("line 1"), "{line}");
    let (_folder, path) = file("campus.ini", "x = 1\n");
    let line = refused(Sources { file: Some(path), ..Sources::default() });
    assert!(line.contains(".toml, .yaml or .yml"), "{line}");
}

#[test]
fn a_value_that_makes_no_sense_is_refused_by_its_full_name_with_what_is_possible() {
    for (setting, value, line) in [
        ("server.shards", "257", "is 257: 1 to 256, or 0 for one a core"),
        ("server.max_connections", "0", "is 0: 1 to 268435456 must be allowed"),
        ("server.max_streams", "0", "is 0: 1 to 2147483647 must be allowed"),
        ("server.max_message_in", "0", "is \"0B\": 1B to 4GiB - 1B must be allowed"),
        ("server.max_message_out", "0", "is \"0B\": at least 1B must be allowed; leave it out for no limit"),
        ("server.max_header_list", "1023", "is \"1023B\": headers are 1KiB to 16MiB"),
        ("server.max_frame", "16MiB", "is \"16MiB\": a frame is 16KiB to 16MiB - 1B"),
        ("server.stream_window", "1KiB", "is \"1KiB\": a window is 65535B to 2GiB - 1B"),
        ("server.connection_window", "2GiB", "is \"2GiB\": a window is 65535B to 2GiB - 1B"),
        ("server.send_buffer", "2GiB", "is \"2GiB\": a buffer is 16KiB to 1GiB"),
        ("server.handshake_limit", "0s", "is \"0s\": at least 1ms is needed"),
        ("server.first_call_limit", "0s", "is \"0s\": at least 1ms is needed"),
        ("server.max_deadline", "0s", "is \"0s\": at least 1ms is needed; leave it out for no cap"),
        ("server.default_deadline", "0s", "is \"0s\": at least 1ms is needed; leave it out for none"),
        ("admin.ready_interval", "0s", "is \"0s\": at least 1ms is needed"),
        ("admin.ready_limit", "0s", "is \"0s\": at least 1ms is needed"),
        ("admin.saturated_limit", "0s", "is \"0s\": at least 1ms is needed"),
        ("server.max_unary_calls", "0", "is 0: 1 to 268435456 must be allowed"),
        ("server.max_stream_calls", "0", "is 0: 1 to 268435456 must be allowed"),
        ("server.max_web_requests", "0", "is 0: 1 to 268435456 must be allowed"),
        ("server.max_body_pause", "0s", "is \"0s\": at least 1ms is needed"),
        ("server.max_buffered", "1KiB", "is \"1KiB\": at least 1MiB is needed"),
        (
            "server.name",
            "my pod",
            "is \"my pod\": 1 to 253 visible ASCII characters; leave it out for the pod's or host's",
        ),
    ] {
        let sources = Sources { overrides: flags(&[(setting, value)]), ..Sources::default() };
        let settings: Settings = load(sources).unwrap();
        let error = App::builder(&settings.server, &settings.admin).build().unwrap_err();
        assert_eq!(error.to_string(), format!("setting {setting} {line}"));
    }
}

#[test]
fn a_value_that_makes_no_sense_is_told_with_where_it_came_from() {
    let checked = |sources| {
        let check = |settings: &mut Settings| {
            settings.server.check()?;
            settings.admin.check(&settings.server.listen, &Listen::default())?;
            settings.log.check()
        };
        load_checked(sources, check).unwrap_err().to_string()
    };
    let (_folder, path) = file("campus.toml", "[server]\nmax_streams = 0\n[log]\nlevel = \"loud\"\n");
    let in_file = Sources { file: Some(path.clone()), ..Sources::default() };
    let line = format!("setting server.max_streams in {} is 0: 1 to 2147483647 must be allowed", path.display());
    assert_eq!(checked(in_file.clone()), line);
    let line = checked(Sources { env: env(&[("CAMPUS__SERVER__MAX_STREAMS", "1")]).env, ..in_file });
    assert!(line.starts_with(&format!("setting log.level in {} is \"loud\": use error, ", path.display())), "{line}");
    let line = checked(env(&[("CAMPUS__SERVER__SHARDS", "257")]));
    assert!(line.starts_with("setting server.shards in the environment (CAMPUS__SERVER__SHARDS) is 257: "), "{line}");
    let line = checked(Sources { overrides: flags(&[("server.shards", "257")]), ..Sources::default() });
    assert!(line.starts_with("setting server.shards in the flag for server.shards is 257: "), "{line}");
    let line = checked(env(&[("CAMPUS__SERVER__LISTEN", "127.0.0.1:9090")]));
    assert!(line.starts_with("setting admin.listen is \"127.0.0.1:9090\": 127.0.0.1:9090 of server.listen "), "{line}");
}

#[test]
fn the_ends_of_each_range_are_accepted() {
    let largest = ServerConfig {
        shards: 256,
        max_connections: 1 << 28,
        max_streams: (1 << 31) - 1,
        max_message_in: ByteSize(u32::MAX.into()),
        max_header_list: ByteSize::mib(16),
        max_frame: ByteSize((16 << 20) - 1),
        stream_window: ByteSize((1 << 31) - 1),
        connection_window: ByteSize(65_535),
        send_buffer: ByteSize::kib(16),
        handshake_limit: HumanDuration::millis(1),
        max_deadline: Some(HumanDuration::millis(1)),
        ..ServerConfig::default()
    };
    assert_eq!(largest.check(), Ok(()));
    assert_eq!(ServerConfig::default().check(), Ok(()));
    assert_eq!(AdminConfig::default().check(&ServerConfig::default().listen, &Listen::default()), Ok(()));
}
