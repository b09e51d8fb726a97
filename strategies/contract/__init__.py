"""What a strategy is: its base class, what it declares, how it is found."""
