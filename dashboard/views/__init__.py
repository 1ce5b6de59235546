"""Panel views: thin, each showing one piece of state and reporting what a person did to it."""
