//! What a certificate says (RFC 5280): until when it is good, and whom it names.

use campus_call::Certificate;
use rustls::pki_types::CertificateDer;
use x509_parser::{prelude::*, time::ASN1Time};

/// Until when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Expiry(ASN1Time);

impl Expiry {
    /// Seconds since 1970.
    pub(super) fn timestamp(self) -> i64 {
        self.0.timestamp()
    }

    pub(super) fn has_passed(self) -> bool {
        self.0 < ASN1Time::now()
    }
}

impl std::fmt::Display for Expiry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// From when on a certificate is good, if that is still to come.
pub(super) fn not_yet(certificate: &CertificateDer<'_>) -> Option<Expiry> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(Expiry(certificate.validity().not_before)).filter(|from| !from.has_passed())
}

/// When a certificate expires; nothing if it is none.
pub(super) fn expiry(certificate: &CertificateDer<'_>) -> Option<Expiry> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(Expiry(certificate.validity().not_after))
}

/// The names in a certificate that was checked.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Certificate {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Certificate::default() };
    let common_name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    let mut names = Certificate { common_name: common_name.map(ToOwned::to_owned), ..Certificate::default() };
    let alternative = certificate.subject_alternative_name().ok().flatten();
    for name in alternative.iter().flat_map(|names| &names.value.general_names) {
        match name {
            GeneralName::DNSName(name) => names.dns_names.push((*name).to_owned()),
            GeneralName::URI(uri) => names.uris.push((*uri).to_owned()),
            _ => {}
        }
    }
    names
}
