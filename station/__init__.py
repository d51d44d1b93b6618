"""The re-flash station's controller: attempts, benches, records and orders."""
