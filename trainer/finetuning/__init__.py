"""Fine-tuning: a person's corrections in, a model that needs fewer of them out."""
