"""An environment as a whole: its synthesized templates, its deployed stacks, and its leftovers."""
