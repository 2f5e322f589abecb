//! Slash commands: registration and typed parsing, without I/O.
