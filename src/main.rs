//! The `tastemaker` binary.

use clap::Parser as _;
use tastemaker::cli::Cli;

/// Keeps the large short-lived buffers of a denoising step mapped instead of returning them page by page.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    Cli::parse().run().await
}
