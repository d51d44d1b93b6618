"""The things on the table: slots, jigs and the controller that supervises them."""
