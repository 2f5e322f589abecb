//! A local server that speaks enough of Discord's API and gateway to run the real bot against.
