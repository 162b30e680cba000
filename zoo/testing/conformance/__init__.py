"""What every component promises, as plain functions that fail by assertion. No pytest here: `zoo.testing` adds it.

A check takes a case (`cases.py`), knows no component by name and has one promise, which its docstring states.
"""
