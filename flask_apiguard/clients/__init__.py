"""Organizations, applications, clients, their standing, and the change log that makes every process see a change."""
