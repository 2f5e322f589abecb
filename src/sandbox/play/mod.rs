//! Scripts of whole conversations.
