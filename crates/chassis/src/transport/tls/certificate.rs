//! What a certificate says (RFC 5280): until when it is good, and whom it names.

use campus_call::Certificate;
use rustls::pki_types::CertificateDer;
use x509_parser::{prelude::*, time::ASN1Time};

/// A certificate is about to expire when a tenth of its life is left, or this if that is less; seconds.
const SOON: i64 = 7 * 24 * 60 * 60;

/// Until when a certificate is good, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Expiry {
    until: ASN1Time,
    since: ASN1Time,
}

impl Expiry {
    /// Seconds since 1970.
    pub(super) fn timestamp(self) -> i64 {
        self.until.timestamp()
    }

    pub(super) fn has_passed(self) -> bool {
        self.until < ASN1Time::now()
    }

    /// Whether it passes soon.
    pub(super) fn is_near(self) -> bool {
        let life = self.timestamp() - self.since.timestamp();
        self.timestamp() - ASN1Time::now().timestamp() <= SOON.min(life / 10)
    }
}

impl std::fmt::Display for Expiry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.until.fmt(f)
    }
}

/// From when on a certificate is good, if that is still to come.
pub(super) fn not_yet(certificate: &CertificateDer<'_>) -> Option<ASN1Time> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.validity().not_before).filter(|since| *since > ASN1Time::now())
}

/// Whether a certificate may sign others: as it says, or because it is of a version that cannot say. One that has signed
/// itself may stand for its own holder.
pub(super) fn is_authority(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, found)| {
        found.is_ca() || found.version() != X509Version::V3 || found.issuer() == found.subject()
    })
}

/// When a certificate expires; nothing if it is none.
pub(super) fn expiry(certificate: &CertificateDer<'_>) -> Option<Expiry> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let Validity { not_before: since, not_after: until } = *certificate.validity();
    Some(Expiry { until, since })
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
