//! Certificates for tests, good ones and bad ones.
#![allow(dead_code, unreachable_pub, reason = "shared by tests, each of which uses a part")]

use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use volo_core::net::{Pem, TlsClient, TlsServer};

/// Whoever issues certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: String,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let name = format!("authority {}", NEXT.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), root }
    }

    /// What those trust who trust it.
    pub fn root(&self) -> Pem {
        Pem::Text(self.root.clone())
    }

    /// A client that trusts it.
    pub fn client(&self) -> TlsClient {
        TlsClient::new().roots(self.root())
    }

    /// A certificate as `change` wants it.
    pub fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let (key, params) = changed(change);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { certificate, key: key.serialize_pem() }
    }

    /// A certificate of a server on this machine.
    pub fn server(&self) -> Identity {
        self.issue(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth])
    }

    /// A certificate of a client with this URI.
    pub fn caller(&self, uri: &str) -> Identity {
        self.issue(|params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        })
    }
}

fn changed(change: impl FnOnce(&mut CertificateParams)) -> (KeyPair, CertificateParams) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    (KeyPair::generate().unwrap(), params)
}

/// A certificate that nobody issued.
pub fn self_signed() -> Identity {
    let (key, params) = changed(|_| {});
    Identity { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

/// No longer valid.
pub fn expired(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
}

/// Not yet valid.
pub fn future(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2090, 1, 1), date_time_ymd(2091, 1, 1));
}

impl Identity {
    pub fn pair(&self) -> (Pem, Pem) {
        (Pem::Text(self.certificate.clone()), Pem::Text(self.key.clone()))
    }

    pub fn tls(&self) -> TlsServer {
        let (certificate, key) = self.pair();
        TlsServer::new(certificate, key)
    }
}
