"""How the tables came to be as they are, one file a step. A step that was released is never changed."""
