"""What leaves the station: messages, their schemas and topics. Another program can import it without the station."""
