"""The exam: figures of the embedded model on scenes that training never saw."""
