"""Review: close calls and a sample of the rest go to people, with Label Studio, and their answers come back.

`export` writes tasks, `importing` reads what Label Studio exports, `dataset` makes training data of the answers and
`measure` error rates. What an audit needs of reviews is in jobs/tables/reviews. docs/reviewing.md shows a day of it.
"""
