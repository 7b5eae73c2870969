"""What is said: the values a deliberation is made of, and the one seam a speaker implements."""
