"""What the server answers beside the pages. dashboard.routes says where."""
