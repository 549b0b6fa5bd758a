//! From settings to what rustls works with.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, DEFAULT_VERSIONS, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

use crate::{
    Error, ErrorKind, Result,
    net::{Pem, TlsClient, TlsServer},
};

/// A client's settings, read once for all connections that share them; sessions are resumed among these.
#[derive(Clone, Default)]
pub(in crate::net) struct Prepared(Arc<OnceLock<Arc<ClientConfig>>>);

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "Prepared" } else { "Unread" })
    }
}

impl TlsClient {
    /// What rustls works with; reads the files when it is first asked.
    pub(super) fn prepared(&self) -> Result<Arc<ClientConfig>> {
        match self.prepared.0.get() {
            Some(known) => Ok(known.clone()),
            None => client(self).map(|config| self.prepared.0.get_or_init(|| config).clone()),
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn client(options: &TlsClient) -> Result<Arc<ClientConfig>> {
    let roots = options.roots.as_ref().map_or_else(system_roots, roots)?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(DEFAULT_VERSIONS)
        .map_err(|error| config("no TLS version is left").with_source(error))?
        .with_root_certificates(roots);
    let config = match &options.identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            builder.with_client_auth_cert(certificates(chain)?, private_key(key)?).map_err(mismatch(chain))?
        }
    };
    Ok(Arc::new(config))
}

/// What a server works with.
pub(super) fn server(options: &TlsServer) -> Result<Arc<ServerConfig>> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(DEFAULT_VERSIONS)
        .map_err(|error| config("no TLS version is left").with_source(error))?;
    let builder =
        match &options.client_roots {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let roots = Arc::new(roots(pem)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| {
                    config(format!("clients can't be checked by {pem}")).with_source(error)
                })?)
            }
        };
    let (chain, key) = (certificates(&options.certificates)?, private_key(&options.key)?);
    builder.with_single_cert(chain, key).map(Arc::new).map_err(mismatch(&options.certificates))
}

fn roots(pem: &Pem) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        let added = roots.add(certificate);
        added.map_err(|error| config(format!("a certificate in {pem} is no root")).with_source(error))?;
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let loaded = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(loaded.certs);
    if !roots.is_empty() {
        return Ok(roots);
    }
    let error = config("this system has no root certificates; name some (TlsClient::roots)");
    Err(match loaded.errors.into_iter().next() {
        Some(cause) => error.with_source(cause),
        None => error,
    })
}

/// All certificates in a PEM text, at least one.
fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>> {
    let text = pem.read()?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => Err(config(format!("{pem} has no certificate"))),
        Ok(found) => Ok(found),
        Err(error) => Err(config(format!("{pem} is no PEM")).with_source(error)),
    }
}

fn private_key(pem: &Pem) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(&pem.read()?)
        .map_err(|error| config(format!("{pem} has no private key")).with_source(error))
}

fn mismatch(pem: &Pem) -> impl FnOnce(rustls::Error) -> Error {
    let text = format!("the certificates of {pem} can't be used with their key");
    |error| config(text).with_source(error)
}

fn config(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, text.into())
}
