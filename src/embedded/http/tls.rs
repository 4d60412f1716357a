//! The certificates of one server, made anew for each.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{net::IpAddr, sync::Arc};

/// Why a server has no certificates.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// They could not be made.
    #[error("certificates for the embedded server could not be made")]
    Certificate(#[from] rcgen::Error),
    /// They were refused.
    #[error("the certificates of the embedded server can't be used")]
    Refused(#[from] rustls::Error),
}

/// A certificate authority that only the clients of one server trust. Clients refuse an authority
/// that is the server's own certificate, hence two.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// How a server proves who it is.
pub(crate) type Identity = Arc<ServerConfig>;

impl Authority {
    pub(crate) fn generate() -> Result<Self, TlsError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "steadfast embedded authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// The certificate, PEM.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for loopback and for `address`, ready to serve HTTP/2 and HTTP/1.1.
    pub(crate) fn identity(&self, address: IpAddr) -> Result<Identity, TlsError> {
        let own = address.to_string();
        let mut names = vec!["localhost", "127.0.0.1", "::1", "kubernetes.default.svc"];
        if !names.contains(&own.as_str()) {
            names.push(&own);
        }
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "steadfast embedded server");
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
