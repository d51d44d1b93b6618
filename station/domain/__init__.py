"""The words that all rooms of the station share. They know nothing of the rooms, and nothing but identities from below."""
