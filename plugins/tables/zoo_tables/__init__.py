"""Tables for Zoo: columns of numbers, dates, categories and missing values."""
