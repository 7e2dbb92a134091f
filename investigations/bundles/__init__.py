"""Reading incidents from files: a door that ends in a `Scene`. No database."""
