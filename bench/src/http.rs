//! A minimal blocking HTTP/1.1 client: one keep-alive connection, requests made beforehand, answers read whole.

use anyhow::{Context, bail};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longest wait for bytes of an answer; the slowest peer needs about five seconds for its slowest call.
const READ_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest answer that is read, bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Where a server listens.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `host:port`, as the Host header has it.
    pub host: String,
}

impl Endpoint {
    /// Reads `http://host:port`.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let host = url.strip_prefix("http://").context("--endpoint must begin with http://")?.trim_end_matches('/');
        if !host.contains(':') || host.contains('/') {
            bail!("--endpoint must look like http://127.0.0.1:8792");
        }
        Ok(Self { host: host.into() })
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Whole body.
    pub body: Vec<u8>,
}

/// One connection, made anew when the server closed it.
#[derive(Debug)]
pub struct Connection {
    endpoint: Endpoint,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// A connection that is made at the first call.
    pub fn new(endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.clone(), stream: None, buffer: Vec::with_capacity(64 * 1024) }
    }

    /// Sends a whole request and reads the whole answer. A kept connection that turns out closed is replaced once.
    pub fn call(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        let kept = self.stream.is_some();
        match self.try_call(request) {
            Err(_) if kept => {
                self.stream = None;
                self.try_call(request)
            }
            outcome => outcome,
        }
        .inspect_err(|_| self.stream = None)
    }

    fn try_call(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.endpoint.host).context("connect")?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(READ_TIMEOUT))?;
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().context("no connection")?;
        stream.write_all(request).context("send")?;
        self.buffer.clear();
        let mut reading = Reading { stream, buffer: &mut self.buffer, position: 0 };
        let head = reading.head()?;
        let body = reading.body(&head)?;
        if head.close {
            self.stream = None;
        }
        Ok(Answer { status: head.status, body })
    }
}

/// What the head of an answer says about its body.
struct Head {
    status: u16,
    length: Option<usize>,
    chunked: bool,
    close: bool,
}

/// An answer that is being read: `buffer[position..]` has arrived and is not consumed yet.
struct Reading<'a> {
    stream: &'a mut TcpStream,
    buffer: &'a mut Vec<u8>,
    position: usize,
}

impl Reading<'_> {
    fn head(&mut self) -> anyhow::Result<Head> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at;
            }
            self.more()?;
        };
        let text = std::str::from_utf8(&self.buffer[..end]).context("the head of the answer is not text")?;
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status = first.split(' ').nth(1).and_then(|s| s.parse().ok()).context("the answer has no status")?;
        let mut head = Head { status, length: None, chunked: false, close: first.starts_with("HTTP/1.0") };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.length = Some(value.parse().context("content-length is not a number")?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                head.chunked = value.eq_ignore_ascii_case("chunked");
            } else if name.eq_ignore_ascii_case("connection") {
                head.close = value.eq_ignore_ascii_case("close");
            }
        }
        self.position = end + 4;
        Ok(head)
    }

    fn body(&mut self, head: &Head) -> anyhow::Result<Vec<u8>> {
        match head.length {
            _ if head.chunked => self.chunks(),
            Some(length) => Ok(self.take(length)?.to_vec()),
            None if head.close => {
                while self.more().is_ok() {}
                Ok(self.buffer[self.position..].to_vec())
            }
            None => Ok(Vec::new()),
        }
    }

    fn chunks(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                let rest = &self.buffer[self.position..];
                if let Some(at) = rest.windows(2).position(|w| w == b"\r\n") {
                    break String::from_utf8_lossy(&rest[..at]).into_owned();
                }
                self.more()?;
            };
            self.position += line.len() + 2;
            let length = usize::from_str_radix(line.trim(), 16).context("a chunk has no length")?;
            body.extend_from_slice(self.take(length)?);
            self.take(2)?;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    fn take(&mut self, length: usize) -> anyhow::Result<&[u8]> {
        if length > ANSWER_BYTES_MAX {
            bail!("an answer of {length} bytes");
        }
        while self.buffer.len() - self.position < length {
            self.more()?;
        }
        let from = self.position;
        self.position += length;
        Ok(&self.buffer[from..self.position])
    }

    fn more(&mut self) -> anyhow::Result<()> {
        let mut piece = [0; 64 * 1024];
        let count = self.stream.read(&mut piece).context("read the answer")?;
        if count == 0 || self.buffer.len() > ANSWER_BYTES_MAX {
            bail!("the server closed the connection");
        }
        self.buffer.extend_from_slice(&piece[..count]);
        Ok(())
    }
}
