//! Starting and stopping a sandbox's servers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::error::SandboxError;
use crate::gateway::hub::Hub;
use crate::options::SandboxOptions;
use crate::ratelimit::RateLimits;
use crate::record::Recorder;
use crate::rest::table::table;
use crate::rest::{self, Rest};
use crate::shared::{Shared, secret};
use crate::state::World;
use crate::tls::{Identity, TlsListener};
use crate::{files, gateway, keep};

/// Discord's time between heartbeats.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(41_250);

/// The running servers of a sandbox, before the chat page joins them.
pub(crate) struct Servers {
    pub(crate) shared: Arc<Shared>,
    pub(crate) api_addr: SocketAddr,
    pub(crate) ca_pem: String,
    pub(crate) tasks: Vec<JoinHandle<()>>,
}

/// Opens the REST and gateway servers on free loopback ports and starts the deadline clock.
pub(crate) async fn start(options: &SandboxOptions) -> Result<Servers, SandboxError> {
    let identity = Identity::generate()?;
    let api = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let plain = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let (api_addr, plain_addr) = (address(&api)?, address(&plain)?);

    let clock = Arc::new(Clock::default());
    let bot_name = options.bot_name.as_deref().unwrap_or("Tastemaker");
    let mut world = World::new(
        clock.clone(),
        bot_name,
        Hub::default(),
        format!("http://{plain_addr}"),
    );
    let kept = options
        .keep
        .as_deref()
        .map(|folder| keep::open(&mut world, folder))
        .transpose()?;
    world.reads_content = options.privileged_intents & gateway::intents::MESSAGE_CONTENT != 0;
    let shared = Arc::new(Shared {
        clock,
        token: bot_token(world.bot.0),
        gateway_url: format!("ws://{plain_addr}"),
        privileged_intents: options.privileged_intents,
        heartbeat_interval: options.heartbeat_interval.unwrap_or(HEARTBEAT_INTERVAL),
        limits: Mutex::new(RateLimits::default()),
        recorder: options.record.as_deref().map(Recorder::create).transpose()?,
        #[cfg(feature = "openapi")]
        contract: options
            .openapi
            .as_deref()
            .map(crate::contract::Contract::load)
            .transpose()?,
        unknown_routes: Mutex::new(Vec::new()),
        requests: AtomicUsize::new(0),
        shutdown: CancellationToken::new(),
        deadlines: tokio::sync::Notify::new(),
        sockets: AtomicU64::new(1),
        world: Mutex::new(world),
    });
    #[cfg(not(feature = "openapi"))]
    if let Some(path) = &options.openapi {
        let reason = "this build has no `openapi` feature".to_owned();
        return Err(SandboxError::OpenApi {
            path: path.clone(),
            reason,
        });
    }

    let rest = Rest {
        shared: shared.clone(),
        routes: Arc::new(table()),
    };
    let rest = Router::new()
        .fallback(rest::serve)
        .layer(DefaultBodyLimit::disable())
        .with_state(rest);
    let plain_routes = Router::new()
        .route("/", get(gateway::socket::upgrade))
        .route(
            "/attachments/{channel_id}/{attachment_id}/{filename}",
            get(files::serve),
        )
        .with_state(shared.clone());
    let mut tasks = vec![
        serve(TlsListener::new(api, identity.server), rest, &shared.shutdown),
        serve(plain, plain_routes, &shared.shutdown),
        tokio::spawn(fail_late_interactions(shared.clone())),
    ];
    if let Some(kept) = kept {
        tasks.push(tokio::spawn(keep::keep(shared.clone(), kept)));
    }
    Ok(Servers {
        shared,
        api_addr,
        ca_pem: identity.ca_pem,
        tasks,
    })
}

/// Opens a socket that only this machine reaches.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, SandboxError> {
    if !address.ip().is_loopback() {
        return Err(SandboxError::NotLoopback(address));
    }
    TcpListener::bind(address)
        .await
        .map_err(|source| SandboxError::Listen { address, source })
}

/// Returns the address a socket got.
pub(crate) fn address(listener: &TcpListener) -> Result<SocketAddr, SandboxError> {
    let unknown = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    listener.local_addr().map_err(|source| SandboxError::Listen {
        address: unknown,
        source,
    })
}

/// Serves routes until the sandbox shuts down. Connections still open then are dropped with the task.
pub(crate) fn serve<L>(listener: L, routes: Router, shutdown: &CancellationToken) -> JoinHandle<()>
where
    L: axum::serve::Listener,
    L::Addr: std::fmt::Debug,
{
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = shutdown.cancelled() => {}
            result = axum::serve(listener, routes).into_future() => {
                if let Err(error) = result {
                    tracing::error!(%error, "a server of the sandbox ended");
                }
            }
        }
    })
}

/// Fails interactions at their deadline, woken early when one is created or the clock moves.
async fn fail_late_interactions(shared: Arc<Shared>) {
    loop {
        let next = {
            let mut world = shared.world();
            world.expire_interactions();
            world.next_deadline()
        };
        let sleep = async {
            match next {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.shutdown.cancelled() => return,
            () = shared.deadlines.notified() => {}
            () = sleep => {}
        }
    }
}

/// Makes a token of the shape that client libraries check: the bot's id in base64, a time, a secret.
fn bot_token(bot: u64) -> String {
    let id = URL_SAFE_NO_PAD.encode(bot.to_string());
    let (time, key) = (secret(3), secret(19));
    format!("{id}.{time}.{key}")
}
