//! Runs gRPC services well: listens, limits, observes, drains, stops.
