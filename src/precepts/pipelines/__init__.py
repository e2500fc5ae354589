"""What a person runs end to end. The only room that joins the others: `align` and its stages, `measure` for any cases on any model."""
