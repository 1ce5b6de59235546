"""The pages: each a function that takes the services of the server and returns what Panel serves."""
