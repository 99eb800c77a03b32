//! The files of TLS at the start: what cannot be used is refused in one line, by its setting.

use super::{Files, HOST, encrypted};
use crate::support::admin_config;
use campus_chassis::{App, TlsConfig, config::HumanDuration};
use campus_testcerts::{Authority, Validity};
use std::fs;

fn refusal(tls: TlsConfig) -> String {
    let config = encrypted(tls);
    let line = config.check().unwrap_err().to_string();
    assert_eq!(App::builder(&config, &admin_config()).build().unwrap_err().to_string(), line);
    assert!(!line.contains('\n'), "{line}");
    line
}

/// The line for a file whose setting, name and fault are these.
fn line(files: &Files, setting: &str, name: &str, fault: &str) -> String {
    format!("setting server.tls.{setting} is {:?}: {fault}", files.path(name))
}

#[test]
fn settings_that_need_each_other_are_refused_alone() {
    let files = Files::new();
    let unset = |setting: &str, by: &str| format!("setting server.tls.{setting} is unset: server.tls.{by} needs it");
    assert_eq!(refusal(TlsConfig { key: None, ..files.tls() }), unset("key", "certificate"));
    assert_eq!(refusal(TlsConfig { certificate: None, ..files.tls() }), unset("certificate", "key"));
    let ca_alone = TlsConfig { certificate: None, key: None, ..files.mutual() };
    assert_eq!(refusal(ca_alone), unset("certificate", "client_ca"));
    let never = TlsConfig { reload_interval: HumanDuration::secs(0), ..files.tls() };
    assert_eq!(refusal(never), "setting server.tls.reload_interval is \"0s\": at least 1ms is needed");
}

#[test]
fn a_file_that_is_not_there_or_holds_something_else_is_named() {
    for (setting, name) in [("certificate", "tls.crt"), ("key", "tls.key"), ("client_ca", "ca.pem")] {
        let files = Files::new();
        fs::write(files.path(name), "nonsense").unwrap();
        let refused = refusal(files.mutual());
        assert!(refused.starts_with(&line(&files, setting, name, "the file holds no ")), "{refused}");
        fs::remove_file(files.path(name)).unwrap();
        let refused = refusal(files.mutual());
        assert!(
            refused.starts_with(&line(&files, setting, name, "the file cannot be read: No such file")),
            "{refused}"
        );
    }
}

#[test]
fn certificate_and_key_that_were_exchanged_by_mistake_are_named() {
    let files = Files::new();
    let swapped = TlsConfig { certificate: files.tls().key, key: files.tls().certificate, ..files.tls() };
    assert!(refusal(swapped).contains("holds no certificate in PEM form"));
}

#[test]
fn a_key_that_does_not_fit_is_refused() {
    let files = Files::new();
    fs::write(files.path("tls.key"), files.authority.server(&[HOST]).key).unwrap();
    let refused = refusal(files.tls());
    assert!(refused.starts_with(&line(&files, "key", "tls.key", "the key does not fit the certificate")), "{refused}");
}

#[test]
fn what_has_expired_is_refused() {
    let files = Files::new();
    files.put(&files.authority.expired_server(&[HOST]));
    let refused = refusal(files.tls());
    let expired = line(&files, "certificate", "tls.crt", "the certificate expired on Jan  1 00:00:00 2021 +00:00");
    assert!(refused.starts_with(&expired), "{refused}");

    files.put(&files.authority.future_server(&[HOST]));
    let refused = refusal(files.tls());
    let early =
        line(&files, "certificate", "tls.crt", "the certificate is not good before Jan  1 00:00:00 3000 +00:00");
    assert!(refused.starts_with(&early), "{refused}");

    let files = Files::new();
    let old = Authority::valid(Validity::Expired).certificate;
    fs::write(files.path("ca.pem"), &old).unwrap();
    let refused = refusal(files.mutual());
    assert!(refused.starts_with(&line(&files, "client_ca", "ca.pem", "every authority has expired")), "{refused}");
    fs::write(files.path("ca.pem"), format!("{old}{}", files.authority.certificate)).unwrap();
    assert_eq!(encrypted(files.mutual()).check(), Ok(()), "an old authority may stand beside its successor");
}
