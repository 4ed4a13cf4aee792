//! What is done over links that are up, and is worth no dial.

use alloc::vec::Vec;

use super::{Ask, Links, Peer, Purpose, Silence, State};
use crate::{
    limit,
    machine::{Protocol, Traits},
    name::{Distance, Position, SeedId},
    time::Time,
};

impl Links {
    /// Asks `seed` on the store protocol over a link that is up. None is opened for it: where
    /// there is none, or it goes, the question ends as [`Silence::Gone`].
    pub(crate) fn ask_linked(&mut self, now: Time, seed: SeedId, bytes: Vec<u8>, purpose: Purpose) {
        let id = self.enter(Ask {
            seed,
            protocol: Protocol::Store,
            bytes,
            purpose,
            deadline_ms: now.after(limit::ASK_MS_MAX),
            attempts: 0,
            sent: false,
            dials: false,
        });
        match self.peers.get_mut(&seed) {
            Some(peer) if peer.state == State::Up => {
                peer.asks.insert(id);
                self.send(now, id);
            }
            _ => self.finish(id, Err(Silence::Gone)),
        }
    }

    /// Everyone linked who knows the way.
    pub(crate) fn routers(&self) -> impl Iterator<Item = (&SeedId, &Position, &Traits)> {
        let up = self.peers.iter();
        let up = up.filter(|(_, peer)| peer.state == State::Up && peer.traits.routes);
        up.map(|(seed, peer)| (seed, &peer.position, &peer.traits))
    }

    /// Up to `count` linked seeds that keep records and are `fit`, closest to `target` first.
    pub(crate) fn closest_holders(
        &self,
        target: &Position,
        count: usize,
        fit: impl Fn(&SeedId) -> bool,
    ) -> Vec<(Distance, SeedId)> {
        let up = |(seed, peer): &(&SeedId, &Peer)| {
            peer.state == State::Up && peer.traits.stores && fit(seed)
        };
        let up = self.peers.iter().filter(up);
        let mut all: Vec<_> = up
            .map(|(seed, peer)| (peer.position.distance(target), *seed))
            .collect();
        if count > 0 && count < all.len() {
            all.select_nth_unstable(count);
        }
        all.truncate(count);
        all.sort_unstable();
        all
    }
}
