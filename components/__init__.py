"""The page, one part a file. Nothing here imports torch: the page is up before it is loaded."""
