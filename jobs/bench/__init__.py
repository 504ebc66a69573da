"""What a pair costs: the command scott bench and its reports."""
