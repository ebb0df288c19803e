"""Who may do what to which ref: pure rules on plain values."""
