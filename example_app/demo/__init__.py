"""What the story is told with: a screen, an HTTP client, a mailbox, and the server in a process of its own."""
