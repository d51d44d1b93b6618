"""The desk behind a Unix socket: frames to requests, and answers to frames. It decides nothing."""
