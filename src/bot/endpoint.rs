//! Where Discord is: the real one, or a local server in its place.

use std::net::SocketAddr;

use secrecy::{ExposeSecret, SecretString};
use serenity::all::{Http, HttpBuilder};

use super::StartError;

/// Discord's API host, which a local server answers for.
const API_HOST: &str = "discord.com";

/// Says where Discord is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Endpoint {
    /// discord.com.
    Discord,
    /// A local server with a certificate of its own. Requests go to Discord's host name, resolved to this address, so
    /// that serenity's rate limiter and every other line of the production path stay in use.
    Local {
        /// Loopback address of the TLS API.
        addr: SocketAddr,
        /// PEM of the certificate authority to trust, and no other.
        ca_pem: String,
        /// Bot token that the local server accepts.
        token: SecretString,
    },
}

impl Endpoint {
    pub(super) fn http(&self, token: Option<&SecretString>) -> Result<Http, StartError> {
        match self {
            Self::Discord => Ok(Http::new(token.ok_or(StartError::NoToken)?.expose_secret())),
            Self::Local { addr, ca_pem, token } => {
                let client = reqwest::Client::builder()
                    .use_rustls_tls()
                    .tls_built_in_root_certs(false)
                    .add_root_certificate(reqwest::Certificate::from_pem(ca_pem.as_bytes())?)
                    .resolve(API_HOST, *addr)
                    .no_proxy()
                    .build()?;
                Ok(HttpBuilder::new(token.expose_secret()).client(client).build())
            }
        }
    }
}
