"""_filter: search criteria in a language of their own, with and, or, not and parentheses."""
