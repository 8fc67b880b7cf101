"""Answers out of a document's own words, without a decoder, and what they are found by."""
