"""Faults by chance in what lies between the local cloud and those who use it.

`control` switches them on and off from outside; `chance` draws them from a seed. The others are
asked wherever something may fail: `requests` by the server for each request to AWS or to an HTTP
API, `deliveries` by the patches for what AWS delivers at least once, `processes` for functions.
"""
