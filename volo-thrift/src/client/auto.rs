//! Ping-pong at first, and multiplexed with each server that offers it and can be reached without anything in between.
//!
//! Proxies are left alone: what a server says about itself holds for a connection only after a hello over it. Whoever
//! fails that is called in ping-pong, as is everybody while no such connection is up.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use volo_core::{Address, Request, Response, Result, net::ConnectOptions, pool::PoolConfig};

use super::{
    connection::Settings,
    mux::{Attempt, Mux},
    pingpong::PingPong,
    reply,
    timer::now,
};
use crate::meta::{Advert, keys};

/// Multiplexed connections per address.
const CONNECTIONS: usize = 1;

/// How long an address that failed the hello is called in ping-pong before it is tried again.
const PAUSE: Duration = Duration::from_secs(30);

/// Connections of both kinds to any number of addresses.
#[derive(Debug)]
pub(super) struct Auto {
    pingpong: PingPong,
    mux: Mux,
    upgrades: Mutex<HashMap<Address, Upgrade, foldhash::fast::RandomState>>,
}

/// Where an address is on its way to a multiplexed connection.
#[derive(Clone, Copy, Debug)]
enum Upgrade {
    UnderWay,
    FailedUntil(Instant),
}

impl Auto {
    /// # Errors
    /// When the settings contradict each other.
    pub(super) fn new(settings: Settings, connect: ConnectOptions, pool: PoolConfig) -> Result<Self> {
        let greeting = Some((keys::ANNOUNCE, Advert::ANNOUNCEMENT));
        let mux = Mux::new(settings.clone(), connect.clone(), CONNECTIONS)?;
        let pingpong = PingPong::new(Settings { greeting, ..settings }, connect, pool)?;
        Ok(Auto { pingpong, mux, upgrades: Mutex::default() })
    }

    /// The connections that serve one call at a time.
    #[cfg(feature = "config")]
    pub(super) fn pingpong(&self) -> &PingPong {
        &self.pingpong
    }

    /// Makes a call.
    pub(super) async fn call(self: Arc<Self>, mut request: Request) -> Result<Response> {
        let peer = reply::prepare(&mut request, self.mux.protocol())?;
        let mut request = Box::new(request);
        if let Some(handle) = self.mux.existing(&peer.address) {
            match self.mux.call_over(handle, request).await? {
                Attempt::Answered(answer) => return reply::response(reply::context(peer), answer),
                Attempt::Unsent(back) => request = back,
            }
        }
        let answer = self.pingpong.answer(&peer.address, &request).await?;
        let header = answer.as_ref().and_then(|answer| answer.header.as_deref());
        if let Some(advert) = header.and_then(Advert::read).filter(|advert| advert.mux) {
            self.consider(&peer.address, advert);
        }
        reply::response(request.context.into_reply(), answer)
    }

    /// Sees to a multiplexed connection to the server that advertised, unless that is under way or failed just now.
    fn consider(self: &Arc<Self>, address: &Address, advert: Advert) {
        let (auto, address, now) = (self.clone(), address.clone(), now());
        {
            let mut upgrades = self.upgrades.lock().unwrap_or_else(PoisonError::into_inner);
            upgrades.retain(|_, upgrade| !matches!(upgrade, Upgrade::FailedUntil(until) if *until <= now));
            if upgrades.contains_key(&address) || self.mux.existing(&address).is_some() {
                return;
            }
            upgrades.insert(address.clone(), Upgrade::UnderWay);
        }
        tokio::spawn(async move {
            let connected = auto.mux.connect_to(&address, advert.instance).await;
            if let Err(error) = &connected {
                tracing::debug!(%address, %error, "calls stay in ping-pong");
            }
            let mut upgrades = auto.upgrades.lock().unwrap_or_else(PoisonError::into_inner);
            match connected {
                Ok(()) => upgrades.remove(&address),
                Err(_) => upgrades.insert(address, Upgrade::FailedUntil(now + PAUSE)),
            };
        });
    }
}
