//! TLS towards a collector.

use crate::{
    VariableError,
    endpoint::{Protocol, Signal},
    variables::{Variable, Variables},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::sync::Arc;

/// As the variables say. Whatever would let the first connection fail for a reason on this side is found here.
pub(crate) fn config(
    variables: &Variables<'_>,
    signal: Signal,
    protocol: Protocol,
) -> Result<Arc<ClientConfig>, VariableError> {
    let of = |suffix| variables.otlp(signal.upper(), suffix);
    let roots = match of("CERTIFICATE")? {
        Some(file) => given_roots(&file)?,
        None => machine_roots(signal)?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let none = |_| VariableError::hidden("OTEL_EXPORTER_OTLP_ENDPOINT", "this build has no TLS");
    let builder = builder.map_err(none)?.with_root_certificates(roots);
    let mut config = match (of("CLIENT_CERTIFICATE")?, of("CLIENT_KEY")?) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let chain = certificates(&certificate)?;
            let loaded = PrivateKeyDer::from_pem_file(&key.value);
            let loaded = loaded.map_err(|error| key.error(format!("no private key can be read from it: {error}")))?;
            let unfit = |error| key.error(format!("it does not fit {}: {error}", certificate.name));
            builder.with_client_auth_cert(chain, loaded).map_err(unfit)?
        }
        (Some(alone), None) => return Err(alone.error("CLIENT_KEY must be given with it")),
        (None, Some(alone)) => return Err(alone.error("CLIENT_CERTIFICATE must be given with it")),
    };
    config.alpn_protocols = match protocol {
        Protocol::Grpc => vec![b"h2".to_vec()],
        Protocol::Http => vec![b"http/1.1".to_vec()],
    };
    Ok(Arc::new(config))
}

fn given_roots(file: &Variable) -> Result<RootCertStore, VariableError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots
            .add(certificate)
            .map_err(|error| file.error(format!("a certificate in it cannot be trusted: {error}")))?;
    }
    Ok(roots)
}

fn certificates(file: &Variable) -> Result<Vec<CertificateDer<'static>>, VariableError> {
    let read = CertificateDer::pem_file_iter(&file.value).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(file.error("there is no certificate in it; give a file in PEM format")),
        Err(error) => Err(file.error(format!("no certificates can be read from it: {error}"))),
    }
}

fn machine_roots(signal: Signal) -> Result<RootCertStore, VariableError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added > 0 {
        return Ok(roots);
    }
    let name = format!("OTEL_EXPORTER_OTLP_{}_CERTIFICATE", signal.upper());
    let advice = "the endpoint is https and this machine has no trusted roots; name a file of them here or in OTEL_EXPORTER_OTLP_CERTIFICATE";
    Err(VariableError::hidden(&name, advice))
}
