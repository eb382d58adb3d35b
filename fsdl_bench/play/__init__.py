"""The musician's page: a local web application that adapts a model to a few songs and writes new ones."""
