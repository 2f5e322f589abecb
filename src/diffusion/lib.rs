//! Stable Diffusion on candle, personalised with visual preferences.
