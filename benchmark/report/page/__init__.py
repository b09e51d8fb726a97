"""The report as one file that opens offline: a template filled with words, tables, figures and images."""
