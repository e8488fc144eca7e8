"""What serves training without being part of a model: data and its loading."""
