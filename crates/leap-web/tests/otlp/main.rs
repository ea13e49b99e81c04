//! The receivers from outside: real sockets, `reqwest`, tonic's client, and bytes typed by hand where those two are too
//! well-behaved. Every message that comes back is read by `prost`, which did not write it.

mod ending;
mod grpc;
mod harness;
mod http;
mod limits;
