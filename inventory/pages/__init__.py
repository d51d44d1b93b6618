"""The inventory for people: pages in a browser, for whoever has signed on. A process of its own, beside the one that listens."""
