"""Access events: the line, the spool, batches and their chain, sinks, questions, retention."""
