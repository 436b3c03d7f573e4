"""What lasts: finished pictures and the text in them that tells how they were made."""
