//! What is wrong with TLS, for somebody who has to do something about it.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// Of an error of TLS; none of another one.
pub(crate) fn words(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    Some(match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "its certificate is of an authority that is not trusted here; give that authority".to_owned()
        }
        Error::InvalidCertificate(
            wrong @ (CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }),
        ) => format!("its certificate is for another name; say which one to expect ({wrong})"),
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "its certificate has expired; whoever runs it must renew it".to_owned()
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "what listens there does not speak TLS; call it without, or is it the right port?".to_owned()
        }
        Error::NoApplicationProtocol | Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            "what listens there speaks TLS, and no HTTP/2; is it the right port?".to_owned()
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "it wants to see a certificate of this client; give one with its key".to_owned()
        }
        Error::AlertReceived(why) => format!("it refuses the connection ({why:?}); its log says more"),
        other => format!("no connection with TLS: {other}"),
    })
}
