"""A folder that takes orders: files dropped into it are imported once they are whole, and put where all can see what became of them."""
