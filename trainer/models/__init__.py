"""RED-Net and its modules, named as in the paper."""
