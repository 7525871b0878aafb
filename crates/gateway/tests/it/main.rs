//! The proxy between raw clients and raw backends: what goes over the wire, byte for byte, and the events that it leaves.

mod bodies;
mod closed;
mod heads;
mod shares;
mod world;
