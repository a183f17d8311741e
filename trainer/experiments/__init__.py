"""The paper's claims, put to the test: one module each, one command each."""
