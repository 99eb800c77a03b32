//! The files of TLS at the start: what cannot be used is refused in one line, by its setting.

use super::{Files, HOST, encrypted};
use crate::support::admin_config;
use campus_chassis::{App, ClientCertificate, TlsConfig, config::HumanDuration};
use campus_testcerts::{Authority, Validity};
use std::{fs, process::Command};

/// A key of a curve that is not spoken (P-521), made for this test.
const UNSUPPORTED: &str = "-----BEGIN PRIVATE KEY-----\n\
MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIAVWosVtSl85rwtBwV\n\
j22RjBf9Q0r4yYbbSkbxeZ6RUiVYYAgzg9rp34+yllXJ76Gkqm4iFYzZ/YXr1EoH\n\
phklUYmhgYkDgYYABAElPFfGT72VFdmKupXlrTPOxKM2jgTj2ZivpXi+XyxzMMj0\n\
ZL00IwuI+RDtMln3oMjl8xYlbkgpzrazOas571SFcgB83YawBx2KWqVozSfotaC5\n\
I6/BGmbt3qOdO0HUda1MqbROHknQyzYjIHNznY16Xsw/friffGKiTx8mo2gYRsiQ\n\
AA==\n\
-----END PRIVATE KEY-----\n";

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
    for wanted in [ClientCertificate::Required, ClientCertificate::Optional] {
        let without_authorities = TlsConfig { client_certificate: Some(wanted), ..files.tls() };
        assert_eq!(refusal(without_authorities), unset("client_ca", "client_certificate"));
        let without_tls = TlsConfig { client_certificate: Some(wanted), ..TlsConfig::default() };
        assert_eq!(refusal(without_tls), unset("client_ca", "client_certificate"));
    }
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

#[test]
fn what_is_no_regular_file_or_too_large_a_one_is_refused_unread() {
    for (setting, name) in [("certificate", "tls.crt"), ("key", "tls.key"), ("client_ca", "ca.pem")] {
        let files = Files::new();
        let path = files.path(name);
        let refused = |why: &str| {
            let fault = format!("the file cannot be read: {why}");
            assert_eq!(refusal(files.mutual()), line(&files, setting, name, &fault));
        };
        fs::write(&path, vec![b'x'; (1 << 20) + 1]).unwrap();
        refused("it is larger than 1MiB");
        fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        refused("it is no regular file");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        refused("it is no regular file");
    }
}

#[test]
fn a_certificate_that_is_not_of_an_authority_cannot_vouch_for_clients() {
    let files = Files::new();
    fs::write(files.path("ca.pem"), files.authority.client("x", &[]).certificate).unwrap();
    let fault = "the file holds a certificate that is not of an authority, and can vouch for no client; \
                 give that of who signed it";
    assert_eq!(refusal(files.mutual()), line(&files, "client_ca", "ca.pem", fault));
}

#[test]
fn a_key_that_cannot_be_used_is_refused_with_the_reason() {
    let files = Files::new();
    let kind = "the file holds a private key of a kind that is not supported; \
                make one of RSA (2048 bits or more), ECDSA (P-256 or P-384) or Ed25519";
    let encrypted = "the key is encrypted, and nobody is there to type its passphrase; \
                     decrypt it (openssl pkey -in OLD -out NEW)";
    let pkcs8 = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let pkcs1 = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIB\n\
                 -----END RSA PRIVATE KEY-----\n";
    for (text, fault) in [(UNSUPPORTED, kind), (pkcs8, encrypted), (pkcs1, encrypted)] {
        fs::write(files.path("tls.key"), text).unwrap();
        assert_eq!(refusal(files.tls()), line(&files, "key", "tls.key", fault));
    }
}

#[test]
fn a_file_that_is_half_written_is_refused_and_one_with_a_byte_order_mark_is_taken() {
    let files = Files::new();
    let fault = "the file ends in the middle of a section of PEM; has it been written whole?";
    for (setting, name) in [("certificate", "tls.crt"), ("key", "tls.key"), ("client_ca", "ca.pem")] {
        let whole = fs::read_to_string(files.path(name)).unwrap();
        fs::write(files.path(name), &whole[..whole.len() - 40]).unwrap();
        assert_eq!(refusal(files.mutual()), line(&files, setting, name, fault));
        fs::write(files.path(name), format!("\u{feff}{whole}")).unwrap();
    }
    assert_eq!(encrypted(files.mutual()).check(), Ok(()));
}
