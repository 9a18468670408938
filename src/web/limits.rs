//! Request ceilings against guessing and flooding (SECURITY section 7). They are not usage limits: those are decisions with an answer of their own.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};

use crate::error::{Error, Result};

/// One ceiling for each kind of act; buckets live in memory on the monotonic clock and start full after a restart.
pub struct Ceilings {
    on: bool,
    sign_in: Bucket<IpAddr>,
    reset_by_ip: Bucket<IpAddr>,
    reset_by_address: Bucket<[u8; 32]>,
    token: Bucket<IpAddr>,
    invite_minute: Bucket<i64>,
    invite_day: Bucket<i64>,
    probe: Bucket<IpAddr>,
    strength: Bucket<IpAddr>,
}

struct Bucket<K: std::hash::Hash + Eq + Clone>(DefaultKeyedRateLimiter<K>);

fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN)
}

impl<K: std::hash::Hash + Eq + Clone> Bucket<K> {
    fn new(burst: u32, per: Duration) -> Self {
        let quota = Quota::with_period(per / burst.max(1)).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        Self(RateLimiter::keyed(quota.allow_burst(number(burst))))
    }
    fn take(&self, key: &K, count: u32) -> Result<()> {
        match self.0.check_key_n(key, number(count)) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(wait)) => Err(Error::TooMany(
                wait.wait_time_from(governor::clock::DefaultClock::default().now()),
            )),
            Err(_) => Err(Error::TooMany(Duration::from_secs(3_600))),
        }
    }
}

/// The address as a bucket's key: IPv6 by /64, which is one subscriber.
fn subscriber(ip: &str) -> IpAddr {
    match ip.parse() {
        Ok(IpAddr::V6(ip)) => IpAddr::V6(Ipv6Addr::from(u128::from(ip) & !u128::from(u64::MAX))),
        Ok(ip) => ip,
        Err(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

impl Ceilings {
    /// Full buckets; `on` is false only where a load test needs it.
    pub fn new(on: bool, invites_per_minute: u32, invites_per_day: u32) -> Self {
        let minute = Duration::from_secs(60);
        let hour = Duration::from_secs(3_600);
        Self {
            on,
            sign_in: Bucket::new(10, minute),
            reset_by_ip: Bucket::new(10, hour),
            reset_by_address: Bucket::new(3, hour),
            token: Bucket::new(10, minute),
            invite_minute: Bucket::new(invites_per_minute, minute),
            invite_day: Bucket::new(invites_per_day, Duration::from_secs(86_400)),
            probe: Bucket::new(60, minute),
            strength: Bucket::new(60, minute),
        }
    }
    fn take<K: std::hash::Hash + Eq + Clone>(&self, bucket: &Bucket<K>, key: &K, count: u32) -> Result<()> {
        if self.on { bucket.take(key, count) } else { Ok(()) }
    }
    /// A try to sign in.
    pub fn sign_in(&self, ip: &str) -> Result<()> {
        self.take(&self.sign_in, &subscriber(ip), 1)
    }
    /// A request for a reset mail, by the asking address.
    pub fn reset_from(&self, ip: &str) -> Result<()> {
        self.take(&self.reset_by_ip, &subscriber(ip), 1)
    }
    /// Whether another reset mail may go to this address; the page looks the same either way.
    pub fn reset_to(&self, address: [u8; 32]) -> bool {
        self.take(&self.reset_by_address, &address, 1).is_ok()
    }
    /// A try of an invitation's or a reset's token.
    pub fn token(&self, ip: &str) -> Result<()> {
        self.take(&self.token, &subscriber(ip), 1)
    }
    /// A single invitation or resend of an organization.
    pub fn invite(&self, org: i64) -> Result<()> {
        self.take(&self.invite_minute, &org, 1)?;
        self.take(&self.invite_day, &org, 1)
    }
    /// A probe.
    pub fn probe(&self, ip: &str) -> Result<()> {
        self.take(&self.probe, &subscriber(ip), 1)
    }
    /// A look at how strong a password is while it is typed.
    pub fn strength(&self, ip: &str) -> Result<()> {
        self.take(&self.strength, &subscriber(ip), 1)
    }
    /// Forgets full buckets, so that memory follows the present callers.
    pub fn tidy(&self) {
        self.sign_in.0.retain_recent();
        self.reset_by_ip.0.retain_recent();
        self.reset_by_address.0.retain_recent();
        self.token.0.retain_recent();
        self.invite_minute.0.retain_recent();
        self.invite_day.0.retain_recent();
        self.probe.0.retain_recent();
        self.strength.0.retain_recent();
    }
}
