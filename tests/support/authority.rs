//! Certificates and keys of one control plane, made anew for each.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};

/// A certificate authority that only the clients of one control plane trust.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate for loopback and its private key, both PEM.
#[derive(Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS 8.
    pub key: String,
}

impl Authority {
    /// A new authority with a key of its own.
    pub fn generate() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "steadfast test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key for the authority");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("the parameters are valid");
        Self { issuer }
    }

    /// The certificate of the authority, PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for `localhost` and `127.0.0.1`, signed by the authority.
    pub fn identity(&self, common_name: &str) -> Identity {
        let names = ["localhost", "127.0.0.1", "kubernetes.default.svc"].map(str::to_owned);
        let mut params = CertificateParams::new(names).expect("the names are valid");
        params.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().expect("a key for the certificate");
        let certificate = params.signed_by(&key, &self.issuer).expect("the authority may sign");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// A key pair for signing the tokens of service accounts: private and public key, PEM.
pub fn signing_keys() -> (String, String) {
    let key = KeyPair::generate().expect("a key for tokens");
    (key.serialize_pem(), key.public_key_pem())
}
