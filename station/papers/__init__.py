"""Labels of cartons and pallets, and lists of what is in them: what stands on them, as a printer, a person or a spreadsheet wants it."""
