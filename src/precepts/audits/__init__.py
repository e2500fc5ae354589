"""Audits of models and of the people (or LLM judges) who label: is the trade-off that was decided made, for every group?"""
