"""What a call costs: this gate, the bare app, and the peers, side by side in one run. See README.md."""
