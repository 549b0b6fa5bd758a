//! Ping-pong at first, and multiplexed with each server that offers it and can be reached without anything in between;
//! on one host by the best transport that both ends have.
//!
//! Proxies are left alone: what a server says about itself holds for a connection only after a hello over it. Whoever
//! fails that is called in ping-pong, as is everybody while no such connection is up. A call goes to another connection
//! only if nothing of it was written.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use volo_core::{
    Address, Context, Error, ErrorKind, Request, Response, Result,
    net::{self, ConnectOptions, Link},
    pool::PoolConfig,
};

use super::{
    connection::Settings,
    hello,
    ladder::{Ladder, Rung},
    mux::{Attempt, Mux},
    pingpong::PingPong,
    reply,
    timer::now,
};
use crate::{
    SameHost,
    meta::{Advert, InstanceId, keys},
};

/// Connections of all kinds to any number of addresses.
#[derive(Debug)]
pub(super) struct Auto {
    pingpong: PingPong,
    mux: Mux,
    same_host: Option<SameHost>,
    ladders: Mutex<HashMap<Address, Arc<Ladder>, foldhash::fast::RandomState>>,
}

impl Auto {
    /// # Errors
    /// When the settings contradict each other.
    pub(super) fn new(
        settings: Settings,
        connect: ConnectOptions,
        pool: PoolConfig,
        same_host: Option<SameHost>,
    ) -> Result<Self> {
        let greeting = Some((keys::ANNOUNCE, Advert::ANNOUNCEMENT));
        let mux = Mux::new(settings.clone(), connect.clone(), 1)?;
        let pingpong = PingPong::new(Settings { greeting, ..settings }, connect, pool)?;
        Ok(Auto { pingpong, mux, same_host, ladders: Mutex::default() })
    }

    /// The connections that serve one call at a time.
    #[cfg(feature = "config")]
    pub(super) fn pingpong(&self) -> &PingPong {
        &self.pingpong
    }

    /// Makes a call.
    pub(super) async fn call(self: Arc<Self>, mut request: Request) -> Result<Response> {
        reply::prepare(&mut request, self.mux.protocol())?;
        let ladder = self.ladders().get(reply::address(&request)?).cloned();
        if let Some(ladder) = ladder {
            for _ in 0..ladder.len() {
                let (open, is_best) = ladder.best();
                if !is_best {
                    self.climb(&ladder, reply::address(&request)?);
                }
                let Some(handle) = open else { break };
                match self.mux.call_over(handle, request).await? {
                    Attempt::Answered(answer) => return reply::response(Context::default(), answer),
                    Attempt::Unsent(back) => request = back,
                }
            }
        }
        let (answer, advert) = self.pingpong.answer(&request).await?;
        if let Some(advert) = advert.filter(|advert| advert.mux) {
            self.consider(reply::address(&request)?, answer.peer.transport, advert);
        }
        reply::response(request.into_context().into_reply(), answer)
    }

    /// Sees to better connections to the server that advertised, unless the ones there are will do.
    fn consider(self: &Arc<Self>, address: &Address, transport: Option<&str>, advert: Advert) {
        let (now, instance) = (now(), advert.instance);
        let same_host = self.same_host.as_ref().filter(|same_host| same_host.may_leave(transport));
        let near = same_host.zip(advert.near).map(|(same_host, near)| same_host.addresses(&near, instance));
        let ladder = {
            let mut ladders = self.ladders();
            if let Some(known) = ladders.get(address)
                && (known.instance == instance || known.is_up() || known.is_distrusted(now))
            {
                return;
            }
            ladders.retain(|_, ladder| !ladder.is_forgettable(now));
            let addresses = near.into_iter().flatten().chain([address.clone()]);
            let ladder = Arc::new(Ladder::new(instance, addresses));
            ladders.insert(address.clone(), ladder.clone());
            ladder
        };
        self.climb(&ladder, address);
    }

    /// Tries in the background what is better than what is open, until one of these works.
    fn climb(self: &Arc<Self>, ladder: &Arc<Ladder>, address: &Address) {
        let Some(climb) = ladder.climb(now()) else { return };
        let (auto, instance, address) = (self.clone(), ladder.instance, address.clone());
        tokio::spawn(async move {
            while let Some(rung) = climb.next(now()) {
                auto.try_rung(rung, &address, instance).await;
            }
        });
    }

    /// Makes the connection, if it reaches that very server.
    async fn try_rung(&self, rung: &Rung, address: &Address, instance: InstanceId) {
        let link = match self.reach(&rung.address, address).await {
            Ok(link) => link,
            Err(error) => {
                tracing::debug!(%address, by = %rung.address, %error, "no better connection");
                return rung.fail(now());
            }
        };
        match hello::checked(link, self.mux.settings(), instance).await {
            Ok(link) => {
                tracing::debug!(%address, by = %rung.address, "calls share a connection");
                rung.install(self.mux.adopt(link, address), now());
            }
            Err(error) => {
                tracing::debug!(%address, by = %rung.address, %error, "a connection is not to be trusted");
                rung.distrust(now());
            }
        }
    }

    /// A connection by `way` to a server that was to be called at `address`.
    async fn reach(&self, way: &Address, address: &Address) -> Result<Box<dyn Link>> {
        let same_host = self.same_host.as_ref().filter(|_| way != address);
        let user = same_host.map(SameHost::user).transpose()?;
        let link = net::connect(way, &self.mux.connect_options()).await?;
        let owner = link.profile().peer.credentials.map(|credentials| credentials.uid);
        if user.is_some() && user != owner {
            let text = format!("the socket {way} is of user {owner:?}, not of {user:?}");
            return Err(Error::new(ErrorKind::Connect, text));
        }
        Ok(link)
    }

    fn ladders(&self) -> MutexGuard<'_, HashMap<Address, Arc<Ladder>, foldhash::fast::RandomState>> {
        self.ladders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
