//! Processes of our own: Trailwatch on a data directory, stopped cleanly, its whole CPU time known at the end; and peers.

use crate::http::{Connection, Endpoint};
use crate::process;
use crate::sign::Key;
use anyhow::{Context, bail};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for a clean stop, which writes what is in memory to segments.
const STOP_MAX: Duration = Duration::from_secs(180);

/// Longest wait for a peer to answer.
const READY_MAX: Duration = Duration::from_secs(60);

/// A running server. Killed when it is dropped without `stop`.
#[derive(Debug)]
pub struct Server {
    child: Child,
    // Kept, for a server whose output nobody can read any more would fail to print.
    _output: BufReader<ChildStdout>,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Its root key.
    pub key: Key,
    /// From the start of the process until it said that it listens.
    pub ready_after: Duration,
}

/// What a process used in its whole life.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// User and system time.
    pub cpu: Duration,
    /// Largest resident memory, bytes.
    pub memory_peak: u64,
}

impl Server {
    /// Starts `binary serve` with default settings on `data_dir` and a free port; its log goes to `log`.
    pub fn start(binary: &Path, data_dir: &Path, log: &Path) -> anyhow::Result<Self> {
        Self::start_with(binary, data_dir, log, &[])
    }

    /// The same with further arguments.
    pub fn start_with(binary: &Path, data_dir: &Path, log: &Path, arguments: &[&OsStr]) -> anyhow::Result<Self> {
        let log = File::options().create(true).append(true).open(log).context("open the server's log")?;
        let started = Instant::now();
        let mut child = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .args(arguments)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", binary.display()))?;
        let output = BufReader::new(child.stdout.take().context("no output")?);
        match announced(output) {
            Ok(([url, id, secret], output)) => Ok(Self {
                child,
                _output: output,
                endpoint: Endpoint::parse(&url)?,
                key: Key { id, secret },
                ready_after: started.elapsed(),
            }),
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, waits, and says what it used from its start to its end.
    pub fn stop(mut self) -> anyhow::Result<Ended> {
        terminate(self.pid())?;
        watch_until_ended(&mut self.child, STOP_MAX)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A peer that answers on a port of loopback. Killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Where it listens.
    pub endpoint: Endpoint,
}

impl Running {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Starts `program` with the arguments for an address, and waits until `ready` answers with HTTP 200.
pub fn run_on_free_port(
    program: &Path,
    log: &Path,
    ready: &str,
    arguments: impl Fn(&str) -> Vec<String>,
) -> anyhow::Result<Running> {
    // The port is free again when the listener is dropped; nobody else on this machine takes it so soon.
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let (out, log) = (File::create(log)?, File::create(log.with_extension("err"))?);
    let child = Command::new(program)
        .args(arguments(&address))
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(log)
        .spawn()
        .with_context(|| format!("start {}", program.display()))?;
    let running = Running { child, endpoint: Endpoint::parse(&format!("http://{address}"))? };
    let request = format!("GET {ready} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let started = Instant::now();
    while started.elapsed() < READY_MAX {
        let answer = Connection::new(&running.endpoint).call(request.as_bytes());
        if answer.is_ok_and(|answer| answer.status == 200) {
            return Ok(running);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("{} did not answer within {} s", program.display(), READY_MAX.as_secs())
}

/// Runs a command to its end and says what it used; an exit code other than 0 is an error.
pub fn run(command: &mut Command, longest: Duration) -> anyhow::Result<Ended> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("start the command")?;
    let ended = watch_until_ended(&mut child, longest).inspect_err(|_| end(&mut child))?;
    let status = child.wait()?;
    if !status.success() {
        bail!("the command ended with {status}");
    }
    Ok(ended)
}

/// The three values that the server prints for its clients.
fn announced(mut output: BufReader<ChildStdout>) -> anyhow::Result<([String; 3], BufReader<ChildStdout>)> {
    let mut values = Vec::new();
    let mut line = String::new();
    for name in ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        let prefix = format!("export {name}=");
        loop {
            line.clear();
            if output.read_line(&mut line)? == 0 {
                bail!("the server ended before it was ready; see its log");
            }
            if let Some(value) = line.trim_end().strip_prefix(&prefix) {
                values.push(value.to_owned());
                break;
            }
        }
    }
    let values = values.try_into().map_err(|_| anyhow::anyhow!("the server announced too little"))?;
    Ok((values, output))
}

fn terminate(pid: u32) -> anyhow::Result<()> {
    let status = Command::new("kill").arg(pid.to_string()).status().context("run kill")?;
    if !status.success() {
        bail!("the server's process {pid} is gone");
    }
    Ok(())
}

/// A process that has ended but was not waited for still tells its CPU time.
fn watch_until_ended(child: &mut Child, longest: Duration) -> anyhow::Result<Ended> {
    let started = Instant::now();
    let mut memory_peak = 0;
    while !process::has_ended(child.id())? {
        if started.elapsed() > longest {
            bail!("process {} did not end within {} s", child.id(), longest.as_secs());
        }
        memory_peak = process::memory_peak(child.id()).unwrap_or(memory_peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    let cpu = process::cpu(child.id())?;
    child.wait()?;
    Ok(Ended { cpu, memory_peak })
}

fn end(child: &mut Child) {
    // Both fail only when it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}
