//! What a person likes to look at: vocabulary, extraction from comments, profile.
