//! Group commit as a queue: one put at a time, and whoever comes meanwhile shares the next one.
//!
//! Calls come as a Poisson process and a put takes a time that its bytes decide, the same for each. Then a put is followed by the next one at
//! once unless nobody came meanwhile, of which the chance is e^-(rate x time), and otherwise by a wait for the next call: so the rate of puts
//! is 1 / (time + e^-(rate x time) / rate). A call that finds a put on its way waits for half of it in the mean, then for its own. This is
//! exact for that arrival process as long as a group is below its limit of bytes. A load that full groups cannot carry has no such state: then
//! calls wait without end.

/// What the journal costs at a load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Journal {
    /// Puts a second.
    pub puts: f64,
    /// Bytes of a put.
    pub put_bytes: f64,
    /// Seconds that a put takes.
    pub put_seconds: f64,
    /// Share of the time in which a put is on its way.
    pub busy: f64,
    /// Seconds from a call to its answer, in the mean, for the journal alone.
    pub answer_seconds: f64,
    /// Calls that wait or are being put, in the mean.
    pub waiting: f64,
}

/// How long a put takes.
#[derive(Debug, Clone, Copy)]
pub struct Put {
    /// Of no bytes, seconds.
    pub base: f64,
    /// Bytes a second.
    pub rate: f64,
}

impl Put {
    /// Seconds for so many bytes.
    pub fn seconds(&self, bytes: f64) -> f64 {
        self.base + bytes / self.rate
    }

    /// The most bytes a second with groups of `group_bytes`.
    pub fn most(&self, group_bytes: f64) -> f64 {
        group_bytes / self.seconds(group_bytes)
    }
}

impl Journal {
    /// Bytes a second.
    pub fn bytes(&self) -> f64 {
        self.puts * self.put_bytes
    }

    /// Of so many calls and bytes a second.
    pub fn of(calls: f64, bytes: f64, put: Put, group_bytes: f64) -> Self {
        if calls <= 0.0 {
            return Self { puts: 0.0, put_bytes: 0.0, put_seconds: 0.0, busy: 0.0, answer_seconds: 0.0, waiting: 0.0 };
        }
        if bytes >= put.most(group_bytes) {
            let (puts, put_seconds) = (bytes / group_bytes, put.seconds(group_bytes));
            let (answer_seconds, waiting) = (f64::INFINITY, f64::INFINITY);
            return Self { puts, put_bytes: group_bytes, put_seconds, busy: 1.0, answer_seconds, waiting };
        }
        // The time of a put decides how many bytes gather for the next one, which decide its time.
        let call_bytes = bytes / calls;
        let (mut put_seconds, mut puts) = (put.seconds(call_bytes), 0.0);
        for _ in 0..200 {
            puts = 1.0 / (put_seconds + (-calls * put_seconds).exp() / calls);
            put_seconds = put.seconds((bytes / puts).max(call_bytes));
        }
        let busy = (puts * put_seconds).min(1.0);
        let answer_seconds = put_seconds * (1.0 + busy / 2.0);
        Self { puts, put_bytes: bytes / puts, put_seconds, busy, answer_seconds, waiting: calls * answer_seconds }
    }
}
