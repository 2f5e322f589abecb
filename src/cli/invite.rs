//! `tastemaker invite`: the link that adds the bot to a server.

use clap::Args;
use serenity::all::{CreateBotAuthParameters, Permissions, Scope};

/// What the bot needs in a guild: to post pictures and to add the β reactions.
const PERMISSIONS: Permissions = Permissions::VIEW_CHANNEL
    .union(Permissions::SEND_MESSAGES)
    .union(Permissions::SEND_MESSAGES_IN_THREADS)
    .union(Permissions::EMBED_LINKS)
    .union(Permissions::ATTACH_FILES)
    .union(Permissions::ADD_REACTIONS)
    .union(Permissions::READ_MESSAGE_HISTORY);

/// Arguments of `invite`.
#[derive(Debug, Args)]
pub struct InviteArgs {
    /// The application id, from Discord's developer portal.
    application: u64,
}

/// Prints the link.
///
/// # Errors
/// When the id is zero.
pub fn run(args: &InviteArgs) -> anyhow::Result<()> {
    println!("{}", link(args.application)?);
    Ok(())
}

fn link(application: u64) -> anyhow::Result<String> {
    anyhow::ensure!(
        application != 0,
        "the application id is a number from Discord's developer portal, not 0"
    );
    Ok(CreateBotAuthParameters::new()
        .client_id(application)
        .permissions(PERMISSIONS)
        .scopes(&[Scope::Bot, Scope::ApplicationsCommands])
        .build())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_link_asks_for_both_scopes_and_few_permissions() {
        let link = super::link(42).unwrap();
        assert!(
            link.contains("client_id=42") && link.contains("applications.commands") && link.contains("bot"),
            "{link}"
        );
        assert!(link.contains("permissions=274878024768"), "{link}");
    }

    #[test]
    fn zero_is_no_application() {
        assert!(super::link(0).is_err());
    }
}
