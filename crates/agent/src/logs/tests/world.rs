//! A simulated disk and server: files that rotate, a server that fails before or after it stored, an agent that is killed.

use crate::disk::{About, Disk, FileId, Found, LogFile};
use crate::endpoint::{Endpoint, Failure, Operation};
use crate::positions::Event;
use model::time::DAY;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

type Bytes = Rc<RefCell<Vec<u8>>>;

/// How the server is at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Up,
    Down,
    FailsBefore,
    FailsAfter,
    Throttles,
    Refuses,
}

/// Everything outside the agent.
pub struct World {
    names: RefCell<BTreeMap<String, u64>>,
    files: RefCell<BTreeMap<u64, Bytes>>,
    pub state: RefCell<BTreeMap<String, Vec<u8>>>,
    pub streams: RefCell<BTreeMap<String, Vec<Event>>>,
    pub mood: Cell<Mood>,
    /// How many more effects the agent has before it is killed.
    pub fuel: Cell<u32>,
    pub calls: RefCell<Vec<Operation>>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            names: RefCell::default(),
            files: RefCell::default(),
            state: RefCell::default(),
            streams: RefCell::default(),
            mood: Cell::new(Mood::Up),
            fuel: Cell::new(u32::MAX),
            calls: RefCell::default(),
        }
    }
}

impl World {
    /// Appends; makes the file when it is not there, under the lowest free inode as file systems do.
    pub fn write(&self, path: &str, text: &str) {
        let inode = self.names.borrow().get(path).copied();
        let inode = inode.unwrap_or_else(|| {
            let mut files = self.files.borrow_mut();
            // What no name and no agent has open is free again.
            files.retain(|inode, bytes| {
                Rc::strong_count(bytes) > 1 || self.names.borrow().values().any(|named| named == inode)
            });
            let inode = (1..).find(|inode| !files.contains_key(inode)).unwrap();
            files.insert(inode, Bytes::default());
            self.names.borrow_mut().insert(path.into(), inode);
            inode
        });
        self.files.borrow()[&inode].borrow_mut().extend_from_slice(text.as_bytes());
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        let names = self.names.borrow();
        names.get(path).map(|inode| self.files.borrow()[inode].borrow().clone()).unwrap_or_default()
    }

    pub fn inode(&self, path: &str) -> Option<u64> {
        self.names.borrow().get(path).copied()
    }

    pub fn rename_log(&self, from: &str, to: &str) {
        let inode = self.names.borrow_mut().remove(from);
        self.names.borrow_mut().extend(inode.map(|inode| (to.to_owned(), inode)));
    }

    pub fn delete(&self, path: &str) {
        self.names.borrow_mut().remove(path);
    }

    pub fn truncate(&self, path: &str) {
        let inode = self.names.borrow()[path];
        self.files.borrow()[&inode].borrow_mut().clear();
    }

    pub fn copy(&self, from: &str, to: &str) {
        let text = String::from_utf8(self.read(from)).unwrap();
        self.write(to, &text);
    }

    pub fn messages(&self, stream: &str) -> Vec<String> {
        let streams = self.streams.borrow();
        streams.get(stream).into_iter().flatten().map(|event| event.message.clone()).collect()
    }

    fn about(&self, inode: u64) -> About {
        About { file: FileId { device: 1, inode }, len: self.files.borrow()[&inode].borrow().len() as u64 }
    }

    /// One effect; fails once the agent is dead.
    fn burn(&self) -> io::Result<()> {
        let left = self.fuel.get().checked_sub(1).ok_or_else(|| io::Error::other("killed"))?;
        self.fuel.set(left);
        Ok(())
    }
}

struct OpenFile {
    inode: u64,
    bytes: Bytes,
}

impl LogFile for OpenFile {
    fn about(&self) -> io::Result<About> {
        Ok(About { file: FileId { device: 1, inode: self.inode }, len: self.bytes.borrow().len() as u64 })
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.bytes.borrow();
        let from = bytes.get(offset as usize..).unwrap_or_default();
        let count = from.len().min(buffer.len());
        buffer[..count].copy_from_slice(&from[..count]);
        Ok(count)
    }
}

