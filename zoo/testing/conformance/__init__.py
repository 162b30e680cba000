"""The requirements of components, as functions that fail by assertion. No pytest here: `zoo.testing` adds it.

A check takes a case (`cases.py`) and tests one requirement, which its docstring states. It knows no component by name.
"""
