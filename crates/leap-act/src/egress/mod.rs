//! Nowhere that messages must not go: every connection that leap-act makes goes through the guard.
//!
//! Reading order: [`address`] (which addresses are special), [`guard`] (what may be connected to), [`client`] (one
//! request, its redirects judged one by one, its answer bounded).
//!
//! A proxy is used only where settings name one. Then the proxy connects, and what a name means is its business: hosts
//! that are written as numbers are judged here, names there. Mail goes through no proxy.

pub mod address;
pub mod client;
pub mod guard;

pub use address::Network;
pub use client::{Client, ClientSettings, Request};
pub use guard::{Allowed, Guard, Names, Refusal, SystemNames};
