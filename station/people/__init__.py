"""Who stands behind the pseudonyms."""
