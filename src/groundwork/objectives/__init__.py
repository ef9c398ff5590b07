"""What is asked of a network: losses, output heads and metrics, by problem kind."""
