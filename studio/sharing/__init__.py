"""Who may do what on a page that others can reach: links, roles, limits for each person. No HTTP here."""
