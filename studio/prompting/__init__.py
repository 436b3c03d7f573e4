"""What the marks in a prompt mean: attention weights, BREAK, tags of extra networks. Pure functions of text."""
