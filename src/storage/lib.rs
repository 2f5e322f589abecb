//! Durable records of the bot: profiles, conversations, jobs, receipts, images.
