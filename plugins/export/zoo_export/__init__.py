"""`zoo export`: the networks of a release as graphs that run without Zoo, and as a web page.

Data flows one way: `graphs` lists what a release has, each with examples from its test vectors; `precision` makes a
network smaller; `formats` writes a graph and reads it back; `replay` compares it with the examples; `export` does all
of that and writes the folder with its manifest. `web` builds the page.
"""
