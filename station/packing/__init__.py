"""What may go where when hubs leave the bench. Pure: nothing here knows a journal or a scanner."""
