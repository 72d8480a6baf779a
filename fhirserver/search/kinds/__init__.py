"""The kinds of search parameters: each module holds how its values are indexed, parsed, queried and matched."""
