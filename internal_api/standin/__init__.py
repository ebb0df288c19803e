"""What makes the stand-in good to test with, beside what GitLab answers."""
