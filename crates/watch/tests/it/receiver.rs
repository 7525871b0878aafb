//! Receivers on loopback: a web server that answers as it is told, and a mail server that keeps what it is sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

/// One POST.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A web server on loopback.
pub struct Web {
    pub url: String,
    received: mpsc::UnboundedReceiver<Received>,
    answers: Arc<Mutex<VecDeque<String>>>,
    gate: watch::Sender<bool>,
}

impl Web {
    /// Answers 200 to everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, received) = mpsc::unbounded_channel();
        let answers: Arc<Mutex<VecDeque<String>>> = Arc::default();
        let (gate, opened) = watch::channel(true);
        let queue = Arc::clone(&answers);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, sender.clone(), Arc::clone(&queue), opened.clone()));
            }
        });
        Self { url, received, answers, gate }
    }

    /// The next answers, such as `500`, or `302` with a header behind it; then 200 again.
    pub fn answer(&self, answers: &[&str]) {
        self.answers.lock().unwrap().extend(answers.iter().map(|answer| (*answer).to_owned()));
    }

    /// Lets requests come in and holds their answers back.
    pub fn hold(&self) {
        self.gate.send(false).unwrap();
    }

    /// Answers what was held back.
    pub fn release(&self) {
        self.gate.send(true).unwrap();
    }

    /// Waits for the next request.
    pub async fn next(&mut self) -> Received {
        self.received.recv().await.unwrap()
    }

    /// All requests since the last look.
    pub fn all(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }
}

async fn serve(
    stream: TcpStream,
    sender: mpsc::UnboundedSender<Received>,
    answers: Arc<Mutex<VecDeque<String>>>,
    mut opened: watch::Receiver<bool>,
) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
        return;
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, text)| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let answer = answers.lock().unwrap().pop_front().unwrap_or_else(|| "200".to_owned());
    let _ = sender.send(Received { path, headers, body: String::from_utf8(body).unwrap() });
    let _ = opened.wait_for(|open| *open).await;
    let (status, header) = answer.split_once(' ').unwrap_or((&answer, "x: y"));
    let text = format!("HTTP/1.1 {status} Said\r\n{header}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(text.as_bytes()).await;
}

/// A mail server on loopback.
pub struct Mail {
    pub port: u16,
    received: mpsc::UnboundedReceiver<String>,
    refusals: Arc<Mutex<VecDeque<String>>>,
}

impl Mail {
    /// Takes every mail.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, received) = mpsc::unbounded_channel();
        let refusals: Arc<Mutex<VecDeque<String>>> = Arc::default();
        let queue = Arc::clone(&refusals);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, sender.clone(), Arc::clone(&queue)));
            }
        });
        Self { port, received, refusals }
    }

    /// The next answers to RCPT, such as `550 no such user`.
    pub fn refuse(&self, answers: &[&str]) {
        self.refusals.lock().unwrap().extend(answers.iter().map(|answer| (*answer).to_owned()));
    }

    /// All mails since the last look, line breaks of quoted-printable taken out.
    pub fn all(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.received.try_recv().ok()).map(|mail| mail.replace("=\r\n", "")).collect()
    }
}

async fn take(stream: TcpStream, sender: mpsc::UnboundedSender<String>, refusals: Arc<Mutex<VecDeque<String>>>) {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sink\r\n").await.unwrap();
    let mut line = String::new();
    while stream.read_line(&mut line).await.unwrap_or(0) > 0 {
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "RCPT" => refusals.lock().unwrap().pop_front().unwrap_or_else(|| "250 ok".to_owned()),
            "DATA" => "354 go on".to_owned(),
            "QUIT" => "221 bye".to_owned(),
            _ => "250 sink".to_owned(),
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        if verb == "DATA" {
            let mut mail = String::new();
            while !mail.ends_with("\r\n.\r\n") {
                stream.read_line(&mut mail).await.unwrap();
            }
            sender.send(mail).unwrap();
            stream.write_all(b"250 taken\r\n").await.unwrap();
        }
        line.clear();
    }
}
