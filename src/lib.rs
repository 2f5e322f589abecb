//! Tastemaker.
