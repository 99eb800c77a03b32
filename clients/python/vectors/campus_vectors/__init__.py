"""Holds the services to the vectors of testdata/vectors, through the Python client."""
