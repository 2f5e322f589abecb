//! The certificate authority that bots of the sandbox trust, and a listener that speaks TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::SandboxError;

/// Names the server answers to: a bot resolves Discord's own to the sandbox's address.
const NAMES: [&str; 3] = ["discord.com", "localhost", "127.0.0.1"];
/// Time a client has for the TLS handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// A fresh certificate authority and a server configuration that it vouches for.
pub(crate) struct Identity {
    /// The authority's certificate, for a client to trust.
    pub(crate) ca_pem: String,
    pub(crate) server: Arc<ServerConfig>,
}

impl Identity {
    /// Makes both; the authority's key is forgotten at once, so it can never vouch for anything else.
    pub(crate) fn generate() -> Result<Self, SandboxError> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        authority
            .distinguished_name
            .push(DnType::CommonName, "Tastemaker sandbox");
        let authority_key = KeyPair::generate()?;
        let ca_pem = authority.self_signed(&authority_key)?.pem();

        let key = KeyPair::generate()?;
        let issuer = Issuer::new(authority, authority_key);
        let certificate = CertificateParams::new(NAMES.map(str::to_owned))?.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Identity {
            ca_pem,
            server: Arc::new(server),
        })
    }
}

/// Accepts TCP connections and shakes hands with several at once, so that a slow client delays nobody.
pub(crate) struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    shaking: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    pub(crate) fn new(tcp: TcpListener, server: Arc<ServerConfig>) -> Self {
        TlsListener {
            tcp,
            acceptor: TlsAcceptor::from(server),
            shaking: JoinSet::new(),
        }
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                // `axum` waits out failures of accept(2), such as too many open files.
                (stream, address) = axum::serve::Listener::accept(&mut self.tcp) => {
                    let handshake = self.acceptor.accept(stream);
                    self.shaking.spawn(async move {
                        match tokio::time::timeout(HANDSHAKE_WITHIN, handshake).await {
                            Ok(Ok(stream)) => Some((stream, address)),
                            Ok(Err(error)) => {
                                tracing::debug!(%error, "a TLS handshake failed");
                                None
                            }
                            Err(_) => None,
                        }
                    });
                }
                Some(Ok(Some(ready))) = self.shaking.join_next() => return ready,
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
