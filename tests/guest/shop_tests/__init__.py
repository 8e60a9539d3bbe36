"""The tests the shop has had all along."""
