"""What a lab's deployment is made of, and a trial of it."""
