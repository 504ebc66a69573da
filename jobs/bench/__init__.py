"""What a pair costs:  and its reports."""