impl Disk for World {
    fn find(&self, pattern: &str) -> Vec<Found> {
        let pattern = glob::Pattern::new(pattern).unwrap();
        let names = self.names.borrow();
        let found = names.iter().filter(|(path, _)| pattern.matches(path));
        found.map(|(path, &inode)| Found { path: path.clone(), about: self.about(inode) }).collect()
    }

    fn siblings(&self, path: &str) -> Vec<Found> {
        let directory = path.rsplit_once('/').unwrap().0;
        self.find(&format!("{directory}/*"))
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn LogFile>> {
        let inode = *self.names.borrow().get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(OpenFile { inode, bytes: Rc::clone(&self.files.borrow()[&inode]) }))
    }

    fn state_names(&self) -> io::Result<Vec<String>> {
        Ok(self.state.borrow().keys().cloned().collect())
    }

    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.state.borrow().get(name).cloned())
    }

    fn save(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.burn()?;
        self.state.borrow_mut().insert(name.into(), bytes.into());
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.burn()?;
        self.state.borrow_mut().remove(name);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.burn()?;
        let bytes = self.state.borrow_mut().remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.state.borrow_mut().insert(to.into(), bytes);
        Ok(())
    }
}

impl Endpoint for World {
    fn call(&self, operation: Operation, input: &Value) -> Result<Value, Failure> {
        let refused = |code: &str| Err(Failure::Refused { code: code.into(), message: String::new() });
        let unknown = |why: &str| Failure::Unknown(why.into());
        self.burn().map_err(|_| unknown("killed"))?;
        match self.mood.get() {
            Mood::Down => return Err(Failure::NotSent("down".into())),
            Mood::FailsBefore => return Err(unknown("500")),
            Mood::Throttles => return refused("ThrottlingException"),
            Mood::Refuses if operation == Operation::PutLogEvents => return refused("InvalidParameterException"),
            _ => {}
        }
        self.calls.borrow_mut().push(operation);
        let answer = self.run(operation, input);
        self.burn().map_err(|_| unknown("killed"))?;
        if self.mood.get() == Mood::FailsAfter {
            return Err(unknown("the connection broke"));
        }
        answer.or_else(refused)
    }
}

impl World {
    fn run(&self, operation: Operation, input: &Value) -> Result<Value, &'static str> {
        let name =
            format!("{}:{}", input["logGroupName"].as_str().unwrap(), input["logStreamName"].as_str().unwrap_or(""));
        let mut streams = self.streams.borrow_mut();
        match operation {
            Operation::CreateLogGroup => Err("ResourceAlreadyExistsException"),
            Operation::CreateLogStream => match streams.insert(name, Vec::new()) {
                None => Ok(Value::Null),
                Some(_) => Err("ResourceAlreadyExistsException"),
            },
            Operation::PutLogEvents => {
                let stream = streams.get_mut(&name).ok_or("ResourceNotFoundException")?;
                let events: Vec<Event> = serde_json::from_value(input["logEvents"].clone()).unwrap();
                assert!(!events.is_empty() && events.len() <= 10_000);
                assert!(events.iter().all(|event| !event.message.is_empty()));
                assert!(events.is_sorted_by_key(|event| event.timestamp));
                assert!(events.iter().map(|event| event.message.len() + 26).sum::<usize>() <= 1_048_576);
                assert!(events.last().unwrap().timestamp - events[0].timestamp <= DAY);
                stream.extend(events);
                Ok(json!({}))
            }
            Operation::GetLogEvents => {
                let stream = streams.get(&name).ok_or("ResourceNotFoundException")?;
                let times = input["startTime"].as_i64().unwrap()..input["endTime"].as_i64().unwrap();
                let found: Vec<&Event> = stream.iter().filter(|event| times.contains(&event.timestamp)).collect();
                // Pages of three events.
                let page = input["nextToken"].as_str().map_or(0, |token| token.parse::<usize>().unwrap());
                let events: Vec<&&Event> = found.iter().skip(page * 3).take(3).collect();
                let next = if events.is_empty() { page } else { page + 1 };
                Ok(json!({ "events": events, "nextForwardToken": next.to_string() }))
            }
            Operation::PutMetricData => unreachable!("logs only"),
        }
    }
}
