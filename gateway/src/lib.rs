//! REST in front of any gRPC service that the descriptors know.
