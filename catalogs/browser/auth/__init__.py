"""Who may read and who may write: sessions, tokens, origins of requests and limits on them."""
