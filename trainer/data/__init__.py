"""Reading what people publish: stills, videos, annotation files."""
