"""Option B: the file by which DCC Logistics updates the Smart Metering Inventory. Provisional: its form is unpublished."""
