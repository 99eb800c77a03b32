//! Makes the certificates that tests need: of an authority, of servers and clients, good and expired.
//!
//! A fault of a fixture is a failed test, so this crate panics where others return errors.

use std::{fs, path::Path, time::SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType, date_time_ymd,
};

/// Somebody who signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate (PEM).
    pub certificate: String,
}

/// A certificate and its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// PEM.
    pub certificate: String,
    /// PEM, PKCS #8.
    pub key: String,
}

/// Whether a certificate is good today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// For longer than any test takes.
    Good,
    /// Not any more.
    Expired,
    /// Not for a long time.
    NotYet,
}

use Validity::{Expired, Good, NotYet};

impl Authority {
    /// A new authority, which nobody trusts yet.
    #[expect(clippy::new_without_default, reason = "no two are equal")]
    pub fn new() -> Self {
        Self::valid(Good)
    }

    /// As [`new`](Self::new), perhaps expired.
    pub fn valid(validity: Validity) -> Self {
        let mut params = params(&[], validity);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "campus test authority");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// A certificate of a server by these names and addresses.
    pub fn server(&self, names: &[&str]) -> Identity {
        self.sign(params(names, Good), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// As [`server`](Self::server), and expired.
    pub fn expired_server(&self, names: &[&str]) -> Identity {
        self.sign(params(names, Expired), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// As [`server`](Self::server), and not good yet.
    pub fn future_server(&self, names: &[&str]) -> Identity {
        self.sign(params(names, NotYet), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// As [`server`](Self::server), good from the one time to the other.
    pub fn server_between(&self, names: &[&str], since: SystemTime, until: SystemTime) -> Identity {
        let mut params = params(names, Good);
        (params.not_before, params.not_after) = (since.into(), until.into());
        self.sign(params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate of a client with these DNS names and URIs, and this common name.
    pub fn client(&self, common_name: &str, names: &[&str]) -> Identity {
        self.client_valid(common_name, names, Good)
    }

    /// As [`client`](Self::client), perhaps expired.
    pub fn client_valid(&self, common_name: &str, names: &[&str], validity: Validity) -> Identity {
        let (uris, names): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.contains("://"));
        let mut params = params(&names, validity);
        let uris = uris.into_iter().map(|uri| SanType::URI(uri.try_into().unwrap()));
        params.subject_alt_names.extend(uris);
        params.distinguished_name.push(DnType::CommonName, common_name);
        self.sign(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Identity {
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { certificate, key: key.serialize_pem() }
    }
}

impl Identity {
    /// Writes both to files.
    pub fn write(&self, certificate: &Path, key: &Path) {
        fs::write(certificate, &self.certificate).unwrap();
        fs::write(key, &self.key).unwrap();
    }
}

fn params(names: &[&str], validity: Validity) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.not_before = date_time_ymd(if validity == NotYet { 3000 } else { 2020 }, 1, 1);
    params.not_after = date_time_ymd(if validity == Expired { 2021 } else { 4000 }, 1, 1);
    params
}
