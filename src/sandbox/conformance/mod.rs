//! The sandbox as clients see it: serenity's own client, and bare HTTP and WebSocket connections.

mod deadlines;
mod gateway;
mod limits;
mod people;
mod rest;
mod serenity_client;

use std::time::Duration;

use reqwest::{Certificate, Client, Method, StatusCode};
use serde_json::Value;

use crate::{Sandbox, SandboxOptions};

/// Longest that anything here waits for; reached only when something is broken.
const PATIENCE: Duration = Duration::from_secs(20);

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Starts a sandbox that checks every body against Discord's document, where that is at hand.
async fn sandbox() -> Result<Sandbox> {
    sandbox_with(SandboxOptions::default()).await
}

async fn sandbox_with(mut options: SandboxOptions) -> Result<Sandbox> {
    if cfg!(feature = "openapi") {
        options.openapi = std::env::var_os("DISCORD_OPENAPI").map(Into::into);
    }
    Ok(Sandbox::start(options).await?)
}

/// Makes an HTTP client that takes the sandbox for discord.com, as a bot does.
fn http_client(sandbox: &Sandbox) -> Result<Client> {
    let authority = Certificate::from_pem(sandbox.ca_pem().as_bytes())?;
    Ok(Client::builder()
        .add_root_certificate(authority)
        .resolve("discord.com", sandbox.api_addr())
        .build()?)
}

/// A bot that speaks bare HTTP.
struct Api {
    client: Client,
    token: String,
}

impl Api {
    fn new(sandbox: &Sandbox) -> Result<Self> {
        Ok(Api {
            client: http_client(sandbox)?,
            token: sandbox.token().to_owned(),
        })
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<(StatusCode, Value)> {
        let request = self.request(method, path);
        let request = if let Some(body) = body {
            request.json(&body)
        } else {
            request
        };
        read(request).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("https://discord.com/api/v10{path}");
        self.client
            .request(method, url)
            .header("Authorization", format!("Bot {}", self.token))
    }

    async fn get(&self, path: &str) -> Result<(StatusCode, Value)> {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Result<(StatusCode, Value)> {
        self.send(Method::POST, path, Some(body)).await
    }
}

async fn read(request: reqwest::RequestBuilder) -> Result<(StatusCode, Value)> {
    let response = request.send().await?;
    let status = response.status();
    let text = response.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

/// Fails if the bot broke Discord's document or called a route that does not exist.
fn assert_clean(sandbox: &Sandbox) {
    assert_eq!(sandbox.contract_violations(), Vec::<String>::new());
    assert_eq!(sandbox.unknown_routes(), Vec::<String>::new());
}
