//! `tastemaker receipt`: how pictures were made, as the files themselves say.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::models::print;
use crate::receipt::{Receipt, read_receipt};

/// What `tastemaker receipt` is asked to do.
#[derive(Debug, Args)]
pub struct ReceiptArgs {
    /// Pictures that this program made: the PNG files themselves, not copies that an editor or a chat encoded anew
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<PathBuf>,

    /// Print one JSON object a picture
    #[arg(long)]
    json: bool,
}

/// Prints the receipts of pictures.
///
/// # Errors
/// When a picture cannot be read or carries no receipt.
pub fn run(args: &ReceiptArgs) -> anyhow::Result<()> {
    for path in &args.pictures {
        let receipt = receipt_of(path)?;
        let text = if args.json {
            serde_json::to_string(&receipt)?
        } else if args.pictures.len() > 1 {
            format!("{}\n{}\n", path.display(), receipt.readable())
        } else {
            receipt.readable()
        };
        print(&format!("{text}\n"))?;
    }
    Ok(())
}

/// Reads the receipt in a picture.
///
/// # Errors
/// When there is no such file, it is not a PNG, or it carries no receipt.
pub(super) fn receipt_of(path: &Path) -> anyhow::Result<Receipt> {
    let file = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    read_receipt(&file)
        .with_context(|| format!("cannot read a receipt from {}", path.display()))?
        .with_context(|| {
            format!(
                "{} carries no receipt: only PNG files that tastemaker wrote do, and only until they are encoded anew",
                path.display()
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_a_receipt_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let error = |name: &str| format!("{:#}", receipt_of(&folder.path().join(name)).unwrap_err());
        image::RgbImage::new(2, 2)
            .save(folder.path().join("plain.png"))
            .unwrap();
        assert!(
            error("plain.png").contains("plain.png carries no receipt"),
            "{}",
            error("plain.png")
        );
        std::fs::write(folder.path().join("other.jpg"), b"\xff\xd8\xff").unwrap();
        assert!(
            error("other.jpg").contains("not a PNG file"),
            "{}",
            error("other.jpg")
        );
        assert!(error("none.png").contains("cannot read"), "{}", error("none.png"));
    }
}
