"""From a party's list of hubs to a work order: read, held against the inventory's extract, authorised by a person."""
