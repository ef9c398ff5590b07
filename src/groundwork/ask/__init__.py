"""Uses trained networks: recommends articles to a customer, and searches a catalogue."""
