//! What the tests share: real servers on free ports, hand-made HTTP/2 clients, waiting with a deadline.
